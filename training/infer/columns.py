"""The columns of a table that no schema describes yet: what each holds, for the guess at a schema.

All columns are read, private ones too, because what they are has still to be found out; no error quotes a cell. A
table is held as Arrow's texts (its size as a file, about), and one column at a time is made of them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from contract.arrays import Floats
from contract.bounds import LARGEST_NUMBER
from contract.errors import UserError
from contract.schema import FeatureKind
from contract.tables.cells import MISSING_WORDS, NULLS, Cells, identifier, is_nothing, numbers, stripped, whole
from contract.tables.decimal_mark import DecimalMark
from contract.tables.dress import looks_numeric
from contract.tables.forms import LARGEST_EXACT, file_repairs
from contract.tables.options import AS_FOUND, ReadOptions
from contract.tables.reading import CHUNK_ROWS, RawTable, open_raw
from training.infer.column import NOTHING, Codes, Column, Dates
from training.infer.dates import read_dates

MAX_ROWS = 200_000
"""So many rows are looked at, the first ones."""

_NUMERIC_SHARE = 0.95
_CODE_SHARE = 0.002
_NOTHING_WORDS = NULLS | MISSING_WORDS
_PLAIN_NUMBER = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]*)?(?:[eE][+-]?[0-9]+)?")
_ADDRESS = re.compile(r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}")
_ZERO_FIRST = re.compile(r"0[0-9]+")
_TRUTHS = frozenset(("true", "false"))


@dataclass(frozen=True)
class TableColumns:
    """All named columns in the table's order, its number of rows, and what was repaired on reading."""

    columns: tuple[Column, ...]
    rows: int
    repairs: tuple[str, ...]


class _ColumnCells:
    """A column's cells, chunk after chunk: texts as Arrow keeps them, numbers as an array, all else as it came."""

    def __init__(self) -> None:
        self._chunks: list[pa.Array | Cells] = []

    def add(self, cells: Cells) -> None:
        if isinstance(cells, np.ndarray):
            self._chunks.append(cells)
            return
        texts = stripped(cells)
        try:
            self._chunks.append(pa.array(texts, pa.string()))
        except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError):
            self._chunks.append(texts)

    def all(self) -> list[Any]:
        """The cells as values of Python's own kinds."""
        found: list[Any] = []
        for chunk in self._chunks:
            found.extend(chunk.to_pylist() if isinstance(chunk, pa.Array) else stripped(chunk))
        return found

    def different(self) -> "_DifferentCells":
        """The different cells in the order in which they come first, and which each row has."""
        if all(isinstance(chunk, pa.Array) for chunk in self._chunks):
            encoded = pa.chunked_array(self._chunks, pa.string()).dictionary_encode("encode").combine_chunks()
            return _DifferentCells(encoded.dictionary.to_pylist(), encoded.indices.to_numpy().astype(np.int32))
        cells: list[Any] = []
        places: dict[Any, int] = {}
        codes = []
        for cell in self.all():
            key = (type(cell), None if is_nothing(cell) else cell)  # 1, 1.0 and True are one key; NaN never is the same
            place = places.setdefault(key, len(cells))
            if place == len(cells):
                cells.append(cell)
            codes.append(place)
        return _DifferentCells(cells, np.array(codes, dtype=np.int32))

    def drop(self) -> None:
        self._chunks.clear()


@dataclass(frozen=True)
class _DifferentCells:
    """Different cells, and the place of each row's among them."""

    cells: list[Any]
    codes: Codes

    @property
    def counts(self) -> "np.typing.NDArray[np.int64]":
        return np.bincount(self.codes, minlength=len(self.cells))


def read_columns(path: Path, options: ReadOptions = AS_FOUND) -> TableColumns:
    """Read a table of any kind that ``contract.tables.reading`` reads.

    Raises:
        UserError: it cannot be read, or in more than one way; it has no rows, or two columns of one name.
    """
    origin = str(path)
    raw = open_raw(path, (), origin, options)
    names = [name.strip() for name in raw.header]
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"{origin} has two columns {twice!r}; rename or remove one")
    positions = [position for position, name in enumerate(names) if name]
    cells, rows = _read(raw, positions)
    if not rows:
        raise UserError(f"{origin} has no rows; give a table with a header line and rows")
    marks = DecimalMark()
    likely = []
    for position, column in zip(positions, cells, strict=True):
        likely.append(_numeric_share(column.different(), raw.parses_text))
        if likely[-1] >= _NUMERIC_SHARE and raw.parses_text:
            marks.look(names[position], column.all(), 0)
    mark = marks.decide(origin, point_expected=raw.points_expected)
    made = []
    for position, column, share in zip(positions, cells, likely, strict=True):
        found = column.different()
        column.drop()
        dates = read_dates(names[position], found.cells, found.codes)
        name = names[position]
        trouble = marks.trouble(name)
        if dates is None and trouble is None and share >= _NUMERIC_SHARE:
            read = numbers(found.cells, FeatureKind.FLAG, mark, raw.parses_text, marks.dress(name))
            made.append(_of_numbers(name, found, read))
        else:
            made.append(_of_texts(name, found, share, dates, trouble))
    repairs = [*raw.repairs, *file_repairs(raw.blank_rows, mark), *marks.clauses()]
    if rows >= MAX_ROWS:
        repairs.append(f"only the first {MAX_ROWS:,} rows were looked at")
    return TableColumns(tuple(made), rows, tuple(repairs))


def _read(raw: RawTable, positions: Sequence[int]) -> tuple[list[_ColumnCells], int]:
    cells = [_ColumnCells() for _ in positions]
    rows = 0
    for chunk in raw.chunks(positions, CHUNK_ROWS):
        for column, more in zip(cells, chunk, strict=True):
            column.add(more)
        rows += len(chunk[0]) if chunk else 0
        if rows >= MAX_ROWS:
            break
    return cells, rows


def _is_missing(cell: Any) -> bool:
    return is_nothing(cell) or (isinstance(cell, str) and cell in _NOTHING_WORDS)


def _numeric_share(found: _DifferentCells, parse: bool) -> float:
    """The share of cells that are numbers among those that hold something; 0 where they are codes as 00123."""
    present = numeric = codes = 0
    for cell, count in zip(found.cells, found.counts.tolist(), strict=True):
        if isinstance(cell, str):
            if cell in _NOTHING_WORDS:
                continue
            present += count
            if parse and (_PLAIN_NUMBER.fullmatch(cell) or cell.lower() in _TRUTHS or _looks_numeric(cell)):
                numeric += count
                if cell[0] == "0" and _ZERO_FIRST.fullmatch(cell):
                    codes += count
        elif not is_nothing(cell):
            present += count
            numeric += count * (isinstance(cell, int | float | np.number) or type(cell).__name__ == "Decimal")
    if not present or codes > _CODE_SHARE * present:
        return 0.0
    return float(numeric / present)


def _looks_numeric(cell: str) -> bool:
    """Whether a text is a number in some dress, and no network address with three digits in each part."""
    return looks_numeric(cell) and not _ADDRESS.fullmatch(cell)


def _of_numbers(name: str, found: _DifferentCells, read: "pd.Series[Any]") -> Column:
    counts = found.counts
    if read.dtype == np.float64:
        levels: Floats = read.to_numpy(np.float64)
        strange = np.abs(levels) > LARGEST_NUMBER
    else:
        levels = np.array([cell if isinstance(cell, float) else np.nan for cell in read])
        strange = np.array([not isinstance(cell, float) or abs(cell) > LARGEST_NUMBER for cell in read])
    missing = np.array([_is_missing(cell) for cell in found.cells])
    different = None
    if np.any(np.abs(levels) >= LARGEST_EXACT):  # two ids of many digits may be one double
        different = len({whole(identifier(cell)) for cell in found.cells if not _is_missing(cell)})
    return Column(
        name,
        len(found.codes),
        int(counts[missing].sum()),
        levels[found.codes],
        strangers=int(counts[strange].sum()),
        different_ids=different,
    )


def _of_texts(name: str, found: _DifferentCells, share: float, dates: Dates | None, trouble: str | None) -> Column:
    """NA is nothing among numbers and dates, and a name like any other elsewhere."""
    texts = [None if is_nothing(cell) or cell == "" else _text(cell) for cell in found.cells]
    levels = sorted({text for text in texts if text is not None})
    places = {text: place for place, text in enumerate(levels)}
    ranks = np.array([NOTHING if text is None else places[text] for text in texts], dtype=np.int32)
    codes: Codes = ranks[found.codes]
    missing = int((codes == NOTHING).sum())
    return Column(
        name,
        len(codes),
        missing,
        texts=pa.array(levels, pa.large_string()),
        text_codes=codes,
        numbers=round(share * (len(codes) - missing)),
        dates=dates,
        trouble=trouble,
    )


def _text(cell: Any) -> str:
    """A cell as text; lone surrogates, which are no Unicode, as question marks."""
    text = cell if isinstance(cell, str) else identifier(cell)
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
