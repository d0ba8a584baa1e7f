"""Which rows of a table cannot be trained on, and why. Pure.

They are those that the scorer would reject, and those without an id or a known label.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from contract.arrays import Floats, Mask
from contract.bounds import LARGEST_NUMBER
from contract.errors import UserError
from contract.schema import Feature, FeatureKind, Schema
from contract.tables.cells import NO_LABEL, OTHER_LABEL

NOTHING = "holds nothing"
NO_NUMBER = "holds something other than a number"
MOST_LEFT_OUT = 0.5
"""Of a table's rows, so many may be bad."""
MOST_SHOWN = 8
"""Categories in a message."""
MOST_LISTED = 10_000
"""Bad cells by row and column. The others are in the counts."""


@dataclass(frozen=True)
class BadRow:
    """A cell for which a row is left out: the number of its data row (from 1), its column, and what is wrong."""

    row: int
    column: str
    reason: str


@dataclass(frozen=True)
class BadRowReason:
    """Rows that are bad for one reason: the column, as the table calls it, what it holds, and the remedy."""

    name: str
    column: str
    holds: str
    remedy: str
    rows: Mask


@dataclass(frozen=True)
class BadRows:
    """All bad ``rows`` as a mask, and the reasons in the order of the columns."""

    rows: Mask
    reasons: tuple[BadRowReason, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Number of rows by the feature's, the id's or the label's name."""
        counts: dict[str, int] = {}
        for reason in self.reasons:
            counts[reason.name] = counts.get(reason.name, 0) + int(reason.rows.sum())
        return counts

    def listed(self) -> tuple[BadRow, ...]:
        """The bad cells by row, the first ``MOST_LISTED``."""
        cells = [(int(row), reason) for reason in self.reasons for row in np.flatnonzero(reason.rows)[:MOST_LISTED]]
        cells.sort(key=lambda cell: cell[0])
        return tuple(BadRow(row + 1, reason.column, reason.holds) for row, reason in cells[:MOST_LISTED])

    def refusal(self, origin: str) -> UserError:
        """The error that names the first of them."""
        first = min(self.reasons, key=lambda reason: int(np.argmax(reason.rows)))
        others = int(self.rows.sum()) - 1
        return UserError(
            f"{origin}: column {first.column!r} {first.holds} in data row {int(np.argmax(first.rows)) + 1}"
            f"{f' ({others:,} more rows are bad)' if others else ''}; {first.remedy}, or leave such rows out with "
            f"--on-bad-rows report"
        )


def find_bad_rows(frame: pd.DataFrame, schema: Schema, origin: str) -> BadRows:
    """Judge a frame as ``contract.tables.reading.SchemaTable.chunks`` gives it, whole.

    Raises:
        UserError: more than half of the rows are bad, for one column or for several, so that not the rows but the
            table or the schema is wrong.
    """
    reasons = [reason for reason in _reasons(frame, schema, origin) if reason.rows.any()]
    rows: Mask = np.zeros(len(frame), dtype=bool)
    for reason in reasons:
        rows |= reason.rows
    _refuse_most_together([reason for reason in reasons if reason.name != schema.label.column], len(frame), origin)
    return BadRows(rows, tuple(reasons))


def _refuse_most_together(reasons: list[BadRowReason], count: int, origin: str) -> None:
    """Raises:
    UserError: each column alone has few bad rows, and all together most.
    """
    rows: Mask = np.zeros(count, dtype=bool)
    for reason in reasons:
        rows |= reason.rows
    if count and rows.mean() > MOST_LEFT_OUT:
        worst = sorted(reasons, key=lambda reason: -int(reason.rows.sum()))[:MOST_SHOWN]
        listed = ", ".join(f"{reason.column!r} {reason.holds} in {int(reason.rows.sum()):,}" for reason in worst)
        raise UserError(
            f"{origin}: {int(rows.sum()):,} of {count:,} rows violate the schema, and the scorer would reject such "
            f"rows too: column {listed}; {worst[0].remedy}"
        )


def _reasons(frame: pd.DataFrame, schema: Schema, origin: str) -> Iterator[BadRowReason]:
    correct = "correct the table"
    no_id = np.asarray(frame[schema.id_column] == "", dtype=bool)
    yield BadRowReason(schema.id_column, schema.id_column, NOTHING, correct, no_id)
    for feature in schema.features:
        column = feature.table_column
        judge = _categories if feature.is_categorical else _numbers
        for holds, rows in judge(feature, frame[feature.name]):
            remedy = _remedy(feature, holds)
            _refuse_most(rows, f"{origin}: column {column!r} {holds}", remedy)
            yield BadRowReason(feature.name, column, holds, remedy, rows)
    label = schema.label
    codes = frame[label.column].to_numpy()
    other = f"holds a value other than {label.positive!r} or {label.negative!r}"
    for holds, rows in ((NOTHING, codes == NO_LABEL), (other, codes == OTHER_LABEL)):
        remedy = f"{correct}, or the schema's [label]"
        _refuse_most(rows, f"{origin}: label column {label.column!r} {holds}", remedy)
        yield BadRowReason(label.column, label.column, holds, remedy, rows)


def _remedy(feature: Feature, holds: str) -> str:
    if holds == NOTHING:
        return f"fill the gaps, or write missing = true under [features.{feature.name}] of the schema"
    if feature.is_categorical:
        return f"write the categories as the schema does, or add to the categories of [features.{feature.name}]"
    if holds == NO_NUMBER:
        return f"write plain numbers, or describe {feature.name} as categorical in the schema"
    return f"correct the table, or what the schema says of {feature.name}"


def _refuse_most(rows: Mask, what: str, remedy: str) -> None:
    if rows.mean() > MOST_LEFT_OUT:
        first = int(np.argmax(rows)) + 1
        raise UserError(f"{what} in data row {first} and in most others ({int(rows.sum()):,} in all); {remedy}")


def _categories(feature: Feature, cells: "pd.Series[Any]") -> Iterator[tuple[str, Mask]]:
    missing = cells.isna().to_numpy()
    if not feature.missing:
        yield NOTHING, missing
    if feature.on_violation == "reject":
        known = cells.isin(feature.categories).to_numpy()
        yield f"holds none of the {len(feature.categories)} categories{_absent(feature, cells)}", ~known & ~missing


def _absent(feature: Feature, cells: "pd.Series[Any]") -> str:
    """Which of the schema's categories no row has: another spelling of them may be what is there instead."""
    absent = [category for category in feature.categories if not (cells == category).any()]
    if not absent:
        return ""
    listed = ", ".join(map(repr, absent[:MOST_SHOWN]))
    more = f" and {len(absent) - MOST_SHOWN} more" if len(absent) > MOST_SHOWN else ""
    return f" (no row has {listed}{more})"


def _numbers(feature: Feature, cells: "pd.Series[Any]") -> Iterator[tuple[str, Mask]]:
    if cells.dtype == np.float64:
        strange: Mask = np.zeros(len(cells), dtype=bool)
        values: Floats = cells.to_numpy(np.float64)
    else:
        strange = np.array([not isinstance(cell, float) for cell in cells], dtype=bool)
        values = np.where(strange, 0.0, cells.to_numpy(object)).astype(np.float64)
    missing = np.isnan(values)
    present = ~missing & ~strange
    yield NO_NUMBER, strange
    if not feature.missing:
        yield NOTHING, missing
    huge = np.abs(values) > LARGEST_NUMBER
    yield "holds infinity, or a number too large to use", huge
    present &= ~huge
    if feature.kind is not FeatureKind.NUMERIC:
        whole = values == np.floor(values)
        yield "holds a number that is not whole", present & ~whole
        present &= whole
    if feature.on_violation == "reject" and not (feature.minimum is None and feature.maximum is None):
        yield f"holds a number {_outside(feature)}", present & _beyond(feature, values)


def _beyond(feature: Feature, values: Floats) -> Mask:
    low = -np.inf if feature.minimum is None else feature.minimum
    high = np.inf if feature.maximum is None else feature.maximum
    return np.asarray((values < low) | (values > high), dtype=bool)


def _outside(feature: Feature) -> str:
    if feature.minimum is None:
        return f"above {feature.maximum:g}"
    return (
        f"below {feature.minimum:g}"
        if feature.maximum is None
        else f"outside {feature.minimum:g} to {feature.maximum:g}"
    )
