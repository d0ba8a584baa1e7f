import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from contract.errors import UserError
from contract.schema import load_schema, parse_schema
from contract.split.held_out import held_out
from tests.support.tables.toy import SURNAME, toy_table
from training.table.division import Division
from training.table.prepare import Table, hash_data, read_table
from training.table.split_files import SPLIT_FILE, split_hash, write_split

SCHEMA = load_schema("bank_churn")
PARTS = ("train", "test")


def every(third: int, count: int) -> npt.NDArray[np.bool_]:
    return np.arange(count) % 3 == third


def divided(rows: Table, test: npt.NDArray[np.bool_]) -> Division:
    return Division("customer", rows, test, test.astype(np.uint8), "by hand", 7, 0.15)


@pytest.fixture(scope="module")
def rows() -> Table:
    table = toy_table()
    table.loc[3, "Age"] = 3
    return read_table(table, SCHEMA)


def test_the_files_are_the_split(rows: Table, tmp_path: Path) -> None:
    test = every(0, len(rows.y))

    made = write_split(tmp_path / "split", divided(rows, test), SCHEMA)

    files = {path.name for path in (tmp_path / "split").iterdir()}
    assert files == {f"{axis}_{part}.{kind}" for axis in "Xy" for part in PARTS for kind in ("csv", "parquet")} | {
        SPLIT_FILE
    }
    for part, mask in zip(PARTS, (~test, test), strict=True):
        for read, kind in ((pd.read_parquet, "parquet"), (pd.read_csv, "csv")):
            X, y = (read(tmp_path / "split" / f"{axis}_{part}.{kind}") for axis in "Xy")
            pd.testing.assert_frame_equal(X, rows.X[mask].reset_index(drop=True), check_dtype=kind == "parquet")
            assert y["Exited"].tolist() == rows.y[mask].tolist()
    said = json.loads((tmp_path / "split" / SPLIT_FILE).read_text())
    assert said["split_hash"] == made
    assert (said["seed"], said["data_hash"], said["rows_read"]) == (7, rows.data_hash, 600)
    assert said["bad_rows"] == [{"row": 4, "column": "Age", "reason": "holds a number outside 18 to 110"}]
    assert [said[part]["rows"] for part in PARTS] == [399, 200]
    assert said["train"]["positives"] + said["test"]["positives"] == rows.y.sum()
    assert said["test"]["hash"] == hash_data(rows.X[test], rows.y[test], SCHEMA)


def test_no_file_has_an_id_or_a_private_column(rows: Table, tmp_path: Path) -> None:
    write_split(tmp_path, divided(rows, every(1, len(rows.y))), SCHEMA)

    for path in tmp_path.iterdir():
        assert SURNAME.encode() not in path.read_bytes()
        assert b"CustomerId" not in path.read_bytes()


def test_numbers_and_gaps_come_back_from_csv_as_they_were(tmp_path: Path) -> None:
    raw = {
        "name": "gaps",
        "id": "Id",
        "label": {"column": "Left"},
        "features": {
            "Amount": {"kind": "numeric", "missing": True},
            "Plan": {"kind": "categorical", "categories": ["a", "b, c"], "missing": True},
        },
    }
    schema = parse_schema(raw)
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"Id": np.arange(400), "Amount": rng.normal(size=400), "Left": np.arange(400) % 2})
    table["Plan"] = rng.choice(np.array(["a", "b, c", None], dtype=object), 400)
    table.loc[::5, "Amount"] = np.nan
    rows = read_table(table, schema)

    write_split(tmp_path, divided(rows, every(2, 400)), schema)

    X = pd.read_csv(tmp_path / "X_test.csv", float_precision="round_trip")
    assert X["Amount"].equals(rows.X["Amount"][every(2, 400)].reset_index(drop=True))
    assert X["Plan"].isna().tolist() == rows.X["Plan"][every(2, 400)].isna().tolist()


def test_the_hash_is_the_same_for_the_same_split_and_another_for_another(rows: Table, tmp_path: Path) -> None:
    test = every(0, len(rows.y))
    made = write_split(tmp_path / "one", divided(rows, test), SCHEMA)

    assert write_split(tmp_path / "two", divided(rows, test), SCHEMA) == made == split_hash(rows.data_hash, test)
    assert write_split(tmp_path / "three", divided(rows, every(1, len(rows.y))), SCHEMA) != made
    by_seed = [split_hash(rows.data_hash, held_out(rows.customers, seed)) for seed in (0, 0, 1)]
    assert by_seed[0] == by_seed[1] != by_seed[2]
    other = read_table(toy_table(seed=1), SCHEMA)
    assert split_hash(other.data_hash, test) != made


def test_a_folder_that_cannot_be_written_is_told(rows: Table, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(UserError, match="cannot be written"):
        write_split(tmp_path / "file", divided(rows, every(0, len(rows.y))), SCHEMA)
