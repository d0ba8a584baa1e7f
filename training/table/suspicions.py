"""What about a table would make a model worthless, though training on it would succeed. Pure.

Each suspicion is a sentence with its remedy. They are questions to the user, not errors: a near-perfect feature may be
one that is only known after the customer has left, or just a very good one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.tree import DecisionTreeClassifier

from contract.arrays import Floats, Labels
from contract.bounds import LARGEST_NUMBER
from contract.schema import Feature, FeatureKind, Schema
from training.table.prepare import Table

GIVEAWAY_AUC = 0.98
"""Area under the ROC curve of one feature alone, out of sample, from which it is suspected to know the answer."""
FEW_OF_A_CLASS = 50
EQUAL_CORRELATION = 0.9999
UNIQUE_SHARE = 0.98
_FOLDS = 3
_DEPTH = 3
_MIN_IDS = 50


@dataclass(frozen=True)
class Suspicion:
    """A sentence with its remedy; ``leak``: a feature seems to tell the label, so the model is not to be believed."""

    text: str
    leak: bool = False


def suspicions(rows: Table, schema: Schema) -> list[Suspicion]:
    """One for each thing to look at; none for a table that is as it should be."""
    constant = [feature.name for feature in schema.features if rows.X[feature.name].nunique(dropna=False) < 2]
    ids = [feature.name for feature in schema.features if _is_id(feature, rows.X[feature.name])]
    others = [feature for feature in schema.features if feature.name not in constant]
    leaks = _giveaways(rows, [feature for feature in others if feature.name not in ids])
    looked = [
        *_small_classes(rows, schema),
        *_contradictions(rows, schema),
        *(
            f"feature {name} has the same value in every row, so it says nothing; take it out of the schema"
            for name in constant
        ),
        *(
            f"feature {name} is another in nearly every row, as an id is: a model would learn customers by heart; "
            f"take it out of the schema"
            for name in ids
        ),
        *_twins(rows.X, others),
    ]
    return [*(Suspicion(text, leak=True) for text in leaks), *map(Suspicion, looked)]


def single_feature_auc(column: "pd.Series[float]", y: Labels, *, categorical: bool) -> float:
    """ROC AUC of a tree of depth 3 on one feature, each third of the rows scored by a tree of the others.

    A missing value is a value like any other. Categories are ordered by their share of label 1 among the other rows.
    """
    scores = np.zeros(len(y))
    for train, test in StratifiedKFold(_FOLDS, shuffle=True, random_state=0).split(y, y):
        if categorical:
            shares = pd.Series(y[train]).groupby(column.iloc[train].fillna("").to_numpy()).mean()
            scores[test] = column.iloc[test].fillna("").map(shares).fillna(y[train].mean())
        else:
            values = column.to_numpy(np.float64).clip(-LARGEST_NUMBER, LARGEST_NUMBER).reshape(-1, 1)
            tree = DecisionTreeClassifier(max_depth=_DEPTH, min_samples_leaf=5, random_state=0)
            scores[test] = tree.fit(values[train], y[train]).predict_proba(values[test])[:, 1]
    return float(roc_auc_score(y, scores))


def _small_classes(rows: Table, schema: Schema) -> Iterator[str]:
    for value, name in ((1, schema.label.positive), (0, schema.label.negative)):
        count = int((rows.y == value).sum())
        if count < FEW_OF_A_CLASS:
            yield (
                f"only {count} customers have {name!r} in {schema.label.column}: figures measured on so few say "
                f"little; give a larger table"
            )


def _contradictions(rows: Table, schema: Schema) -> Iterator[str]:
    by_customer = pd.DataFrame({"id": rows.customers, "label": rows.y}).groupby("id", sort=False)["label"]
    both = int((by_customer.nunique() > 1).sum())
    if both:
        yield (
            f"{both:,} customers have rows with both labels: if {schema.label.column} is known per customer, keep one "
            f"row of each; else see that each row describes the customer at its own time"
        )


def _giveaways(rows: Table, features: list[Feature]) -> Iterator[str]:
    for feature in features:
        auc = single_feature_auc(rows.X[feature.name], rows.y, categorical=feature.is_categorical)
        if auc >= GIVEAWAY_AUC:
            yield (
                f"feature {feature.name} alone tells the label (ROC AUC {auc:.3f}): if it is known only after a "
                f"customer has left, take it out of the schema, for it will not be there when customers are scored"
            )


def _is_id(feature: Feature, column: "pd.Series[float]") -> bool:
    present = column.dropna()
    if len(present) < _MIN_IDS or present.nunique() < UNIQUE_SHARE * len(present):
        return False
    if feature.is_categorical:
        return True
    values: Floats = np.asarray(present, dtype=np.float64)
    whole = bool(np.all(values == np.floor(values)))
    # amounts in whole units may be unique, too, but not spread as evenly as numbers that were given out
    return whole and (feature.kind is FeatureKind.ORDINAL or is_dense(values))


def is_dense(values: Floats) -> bool:
    """Whether numbers fill their range as running numbers do: the middle half of them takes half of it."""
    low, lower, upper, high = np.quantile(values, [0, 0.25, 0.75, 1])
    return bool(high > low and 0.4 <= (upper - lower) / (high - low) <= 0.6)


def _twins(X: pd.DataFrame, features: list[Feature]) -> Iterator[str]:
    remedy = "one of them adds nothing, and hides the other's importance; take one out of the schema"
    categorical = [feature.name for feature in features if feature.is_categorical]
    codes = {name: pd.factorize(X[name], use_na_sentinel=False)[0] for name in categorical}
    yield from (
        f"features {one} and {other} say the same in every row: {remedy}"
        for one, other in _pairs(categorical)
        if np.array_equal(codes[one], codes[other])
    )
    numeric = [feature.name for feature in features if not feature.is_categorical]
    correlations: Floats = X[numeric].corr().abs().to_numpy()
    gaps = X[numeric].isna()
    for one, other in _pairs(numeric):
        alike = correlations[numeric.index(one), numeric.index(other)] > EQUAL_CORRELATION
        if alike and gaps[one].equals(gaps[other]):
            how = "are equal" if X[one].equals(X[other]) else "are perfectly correlated"
            yield f"features {one} and {other} {how}: {remedy}"


def _pairs(names: list[str]) -> Iterator[tuple[str, str]]:
    yield from ((one, other) for place, one in enumerate(names) for other in names[place + 1 :])
