"""Excel workbooks (.xlsx) as tables: the only sheet that holds anything, read row by row.

Cells have kinds of their own; a number that is stored as text is read as a CSV file's is. A formula counts as the value
that the spreadsheet program last computed for it; one that was never computed would pass for an empty cell, and is
refused.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from contract.errors import UserError
from contract.tables.cells import Cells
from contract.tables.unpacking import has_formulas, refuse_cells

Row = tuple[Any, ...]


class ExcelTable:
    """A ``contract.tables.reading.RawTable`` of a workbook."""

    parses_text = True
    points_expected = False

    def __init__(self, path: Path, origin: str) -> None:
        self._path = path
        self._origin = origin
        self.blank_rows = 0
        self.repairs: list[str] = []
        self._sheet = self._only_sheet()
        header = _trimmed(next(self._filled()))
        self.header = tuple("" if name is None else str(name) for name in header)

    def chunks(self, positions: Sequence[int], rows: int) -> Iterator[list[Cells]]:
        """The columns at ``positions``, at most ``rows`` rows at a time, blank rows left out."""
        width, first = len(self.header), 0
        filled = self._filled()
        next(filled)
        while batch := list(islice(filled, rows)):
            for number, row in enumerate(batch, first + 1):
                if not _is_blank(row[width:]):
                    raise UserError(
                        f"{self._origin}: data row {number} has {len(_trimmed(row))} cells where the header has "
                        f"{width}; name the columns, or remove what stands beside the table"
                    )
            padded = [row + (None,) * (width - len(row)) for row in batch]
            yield [[row[position] for row in padded] for position in positions]
            first += len(batch)

    def _only_sheet(self) -> int:
        """The number of the sheet that holds something."""
        with self._readable():
            formulas = has_formulas(self._path, self._origin)
        with self._sheets() as sheets:
            filled = [
                number for number, sheet in enumerate(sheets) if any(not _is_blank(row) for row in self._rows(sheet))
            ]
        if not filled:
            raise UserError(f"{self._origin} is empty; give a workbook with a sheet that has a header row and rows")
        if len(filled) > 1:
            raise UserError(
                f"{self._origin} has {len(filled)} sheets that hold something, and it cannot be told which one is "
                f"meant; save the sheet as a workbook of its own, or as CSV"
            )
        if formulas:
            self._refuse_uncomputed(filled[0])
        return filled[0]

    def _refuse_uncomputed(self, sheet: int) -> None:
        with self._sheets(formulas=True) as written, self._sheets() as computed:
            both = zip(
                written[sheet].iter_rows(values_only=True), computed[sheet].iter_rows(values_only=True), strict=True
            )
            for number, (formulas, values) in enumerate(both, 1):
                if any(_is_formula(one) and other is None for one, other in zip(formulas, values, strict=False)):
                    raise UserError(
                        f"{self._origin} has a formula in row {number} of its sheet that no spreadsheet program has "
                        f"computed; open and save it in one, or put the values in"
                    )

    def _filled(self) -> Iterator[Row]:
        self.blank_rows = blank = 0
        with self._sheets() as sheets:
            for row in self._rows(sheets[self._sheet]):
                if _is_blank(row):
                    blank += 1
                    continue
                self.blank_rows, blank = self.blank_rows + blank, 0
                yield row

    def _rows(self, sheet: Any) -> Iterator[Row]:
        cells = 0
        for row in sheet.iter_rows(values_only=True):
            cells += max(len(row), 1)
            refuse_cells(cells, self._origin)
            yield row

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (UserError, PermissionError, MemoryError):
            raise
        # openpyxl and zipfile raise whatever a file that is no workbook leads to
        except Exception:
            raise UserError(
                f"{self._origin} is not a readable Excel workbook (.xlsx, without a password); save it again, or as CSV"
            ) from None

    @contextmanager
    def _sheets(self, *, formulas: bool = False) -> Iterator[list[Any]]:
        import openpyxl

        with self._readable():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about styles and extensions that a table has no use for
                workbook = openpyxl.load_workbook(self._path, read_only=True, data_only=not formulas)
            try:
                for sheet in workbook.worksheets:
                    sheet.reset_dimensions()  # some programs write wrong ones
                yield workbook.worksheets
            finally:
                workbook.close()


def _is_formula(cell: object) -> bool:
    return isinstance(cell, str) and cell.startswith("=")


def _is_blank(row: Row) -> bool:
    return all(cell is None or (isinstance(cell, str) and not cell.strip()) for cell in row)


def _trimmed(row: Row) -> Row:
    """Without the empty cells at its end."""
    end = len(row)
    while end and _is_blank(row[end - 1 : end]):
        end -= 1
    return row[:end]
