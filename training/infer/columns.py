"""The columns of a table that no schema describes yet: what each holds, for the guess at a schema.

All columns are read, private ones too, for what they are has still to be found out; no error quotes a cell.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from contract.arrays import Floats
from contract.bounds import LARGEST_NUMBER
from contract.errors import UserError
from contract.schema import FeatureKind
from contract.tables.cells import NULLS, identifier, is_nothing, numbers, stripped, whole
from contract.tables.decimal_mark import DecimalMark
from contract.tables.forms import file_repairs
from contract.tables.options import AS_FOUND, ReadOptions
from contract.tables.reading import CHUNK_ROWS, open_raw

MAX_ROWS = 200_000
"""So many rows are looked at: memory holds all their cells."""


_NUMERIC_SHARE = 0.95
_NUMBER_LIKE = re.compile(r"[+-]?[0-9][0-9.,]*(?:[eE][+-]?[0-9]+)?|[+-]?[.,][0-9]+")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\b.*|[0-9]{1,2}[./-][0-9]{1,2}[./-][0-9]{2,4}\b.*")
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass(frozen=True)
class Column:
    """A column's name and cells, nothing as None. ``values`` are the cells as floats, where nearly all are numbers."""

    name: str
    cells: tuple[Any, ...]
    values: Floats | None

    @cached_property
    def texts(self) -> tuple[str | None, ...]:
        """The cells as text, whole numbers without a fraction."""
        if self.values is None:
            return tuple(cell if cell is None or isinstance(cell, str) else identifier(cell) for cell in self.cells)
        return tuple(None if cell is None else whole(identifier(cell)) for cell in self.cells)

    @cached_property
    def distinct(self) -> tuple[str, ...]:
        """The different texts, sorted."""
        return tuple(sorted({text for text in self.texts if text is not None}))

    @property
    def missing(self) -> int:
        """Number of cells that hold nothing."""
        return sum(cell is None for cell in self.cells)

    @property
    def strangers(self) -> int:
        """Number of cells that are no number though nearly all are."""
        return 0 if self.values is None else len(self.values) - len(self.present) - self.missing

    @property
    def is_whole(self) -> bool:
        """Whether all numbers are whole."""
        return self.values is not None and bool(np.all((present := self.present) == np.floor(present)))

    @property
    def present(self) -> Floats:
        """The finite numbers, those that are as good as infinite left out; none where the column holds texts."""
        values = np.empty(0) if self.values is None else self.values
        return values[np.abs(values) <= LARGEST_NUMBER]

    @property
    def is_unique(self) -> bool:
        """Whether no two rows have the same, and none nothing."""
        return len(self.distinct) == len(self.cells)

    @property
    def is_running(self) -> bool:
        """Whether it numbers the rows."""
        numbered = self.values is not None and self.is_whole and len(self.cells) > 1
        return numbered and bool(np.all(np.diff(self.values if self.values is not None else []) == 1))

    @property
    def are_dates(self) -> bool:
        """Whether most cells are dates."""
        return self._most(
            lambda cell: isinstance(cell, date) or (isinstance(cell, str) and bool(_DATE.fullmatch(cell)))
        )

    @property
    def are_mails(self) -> bool:
        """Whether most cells are e-mail addresses."""
        return self._most(lambda cell: isinstance(cell, str) and bool(_MAIL.fullmatch(cell)))

    def _most(self, holds: Callable[[Any], bool]) -> bool:
        present = [cell for cell in self.cells if cell is not None]
        return bool(present) and sum(map(holds, present)) > len(present) / 2


@dataclass(frozen=True)
class TableColumns:
    """All named columns in the table's order, its number of rows, and what was repaired on reading."""

    columns: tuple[Column, ...]
    rows: int
    repairs: tuple[str, ...]


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
    cells: list[list[Any]] = [[] for _ in positions]
    for chunk in raw.chunks(positions, CHUNK_ROWS):
        for column, more in zip(cells, chunk, strict=True):
            column.extend(stripped(more))
        if len(cells[0]) >= MAX_ROWS:
            break
    if not cells or not cells[0]:
        raise UserError(f"{origin} has no rows; give a table with a header line and rows")
    marks = DecimalMark()
    likely = [_is_likely_number(column, raw.parses_text) for column in cells]
    for position, column, numeric in zip(positions, cells, likely, strict=True):
        if numeric and raw.parses_text:
            marks.look(names[position], column, 0)
    mark = marks.decide(origin, point_expected=raw.points_expected)
    made = []
    for position, column, numeric in zip(positions, cells, likely, strict=True):
        read = numbers(column, FeatureKind.FLAG, mark, raw.parses_text)
        values = np.array([cell if isinstance(cell, float) else np.nan for cell in read]) if numeric else None
        made.append(Column(names[position], tuple(_or_none(cell, numeric) for cell in column), values))
    repairs = [*raw.repairs, *file_repairs(raw.blank_rows, mark)]
    if len(cells[0]) >= MAX_ROWS:
        repairs.append(f"only the first {MAX_ROWS:,} rows were looked at")
    return TableColumns(tuple(made), len(cells[0]), tuple(repairs))


def _is_likely_number(cells: Sequence[Any], parse: bool) -> bool:
    present = [cell for cell in cells if not is_nothing(cell) and not (isinstance(cell, str) and cell in NULLS)]
    truths = {"true", "false"}

    def likely(cell: Any) -> bool:
        if isinstance(cell, str):
            return parse and (bool(_NUMBER_LIKE.fullmatch(cell)) or cell.lower() in truths)
        return isinstance(cell, int | float | np.number) or type(cell).__name__ == "Decimal"

    return bool(present) and sum(map(likely, present)) >= _NUMERIC_SHARE * len(present)


def _or_none(cell: Any, numeric: bool) -> Any:
    """NA is nothing among numbers, and a name like any other elsewhere."""
    nothing = is_nothing(cell) or cell == "" or (numeric and isinstance(cell, str) and cell in NULLS)
    return None if nothing else cell
