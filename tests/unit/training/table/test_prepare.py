import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from contract.errors import UserError
from contract.records import columns_frame
from contract.schema import Schema, load_schema, parse_schema
from contract.tables.cells import Cells
from contract.tables.parquet import ParquetTable
from contract.tables.text import TextTable
from contract.tables.workbooks.excel import ExcelTable
from tests.support.tables.toy import SURNAME, toy_table
from training.defaults import OnBadRows
from training.table.bad_rows import BadRow
from training.table.prepare import MIN_ROWS, read_table

SCHEMA = load_schema("bank_churn")


def altered(row: int, column: str, value: Any) -> pd.DataFrame:
    table = toy_table()
    table[column] = table[column].astype(object)
    table.loc[row, column] = value
    return table


def written(table: pd.DataFrame, folder: Path, suffix: str) -> Path:
    path = folder / f"customers.{suffix}"
    if suffix == "csv":
        table.to_csv(path, index=False)
    elif suffix == "xlsx":
        table.to_excel(path, index=False)
    else:
        table.to_parquet(path)
    return path


def lenient() -> Schema:
    """``Geography`` and ``Age`` scored outside their categories and range, ``Balance`` may be missing."""
    features = {
        "Geography": {"kind": "categorical", "categories": ["France"], "on_violation": "score"},
        "Age": {"kind": "ordinal", "min": 18, "max": 60, "on_violation": "score"},
        "Balance": {"kind": "numeric", "missing": True},
    }
    return parse_schema({"name": "t", "id": "CustomerId", "label": {"column": "Exited"}, "features": features})


@pytest.mark.parametrize("suffix", ["csv", "xlsx", "parquet"])
def test_a_file_gives_the_models_input_frame_and_the_same_hash_as_its_frame(tmp_path: Path, suffix: str) -> None:
    table = toy_table()
    read = read_table(written(table, tmp_path, suffix), SCHEMA)
    pd.testing.assert_frame_equal(read.X, columns_frame(SCHEMA, [table[name].tolist() for name in SCHEMA.names]))
    assert read.y.tolist() == table["Exited"].tolist()
    assert read.customers.tolist() == table["CustomerId"].astype(str).tolist()
    assert read.data_hash == read_table(table, SCHEMA).data_hash
    assert (read.rows_read, read.excluded, read.duplicates, read.repairs) == (len(table), {}, 0, ())


@pytest.mark.parametrize("column", [*SCHEMA.names, "Exited"])
def test_the_hash_changes_with_any_used_value(column: str) -> None:
    table = toy_table()
    other = table[column] != table.loc[0, column]
    changed = altered(0, column, table.loc[other, column].iloc[0])
    assert read_table(changed, SCHEMA).data_hash != read_table(table, SCHEMA).data_hash


def test_the_hash_does_not_depend_on_columns_that_are_not_used() -> None:
    table = toy_table()
    assert read_table(table.assign(Surname="x"), SCHEMA).data_hash == read_table(table, SCHEMA).data_hash


@pytest.mark.parametrize("suffix", ["csv", "xlsx", "parquet"])
def test_private_columns_are_never_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    path = written(toy_table().set_index("Surname") if suffix == "parquet" else toy_table(), tmp_path, suffix)
    kept = []
    kind = {"csv": TextTable, "xlsx": ExcelTable, "parquet": ParquetTable}[suffix]
    chunks = kind.chunks

    def watched(self: Any, positions: Sequence[int], rows: int) -> Iterator[list[Cells]]:
        for chunk in chunks(self, positions, rows):
            kept.append(chunk)
            yield chunk

    monkeypatch.setattr(kind, "chunks", watched)
    read_table(path, SCHEMA)
    assert {len(chunk) for chunk in kept} == {len(SCHEMA.names) + 2}
    assert not any(SURNAME in str(cell) for chunk in kept for column in chunk for cell in column)


def test_rows_that_the_scorer_would_reject_are_left_out_and_counted() -> None:
    table = toy_table().astype({"Age": float, "Tenure": float, "Geography": object})
    table.loc[0, "Age"] = 3
    table.loc[1, "Age"] = float("inf")
    table.loc[1, "Geography"] = "Italy"
    table.loc[2, "Tenure"] = 2.5
    table.loc[3, "Geography"] = None
    table.loc[4, "HasCrCard"] = 2
    read = read_table(table, SCHEMA)
    assert read.excluded == {"Geography": 2, "Age": 2, "Tenure": 1, "HasCrCard": 1}
    assert read.customers[0] == "6"
    assert len(read.X) == len(read.y) == read.rows_read - 5


BAD_CELLS = [
    ("Age", 3, "holds a number outside 18 to 110"),
    ("Age", SURNAME, "holds something other than a number"),
    ("Age", float("inf"), "holds infinity, or a number too large to use"),
    ("Tenure", 2.5, "holds a number that is not whole"),
    ("Balance", None, "holds nothing"),
    ("Geography", SURNAME, "holds none of the 3 categories"),
    ("Geography", None, "holds nothing"),
    ("CustomerId", None, "holds nothing"),
    ("Exited", "maybe", "holds a value other than 1 or 0"),
    ("Exited", None, "holds nothing"),
]


@pytest.mark.parametrize(("column", "value", "holds"), BAD_CELLS)
def test_a_bad_row_stops_the_training_is_skipped_or_reported(column: str, value: object, holds: str) -> None:
    table = altered(4, column, value)
    with pytest.raises(UserError) as caught:
        read_table(table, SCHEMA, "bank.csv", on_bad_rows="stop")
    assert f"bank.csv: column {column!r} {holds}" in str(caught.value)
    assert " in data row 5; " in str(caught.value)
    assert "--on-bad-rows report" in str(caught.value)
    assert SURNAME not in str(caught.value)

    reported, skipped = read_table(table, SCHEMA), read_table(table, SCHEMA, on_bad_rows="skip")
    assert reported.bad_rows == (BadRow(5, column, holds),)
    assert skipped.bad_rows == ()
    assert reported.excluded == skipped.excluded == {column: 1}
    without = read_table(toy_table().drop(index=4), SCHEMA)
    assert reported.data_hash == skipped.data_hash == without.data_hash
    assert reported.customers.tolist() == skipped.customers.tolist() == without.customers.tolist()


def test_the_first_bad_row_stops_the_training_whatever_its_column() -> None:
    table = altered(7, "Geography", "Italy")
    table.loc[[2, 9], "Balance"] = -1.0
    with pytest.raises(UserError, match=r"'Balance' holds a number outside .* in data row 3 \(2 more rows are bad\)"):
        read_table(table, SCHEMA, on_bad_rows="stop")


def test_every_bad_cell_is_reported_in_the_order_of_the_rows() -> None:
    table = altered(7, "Geography", "Italy")
    table.loc[[2, 7], "Balance"] = -1.0
    reported = read_table(table, SCHEMA).bad_rows
    assert [(bad.row, bad.column) for bad in reported] == [(3, "Balance"), (8, "Geography"), (8, "Balance")]


def test_of_more_bad_cells_than_are_listed_the_first_rows_are_and_all_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("training.table.bad_rows.MOST_LISTED", 3)
    table = toy_table()
    table["Balance"] = table["Balance"].astype(object)
    table.loc[range(10, 20), "Balance"] = "much"
    table.loc[[2, 30], "Geography"] = "Atlantis"
    rows = read_table(table, SCHEMA)
    assert [(bad.row, bad.column) for bad in rows.bad_rows] == [(3, "Geography"), (11, "Balance"), (12, "Balance")]
    assert rows.excluded == {"Geography": 2, "Balance": 10}


def test_what_to_do_with_bad_rows_is_one_of_three() -> None:
    with pytest.raises(UserError, match="give stop, skip or report"):
        read_table(toy_table(), SCHEMA, on_bad_rows=cast(OnBadRows, "ignore"))


def test_what_the_schema_lets_be_scored_is_trained_on() -> None:
    table = toy_table().astype({"Balance": object})
    table.loc[0, "Balance"] = None
    table.loc[1, "Age"] = 70
    read = read_table(table, lenient())
    assert read.excluded == {}
    assert np.isnan(read.X.loc[0, "Balance"])
    assert set(read.X["Geography"]) == {"France", "Germany", "Spain"}


def test_repeated_ids_are_counted() -> None:
    table = toy_table()
    table.loc[[7, 8], "CustomerId"] = 1
    assert read_table(table, SCHEMA).duplicates == 2


@pytest.mark.parametrize(("positive", "negative"), [("1.0", "0.0"), (True, False), (1.0, 0.0), ("1", "0")])
def test_labels_are_read_in_any_column_type(positive: object, negative: object) -> None:
    table = toy_table()
    labels = table["Exited"].tolist()
    table["Exited"] = pd.Series([positive if label else negative for label in labels])
    assert read_table(table, SCHEMA).y.tolist() == labels


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (toy_table().drop(columns=["Age"]), ["bank.csv", "no column 'Age'", "--dataset"]),
        (toy_table().assign(Exited="maybe"), ["bank.csv", "'Exited'", "a value other than 1 or 0", "row 1", "[label]"]),
        (toy_table().assign(Balance=SURNAME), ["bank.csv", "'Balance'", "other than a number", "row 1", "categorical"]),
        (toy_table().assign(Exited=1), ["no row has 0", "'Exited'", "both"]),
        (toy_table().assign(Exited=0), ["no row has 1", "'Exited'", "both"]),
        (toy_table(MIN_ROWS - 1), [f"needs {MIN_ROWS} rows", "larger table"]),
        (toy_table().assign(Age=3), ["'Age' holds a number outside 18 to 110 in data row 1 and in most others (600"]),
        (
            toy_table().assign(Geography="DE"),
            [
                "'Geography' holds none of the 3 categories (no row has 'France', ",
                "in data row 1 and in most others (600",
                "write the categories as the schema does, or add to the categories of [features.Geography]",
            ],
        ),
        (
            toy_table().astype({"Balance": object}).assign(Balance=[None] * 400 + [1.0] * 200),
            [
                "'Balance' holds nothing in data row 1 and in most others (400",
                "missing = true under [features.Balance]",
            ],
        ),
        (
            toy_table()
            .astype({"Balance": object, "Age": object})
            .assign(Balance=[None] * 200 + [1.0] * 400, Age=[30] * 200 + [None] * 150 + [30] * 250),
            [
                "350 of 600 rows violate the schema, and the scorer would reject such rows too",
                "column 'Balance' holds nothing in 200, 'Age' holds nothing in 150",
                "missing = true under [features.Balance]",
            ],
        ),
        (toy_table().assign(Exited=[1] * 3 + [0] * 597), ["3 with 1", "at least 20 of each"]),
        (toy_table().iloc[:0], ["no rows"]),
    ],
)
def test_a_table_that_cannot_be_trained_on_is_refused(table: pd.DataFrame, expected: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        read_table(table, SCHEMA, "bank.csv")
    assert [part for part in expected if part not in str(caught.value)] == []
    assert SURNAME not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("t.dat", b"x", "not have the name of a table; give one of CSV, Parquet and Excel"),
        ("t.xlsx", b"x", "not a readable Excel workbook"),
        ("absent.csv", None, "is not a file"),
        ("t.csv", b"", "is empty"),
        ("t.csv", toy_table().to_csv(index=False).encode().replace(b"France", b"Fran\x81a"), "UTF-8.*--encoding"),
        ("t.parquet", b"PAR1 no more", "not a readable Parquet file"),
        ("t.csv", b"1,15634602,Zzyzxsurname,619\n", "no column"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, name: str, content: bytes | None, expected: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=expected) as caught:
        read_table(path, SCHEMA)
    assert str(path) in str(caught.value)
    assert SURNAME not in str(caught.value)


def test_a_byte_order_mark_and_text_numbers_are_read(tmp_path: Path) -> None:
    text = io.StringIO()
    toy_table().to_csv(text, index=False, quoting=1)
    path = tmp_path / "quoted.csv"
    path.write_text(text.getvalue(), encoding="utf-8-sig")
    assert read_table(path, SCHEMA).data_hash == read_table(toy_table(), SCHEMA).data_hash
