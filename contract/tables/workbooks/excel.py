"""Excel workbooks as they are today (.xlsx, .xlsm).

A formula counts as the value that the spreadsheet program last computed for it; one that was never computed would pass
for an empty cell, and is refused.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from contract.errors import UserError
from contract.tables.workbooks.table import Row, WorkbookTable
from contract.tables.workbooks.unpacking import has_formulas


class ExcelTable(WorkbookTable):
    """A workbook that is a ZIP file of XML."""

    def _open(self) -> list[str]:
        with self._readable():
            self._has_formulas = has_formulas(self._path, self._origin)
        with self._sheets() as sheets:
            return [str(sheet.title) for sheet in sheets]

    def _rows_of(self, sheet: int) -> Iterator[Row]:
        with self._sheets() as sheets:
            yield from sheets[sheet].iter_rows(values_only=True)

    def _refuse_uncomputed(self, sheet: int) -> None:
        if not self._has_formulas:
            return
        with self._sheets(formulas=True) as written, self._sheets() as computed:
            both = zip(
                written[sheet].iter_rows(values_only=True), computed[sheet].iter_rows(values_only=True), strict=True
            )
            for number, (formulas, values) in enumerate(both, 1):
                if any(_is_formula(one) and other is None for one, other in zip(formulas, values, strict=False)):
                    raise UserError(
                        f"{self._origin} has a formula in row {number} of its sheet that no spreadsheet program has "
                        "computed; open and save the file in one, or replace formulas by values"
                    )

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

        with self._readable(), self._path.open("rb") as file:  # a path is refused for its suffix
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about styles and extensions that a table has no use for
                workbook = openpyxl.load_workbook(file, read_only=True, data_only=not formulas)
            try:
                for sheet in workbook.worksheets:
                    sheet.reset_dimensions()  # some programs write wrong ones
                yield workbook.worksheets
            finally:
                workbook.close()


def _is_formula(cell: object) -> bool:
    return isinstance(cell, str) and cell.startswith("=")
