"""A table's own dates: when its rows happened, when their labels were known, and how late these were."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from churnstream.backtest.cut import DatedRows
from contract.arrays import Integers, Mask
from contract.errors import UserError
from contract.history.known import label_known_at
from contract.rejection import EARLIEST_EVENT_TIME, LATEST_EVENT_TIME
from contract.schema import Schema
from contract.tables.cells import NO_LABEL, OTHER_LABEL
from contract.tables.options import AS_FOUND, ReadOptions
from contract.tables.reading import SchemaTable, open_table
from contract.tables.times import EVENT_TIME, LABEL_TIME, NO_TIME


@dataclass(frozen=True)
class TableDates:
    """The rows of a table that have a time, and what is to be said of the others.

    ``delays`` (ms) are those of ``dated`` rows, which have a time and a time of their label, at the same places.
    ``untimed`` rows have no time; ``labelled`` and ``positives`` count those that have a label, and one of 1. ``odd``
    rows hold another value than the label's two. ``said``: how times are read.
    """

    rows: DatedRows
    dated: Mask
    delays: Integers
    untimed: int
    odd: int
    said: tuple[str, ...]

    @property
    def labelled(self) -> int:
        return int((self.rows.labels >= 0).sum())

    @property
    def positives(self) -> int:
        return int((self.rows.labels == 1).sum())

    def delays_since(self, at: int) -> Integers:
        """The delays of the labels of rows from a moment on."""
        late = self.rows.times >= at
        return self.delays[late & self.dated]


def read_dates(path: Path, schema: Schema, label_delay: int, options: ReadOptions = AS_FOUND) -> TableDates:
    """Read a table whose schema names a time.

    ``label_delay``: ms after its row at which a label was known, where the schema has no ``label_time``.

    Raises:
        UserError: the table cannot be read, or no row has a time.
    """
    table = open_table(path, schema, str(path), times=True, options=options)
    if not table.rows:
        raise UserError(f"{path} has no rows; give a historical table")
    times, label_times, labels = (np.concatenate(column) for column in zip(*_chunks(table, schema), strict=True))
    usable = _plausible(times)
    if not usable.any():
        column = schema.time.column if schema.time else ""
        raise UserError(
            f"{path}: no row has a usable time in column {column!r}; name another column with --time-column, or ignore "
            f"dates with --no-dates"
        )
    times, label_times, labels = times[usable], label_times[usable], labels[usable]
    odd = int((labels == OTHER_LABEL).sum())
    # a value that is neither of the two tells nothing
    labels = np.where(labels < 0, NO_LABEL, labels)
    dated = _plausible(label_times) & (labels >= 0)
    known = label_known_at(times, None if schema.label_time is None else label_times, labels, schema)
    if schema.label_time is None:
        known = np.where(labels >= 0, known + label_delay, known)
    delays = np.where(dated, label_times - times, 0)
    return TableDates(
        DatedRows(times, known, labels), dated, delays, int((~usable).sum()), odd, tuple(table.times_said)
    )


def _chunks(table: SchemaTable, schema: Schema) -> Iterator[tuple[Integers, Integers, Integers]]:
    """Time, time of the label, and label of each row."""
    for chunk in table.chunks():
        times = chunk[EVENT_TIME].to_numpy(np.int64)
        label_times = _column(chunk, LABEL_TIME, len(times))
        yield times, label_times, chunk[schema.label.column].to_numpy(np.int64)


def _column(chunk: pd.DataFrame, name: str, rows: int) -> Integers:
    return chunk[name].to_numpy(np.int64) if name in chunk else np.full(rows, NO_TIME, dtype=np.int64)


def _plausible(times: Integers) -> Mask:
    within: Mask = (times >= EARLIEST_EVENT_TIME) & (times <= LATEST_EVENT_TIME)
    return within
