"""Workbooks of both formats: which sheet is read, what its cells hold, and what a file is whatever its name says."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlwt

from contract.errors import UserError
from contract.tables.options import ReadOptions
from contract.tables.reading import RawTable, open_raw
from contract.tables.workbooks import old_excel

Sheets = Mapping[str, Sequence[Sequence[Any]]]
ROWS: list[list[Any]] = [["Id", "Größe", "Paid"], ["a1", 1.5, True], ["a2", None, False]]


def xlsx(folder: Path, sheets: Sheets) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    path = folder / "table.xlsx"
    book.save(path)
    return path


def xls(folder: Path, sheets: Sheets) -> Path:
    book = xlwt.Workbook()
    day = xlwt.easyxf(num_format_str="YYYY-MM-DD")
    for name, rows in sheets.items():
        sheet = book.add_sheet(name)
        for number, row in enumerate(rows):
            for place, cell in enumerate(row):
                if isinstance(cell, datetime):
                    sheet.write(number, place, cell, day)
                elif cell is not None:
                    sheet.write(number, place, cell)
    path = folder / "table.xls"
    book.save(str(path))
    return path


WRITERS = pytest.mark.parametrize("write", [xlsx, xls])
Writer = Callable[[Path, Sheets], Path]


def opened(path: Path, sheet: str | None = None, wanted: Sequence[str] = ()) -> RawTable:
    return open_raw(path, wanted, "table", ReadOptions(sheet=sheet))


def cells(table: RawTable) -> list[list[Any]]:
    chunks = list(table.chunks(range(len(table.header)), 2))
    return [[cell for chunk in chunks for cell in chunk[place]] for place in range(len(table.header))]


def refusal(path: Path, sheet: str | None = None) -> str:
    with pytest.raises(UserError) as caught:
        opened(path, sheet)
    return str(caught.value)


@WRITERS
def test_cells_have_kinds_of_their_own(write: Writer, tmp_path: Path) -> None:
    moment = datetime(2024, 12, 31)
    table = opened(write(tmp_path, {"T": [["a", "b", "c"], [1.25, "$1,234", moment], [None, True, moment], [2, "x"]]}))

    assert table.header == ("a", "b", "c")
    assert cells(table) == [[1.25, None, 2], ["$1,234", True, "x"], [moment, moment, None]]
    assert table.repairs == []


@WRITERS
def test_the_only_sheet_with_cells_is_read_and_said(write: Writer, tmp_path: Path) -> None:
    table = opened(write(tmp_path, {"Notes": [], "Kunden": ROWS, "Old": [[" "]]}))

    assert cells(table)[0] == ["a1", "a2"]
    assert table.repairs == ["only 'Kunden' of its 3 sheets is read"]


@WRITERS
def test_a_sheet_of_notes_is_no_table(write: Writer, tmp_path: Path) -> None:
    table = opened(write(tmp_path, {"Read me": [["What this is"], ["by us", "2024"]], "Kunden": ROWS}))

    assert cells(table)[0] == ["a1", "a2"]
    assert table.repairs == ["only 'Kunden' of its 2 sheets is read"]


@WRITERS
def test_a_sheet_is_named_or_numbered(write: Writer, tmp_path: Path) -> None:
    path = write(tmp_path, {"2": ROWS, "Kunden": [["Id", "x"], ["b1", 1]]})

    for sheet, first in (("Kunden", "b1"), (" kunden", "b1"), ("2", "a1"), ("1", "a1")):
        table = opened(path, sheet)
        assert cells(table)[0][0] == first
        assert table.repairs == []
    assert refusal(path) == (
        "table has 2 sheets with content, '2', 'Kunden', and it is not clear which one to read; name it, as in "
        "--sheet '2'"
    )
    for unknown in ("3", "0", "None"):
        message = refusal(path, unknown)
        assert f"has no sheet '{unknown}'; its 2 sheets are '2', 'Kunden'" in message
        assert "or a number from 1 to 2" in message


@WRITERS
def test_a_sheet_without_cells_cannot_be_chosen(write: Writer, tmp_path: Path) -> None:
    path = write(tmp_path, {"Empty": [], "T": ROWS})

    assert "sheet 'Empty' is empty; name another" in refusal(path, "Empty")
    assert "is empty; give a workbook" in refusal(write(tmp_path, {"Empty": []}))


@WRITERS
def test_titles_above_the_header_are_left_out_and_said(write: Writer, tmp_path: Path) -> None:
    path = write(tmp_path, {"T": [["Customers of 2024"], [], ["made by us"], *ROWS]})

    for wanted in ((), ("Id", "Paid"), ("Id", "Größe", "Paid", "Gone")):
        table = opened(path, wanted=wanted)
        assert table.header == ("Id", "Größe", "Paid")
        assert cells(table)[0] == ["a1", "a2"]
        assert table.repairs == ["the 2 rows above its header are left out"]


def test_a_file_is_what_it_holds_whatever_its_name_says(tmp_path: Path) -> None:
    for write, said in ((xlsx, "Excel workbook (.xlsx)"), (xls, "Excel workbook (.xls)")):
        path = write(tmp_path, {"T": ROWS})
        other = path.rename(tmp_path / "other.csv")
        table = opened(other)
        assert cells(table)[0] == ["a1", "a2"]
        assert table.repairs == [f"it is an {said}, though it is called .csv"]
    text = tmp_path / "text.xls"
    text.write_text("Id\tPaid\na1\t1\n")
    assert cells(opened(text)) == [["a1"], ["1"]]
    assert opened(text).repairs[0] == "it is a text table, though it is called .xls"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("t.xls", b"<html><table>", "is a web page or XML, whatever its name says; open it in a spreadsheet program"),
        ("t.csv", b"\x1f\x8b\x08\x00", "is compressed (gzip), whatever its name says; unpack it"),
        ("t.xls", b"", "is not a readable Excel workbook (.xls, without a password)"),
        ("t.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2_000), "is not a readable Excel workbook (.xls"),
        ("t.ods", b"PK\x03\x04", "does not have the name of a table; give one of CSV, Parquet and Excel tables"),
        ("t.xlsx", b"PK\x03\x04 no more", "is not a readable Excel workbook (.xlsx, without a password)"),
    ],
)
def test_a_file_of_another_kind_is_refused_with_a_remedy(
    name: str, content: bytes, expected: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    assert expected in refusal(path)


def test_a_folder_is_said_to_be_one(tmp_path: Path) -> None:
    folder = tmp_path / "tables.csv"
    folder.mkdir()

    assert "is a folder" in refusal(folder)


def test_options_that_do_not_fit_the_file_are_refused(tmp_path: Path) -> None:
    text = tmp_path / "t.csv"
    text.write_text("a,b\n1,2\n")

    assert "has no sheets; leave out --sheet" in refusal(text, "1")
    with pytest.raises(UserError, match="leave out --encoding"):
        open_raw(xlsx(tmp_path, {"T": ROWS}), (), "table", ReadOptions(encoding="utf-8"))


def test_a_damaged_old_workbook_is_one_line(tmp_path: Path) -> None:
    path = xls(tmp_path, {"T": [["a", "b"], *([f"x{row}", row] for row in range(300))]})
    content = path.read_bytes()
    told = []
    for place in range(0, len(content), 211):
        path.write_bytes(content[:place] + b"\xff\x7f\x00\xff" + content[place + 4 :])
        try:
            cells(opened(path))
        except UserError as error:
            told.append(str(error))
    assert len(told) > 3
    assert all(line.startswith("table") and "\n" not in line for line in told)


def test_an_old_workbook_is_never_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = xls(tmp_path, {"T": ROWS})
    monkeypatch.setattr(old_excel, "MOST_BYTES", 1_000)

    assert "too large for an .xls file; save it as .xlsx, or as CSV" in refusal(path)


def test_an_old_workbook_whose_cells_lie_far_apart_takes_no_room_between_them(tmp_path: Path) -> None:
    book = xlwt.Workbook()
    for number in range(4):
        sheet = book.add_sheet(f"T{number}")
        sheet.write(0, 0, "a")
        sheet.write(65_535, 255, 1.5)
    buffer = BytesIO()
    book.save(buffer)
    path = tmp_path / "t.xls"
    path.write_bytes(buffer.getvalue())

    assert "4 sheets with content" in refusal(path)
    assert "data row 1 has 256 cells, but the header has 1" in _reading(path)


def _reading(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        cells(opened(path, "T1"))
    return str(caught.value)
