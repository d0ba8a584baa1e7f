"""Excel workbooks as they were until 2003 (.xls), of at most 65,536 rows a sheet.

The format has no packing, so the file's size bounds what is in memory: only the sheet that is looked at, and of its
rows only what is written. Formulas always have their last value.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from io import StringIO
from typing import TYPE_CHECKING, Any

from contract.errors import UserError
from contract.tables.workbooks.table import Row, WorkbookTable

if TYPE_CHECKING:
    from xlrd.book import Book
    from xlrd.sheet import Cell, Sheet

MOST_BYTES = 100_000_000
"""Of the file: in memory it takes about six times as much."""


class OldExcelTable(WorkbookTable):
    """A workbook of binary records."""

    def _open(self) -> list[str]:
        if self._path.stat().st_size > MOST_BYTES:
            raise UserError(
                f"{self._origin} has more than {MOST_BYTES / 1e6:,.0f} MB, which is too large for an .xls file; save "
                "it as .xlsx, or as CSV"
            )
        import xlrd

        with self._readable():
            self._book: Book = xlrd.open_workbook(str(self._path), logfile=StringIO(), on_demand=True, ragged_rows=True)
            return list(self._book.sheet_names())

    def _rows_of(self, sheet: int) -> Iterator[Row]:
        with self._readable():
            read = self._sheet_at(sheet)
            for number in range(read.nrows):
                yield tuple(self._value(cell) for cell in read.row(number))

    def _refuse_uncomputed(self, sheet: int) -> None:
        """Nothing to refuse: each formula is kept with a value."""

    def _sheet_at(self, sheet: int) -> "Sheet":
        for other in range(self._book.nsheets):
            if other != sheet and self._book.sheet_loaded(other):
                self._book.unload_sheet(other)
        return self._book.sheet_by_index(sheet)

    def _value(self, cell: "Cell") -> Any:
        import xlrd

        if cell.ctype in (xlrd.XL_CELL_TEXT, xlrd.XL_CELL_NUMBER):
            return cell.value
        if cell.ctype == xlrd.XL_CELL_DATE:
            return self._moment(cell.value)
        if cell.ctype == xlrd.XL_CELL_BOOLEAN:
            return bool(cell.value)
        if cell.ctype == xlrd.XL_CELL_ERROR:
            return str(xlrd.error_text_from_code.get(cell.value, "#N/A"))
        return None

    def _moment(self, days: float) -> datetime | float:
        """A date, or the number as it is where the calendar has no such day."""
        import xlrd

        try:
            moment: datetime = xlrd.xldate.xldate_as_datetime(days, self._book.datemode)
        except (xlrd.xldate.XLDateError, OverflowError, ValueError):
            return days
        return moment

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (UserError, PermissionError, MemoryError):
            raise
        # xlrd raises whatever a damaged file leads to
        except Exception:
            raise UserError(
                f"{self._origin} is not a readable Excel workbook (.xls, without a password); save it again as .xlsx "
                f"without a password, or as CSV"
            ) from None
