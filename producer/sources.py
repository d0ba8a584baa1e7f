"""Tables as sources of rows: CSV, Excel and Parquet files, read in bounded memory.

A source yields a table's rows in order, as chunks of a few thousand. Columns that the schema calls private or ignored
are never kept, so they can reach no topic, no log and no error. Nothing else is judged here: a value that the schema
forbids is passed on as it is, and the scorer dead-letters it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from contract.arrays import Mask
from contract.errors import UserError
from contract.schema import Schema
from contract.split.defaults import DEFAULT_SPLIT_SEED, DEFAULT_TEST_SHARE
from contract.split.held_out import held_out
from contract.tables import reading
from contract.tables.options import AS_FOUND, ReadOptions

LabelCodes = NDArray[np.int8]
CHUNK_ROWS = reading.CHUNK_ROWS
RECORD, RECORD_KEY = "\0record", "\0key"
"""Columns of a chunk whose rows have names of their own: the end of its ``record_id``, and a number from 0 to 2^64 - 1
from which its draws follow."""


@dataclass(frozen=True)
class RowSelection:
    """Which rows are sent: ``since`` and ``until`` (excluded) are ISO 8601 as given, in the column's zone unless they
    say; ``held_out_only``: of customers alone whom training with ``split_seed`` and ``test_share`` has held out.
    ``takes_other_labels``: a row with another value than the label's two is sent, and has no label.
    """

    since: str | None = None
    until: str | None = None
    held_out_only: bool = False
    split_seed: int = DEFAULT_SPLIT_SEED
    test_share: float = DEFAULT_TEST_SHARE
    takes_other_labels: bool = False

    @property
    def is_part(self) -> bool:
        """Whether it may leave rows out."""
        return self.held_out_only or self.since is not None or self.until is not None

    def customers(self, chunk: pd.DataFrame, schema: Schema) -> Mask:
        """Which rows of a chunk are of customers that are asked for."""
        if not self.held_out_only:
            return np.ones(len(chunk), dtype=bool)
        return held_out(chunk[schema.id_column].tolist(), self.split_seed, self.test_share)


ALL_ROWS = RowSelection()


class RowSource(Protocol):
    """Rows of a data set, in the order in which they are to be sent.

    A chunk is a frame with the id column (str), the schema's features and the label column (0 or 1). Numeric, ordinal
    and flag features are float64 with NaN for a missing value, or object where some value is not a number; categorical
    ones are object, with None for a missing value. A source that knows when its rows happened has four more columns,
    ``EVENT_TIME`` and, where it knows when labels came, ``LABEL_TIME`` (ms), ``RECORD`` and ``RECORD_KEY``.
    """

    @property
    def schema(self) -> Schema: ...

    def __len__(self) -> int:
        """Number of rows."""
        ...

    def chunks(self) -> Iterator[pd.DataFrame]:
        """All rows, from the first; the same ones each time."""
        ...

    def labels(self, chunk: pd.DataFrame) -> LabelCodes:
        """What became of a chunk's customers, whose features may have been changed by drift since it was made.

        0, 1, or a negative number where it is not known.
        """
        ...


def open_table(
    path: Path,
    schema: Schema,
    chunk_rows: int = CHUNK_ROWS,
    options: ReadOptions = AS_FOUND,
    selection: RowSelection = ALL_ROWS,
) -> "TableSource":
    """The source of a file: CSV, Parquet or Excel, by its suffix.

    Goes through the file once, so that a table that cannot be replayed is refused before anything is sent.

    Raises:
        UserError: there is no such file, it is of another kind, cannot be read, is empty, lacks a column of the schema,
            can be read in more than one way, or holds a label that is neither of the two values; or a part of it is
            asked for by times, or one that holds no row.
    """
    return TableSource(path, schema, chunk_rows, options, selection)


class TableSource:
    """A table's rows, in its order. ``repairs`` says what is mended on reading, ``said`` what is left out or will not
    come, one clause each."""

    def __init__(
        self,
        path: Path,
        schema: Schema,
        chunk_rows: int = CHUNK_ROWS,
        options: ReadOptions = AS_FOUND,
        selection: RowSelection = ALL_ROWS,
    ) -> None:
        self.path = path
        self.schema = schema
        self._selection = selection
        if selection.since is not None or selection.until is not None:
            raise UserError(
                "--since and --until select rows by the table's own dates; name their column with --time-column, or "
                "as time in the schema"
            )
        self._table = reading.open_table(path, schema, f"--data {path}", chunk_rows, options)
        self.repairs = self._table.repairs
        if self._table.rows == 0:
            raise UserError(f"--data {path} has no rows; give a table with at least one")
        if not selection.takes_other_labels:
            refuse_bad_labels(self._table, schema, f"--data {path}")
        self._rows, self.said = self._look_at_labels()
        if self._rows == 0:
            raise UserError(
                f"--data {path} has no rows to send, because training learns from all of its customers; give the "
                "larger --test-share that training used"
            )

    def __len__(self) -> int:
        """Number of rows that are sent."""
        return self._rows

    def chunks(self) -> Iterator[pd.DataFrame]:
        """All rows that are sent in order, at most ``chunk_rows`` at a time."""
        if not self._selection.held_out_only:
            yield from self._table.chunks()
            return
        for chunk in self._table.chunks():
            yield chunk[self._selection.customers(chunk, self.schema)].reset_index(drop=True)

    def labels(self, chunk: pd.DataFrame) -> LabelCodes:
        """The table's own labels: what was recorded does not change with injected drift."""
        return chunk[self.schema.label.column].to_numpy(np.int8)

    def _look_at_labels(self) -> tuple[int, tuple[str, ...]]:
        """How many rows are sent, and what is said of the others and of their labels."""
        rows, unlabelled, said = self._table.rows, self._table.unlabelled, []
        if self._selection.held_out_only:
            kept = [self.labels(chunk) for chunk in self.chunks()]
            rows, unlabelled = sum(map(len, kept)), sum(int((codes < 0).sum()) for codes in kept)
            said.append(
                f"{self._table.rows - rows:,} rows belong to customers that training learns from, and are not sent"
            )
        if unlabelled:
            said.append(f"{unlabelled:,} records have no label in the table, and none will come")
        return rows, tuple(said)


def refuse_bad_labels(table: reading.SchemaTable, schema: Schema, origin: str) -> None:
    """A label that is neither of the two values; a row without any is one whose label never comes.

    Raises:
        UserError: there is one.
    """
    bad, label = table.bad_label, schema.label
    if bad is not None:
        raise UserError(
            f"{origin}: column {label.column!r} holds another value in data row {bad}, where {label.positive!r}, "
            f"{label.negative!r} or nothing is expected; correct the table, or the schema's [label], or send such "
            "rows without a label with --other-labels unknown"
        )
