"""Numbers in any usual dress are read exactly, with a word about it, or refused with place and remedy."""

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings

from contract.errors import UserError
from contract.schema import parse_schema
from contract.tables.dress import looks_numeric, undress
from contract.tables.reading import SchemaTable, open_table

SECRET = "Zzyzxsecret"


def opened(
    folder: Path, cells: Sequence[Any], others: Sequence[str] = ("0.5",), *, delimiter: str = ";", **feature: Any
) -> SchemaTable:
    """A table whose column Fee has these cells, beside a column of plain numbers and one that nobody reads."""
    described = {"kind": "numeric", "missing": True, **feature}
    schema = parse_schema(
        {
            "name": "fees",
            "id": "Id",
            "label": {"column": "Left"},
            "private": ["Name"],
            "features": {"Fee": described, "Other": {"kind": "numeric", "missing": True}},
        }
    )
    path = folder / "fees.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(["Id", "Name", "Fee", "Other", "Left"])
        writer.writerows(
            [f"c{row}", SECRET, cell, others[row % len(others)], row % 2] for row, cell in enumerate(cells)
        )
    return open_table(path, schema, "fees.csv", 7)


def fees(table: SchemaTable) -> list[Any]:
    read = pd.concat(table.chunks(), ignore_index=True)["Fee"]
    return [None if isinstance(fee, float) and math.isnan(fee) else fee for fee in read]


def refusal(folder: Path, cells: Sequence[str], others: Sequence[str] = ("0.5",), **feature: Any) -> str:
    with pytest.raises(UserError) as caught:
        opened(folder, cells, others, **feature)
    assert SECRET not in str(caught.value)
    return str(caught.value)


POINT, COMMA, NONE = ("0.5",), ("0,5",), ("7",)


@pytest.mark.parametrize(
    ("cells", "others", "read", "said"),
    [
        (["$1,234.50", "-$12.00", "$-3.5", "($4.00)"], NONE, [1234.5, -12, -3.5, -4], "the sign $ is removed"),
        (["1.234,50 €", "-12,00 €", "7 €", ""], NONE, [1234.5, -12, 7, None], "the sign € is removed"),
        (["EUR 1.234", "EUR 987", "12.345 €"], NONE, [1234, 987, 12345], "'Fee': 3 cells"),
        (["CHF 1'234.50", "CHF 12.-", "Fr. 3.20"], NONE, [1234.5, 12, 3.2], "the sign CHF is removed"),
        (["1 234,56 kr", "12 kr.", "-3,5 kr"], NONE, [1234.56, 12, -3.5], "the sign kr is removed"),
        (["£5", "0", "£7"], POINT, [5, 0, 7], "the sign £ is removed from amounts ('Fee': 2 cells)"),
        (["$ 5.00", "$ -", "($ 6.00)"], POINT, [5, 0, -6], "brackets or with a trailing minus are read as negative"),
        (["1,234", "987", "12,345"], POINT, [1234, 987, 12345], "thousands separators are removed ('Fee': 2 cells)"),
        (["1.234", "987", "12.345"], COMMA, [1234, 987, 12345], "thousands separators are removed ('Fee': 2 cells)"),
        (["1,234,567", "5"], NONE, [1234567, 5], "thousands separators are removed ('Fee': 1 cell)"),
        (["1.234.567", "5"], NONE, [1234567, 5], "thousands separators are removed ('Fee': 1 cell)"),
        (["12 345", "1 234 567", "5"], POINT, [12345, 1234567, 5], "thousands separators are removed"),
        (["12\u00a0345,5", "1\u202f234,5", "1\u2009234"], COMMA, [12345.5, 1234.5, 1234], "thousands separators"),
        (["1'234'567.5", "1’234"], POINT, [1234567.5, 1234], "thousands separators are removed ('Fee': 2 cells)"),
        (["₹1,23,456.50", "₹99"], POINT, [123456.5, 99], "the sign ₹ is removed"),
        (["5.00-", "7.5"], POINT, [-5, 7.5], "with a trailing minus are read as negative ('Fee': 1 cell)"),
        (["\u22125.5", "2"], POINT, [-5.5, 2], None),
        (["12.5%", "0.7 %", "", "0"], POINT, [0.125, 0.007, None, 0], "hundredths, 5% as 0.05 ('Fee': 2 cells)"),
        (["12,5 %", "-1.000 %"], COMMA, [0.125, -10], "hundredths"),
        (["-", "?", ".", "n/a", "#N/A", "NULL", "1.5"], POINT, [None] * 6 + [1.5], "count as missing ('Fee': 6 cells)"),
        (["#DIV/0!", "–", "2"], POINT, [None, None, 2], "'#DIV/0!', '–' count as missing ('Fee': 2 cells)"),
        (["1.5", "-2", "+3e2", ".5", "5."], POINT, [1.5, -2, 300, 0.5, 5], None),
    ],
)
@pytest.mark.parametrize("repeated", [1, 4])
def test_a_column_that_agrees_is_read_and_said(
    cells: list[str], others: tuple[str, ...], read: list[float | None], said: str | None, repeated: int, tmp_path: Path
) -> None:
    table = opened(tmp_path, cells * repeated, others)

    assert fees(table) == read * repeated
    told = "; ".join(repair for repair in table.repairs if "Fee" in repair)
    if said is None:
        assert told == ""
    elif repeated == 1:
        assert said in told


@pytest.mark.parametrize(
    ("cells", "others", "expected"),
    [
        (["$5", "€7", "$9"], NONE, ["the sign $ (data row 1)", "the sign € (data row 2)", "in one unit"]),
        (["5%", "$7"], NONE, ["the sign $ (data row 2)", "a percent sign (data row 1)"]),
        (["$5", "$7", "9"], NONE, ["the sign $ (data row 1) and numbers without", "all of them with it"]),
        (["5%", "7%", "0.5"], NONE, ["a percent sign (data row 1) and numbers without"]),
        (["1,234", "987"], NONE, ["it is not clear whether the mark in column 'Fee', data row 1"]),
        (["1.234", "987"], NONE, ["it is not clear whether the mark in column 'Fee', data row 1"]),
        (["1,234", "98765"], POINT, ["thousands separators (column 'Fee', data row 1) and without", "data row 2"]),
        (["$1,234.50"], COMMA, ["decimal comma (column 'Other', data row 1) and with a decimal point"]),
        (["1.234 €"], POINT, ["with points between thousands (column 'Fee', data row 1)", "point (column 'Other'"]),
        (["5%", "7%"], NONE, []),
    ],
)
def test_what_does_not_agree_is_refused(
    cells: list[str], others: tuple[str, ...], expected: list[str], tmp_path: Path
) -> None:
    if not expected:
        assert fees(opened(tmp_path, cells, others)) == [0.05, 0.07]
        return
    message = refusal(tmp_path, cells, others)

    assert message.startswith("fees.csv")
    assert [part for part in expected if part not in message] == []


@pytest.mark.parametrize("cell", ["1_000", "１２", "0x1A", "12%", "€ 12", "1.2.3", "--1", "old", "31.12.2024", "$5$"])
def test_a_cell_unlike_its_column_stays_as_it_is(cell: str, tmp_path: Path) -> None:
    assert fees(opened(tmp_path, [cell, "1.5", "2"])) == [cell, 1.5, 2]


@pytest.mark.parametrize(
    ("low", "high", "cells", "read"),
    [
        (None, None, ["5%", "80%"], [0.05, 0.8]),
        (0, 1, ["5%", "0.4%"], [0.05, 0.004]),
        (0, 2, ["5%", "130%", "1%"], [0.05, 1.3, 0.01]),
        (0, 100, ["5%", "80%"], [5, 80]),
        (-100, None, ["5%", "-80%"], [5, -80]),
        (0, 100, ["5%", "80%", "250%"], [5, 80, 250]),
    ],
)
def test_the_schemas_range_tells_what_a_percent_is(
    low: float | None, high: float | None, cells: list[str], read: list[float], tmp_path: Path
) -> None:
    ends = {name: end for name, end in (("min", low), ("max", high)) if end is not None}

    assert fees(opened(tmp_path, cells, **ends)) == read


def test_a_percent_that_the_range_admits_in_both_readings_is_refused(tmp_path: Path) -> None:
    message = refusal(tmp_path, ["3.5%", "4%"], min=0, max=5)

    assert "does not tell whether 5% is 5 or 0.05; write them without percent signs" in message


def test_text_of_a_workbook_is_read_as_a_csv_files_is_and_its_percents_count_as_they_are_kept(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in (["Id", "Fee", "Other", "Left"], ["a", "$1,234.50", 0.125, 1], ["b", "($5.00)", 0.5, 0]):
        sheet.append(row)
    for number in (2, 3):
        sheet.cell(number, 3).number_format = "0.0%"
    path = tmp_path / "fees.xlsx"
    book.save(path)
    features = {name: {"kind": "numeric"} for name in ("Fee", "Other")}
    schema = parse_schema({"name": "fees", "id": "Id", "label": {"column": "Left"}, "features": features})

    [chunk] = open_table(path, schema, "fees.xlsx").chunks()

    assert chunk[["Fee", "Other"]].to_numpy().tolist() == [[1234.5, 0.125], [-5.0, 0.5]]


@pytest.mark.parametrize(
    ("cell", "numeric"),
    [
        *((cell, True) for cell in ("12", "-1.5", "$1,234.50", "12.5%", "1 234,5 €", "(3)", "1e5", "1.234.567")),
        *((cell, False) for cell in ("", "-", "?", "NA", "31.12.2024", "12/31/2024", "10.0.0.1", "abc", "1-2")),
    ],
)
def test_what_looks_like_a_number(cell: str, numeric: bool) -> None:
    assert looks_numeric(cell) is numeric


@settings(max_examples=500, deadline=None)
@given(st.text(st.sampled_from("0123456789.,'’ \u00a0()+-−$€%krEUCHFe"), max_size=14))
def test_no_text_is_taken_for_a_number_that_it_is_not(text: str) -> None:
    """What is undressed has each of its digits in its body or exponent, in their order."""
    found = undress(text)
    if found is not None and found.body != "0":
        digits = "".join(character for character in text if character.isdigit())
        assert "".join(character for character in found.body + found.exponent if character.isdigit()) == digits


AMOUNTS = st.one_of(st.none(), st.integers(-(10**11), 10**11).map(lambda cents: cents / 100))
DRESSES = st.fixed_dictionaries(
    {
        "mark": st.sampled_from(".,"),
        "between": st.sampled_from(["", ",", ".", " ", "\u00a0", "\u202f", "'", "’"]),
        "currency": st.sampled_from(["", "$", "€", "£", "CHF", "EUR", "kr", "R$"]),
        "before": st.booleans(),
        "gap": st.sampled_from(["", " ", "\u00a0"]),
        "negative": st.sampled_from(["-{}", "({})", "{}-", "\u2212{}"]),
        "nothing": st.sampled_from(["", "-", "?", "n/a", "NULL"]),
        "delimiter": st.sampled_from(",;\t|"),
        "encoding": st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le"]),
        "line_end": st.sampled_from(["\n", "\r\n"]),
    }
).filter(lambda dress: dress["mark"] != dress["between"])


def dressed(number: float | None, dress: dict[str, Any]) -> str:
    if number is None:
        return str(dress["nothing"])
    body = f"{abs(number):,.2f}".replace(",", "\0").replace(".", dress["mark"]).replace("\0", dress["between"])
    if dress["currency"]:
        sides = [dress["currency"], body] if dress["before"] else [body, dress["currency"]]
        body = dress["gap"].join(sides)
    return str(dress["negative"]).format(body) if number < 0 else body


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(amounts=st.lists(AMOUNTS, min_size=1, max_size=20), dress=DRESSES)
def test_amounts_in_any_dress_are_read_back(amounts: list[float | None], dress: dict[str, Any], tmp_path: Path) -> None:
    features = {"Amount": {"kind": "numeric", "missing": True}}
    schema = parse_schema({"name": "amounts", "id": "Id", "label": {"column": "Left"}, "features": features})
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=dress["delimiter"], lineterminator=dress["line_end"])
    writer.writerow(["Id", "Amount", "Left"])
    writer.writerows([f"c{row}", dressed(amount, dress), row % 2] for row, amount in enumerate(amounts))
    path = tmp_path / "amounts.csv"
    path.write_bytes(buffer.getvalue().encode(dress["encoding"]))

    read = pd.concat(open_table(path, schema, "amounts.csv", 6).chunks(), ignore_index=True)["Amount"]

    expected = np.array([np.nan if amount is None else amount for amount in amounts])
    np.testing.assert_array_equal(read.to_numpy(np.float64), expected)
