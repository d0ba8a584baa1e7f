from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from contract.errors import UserError
from contract.schema import load_schema, parse_schema
from producer.sources import open_table
from producer.synthetic import TRUTH, SyntheticBank, truth, write_csv

ROWS = 100_000
SCHEMA = load_schema("bank_churn")


@pytest.fixture(scope="module")
def bank() -> pd.DataFrame:
    return pd.concat(SyntheticBank(ROWS, 7).chunks(), ignore_index=True)


def rates(bank: pd.DataFrame, groups: Any) -> dict[Any, float]:
    return bank.groupby(groups)["Exited"].mean().to_dict()


def test_marginals_are_the_published_ones(bank: pd.DataFrame) -> None:
    shares = {
        "Geography": {"France": 0.501, "Germany": 0.251, "Spain": 0.248},
        "Gender": {"Female": 0.454, "Male": 0.546},
        "NumOfProducts": {1: 0.508, 2: 0.459, 3: 0.027, 4: 0.006},
        "HasCrCard": {1: 0.706, 0: 0.294},
        "IsActiveMember": {1: 0.515, 0: 0.485},
    }
    for column, expected in shares.items():
        assert bank[column].value_counts(normalize=True).to_dict() == pytest.approx(expected, abs=0.007)
    assert bank["CreditScore"].mean() == pytest.approx(650.5, abs=2)
    assert bank["Age"].mean() == pytest.approx(38.9, abs=0.3)
    assert (bank["Balance"] == 0).mean() == pytest.approx(0.3617, abs=0.006)
    assert bank["Balance"][bank["Balance"] > 0].mean() == pytest.approx(119_828, rel=0.01)
    assert bank["EstimatedSalary"].mean() == pytest.approx(100_000, rel=0.01)
    assert bank["Tenure"].value_counts(normalize=True).to_dict() == pytest.approx(
        dict.fromkeys(range(11), 1 / 11), abs=0.005
    )


def test_churn_rates_are_near_the_published_ones(bank: pd.DataFrame) -> None:
    assert bank["Exited"].mean() == pytest.approx(0.2037, abs=0.006)
    assert rates(bank, "Geography") == pytest.approx({"France": 0.162, "Germany": 0.324, "Spain": 0.167}, abs=0.02)
    assert rates(bank, "Gender") == pytest.approx({"Female": 0.251, "Male": 0.165}, abs=0.02)
    assert rates(bank, "NumOfProducts") == pytest.approx({1: 0.277, 2: 0.076, 3: 0.827, 4: 1.0}, abs=0.08)
    assert rates(bank, "IsActiveMember") == pytest.approx({0: 0.269, 1: 0.143}, abs=0.02)
    assert rates(bank, bank["Balance"] == 0) == pytest.approx({True: 0.138, False: 0.241}, abs=0.02)
    decades = np.digitize(bank["Age"], [31, 41, 51, 61, 71])
    expected = dict(enumerate([0.075, 0.121, 0.340, 0.562, 0.314, 0.083]))
    assert rates(bank, decades) == pytest.approx(expected, abs=0.06)


def test_labels_are_calibrated_to_the_truth(bank: pd.DataFrame) -> None:
    bins = (bank[TRUTH] * 10).astype(int)
    for _, group in bank.groupby(bins):
        expected = group[TRUTH].mean()
        error = np.sqrt(expected * (1 - expected) / len(group))
        assert group["Exited"].mean() == pytest.approx(expected, abs=4 * error + 1e-3)


def test_the_truth_separates_as_well_as_a_good_model_on_the_public_table(bank: pd.DataFrame) -> None:
    assert roc_auc_score(bank["Exited"], bank[TRUTH]) == pytest.approx(0.87, abs=0.01)


def test_every_row_is_within_the_schema(bank: pd.DataFrame) -> None:
    for feature in SCHEMA.features:
        assert not bank[feature.name].map(feature.violates).any(), feature.name
    assert bank["CustomerId"].is_unique
    assert list(bank.columns)[:-2] == ["CustomerId", *SCHEMA.names, "Exited"]


def test_the_same_seed_gives_the_same_bank_whatever_the_chunk_size(bank: pd.DataFrame) -> None:
    chunks = list(SyntheticBank(1_000, 7, chunk_rows=77).chunks())

    assert max(map(len, chunks)) == 77
    pd.testing.assert_frame_equal(pd.concat(chunks, ignore_index=True), bank.head(1_000))


def test_another_seed_gives_another_bank(bank: pd.DataFrame) -> None:
    other = next(SyntheticBank(1_000, 8).chunks())

    assert (other["CreditScore"] == bank["CreditScore"].head(1_000)).mean() < 0.1


def test_labels_follow_features_that_have_drifted() -> None:
    source = SyntheticBank(20_000, 7, chunk_rows=20_000)
    chunk = next(source.chunks())
    older = chunk.assign(Age=chunk["Age"] + 8)

    labels = source.labels(older)

    assert source.labels(chunk).tolist() == chunk["Exited"].tolist()
    assert labels.mean() > chunk["Exited"].mean() + 0.05
    assert labels.mean() == pytest.approx(truth(older).mean(), abs=0.01)


def test_missing_values_have_a_truth() -> None:
    chunk = next(SyntheticBank(100, 7).chunks())
    chunk[list(SCHEMA.numeric)] = np.nan
    chunk[list(SCHEMA.categorical)] = None

    assert np.all((truth(chunk) > 0) & (truth(chunk) < 1))


def test_another_schema_is_refused() -> None:
    features = {"Age": {"kind": "numeric"}}
    schema = parse_schema({"name": "other", "id": "x", "label": {"column": "y"}, "features": features})

    with pytest.raises(UserError, match="'other' has no synthetic source"):
        SyntheticBank(10, 1, schema=schema)


def test_no_rows_are_refused() -> None:
    with pytest.raises(UserError, match="--rows got 0"):
        SyntheticBank(0, 1)


def test_the_csv_holds_the_bank_with_the_public_columns(tmp_path: Path) -> None:
    path = tmp_path / "bank.csv"
    write_csv(path, 12_000, 7)

    table = pd.read_csv(path)

    assert list(table.columns)[:4] == ["RowNumber", "CustomerId", "Surname", "CreditScore"]
    assert table["RowNumber"].tolist() == list(range(1, 12_001))
    assert table["Surname"].nunique() > 1_000
    replayed = pd.concat(open_table(path, SCHEMA).chunks(), ignore_index=True)
    made = pd.concat(SyntheticBank(12_000, 7).chunks(), ignore_index=True)
    pd.testing.assert_frame_equal(replayed, made[replayed.columns])
    assert list(tmp_path.iterdir()) == [path]


def test_a_csv_in_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be written"):
        write_csv(tmp_path / "none" / "bank.csv", 10, 1)
