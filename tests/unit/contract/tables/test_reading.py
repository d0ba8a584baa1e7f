"""What cannot be read in one way only is refused with its place and remedy; what can is read exactly."""

import csv
import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings

from contract.errors import UserError
from contract.schema import ROW_NUMBER, Feature, FeatureKind, LabelColumn, Schema, parse_schema
from contract.tables.cells import NO_LABEL, OTHER_LABEL, label_codes, names, numbers
from contract.tables.reading import SchemaTable, open_table

SECRET = "Zzyzxsecret"
SCHEMA = parse_schema(
    {
        "name": "small",
        "id": "Id",
        "label": {"column": "Left", "positive": "yes", "negative": "no"},
        "private": ["Name"],
        "features": {
            "Amount": {"kind": "numeric", "missing": True},
            "Spent": {"kind": "numeric", "missing": True},
            "Months": {"kind": "ordinal", "missing": True},
            "Active": {"kind": "flag", "missing": True},
            "Plan": {"kind": "categorical", "categories": ["basic", "gold", "1"], "missing": True},
        },
    }
)
HEADER = ("Id", "Name", "Amount", "Spent", "Months", "Active", "Plan", "Left")
ROW = ("a1", SECRET, "1.5", "2.25", "3", "1", "gold", "yes")


def row(**cells: str) -> list[str]:
    return [cells.get(name, cell) for name, cell in zip(HEADER, ROW, strict=True)]


def written(folder: Path, rows: Sequence[Sequence[str]], delimiter: str = ",", header: Sequence[str] = HEADER) -> Path:
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter).writerows([header, *rows])
    path = folder / "small.csv"
    path.write_text(buffer.getvalue())
    return path


def opened(path: Path | pd.DataFrame, schema: Schema = SCHEMA, chunk_rows: int = 3) -> SchemaTable:
    return open_table(path, schema, "small.csv", chunk_rows)


def refusal(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        opened(path)
    message = str(caught.value)
    assert message.startswith("small.csv")
    assert SECRET not in message
    return message


@pytest.mark.parametrize(
    ("delimiter", "rows", "expected"),
    [
        (";", [row(), row(), row(), row(), row(Spent="2,25")], ["comma", "'Spent', data row 5", "point", "'Amount'"]),
        (",", [row(), row(Amount="1,5")], ["decimal comma", "'Amount', data row 2", "decimal point"]),
        (",", [row(Amount="1,234,567"), row(Spent="2,5")], ["decimal comma", "'Spent', data row 2", "decimal point"]),
        (";", [row(Amount="1,234,567", Spent="2,5")], ["decimal comma (", "commas between thousands", "'Amount'"]),
        (";", [row(Amount="1.234,50", Spent="1.5")], ["decimal comma", "'Amount', data row 1", "decimal point"]),
        (
            ",",
            [row(Amount="1,234"), row(Amount="12345")],
            ["thousands separators", "data row 1", "without", "data row 2"],
        ),
        (",", [row(Amount="12\u00a0345,50")], ["decimal comma", "decimal point"]),
        (";", [row(Amount="1,234", Spent="7")], ["not clear", "'Amount', data row 1", "1234.0"]),
        (",", [row(Amount="1,234", Spent="7")], ["not clear"]),
        (";", [row(Amount="1.234", Spent="7")], ["not clear", "'Amount', data row 1"]),
        ("\t", [row(Amount="7", Spent="-12.345")], ["not clear", "'Spent', data row 1"]),
        (",", [row(Id="1.23E+07"), row(Id="4")], ["'Id'", "scientific notation", "as text"]),
        (",", [row(Id="12.000"), row(Id="13.000")], ["'Id'", "whether these are thousands", "without marks"]),
    ],
)
def test_numbers_that_can_be_read_in_two_ways_are_refused(
    delimiter: str, rows: list[list[str]], expected: list[str], tmp_path: Path
) -> None:
    message = refusal(written(tmp_path, rows, delimiter))

    assert [part for part in expected if part not in message] == []


@pytest.mark.parametrize(
    ("delimiter", "amounts", "read"),
    [
        (",", ["1.234", "2", ""], [1.234, 2.0, None]),
        (";", ["1.234", "0.5", "NA"], [1.234, 0.5, None]),
        (";", ["1,234", "0,5", "-7"], [1.234, 0.5, -7.0]),
        ("|", ["1234,567", "1,5"], [1234.567, 1.5]),
        (";", ["+1e3", ".5", "5."], [1000.0, 0.5, 5.0]),
        (",", ["0.1", "0.30000000000000004", "136028.11"], [0.1, 0.30000000000000004, 136028.11]),
    ],
)
def test_numbers_are_read_to_the_last_digit_where_the_mark_is_proven(
    delimiter: str, amounts: list[str], read: list[float | None], tmp_path: Path
) -> None:
    table = opened(written(tmp_path, [row(Amount=amount, Spent="7") for amount in amounts], delimiter))

    [chunk] = table.chunks()
    assert chunk["Amount"].astype(object).where(chunk["Amount"].notna(), None).tolist() == read


@pytest.mark.parametrize("cell", ["1_000", "１２", "0x1A", "12%", "€ 12", "1.2.3", "--1", "old"])
def test_what_python_alone_takes_for_a_number_is_none(cell: str, tmp_path: Path) -> None:
    [chunk] = opened(written(tmp_path, [row(Amount=cell), row()])).chunks()

    assert chunk["Amount"].tolist() == [cell, 1.5]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (("Id", "Name", "Amount", "Amount ", "Months", "Active", "Plan", "Left"), ["no column 'Spent'"]),
        (("Id", "Amount", "Amount ", "Spent", "Months", "Active", "Plan", "Left"), ["two columns 'Amount'", "rename"]),
        (("Id", "Name", "amount", "Spent", "Months", "Active", "Plan", "Left"), ["'amount' instead of 'Amount'"]),
        (("ID", "Name", "Amount", "Spent", "Months", "Active", "Plan", "left?"), ["'ID' instead of 'Id'", "'left?'"]),
        (("a", "b", SECRET, "d", "e", "f", "g", "h"), ["0 of the 7 columns", "header line", "--dataset"]),
    ],
)
def test_columns_that_are_not_there_once_are_refused(
    header: tuple[str, ...], expected: list[str], tmp_path: Path
) -> None:
    message = refusal(written(tmp_path, [row()], header=header))

    assert [part for part in expected if part not in message] == []


def test_columns_that_are_not_read_may_be_there_twice_or_have_no_name(tmp_path: Path) -> None:
    path = written(tmp_path, [[*row(), "", "x", "y"]], header=[*HEADER, "", "Note", "Note"])

    assert next(opened(path).chunks())["Id"].tolist() == ["a1"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("Id Name Amount\na b 1\n", "do not show what separates its fields"),
        ("Id\na1\n", "do not show what separates its fields"),
        ("sep=:\nId:Name\n", "delimiter is not commas, semicolons, tabs and pipes"),
        ("\n\n  \n", "is empty"),
        (f'{",".join(HEADER)}\na1,"{SECRET},1,2,3,1,gold,yes\n', "not a well-formed CSV table"),
        (f"{','.join(HEADER)}\n{','.join(ROW)}\na2,{SECRET},1\n", "data row 2 has 3 fields, but the header has 8"),
        (f"{','.join(HEADER)}\n\n{','.join(ROW)},{SECRET}\n", "data row 1 has 9 fields, but the header has 8"),
        (f"{';'.join(HEADER)}\n{';'.join(ROW)};\n{';'.join(ROW)}\n", "data row 1 has 9 fields, but the header has 8"),
        (
            f"{';'.join(HEADER)}\n{';'.join(ROW)};\n{';'.join(ROW)};x\n",
            "data row 1 has 9 fields, but the header has 8",
        ),
    ],
)
def test_text_that_is_no_table_is_refused(content: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "small.csv"
    path.write_text(content)

    assert expected in refusal(path)


def workbook(folder: Path, *sheets: Sequence[Sequence[Any]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for cells in sheets:
        sheet = book.create_sheet()
        for each in cells:
            sheet.append(each)
    path = folder / "small.xlsx"
    book.save(path)
    return path


def test_a_workbook_with_two_filled_sheets_is_refused_and_one_filled_is_found(tmp_path: Path) -> None:
    message = refusal(workbook(tmp_path, [HEADER, ROW], [HEADER, ROW]))
    assert "2 sheets with content, 'Sheet', 'Sheet1'" in message
    assert "is empty" in refusal(workbook(tmp_path, [], [[" "]]))
    assert opened(workbook(tmp_path, [], [HEADER, ROW])).rows == 1


def test_a_cell_beside_the_table_is_refused(tmp_path: Path) -> None:
    message = refusal(workbook(tmp_path, [HEADER, ROW, (*ROW, None, SECRET)]))

    assert "data row 2 has 10 cells, but the header has 8" in message


def test_a_workbooks_cells_have_kinds_of_their_own(tmp_path: Path) -> None:
    cells = [15.0, SECRET, 1.234, "2.5", 3, True, 1, "no"]
    table = opened(workbook(tmp_path, [HEADER, cells, [*cells[:2], "#N/A", None, None, None, None, " yes "]]))

    [chunk] = table.chunks()
    assert chunk.astype(object).where(chunk.notna(), None).values.tolist() == [
        ["15", 1.234, 2.5, 3.0, 1.0, "1", 0],
        ["15", None, None, None, None, None, 1],
    ]


def test_a_formula_that_was_never_computed_is_no_empty_cell(tmp_path: Path) -> None:
    message = refusal(workbook(tmp_path, [HEADER, ROW, [*ROW[:2], "=1+1", *ROW[3:]]]))

    assert "a formula in row 3 of its sheet" in message


def test_a_formula_counts_as_the_value_that_was_computed(tmp_path: Path) -> None:
    path, computed = workbook(tmp_path, [HEADER, [*ROW[:2], "=1+1", *ROW[3:]]]), tmp_path / "computed.xlsx"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(computed, "w") as new:
        for name in old.namelist():
            new.writestr(name, re.sub(rb"(</f>)<v ?/>|(</f>)<v></v>", rb"</f><v>2</v>", old.read(name)))

    assert next(opened(computed).chunks())["Amount"].tolist() == [2.0]


def test_floats_that_have_lost_digits_of_an_id_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "small.parquet"
    frame = pd.DataFrame([ROW], columns=list(HEADER))
    frame.assign(Id=[2.0**60]).to_parquet(path)
    assert "more than 15 digits" in refusal(path)

    frame.assign(Id=[2**60]).to_parquet(path)
    assert next(opened(path).chunks())["Id"].tolist() == [str(2**60)]


@pytest.mark.parametrize(
    ("ids", "read"),
    [
        (["15.0", "16.00", "17"], ["15", "16", "17"]),
        (["1.0", "1.1", "2.0"], ["1.0", "1.1", "2.0"]),
        (["1.0", "x-1"], ["1.0", "x-1"]),
        (["007", "7"], ["007", "7"]),
        (["1E5", "A3F"], ["1E5", "A3F"]),
        (["", "b"], ["", "b"]),
        (["15.0", "NA", "", "16"], ["15", "", "", "16"]),
    ],
)
def test_ids_are_text_and_only_whole_numbers_lose_a_fraction(ids: list[str], read: list[str], tmp_path: Path) -> None:
    table = opened(written(tmp_path, [row(Id=each) for each in ids]), chunk_rows=10)

    assert next(table.chunks())["Id"].tolist() == read


def test_text_of_a_file_with_kinds_is_repaired_only_where_it_is_read_so(tmp_path: Path) -> None:
    path = tmp_path / "small.parquet"
    frame = pd.DataFrame([ROW], columns=list(HEADER))
    frame.assign(Months="1.0", Active="true", Plan=" 1.0", Left=" yes").to_parquet(path)

    table = opened(path)

    assert table.repairs == (
        "blanks around cells are removed ('Plan', 'Left')",
        "whole numbers written as floats are read as whole numbers ('Plan')",
    )
    [chunk] = table.chunks()
    assert chunk[["Months", "Active", "Plan", "Left"]].to_numpy().tolist() == [["1.0", "true", "1", 1]]


def test_a_bad_label_is_found_in_whichever_chunk_it_is(tmp_path: Path) -> None:
    table = opened(written(tmp_path, [row()] * 4 + [row(Left=SECRET), row(Left="")]), chunk_rows=2)

    assert table.bad_label == 5


@pytest.mark.parametrize(
    "cell", [1, 1.0, True, np.int64(1), np.True_, Decimal("1.0"), "1", "1.0", "1,0", " 1 ", "TRUE"]
)
def test_a_label_of_numbers_is_read_in_any_kind(cell: object) -> None:
    assert label_codes([cell, 0, "", None, "x", 2], LabelColumn("l")).tolist() == [
        1,
        0,
        NO_LABEL,
        NO_LABEL,
        OTHER_LABEL,
        OTHER_LABEL,
    ]


def test_a_label_of_words_takes_these_words_only() -> None:
    label = LabelColumn("l", positive="Attrited Customer", negative="Existing Customer")

    assert label_codes(["Attrited Customer", " Existing Customer ", "attrited customer", 1], label).tolist() == [
        1,
        0,
        OTHER_LABEL,
        OTHER_LABEL,
    ]


def test_a_category_may_be_a_number_in_the_table_and_NA_is_a_name_like_any_other() -> None:  # noqa: N802
    feature = Feature(FeatureKind.CATEGORICAL, categories=("1", "2.0", "True", "NA"))

    read = names([1, 1.0, "1.0", 2, "2.0", True, "NA", "", None, float("nan"), 2.5], feature)

    assert read.tolist() == ["1", "1", "1", "2", "2.0", "True", "NA", None, None, None, "2.5"]


def test_text_of_a_file_with_kinds_is_no_number() -> None:
    assert numbers(["41", 42, None], FeatureKind.NUMERIC, ".", parse=False).tolist()[:2] == ["41", 42.0]


PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), max_size=8).filter(
    lambda text: "\x85" not in text
)
AMOUNTS = st.one_of(st.none(), st.floats(-1e9, 1e9).map(lambda number: round(number, 2)))
RECORDS = st.fixed_dictionaries(
    {
        "Id": st.from_regex(r"c[0-9a-f]{1,6}", fullmatch=True),
        "Name": PRINTABLE,
        "Amount": AMOUNTS,
        "Spent": AMOUNTS,
        "Months": st.one_of(st.none(), st.integers(-10, 5_000)),
        "Active": st.one_of(st.none(), st.booleans()),
        "Plan": st.sampled_from(["basic", "gold", "1", None]),
        "Left": st.booleans(),
    }
)
DIALECTS = st.fixed_dictionaries(
    {
        "delimiter": st.sampled_from(",;\t|"),
        "mark": st.sampled_from(".,"),
        "line_end": st.sampled_from(["\n", "\r\n", "\r"]),
        "encoding": st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
        "quoting": st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
        "pad": st.sampled_from(["", " ", "\u00a0 "]),
        "whole_floats": st.booleans(),
        "order": st.permutations(HEADER),
        "blank_every": st.integers(1, 5),
    }
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=st.lists(RECORDS, min_size=1, max_size=12), dialect=DIALECTS)
def test_a_table_in_any_dialect_is_read_exactly_or_refused(
    records: list[dict[str, Any]], dialect: dict[str, Any], tmp_path: Path
) -> None:
    def number(value: float | None) -> str:
        return "" if value is None else f"{value:.2f}".replace(".", dialect["mark"])

    def whole(value: float | None) -> str:
        return "" if value is None else f"{int(value)}" + (f"{dialect['mark']}0" if dialect["whole_floats"] else "")

    def cell(name: str, value: Any) -> str:
        if name in ("Amount", "Spent"):
            return number(value)
        if name in ("Months", "Active"):
            return whole(value)
        return ("yes" if value else "no") if name == "Left" else value or ""

    pad = dialect["pad"]
    buffer = io.StringIO()
    writer = csv.writer(
        buffer, delimiter=dialect["delimiter"], lineterminator=dialect["line_end"], quoting=dialect["quoting"]
    )
    writer.writerow([f"{pad}{name}{pad}" for name in dialect["order"]])
    for count, record in enumerate(records):
        writer.writerow([f"{pad}{cell(name, record[name])}{pad}" for name in dialect["order"]])
        if count % dialect["blank_every"] == 0:
            writer.writerow([pad] * len(HEADER))
    path = tmp_path / "small.csv"
    path.write_bytes(buffer.getvalue().encode(dialect["encoding"]))

    table = opened(path, chunk_rows=5)
    read = pd.concat(table.chunks(), ignore_index=True)

    assert table.rows == len(records)
    assert read["Id"].tolist() == [record["Id"] for record in records]
    assert read["Plan"].tolist() == [record["Plan"] for record in records]
    assert read["Left"].tolist() == [int(record["Left"]) for record in records]
    for name in ("Amount", "Spent", "Months", "Active"):
        expected = np.array([np.nan if record[name] is None else float(record[name]) for record in records])
        np.testing.assert_array_equal(read[name].to_numpy(np.float64), expected)


@pytest.mark.parametrize("as_frame", [False, True])
def test_rows_are_numbered_where_no_column_names_customers(tmp_path: Path, as_frame: bool) -> None:
    schema = replace(SCHEMA, id_column=ROW_NUMBER)
    path = written(tmp_path, [row(Amount=str(number)) for number in range(8)])
    table = opened(pd.read_csv(path, dtype=str) if as_frame else path, schema)
    for _ in range(2):
        rows = pd.concat(table.chunks())
        assert rows[ROW_NUMBER].tolist() == [str(number) for number in range(1, 9)]
        assert rows["Amount"].tolist() == list(range(8))
    assert (table.rows, SECRET in rows.to_string()) == (8, False)
