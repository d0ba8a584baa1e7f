"""Workbooks as tables: the sheet that is named, or the only one that holds anything, read row by row.

Cells have kinds of their own; a number that is stored as text is read as a CSV file's is. A cell that a spreadsheet
program shows as ``12.5%`` holds 0.125, and counts as that.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from contract.errors import UserError
from contract.tables.cells import Cells
from contract.tables.header import FIRST_ROWS, header_at, said_above
from contract.tables.workbooks.sheets import chosen_sheet, only_filled, said, shown
from contract.tables.workbooks.unpacking import refuse_more

Row = tuple[Any, ...]


class WorkbookTable(ABC):
    """A ``contract.tables.reading.RawTable`` of a workbook, of whichever format."""

    parses_text = True
    points_expected = False

    def __init__(self, path: Path, wanted: Sequence[str], origin: str, sheet: str | None = None) -> None:
        self._path = path
        self._origin = origin
        self.blank_rows = 0
        names = self._open()
        self._sheet = self._choose(names, sheet)
        self._above = header_at([_trimmed(row) for row in islice(self._filled(), FIRST_ROWS)], frozenset(wanted))
        header = _trimmed(next(islice(self._filled(), self._above, None)))
        self.header = tuple("" if name is None else str(name) for name in header)
        self.repairs = [*(said(names, self._sheet) if sheet is None else []), *said_above(self._above)]

    @abstractmethod
    def _open(self) -> list[str]:
        """The names of the sheets, after what the file may not hold has been refused."""

    @abstractmethod
    def _rows_of(self, sheet: int) -> Iterator[Row]:
        """All rows of the sheet at this position; a row may end before the widest one does."""

    @abstractmethod
    def _refuse_uncomputed(self, sheet: int) -> None:
        """Raises:
        UserError: a formula of the sheet has no value, and would pass for an empty cell.
        """

    def chunks(self, positions: Sequence[int], rows: int) -> Iterator[list[Cells]]:
        """The columns at ``positions``, at most ``rows`` rows at a time, blank rows left out."""
        width, first = len(self.header), 0
        filled = islice(self._filled(), self._above + 1, None)
        while batch := list(islice(filled, rows)):
            for number, row in enumerate(batch, first + 1):
                if len(row) > width and not is_blank(row[width:]):
                    raise UserError(
                        f"{self._origin}: data row {number} has {len(_trimmed(row))} cells, but the header has "
                        f"{width}; name the columns, or remove what is beside the table"
                    )
            padded = [row if len(row) >= width else row + (None,) * (width - len(row)) for row in batch]
            yield [[row[position] for row in padded] for position in positions]
            first += len(batch)

    def _choose(self, names: list[str], wanted: str | None) -> int:
        if wanted is None:
            filled = [place for place in range(len(names)) if self._is_filled(place)]
            tables = [place for place in filled if self._is_table(place)] if len(filled) > 1 else []
            place = only_filled(names, tables or filled, self._origin)
        else:
            place = chosen_sheet(names, wanted, self._origin)
            if not self._is_filled(place):
                raise UserError(f"{self._origin}: sheet {shown(names[place])!r} is empty; name another with --sheet")
        self._refuse_uncomputed(place)
        return place

    def _is_filled(self, sheet: int) -> bool:
        return any(not is_blank(row) for row in self._bounded(sheet))

    def _is_table(self, sheet: int) -> bool:
        """Whether more than notes stand in it: two rows, each of two cells."""
        wide = (row for row in self._bounded(sheet) if sum(not is_blank((cell,)) for cell in row) > 1)
        return len(list(islice(wide, 2))) > 1

    def _filled(self) -> Iterator[Row]:
        self.blank_rows = blank = 0
        for row in self._bounded(self._sheet):
            if is_blank(row):
                blank += 1
                continue
            self.blank_rows, blank = self.blank_rows + blank, 0
            yield row

    def _bounded(self, sheet: int) -> Iterator[Row]:
        cells = 0
        for number, row in enumerate(self._rows_of(sheet), 1):
            cells += max(len(row), 1)
            refuse_more(number, cells, self._origin)
            yield row


def is_blank(row: Row) -> bool:
    """Whether all cells hold nothing, or blanks."""
    return all(cell is None or (isinstance(cell, str) and not cell.strip()) for cell in row)


def _trimmed(row: Row) -> Row:
    """Without the empty cells at its end."""
    end = len(row)
    while end and is_blank(row[end - 1 : end]):
        end -= 1
    return row[:end]
