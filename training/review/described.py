"""The table as facts: what was left out and why, both sides of the split, and each feature. Pure.

Extremes are 1 % and 99 % quantiles, because the smallest and the largest value can be one customer's.
"""

from collections import Counter

import numpy as np
import pandas as pd

from contract.arrays import Floats, Integers, Mask
from contract.schema import Feature, Schema
from training.review.facts import (
    MOST_FEATURES_DESCRIBED,
    MOST_REASONS,
    DataFacts,
    FeatureFacts,
    LeftOut,
    SideFacts,
)
from training.review.rates import stability_index
from training.table.prepare import Table

COMMONEST = 3
CELLS = 10
_OTHER_REASONS = "other reasons"


def data_facts(rows: Table, test: Mask, customers: Integers, schema: Schema) -> DataFacts:
    """Of a table whose ``test`` rows are held out; ``customers`` numbers whom each row is about."""
    described = schema.features[:MOST_FEATURES_DESCRIBED]
    return DataFacts(
        rows.rows_read,
        _side(rows, ~test, customers),
        _side(rows, test, customers),
        left_out(rows),
        rows.duplicates,
        rows.repairs,
        tuple(_feature(feature, rows.X[feature.name], test) for feature in described),
        len(schema.features) - len(described),
    )


def left_out(rows: Table) -> tuple[LeftOut, ...]:
    """How many rows for which reason, most first. No value of a cell is among them.

    Where bad rows are not listed, or not all of them, the rest is counted by column.
    """
    listed = Counter((bad.column, bad.reason) for bad in rows.bad_rows)
    by_column: Counter[str] = Counter()
    for (column, _), count in listed.items():
        by_column[column] += count
    rest = {(column, ""): count - by_column[column] for column, count in rows.excluded.items()}
    found = sorted(
        ((*key, count) for key, count in (listed | Counter(rest)).items() if count > 0), key=lambda one: -one[2]
    )
    shown = [LeftOut(*one) for one in found[:MOST_REASONS]]
    others = sum(count for *_, count in found[MOST_REASONS:])
    return (*shown, *([LeftOut("", _OTHER_REASONS, others)] if others else []))


def _side(rows: Table, side: Mask, customers: Integers) -> SideFacts:
    return SideFacts(int(side.sum()), len(np.unique(customers[side])), float(rows.y[side].mean()))


def _feature(feature: Feature, column: "pd.Series[float]", test: Mask) -> FeatureFacts:
    gone = column.isna().to_numpy()
    missing = float(gone[~test].mean())
    if feature.is_categorical:
        codes, names = pd.factorize(column.to_numpy(dtype=object))
        learned, held = _counts(np.where(gone, len(names), codes), test, len(names) + 1)
        order = np.argsort(-learned[:-1], kind="stable")[:COMMONEST]
        present = max(1.0, float(learned[:-1].sum()))
        top = tuple((str(names[place]), float(learned[place] / present)) for place in order if learned[place])
        return FeatureFacts(feature.name, str(feature.kind), missing, None, top, _shift(learned, held))
    numbers = column.to_numpy().astype(np.float64)
    learned_numbers = numbers[~test & ~gone]
    if not len(learned_numbers):
        return FeatureFacts(feature.name, str(feature.kind), missing)
    low, middle, high = (float(each) for each in np.quantile(learned_numbers, [0.01, 0.5, 0.99]))
    return FeatureFacts(
        feature.name, str(feature.kind), missing, (low, middle, high), (), _number_shift(numbers, gone, test)
    )


def _number_shift(numbers: Floats, gone: Mask, test: Mask) -> float:
    """Over tenths of the training rows, and a cell for what is missing."""
    edges = np.unique(np.quantile(numbers[~test & ~gone], np.linspace(0, 1, CELLS + 1)[1:-1]))
    cells = np.where(gone, len(edges) + 1, np.searchsorted(edges, numbers, side="right"))
    return _shift(*_counts(cells, test, len(edges) + 2))


def _counts(cells: Integers, test: Mask, size: int) -> tuple[Floats, Floats]:
    """Rows in each cell that were learned from, and those held out."""
    learned, held = (np.bincount(cells[side], minlength=size).astype(np.float64) for side in (~test, test))
    return learned, held


def _shift(learned: Floats, held: Floats) -> float:
    used = (learned + held) > 0
    return stability_index(learned[used].tolist(), held[used].tolist())
