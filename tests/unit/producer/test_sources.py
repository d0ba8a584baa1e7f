import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from contract.errors import UserError
from contract.schema import load_schema, parse_schema
from contract.split.held_out import held_out
from contract.topics import CUSTOMERS
from producer.injections import parse_drift
from producer.scenario import Scenario
from producer.sources import RowSelection, TableSource, open_table
from producer.stream import stream
from tests.unit.producer.tables import SURNAME, csv, parquet, table

SCHEMA = load_schema("bank_churn")
Writer = Callable[[Path, pd.DataFrame], Path]
both = pytest.mark.parametrize("write", [csv, parquet])


def whole(source: TableSource) -> pd.DataFrame:
    return pd.concat(source.chunks(), ignore_index=True)


def sent_features(path: Path) -> list[dict[str, object]]:
    messages = stream(open_table(path, SCHEMA), Scenario(), "test")
    return [json.loads(message.value)["features"] for message in messages if message.topic == CUSTOMERS]


@both
def test_rows_come_back_with_schema_columns_only(write: Writer, tmp_path: Path) -> None:
    source = open_table(write(tmp_path, table(7)), SCHEMA)

    rows = whole(source)

    assert list(rows.columns) == ["CustomerId", *SCHEMA.names, "Exited"]
    assert len(source) == len(rows) == 7
    assert rows["CustomerId"].tolist() == [str(15_000_000 + i) for i in range(7)]
    assert rows["Exited"].tolist() == table(7)["Exited"].tolist()
    assert rows["Balance"].tolist() == table(7)["Balance"].tolist()
    assert source.labels(rows).tolist() == rows["Exited"].tolist()


def test_csv_and_parquet_of_one_table_give_the_same_rows(tmp_path: Path) -> None:
    frame = table(50, Tenure=[None if i % 7 == 0 else i % 11 for i in range(50)])
    frame.loc[3, "Geography"] = None

    from_csv, from_parquet = (whole(open_table(write(tmp_path, frame), SCHEMA)) for write in (csv, parquet))

    pd.testing.assert_frame_equal(from_csv, from_parquet)


@both
def test_chunks_are_bounded_and_complete(write: Writer, tmp_path: Path) -> None:
    source = open_table(write(tmp_path, table(25)), SCHEMA, chunk_rows=10)

    assert [len(chunk) for chunk in source.chunks()] == [10, 10, 5]
    assert whole(source)["CreditScore"].tolist() == table(25)["CreditScore"].tolist()


@both
def test_whole_numbers_of_ordinals_and_flags_are_sent_as_integers(write: Writer, tmp_path: Path) -> None:
    frame = table(3, Tenure=[4.0, np.nan, 6.0])

    features = sent_features(write(tmp_path, frame))

    assert [repr(row["Tenure"]) for row in features] == ["4", "None", "6"]
    assert [repr(row["HasCrCard"]) for row in features] == ["0", "1", "0"]
    assert [row["Balance"] for row in features] == [0.0, 1000.25, 2000.5]


@both
def test_values_that_the_schema_forbids_are_sent_as_they_are(write: Writer, tmp_path: Path) -> None:
    frame = table(
        3, Age=["old", "old", "old"], Tenure=[2.5, 3.0, -4.0], Gender=["Female", None, "X"], CreditScore=[5_000, 600, 1]
    )

    features = sent_features(write(tmp_path, frame))

    assert [row["Age"] for row in features] == ["old"] * 3
    assert [repr(row["Tenure"]) for row in features] == ["2.5", "3", "-4"]
    assert [row["Gender"] for row in features] == ["Female", None, "X"]
    assert [row["CreditScore"] for row in features] == [5_000, 600, 1]


def test_numbers_beside_text_stay_numbers(tmp_path: Path) -> None:
    features = sent_features(csv(tmp_path, table(3, Age=["41", "old", ""], Tenure=["3", "many", "NA"])))

    assert [row["Age"] for row in features] == [41.0, "old", None]
    assert [repr(row["Tenure"]) for row in features] == ["3", "'many'", "None"]


def test_text_in_a_parquet_file_stays_text_although_it_looks_like_a_number(tmp_path: Path) -> None:
    assert sent_features(parquet(tmp_path, table(2, Age=["41", "42"])))[0]["Age"] == "41"


def test_a_category_called_na_is_not_missing(tmp_path: Path) -> None:
    assert sent_features(csv(tmp_path, table(2, Geography=["NA", ""])))[0]["Geography"] == "NA"


def test_parquet_kinds_that_csv_has_not(tmp_path: Path) -> None:
    frame = table(4, HasCrCard=[True, False, True, True])
    frame["Geography"] = frame["Geography"].astype("category")
    frame["CustomerId"] = frame["CustomerId"].astype(float)

    path = parquet(tmp_path, frame)

    assert [row["HasCrCard"] for row in sent_features(path)] == [1, 0, 1, 1]
    assert sent_features(path)[1]["Geography"] == "Germany"
    assert whole(open_table(path, SCHEMA))["CustomerId"].tolist()[0] == "15000000"


@both
def test_labels_may_be_words(write: Writer, tmp_path: Path) -> None:
    raw = {
        "name": "words",
        "id": "CustomerId",
        "label": {"column": "Exited", "positive": "yes", "negative": "no"},
        "features": {"Age": {"kind": "numeric"}},
    }

    source = open_table(write(tmp_path, table(3, Exited=["no", "yes", "no"])), parse_schema(raw))

    assert whole(source)["Exited"].tolist() == [0, 1, 0]


@both
def test_a_label_that_is_neither_value_is_refused_before_anything_is_read(write: Writer, tmp_path: Path) -> None:
    path = write(tmp_path, table(30, Exited=[0] * 17 + [2] + [1] * 12))

    with pytest.raises(UserError, match=r"'Exited' holds another value in data row 18, where 1, 0 or nothing is"):
        open_table(path, SCHEMA, chunk_rows=10)


@both
def test_a_row_without_a_label_is_sent_and_its_label_never_comes(write: Writer, tmp_path: Path) -> None:
    source = open_table(write(tmp_path, table(3, Exited=[0, None, 1])), SCHEMA)
    assert source.said == ("1 records have no label in the table, and none will come",)
    flip = parse_drift("flip=1", SCHEMA, 0)
    for scenario, labels in ((Scenario(), [0, 1]), (Scenario(drifts=(flip,)), [1, 0])):
        messages = [json.loads(message.value) for message in stream(source, scenario, "t")]
        assert sorted((m["record_id"], m["label"]) for m in messages if "label" in m) == [
            ("bank_churn-t-0", labels[0]),
            ("bank_churn-t-2", labels[1]),
        ]
        assert sum("features" in message for message in messages) == 3


@both
def test_only_customers_that_training_has_held_out_are_sent(write: Writer, tmp_path: Path) -> None:
    frame = table(200)
    chosen = held_out(frame["CustomerId"].astype(str).tolist(), 3, 0.4)
    path = write(tmp_path, frame)
    source = open_table(path, SCHEMA, 30, selection=RowSelection(held_out_only=True, split_seed=3, test_share=0.4))
    sent = pd.concat(source.chunks(), ignore_index=True)
    assert sent["CustomerId"].tolist() == frame["CustomerId"][chosen].astype(str).tolist()
    assert len(source) == len(sent)
    assert source.said == (f"{200 - len(sent)} rows belong to customers that training learns from, and are not sent",)
    with pytest.raises(UserError, match="no rows to send, because training learns from all"):
        open_table(path, SCHEMA, selection=RowSelection(held_out_only=True, test_share=1e-9))


@both
def test_a_missing_column_is_named_with_those_that_are_there(write: Writer, tmp_path: Path) -> None:
    path = write(tmp_path, table().rename(columns={"Age": "Years"}))

    with pytest.raises(UserError, match=r"no column 'Age', which schema bank_churn needs; it has .*Years") as caught:
        open_table(path, SCHEMA)
    assert SURNAME not in str(caught.value)


@both
def test_an_empty_table_is_refused(write: Writer, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no rows"):
        open_table(write(tmp_path, table(0)), SCHEMA)


def test_a_file_without_a_header_is_refused_and_its_first_row_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    table().to_csv(path, index=False, header=False)

    with pytest.raises(UserError, match="0 of the 12 columns") as caught:
        open_table(path, SCHEMA)
    assert SURNAME not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("customers.ods", b"", "not have the name of a table; give one of CSV, Parquet and Excel"),
        ("customers.csv", b"", "is empty"),
        ("customers.parquet", b"", "not a readable Parquet file"),
        ("customers.parquet", b"RowNumber,CustomerId", "not a readable Parquet file"),
        ("customers.csv", b"\x89PNG\xff\xfe\x00", "not text in UTF-8"),
    ],
)
def test_a_file_that_is_no_table_is_refused(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(UserError, match=message):
        open_table(path, SCHEMA)


def test_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a file"):
        open_table(tmp_path / "none.csv", SCHEMA)


def test_a_table_in_another_encoding_is_refused_without_showing_it(tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    path.write_text(table(3, Surname=[f"{SURNAME}Ł"] * 3).to_csv(index=False), encoding="cp1250")

    with pytest.raises(UserError, match=r"not text in UTF-8, .*; save it as CSV in UTF-8, .*--encoding") as caught:
        open_table(path, SCHEMA)
    assert SURNAME not in str(caught.value)


def test_a_comma_in_a_name_moves_no_name_into_a_feature(tmp_path: Path) -> None:
    lines = table(30).to_csv(index=False).splitlines()
    lines[20] = lines[20].replace(SURNAME, f"Anna,{SURNAME}")
    path = tmp_path / "customers.csv"
    path.write_text("\n".join(lines))

    with pytest.raises(UserError, match="data row 20 has 15 fields, but the header has 14") as caught:
        open_table(path, SCHEMA, chunk_rows=7)
    assert SURNAME not in str(caught.value)


def test_an_unclosed_quote_is_refused_without_showing_it(tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    path.write_text(table(3).to_csv(index=False).replace(f"{SURNAME}1", f'"{SURNAME}'))

    with pytest.raises(UserError, match="not a well-formed CSV table") as caught:
        open_table(path, SCHEMA)
    assert SURNAME not in str(caught.value)


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    table(3)[["CustomerId", *SCHEMA.names, "Exited"]].to_csv(path, index=False, encoding="utf-8-sig")

    assert len(open_table(path, SCHEMA)) == 3


def test_quoted_line_breaks_are_not_counted_as_rows(tmp_path: Path) -> None:
    assert len(open_table(csv(tmp_path, table(3, Surname=["a\nb", 'c"\n\nd', "e"])), SCHEMA)) == 3


def test_blank_lines_are_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    path.write_text(table(3).to_csv(index=False).replace("\n", "\n\n"))

    source = open_table(path, SCHEMA)

    assert len(source) == len(whole(source)) == 3


def test_rows_with_another_label_are_sent_without_one_where_that_is_asked_for(tmp_path: Path) -> None:
    frame = table(9).astype({"Exited": str})
    frame.loc[4, "Exited"] = "unclear"
    path = csv(tmp_path, frame)
    with pytest.raises(UserError, match=r"data row 5.*--other-labels unknown"):
        open_table(path, SCHEMA)
    source = open_table(path, SCHEMA, selection=RowSelection(takes_other_labels=True))
    messages = list(stream(source, Scenario(), "test"))
    assert len(messages) == 2 * 9 - 1
