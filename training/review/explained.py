"""What the model goes by: how much each feature matters, and how the probability moves with it."""

import numpy as np
import pandas as pd

from contract.arrays import Floats, Labels
from contract.models.registry import Classifier, positive_probabilities
from contract.schema import Feature, Schema
from training.kinds.kinds import Pace
from training.quality.importances import Importances, sample_rows
from training.review.facts import MOST_FEATURES_EXPLAINED, Explained

SAMPLED: dict[Pace, int] = {"quick": 300, "medium": 200, "slow": 60}
"""Rows whose probabilities are followed, fewer where a kind of model scores slowly."""
POINTS = 12
"""Most values of a feature that are tried."""


def explain(
    classifier: Classifier, X: pd.DataFrame, y: Labels, schema: Schema, found: Importances, pace: Pace, seed: int
) -> tuple[Explained, ...]:
    """The features that matter most, by ``found``, with their partial dependence.

    After Friedman, Annals of Statistics 29, 2001: each of a sample of rows is scored with one feature set to each of
    its values in turn, and the probabilities are averaged by value. Values that no customer has together can meet.
    """
    rows = sample_rows(y, SAMPLED[pace], seed)
    sample = X.iloc[rows].reset_index(drop=True)
    order = np.argsort(-found.means, kind="stable")[:MOST_FEATURES_EXPLAINED]
    return tuple(
        _explain(classifier, sample, schema.feature(found.names[place]), X, _importance(found, int(place)))
        for place in order
    )


def _importance(found: Importances, place: int) -> tuple[float, float]:
    return float(found.means[place]), float(found.spreads[place])


def _explain(
    classifier: Classifier, sample: pd.DataFrame, feature: Feature, X: pd.DataFrame, importance: tuple[float, float]
) -> Explained:
    names: list[str] = []
    numbers: list[float] = []
    if feature.is_categorical:
        names = [str(name) for name in X[feature.name].dropna().value_counts().index[:POINTS]]
        names = [name for name in feature.categories if name in names] + [
            name for name in names if name not in feature.categories
        ]
    else:
        numbers = _points(X[feature.name].dropna().to_numpy(dtype=np.float64))
    values: list[str] | list[float] = names or numbers
    if not values:
        return Explained(feature.name, importance, (), (), (), (), ())
    tried = pd.concat([sample] * len(values), ignore_index=True)
    tried[feature.name] = pd.Series(np.repeat(np.array(values, dtype=object), len(sample))).astype(
        X[feature.name].dtype
    )
    scores = positive_probabilities(classifier, tried).reshape(len(values), len(sample))
    low, high = np.quantile(scores, [0.25, 0.75], axis=1)
    return Explained(
        feature.name,
        importance,
        tuple(numbers),
        tuple(names),
        tuple(scores.mean(axis=1).tolist()),
        tuple(low.tolist()),
        tuple(high.tolist()),
    )


def _points(values: Floats) -> list[float]:
    """The values themselves where they are few, and otherwise quantiles, the outer 2.5 % on each side left out."""
    levels = np.unique(values)
    if len(levels) > POINTS:
        spread = np.quantile(values, np.linspace(0.025, 0.975, POINTS), method="nearest")
        levels = np.unique(spread)
    found: list[float] = levels.tolist()
    return found
