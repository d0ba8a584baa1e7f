"""What kind of table a file is: by its first bytes, and only where these say nothing by its name.

Programs name what they write as they like: a workbook called .csv, text or a web page called .xls.
"""

from pathlib import Path
from typing import Literal

from contract.errors import UserError

Kind = Literal["text", "parquet", "workbook", "old workbook"]
_SUFFIXES: dict[str, Kind] = {
    ".csv": "text",
    ".tsv": "text",
    ".tab": "text",
    ".txt": "text",
    ".parquet": "parquet",
    ".xlsx": "workbook",
    ".xlsm": "workbook",
    ".xls": "old workbook",
}
_STARTS: dict[bytes, Kind] = {
    b"PAR1": "parquet",
    b"PK\x03\x04": "workbook",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "old workbook",
}
_OTHERS = {
    b"\x1f\x8b": ("compressed (gzip)", "unpack it"),
    b"BZh": ("compressed (bzip2)", "unpack it"),
    b"\x28\xb5\x2f\xfd": ("compressed (zstd)", "unpack it"),
    b"%PDF": ("a PDF document", "export the table it was made from"),
    b"SQLite format 3": ("a database (SQLite)", "export the table as CSV"),
    b"<": ("a web page or XML", "open it in a spreadsheet program and save it as .xlsx"),
}
_NAMES: dict[Kind, str] = {
    "text": "a text table",
    "parquet": "a Parquet file",
    "workbook": "an Excel workbook (.xlsx)",
    "old workbook": "an Excel workbook (.xls)",
}
_TAKEN = "CSV, Parquet and Excel tables (.csv, .tsv, .txt, .parquet, .xlsx, .xls)"


def kind_of(path: Path, origin: str) -> tuple[Kind, list[str]]:
    """The kind, and what there is to tell if it is another than the name says, one clause each.

    Raises:
        UserError: there is no such file, or it is of no kind that is read.
        OSError: it cannot be read.
    """
    suffix = path.suffix.lower()
    named = _SUFFIXES.get(suffix)
    if path.is_dir():
        raise UserError(f"{origin} is a folder; give the path of a file in it")
    if named is None:
        raise UserError(f"{origin} does not have the name of a table; give one of {_TAKEN}")
    if not path.is_file():
        raise UserError(f"{origin} is not a file; give the path of one of {_TAKEN}")
    with path.open("rb") as file:
        start = file.read(16)
    for mark, (what, remedy) in _OTHERS.items():
        if start.startswith(mark) and (mark != b"<" or named != "text"):
            raise UserError(f"{origin} is {what}, whatever its name says; {remedy}, and give one of {_TAKEN}")
    found = next((kind for mark, kind in _STARTS.items() if start.startswith(mark)), None)
    if found is None and named == "old workbook" and _is_texts_start(start):
        found = "text"
    if found is None or found == named:
        return named, []
    return found, [f"it is {_NAMES[found]}, though it is called {suffix}"]


def _is_texts_start(start: bytes) -> bool:
    """Whether these may be the first bytes of a text: old Excel's own files begin with a control character."""
    return len(start) > 0 and (start[0] >= 32 or start[0] in b"\t\r\n")
