"""Rows in another order than their table's, in bounded memory.

They are kept by SQLite, whose own sorter holds a fixed part of them and puts the rest into a file in the temporary
folder, which nobody else may read and which is gone with its connection, even by a crash. Only what is to be sent is
kept there: no private or ignored column.
"""

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from contract.errors import UserError

MEMORY_BYTES = 64_000_000
"""That SQLite holds of the rows, and once more of their order."""


def sorted_chunks(chunks: Iterable[pd.DataFrame], by: str, rows: int) -> Iterator[pd.DataFrame]:
    """The rows of ``chunks`` by the integers in column ``by``, those with the same one in their order; ``rows`` each.

    Columns keep their kinds; one of kind object whose values are all floats becomes float64.

    Raises:
        UserError: the temporary folder is full or cannot be written.
    """
    # an empty name is a file of SQLite's own, made when memory does not suffice
    with _disk_told(), closing(sqlite3.connect("", isolation_level=None)) as database:
        database.execute(f"PRAGMA cache_size = -{MEMORY_BYTES // 1_000}")
        database.execute("PRAGMA temp_store = FILE")
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("CREATE TABLE kept (place INTEGER, row INTEGER PRIMARY KEY, cells BLOB)")
        database.execute("BEGIN")
        encode = msgspec.msgpack.Encoder(enc_hook=str).encode
        kinds: dict[str, np.dtype[Any]] = {}
        for chunk in chunks:
            kinds = kinds or {str(name): kind for name, kind in chunk.dtypes.items()}
            cells = zip(*(chunk[name].tolist() for name in chunk.columns), strict=True)
            database.executemany(
                "INSERT INTO kept (place, cells) VALUES (?, ?)",
                zip(chunk[by].tolist(), map(encode, cells), strict=True),
            )
        cursor = database.execute("SELECT cells FROM kept ORDER BY place, row")
        decode = msgspec.msgpack.Decoder().decode
        while found := cursor.fetchmany(rows):
            columns = zip(*(decode(cells) for (cells,) in found), strict=True)
            named = zip(kinds.items(), columns, strict=True)
            yield pd.DataFrame({name: _column(kind, list(cells)) for (name, kind), cells in named})


@contextmanager
def _disk_told() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise UserError(
            f"the rows are not in time order, and there is no room to sort them in {tempfile.gettempdir()} ({error}); "
            "make room, name another folder in TMPDIR, or sort the table by time"
        ) from None


def _column(kind: "np.dtype[Any]", cells: list[Any]) -> "pd.Series[Any]":
    if kind.kind not in "fO":
        return pd.Series(cells, dtype=kind)
    return pd.Series(cells, dtype=np.float64 if all(isinstance(cell, float) for cell in cells) else object)
