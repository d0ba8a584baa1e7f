"""Text tables with unusual quotes, titles or ends are read, and what was done is said."""

import csv
import io
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from contract.errors import UserError
from contract.tables.reading import RawTable, open_raw

HEADER = ["Id", "Name", "Note", "Paid"]
ROWS = [["1", "Smith, John", 'said "no"', "5"], ["2", "O'Brien", "two\nlines", "6"], ["3", "", "a;b|c", "7"]]


def opened(folder: Path, text: str, wanted: tuple[str, ...] = ()) -> RawTable:
    path = folder / "table.csv"
    path.write_text(text, encoding="utf-8", newline="")
    return open_raw(path, wanted, "table")


def rows(table: RawTable) -> list[list[str]]:
    columns = list(table.chunks(range(len(table.header)), 2))
    return [list(row) for chunk in columns for row in zip(*chunk, strict=True)]


def written(lines: list[list[str]], **dialect: Any) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n", **dialect).writerows(lines)
    return buffer.getvalue()


WANTED = pytest.mark.parametrize("wanted", [(), ("Id", "Note", "Paid")])


@WANTED
@pytest.mark.parametrize("delimiter", ",;\t|")
@pytest.mark.parametrize(
    ("dialect", "said"),
    [
        ({}, None),
        ({"quoting": csv.QUOTE_ALL}, None),
        ({"quotechar": "'"}, "its fields are in single quotes"),
        ({"quotechar": "'", "quoting": csv.QUOTE_ALL}, "its fields are in single quotes"),
        (
            {"doublequote": False, "escapechar": "\\", "quoting": csv.QUOTE_ALL},
            "quotes inside its fields are escaped by a backslash",
        ),
    ],
)
def test_quotes_of_any_kind_are_read(
    delimiter: str, dialect: dict[str, Any], said: str | None, wanted: tuple[str, ...], tmp_path: Path
) -> None:
    table = opened(tmp_path, written([HEADER, *ROWS], delimiter=delimiter, **dialect), wanted)

    assert list(table.header) == HEADER
    assert rows(table) == ROWS
    assert [repair for repair in table.repairs if "separated" not in repair] == ([said] if said else [])


@WANTED
@pytest.mark.parametrize("header_too", [True, False])
@pytest.mark.parametrize("end", ["\n", ""])
def test_lines_that_stand_in_quotes_as_a_whole_are_read(
    header_too: bool, end: str, wanted: tuple[str, ...], tmp_path: Path
) -> None:
    plain = [["1", "Smith, John", 'said "no"', "5"], ["2", "Ann", "x", "6"]]
    lines = [written([row]).rstrip("\n") for row in [HEADER, *plain]]
    wrapped = ['"' + line.replace('"', '""') + '"' for line in lines]
    if not header_too:
        wrapped[0] = lines[0]

    table = opened(tmp_path, "\n".join(wrapped) + end, wanted)

    assert rows(table) == plain
    assert "each of its lines is in quotes as a whole" in table.repairs


@WANTED
def test_titles_above_the_header_are_left_out_and_said(wanted: tuple[str, ...], tmp_path: Path) -> None:
    text = "Report of customers\nCreated: 2024-01-31\n\n" + written([HEADER, *ROWS], delimiter=";")
    table = opened(tmp_path, text, wanted)

    assert list(table.header) == HEADER
    assert rows(table) == ROWS
    assert "the 2 rows above its header are left out" in table.repairs


def test_empty_fields_at_the_end_of_all_rows_are_removed(tmp_path: Path) -> None:
    table = opened(tmp_path, "Id;Paid\n1;5;;\n2;6;;\n")

    assert rows(table) == [["1", "5"], ["2", "6"]]
    assert "empty fields at the end of its rows, beyond the header, are removed" in table.repairs


def test_a_row_that_is_out_of_step_is_refused_though_it_ends_empty(tmp_path: Path) -> None:
    lines = ["Id,Name,Paid,Left", *(["1,Ann,5,"] * 3), "2,Smith, John,5,"]

    with pytest.raises(UserError, match="data row 4 has 5 fields, but the header has 4"):
        rows(opened(tmp_path, "\n".join(lines)))


def test_names_with_apostrophes_are_no_quotes(tmp_path: Path) -> None:
    names = ["'t Hooft", "O'Neil'", "d'Arc", "'n'"]
    table = opened(tmp_path, written([["Id", "Name"], *([str(place), name] for place, name in enumerate(names))]))

    assert [name for _, name in rows(table)] == names


FIELDS = st.text(st.sampled_from("ab 1.,;|\t'\"\\\n"), max_size=6).map(str.strip)
FIELDS = FIELDS.filter(lambda text: text[:1] + text[-1:] != "''")  # a whole column of these would be quoted


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cells=st.lists(st.tuples(FIELDS, FIELDS), min_size=1, max_size=8),
    delimiter=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    last_newline=st.booleans(),
)
def test_fields_of_any_text_are_read_back_as_csv_has_them(
    cells: list[tuple[str, str]], delimiter: str, quoting: int, last_newline: bool, tmp_path: Path
) -> None:
    lines = [["Id", "First", "Second"], *([f"c{place}", *pair] for place, pair in enumerate(cells))]
    text = written(lines, delimiter=delimiter, quoting=quoting)

    table = opened(tmp_path, text if last_newline else text.rstrip("\n"), ("Id", "First", "Second"))

    assert rows(table) == lines[1:]
