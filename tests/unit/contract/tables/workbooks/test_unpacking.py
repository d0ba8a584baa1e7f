"""Workbooks that hold more than they seem to are refused before they are built; damaged files are one line."""

import random
import tracemalloc
import zipfile
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from contract.errors import UserError
from contract.tables.reading import open_raw
from contract.tables.workbooks import unpacking

SHEET, TEXTS = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"
MB = 1_000_000


@pytest.fixture
def workbook(tmp_path: Path) -> Path:
    """A small one as a spreadsheet program writes it."""
    path = tmp_path / "table.xlsx"
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["a", "b"], [1, "x"], [2, "y"]):
        sheet.append(row)
    book.save(path)
    return path


def with_part(workbook: Path, name: str, around: tuple[bytes, bytes], filling: bytes, size: int) -> Path:
    """The workbook with one part replaced by ``size`` bytes of ``filling`` between ``around``; it stays small."""
    path = workbook.with_name("bomb.xlsx")
    with zipfile.ZipFile(workbook) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.namelist():
            if part != name:
                new.writestr(part, old.read(part))
        with new.open(name, "w", force_zip64=True) as file:
            file.write(around[0])
            block = filling * (MB // len(filling))
            for _ in range(size // len(block)):
                file.write(block)
            file.write(around[1])
    assert path.stat().st_size < 2 * MB
    return path


NAMESPACE = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
ROWS = b"<worksheet " + NAMESPACE + b"><sheetData>", b"</sheetData></worksheet>"
ROW = ROWS[0] + b"<row>", b"</row>" + ROWS[1]
STRINGS = b"<sst " + NAMESPACE + b">", b"</sst>"


@pytest.mark.parametrize(
    ("name", "around", "filling", "size", "says"),
    [
        (SHEET, ROWS, b"<row/>", 60 * MB, "MB once it is unpacked"),
        (TEXTS, STRINGS, b"<si><t>x</t></si>", 12 * MB, "MB once it is unpacked"),
        (SHEET, ROW, b"<c/>", 8 * MB, "has a row of more than 5 MB"),
        (SHEET, ROWS, b'<row><c r="XFD1"/></row>', 1 * MB, "a sheet of more than 20,000 cells"),
        (SHEET, ROWS, b"<row/>", 1 * MB, "a sheet of more than 10,000 rows"),
    ],
)
def test_a_workbook_that_holds_too_much_is_refused_in_little_memory(
    workbook: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    around: tuple[bytes, bytes],
    filling: bytes,
    size: int,
    says: str,
) -> None:
    # a tenth of the bounds, or less, for a tenth of the time
    monkeypatch.setattr(unpacking, "MOST_BYTES", 50 * MB)
    monkeypatch.setattr(unpacking, "MOST_BYTES_KEPT", 10 * MB)
    monkeypatch.setattr(unpacking, "MOST_BYTES_OF_A_ROW", 5 * MB)
    monkeypatch.setattr(unpacking, "MOST_CELLS", 20_000)
    monkeypatch.setattr(unpacking, "MOST_ROWS", 10_000)
    bomb = with_part(workbook, name, around, filling, size)
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match=says) as raised:
            open_raw(bomb, [], str(bomb))
        # a piece of XML that is parsed and not yet collected as garbage takes up to 30 MB, whatever the bomb's size
        assert tracemalloc.get_traced_memory()[1] < 40 * MB
    finally:
        tracemalloc.stop()
    assert "; save its sheet as CSV or Parquet" in str(raised.value)


def test_the_bounds_leave_room_for_the_largest_table_of_ours() -> None:
    assert unpacking.MOST_CELLS >= 1_048_576 * 40
    assert unpacking.MOST_BYTES >= 1_048_576 * 40 * 40


def test_a_formula_is_found_wherever_a_piece_ends(workbook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = openpyxl.load_workbook(workbook)
    sheet = book.active
    assert sheet is not None
    sheet["A2"] = "=1+1"
    book.save(workbook)
    for size in (65, 66, 67, 71, 100, 1_000):
        monkeypatch.setattr(unpacking, "_PIECE", size)
        assert unpacking.has_formulas(workbook, "t")


@pytest.mark.parametrize("kind", ["xlsx", "parquet"])
def test_a_damaged_file_is_one_line(kind: str, workbook: Path, tmp_path: Path) -> None:
    path = workbook if kind == "xlsx" else tmp_path / "table.parquet"
    if kind == "parquet":
        pd.DataFrame({"a": range(1_000), "b": ["x", "é"] * 500}).to_parquet(path)
    content = path.read_bytes()
    rng = random.Random(1)
    told: list[str] = []
    damaged = [b"", content[:10], content[: len(content) // 2], content[:-10], bytes(len(content)), b"a,b\n1,2\n"]
    for _ in range(12):
        flipped = bytearray(content)
        for _ in range(20):
            flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
        damaged.append(bytes(flipped))
    for bad in damaged:
        path.write_bytes(bad)
        try:
            for _ in open_raw(path, [], "table").chunks([0, 1], 100):
                pass
        except UserError as error:
            told.append(str(error))
        except IndexError:
            # the header came out otherwise: what to take of it is the caller's to decide
            pass
    assert len(told) >= 6
    assert all(line.startswith("table ") and "\n" not in line for line in told)
