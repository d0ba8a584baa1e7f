"""What a workbook is unpacked: looked at in pieces and within bounds, before anything of it is built in memory.

A workbook is a ZIP file of XML, and a small one can hold gigabytes. A part is never longer than the size that is on
record for it: ``zipfile`` reads no further.
"""

import re
import zipfile
from pathlib import Path

from contract.errors import UserError

MOST_BYTES = 2_000_000_000
"""Of all parts together."""
MOST_BYTES_KEPT = 250_000_000
"""Of the parts that are read whole: texts, styles, the workbook's own description."""
MOST_BYTES_OF_A_ROW = 50_000_000
MOST_CELLS = 50_000_000
"""Of a sheet, empty ones included."""
MOST_ROWS = 1_048_576
"""Of a sheet, as many as a spreadsheet program takes; openpyxl keeps some hundred bytes of each."""

_PIECE = 1 << 20
_OVERLAP = 64
_FORMULA = re.compile(rb"<(?:\w+:)?f[\s>/]")
_ROW = re.compile(rb"<(?:\w+:)?row[\s>/]")
_REMEDY = "save its sheet as CSV or Parquet"


def has_formulas(path: Path, origin: str) -> bool:
    """Whether a sheet of the workbook has a formula: told from the file, because a pass over all cells is slow.

    Raises:
        UserError: it is larger than the bounds above; ``origin`` names it.
        zipfile.BadZipFile, OSError, RuntimeError, zlib.error: it is no workbook, or damaged.
    """
    with zipfile.ZipFile(path) as file:
        parts = file.infolist()
        sheets = [part for part in parts if "worksheets/" in part.filename and part.filename.endswith(".xml")]
        total, in_sheets = (sum(part.file_size for part in some) for some in (parts, sheets))
        if total > MOST_BYTES or total - in_sheets > MOST_BYTES_KEPT:
            raise UserError(
                f"{origin} holds {total / 1e6:,.0f} MB once it is unpacked, but at most {MOST_BYTES / 1e6:,.0f} MB "
                f"are allowed, {MOST_BYTES_KEPT / 1e6:,.0f} MB of them as texts; {_REMEDY}"
            )
        # all of them are gone through, for their bounds
        return sum(_scan(file, sheet, origin) for sheet in sheets) > 0


def refuse_more(rows: int, cells: int, origin: str) -> None:
    """Raises UserError if so many rows or cells of a sheet are more than are gone through."""
    if rows > MOST_ROWS:
        raise UserError(
            f"{origin} has a sheet of more than {MOST_ROWS:,} rows, empty ones included; {_REMEDY}, or delete the "
            f"empty rows"
        )
    if cells > MOST_CELLS:
        raise UserError(
            f"{origin} has a sheet of more than {MOST_CELLS:,} cells, empty ones included; {_REMEDY}, or delete the "
            f"empty rows and columns"
        )


def _scan(file: zipfile.ZipFile, sheet: zipfile.ZipInfo, origin: str) -> bool:
    found, tail, since_row = False, b"", 0
    with file.open(sheet) as part:
        while piece := part.read(_PIECE):
            text = tail + piece
            found = found or _FORMULA.search(text) is not None
            rows = [row.start() for row in _ROW.finditer(text)]
            since_row = len(text) - rows[-1] if rows else since_row + len(piece)
            if since_row > MOST_BYTES_OF_A_ROW:
                raise UserError(
                    f"{origin} has a row of more than {MOST_BYTES_OF_A_ROW / 1e6:,.0f} MB; {_REMEDY}, or look into it"
                )
            tail = text[-_OVERLAP:]
    return found
