"""How much a model goes by each feature: the fall of ROC AUC when the feature's values are shuffled."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.inspection import permutation_importance
from sklearn.metrics import roc_auc_score

from contract.arrays import Floats, Integers, Labels
from contract.models.registry import Classifier, positive_probabilities

IMPORTANCE_ROWS = 1_000
IMPORTANCE_REPEATS = 5
_FEW_FEATURES = 40
"""Of more features there are fewer rows and shuffles, so that the time grows slowly."""
_FEWEST_ROWS = 300


@dataclass(frozen=True)
class Importances:
    """Mean fall of ROC AUC and its standard deviation over the shuffles, of each feature, on ``rows`` rows."""

    names: tuple[str, ...]
    means: Floats
    spreads: Floats
    rows: int


def importances(classifier: Classifier, X: pd.DataFrame, y: Labels, seed: int) -> Importances:
    """Of each feature (Breiman, Machine Learning 45, 2001).

    At most ``IMPORTANCE_ROWS`` rows are used, of each label its share, and ``IMPORTANCE_REPEATS`` shuffles.
    """
    times_few = max(1.0, X.shape[1] / _FEW_FEATURES)
    rows = sample_rows(y, max(_FEWEST_ROWS, int(IMPORTANCE_ROWS / times_few)), seed)
    found = permutation_importance(
        classifier,
        X.iloc[rows].reset_index(drop=True),
        y[rows],
        scoring=_auc,
        n_repeats=max(1, int(IMPORTANCE_REPEATS / times_few)),
        random_state=seed,
    )
    names = tuple(str(name) for name in X.columns)
    return Importances(names, found.importances_mean, found.importances_std, len(rows))


def sample_rows(y: Labels, most: int, seed: int) -> Integers:
    """Row numbers of at most about ``most`` rows, of each label its share and at least one."""
    if len(y) <= most:
        return np.arange(len(y), dtype=np.int64)
    rng = np.random.default_rng(seed)
    parts = [np.flatnonzero(y == label) for label in (0, 1)]
    taken = [rng.choice(part, max(1, round(most * len(part) / len(y))), replace=False) for part in parts]
    return np.sort(np.concatenate(taken)).astype(np.int64)


def _auc(classifier: Classifier, X: pd.DataFrame, y: Labels) -> float:
    return float(roc_auc_score(y, positive_probabilities(classifier, X)))
