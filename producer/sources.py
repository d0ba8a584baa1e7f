"""Tables as sources of rows: CSV, Excel and Parquet files, read in bounded memory.

A source yields a table's rows in order, as chunks of a few thousand. Columns that the schema calls private or ignored
are never kept, so they can reach no topic, no log and no error. Nothing else is judged here: a value that the schema
forbids is passed on as it is, and the scorer dead-letters it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from contract.errors import UserError
from contract.schema import Schema
from contract.tables import reading
from contract.tables.cells import NO_LABEL
from contract.tables.options import AS_FOUND, ReadOptions

LabelCodes = NDArray[np.int8]
CHUNK_ROWS = reading.CHUNK_ROWS
RECORD, RECORD_KEY = "\0record", "\0key"
"""Columns of a chunk whose rows have names of their own: the end of its ``record_id``, and a number from 0 to 2^64 - 1
from which its draws follow."""


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
    path: Path, schema: Schema, chunk_rows: int = CHUNK_ROWS, options: ReadOptions = AS_FOUND
) -> "TableSource":
    """The source of a file: CSV, Parquet or Excel, by its suffix.

    Goes through the file once, so that a table that cannot be replayed is refused before anything is sent.

    Raises:
        UserError: there is no such file, it is of another kind, cannot be read, is empty, lacks a column of the schema,
            can be read in more than one way, or holds a label that is neither of the two values.
    """
    return TableSource(path, schema, chunk_rows, options)


class TableSource:
    """A table's rows. ``repairs`` says what is mended on reading, one clause each."""

    def __init__(
        self, path: Path, schema: Schema, chunk_rows: int = CHUNK_ROWS, options: ReadOptions = AS_FOUND
    ) -> None:
        self.path = path
        self.schema = schema
        self._table = reading.open_table(path, schema, f"--data {path}", chunk_rows, options)
        self.repairs = self._table.repairs
        if len(self) == 0:
            raise UserError(f"--data {path} has no rows; give a table with at least one")
        bad = self._table.bad_label
        if bad is not None:
            label, kind = schema.label, "nothing" if bad.code == NO_LABEL else "another value"
            raise UserError(
                f"--data {path}: column {label.column!r} holds {kind} in data row {bad.row}, where "
                f"{label.positive!r} or {label.negative!r} is expected; correct the table, or the schema's [label]"
            )

    def __len__(self) -> int:
        return self._table.rows

    def chunks(self) -> Iterator[pd.DataFrame]:
        """All rows in order, at most ``chunk_rows`` at a time."""
        return self._table.chunks()

    def labels(self, chunk: pd.DataFrame) -> LabelCodes:
        """The table's own labels: what was recorded does not change with injected drift."""
        return chunk[self.schema.label.column].to_numpy(np.int8)
