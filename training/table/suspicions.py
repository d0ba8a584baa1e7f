"""What about a table would make a model worthless, though training on it would succeed. Pure.

Each suspicion is a sentence with its remedy. They are questions to the user, not errors: a near-perfect feature may be
one that is only known after the customer has left, or just a very good one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from contract.arrays import Floats
from contract.schema import Feature, FeatureKind, Schema
from training.table.leaks import GIVEAWAY_AUC, few_of_many, names_customers, single_feature_auc, telling_pairs
from training.table.prepare import Table
from training.table.sentinels import sentinels

FEW_OF_A_CLASS = 50
EQUAL_CORRELATION = 0.9999
_NEARLY_EQUAL = 0.999
UNIQUE_SHARE = 0.98
_MIN_IDS = 50
_GLANCE = 10_000
_CELLS = 20_000_000


@dataclass(frozen=True)
class Suspicion:
    """A sentence with its remedy; ``leak``: a feature seems to tell the label, so the model is not to be believed."""

    text: str
    leak: bool = False


def suspicions(rows: Table, schema: Schema) -> list[Suspicion]:
    """One for each thing to look at; none for a table that is as it should be.

    Of a large table a sample is looked at where a sample tells (``training.table.leaks.few_of_many``).
    """
    constant = [feature.name for feature in schema.features if _is_constant(rows.X[feature.name])]
    others = [feature for feature in schema.features if feature.name not in constant]
    firsts = ~pd.Series(rows.customers).duplicated().to_numpy()
    ids = [feature.name for feature in others if _is_id(feature, rows.X[feature.name][firsts])]
    leaks = _leaks(rows, [feature for feature in others if feature.name not in ids])
    looked = [
        *_small_classes(rows, schema),
        *_contradictions(rows, schema),
        *(
            f"feature {name} has the same value in every row, so it says nothing; take it out of the schema"
            for name in constant
        ),
        *(
            f"feature {name} differs in nearly every row, like an id: a model would learn customers by heart; "
            f"take it out of the schema"
            for name in ids
        ),
        *sentinels(rows.X, schema),
        *_twins(rows.X, others),
    ]
    return [*(Suspicion(text, leak=True) for text in leaks), *map(Suspicion, looked)]


def _is_constant(column: "pd.Series[float]") -> bool:
    return column.iloc[:_GLANCE].nunique(dropna=False) < 2 and column.nunique(dropna=False) < 2


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


def _leaks(rows: Table, features: list[Feature]) -> Iterator[str]:
    drawn = few_of_many(rows.y, len(features))
    X, y, customers = rows.X.iloc[drawn], rows.y[drawn], rows.customers[drawn]
    repeated, everybody = (customers, rows.customers) if rows.duplicates else (None, None)
    of_values = 1 + len(rows.y) * len(features) // _CELLS
    alone: dict[str, float] = {}
    rest = []
    for feature in features:
        auc = single_feature_auc(X[feature.name], y, categorical=feature.is_categorical, customers=repeated)
        alone[feature.name] = auc
        if auc >= GIVEAWAY_AUC:
            yield (
                f"feature {feature.name} alone tells the label (ROC AUC {auc:.3f}): if it is known only after a "
                f"customer has left, take it out of the schema, because it will be unknown when customers are scored"
            )
        elif names_customers(rows.X[feature.name], rows.y, everybody, of_values=of_values):
            yield (
                f"rows with the same {feature.name} nearly always have the same label, and those with the next value "
                f"do not: if it names the customer, make it the schema's id, so that all rows of a customer stay on "
                f"one side of the split"
            )
        else:
            rest.append(feature)
    for pair in telling_pairs(X, y, rest, alone, repeated):
        yield (
            f"features {pair.one} and {pair.other} together tell the label (ROC AUC {pair.auc:.3f}), and neither does "
            f"alone: if one of them is known only after a customer has left, take it out of the schema"
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
    for one, other in _alike(X, numeric):
        exactly = abs(float(X[one].corr(X[other]))) > EQUAL_CORRELATION
        if exactly and X[one].isna().equals(X[other].isna()):
            how = "are equal" if X[one].equals(X[other]) else "are perfectly correlated"
            yield f"features {one} and {other} {how}: {remedy}"


def _alike(X: pd.DataFrame, numeric: list[str]) -> list[tuple[str, str]]:
    """Pairs that may be perfectly correlated, going by a part of the rows. Twins have the same gaps."""
    if len(numeric) < 2:
        return []
    values = X[numeric].iloc[:: -(-len(X) // _GLANCE)].to_numpy(np.float64)
    values = np.where(np.isnan(values), np.nanmean(values, axis=0), values)
    wide = np.ptp(values, axis=0) > 0
    kept = [name for name, varies in zip(numeric, wide, strict=True) if varies]
    together = np.triu(np.abs(np.corrcoef(values[:, wide].T)), 1)
    return [(kept[one], kept[other]) for one, other in np.argwhere(together > _NEARLY_EQUAL)]


def _pairs(names: list[str]) -> Iterator[tuple[str, str]]:
    yield from ((one, other) for place, one in enumerate(names) for other in names[place + 1 :])
