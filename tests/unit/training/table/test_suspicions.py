from typing import Any

import numpy as np
import pandas as pd
import pytest

from contract.schema import Schema, load_schema, parse_schema
from tests.support.paths import REAL_TABLE
from tests.support.tables.toy import toy_table
from training.table.leaks import single_feature_auc
from training.table.prepare import read_table
from training.table.suspicions import suspicions

SCHEMA = load_schema("bank_churn")


def with_feature(**feature: Any) -> Schema:
    """The bank's numbers, and one more feature ``Extra``."""
    features = {
        each.name: {"kind": str(each.kind), "missing": True} for each in SCHEMA.features if not each.is_categorical
    }
    return parse_schema(
        {
            "name": "t",
            "id": "CustomerId",
            "label": {"column": "Exited"},
            "on_violation": "score",
            "features": features | {"Extra": {"kind": "numeric", "missing": True} | feature},
        }
    )


def found(table: pd.DataFrame, schema: Schema = SCHEMA) -> list[str]:
    return [each.text for each in suspicions(read_table(table, schema), schema)]


def only(table: pd.DataFrame, schema: Schema) -> str:
    [suspicion] = found(table, schema)
    return suspicion


def test_a_clean_table_raises_none() -> None:
    assert found(toy_table()) == []
    assert found(toy_table(2_000, seed=3)) == []


@pytest.mark.skipif(not REAL_TABLE.is_file(), reason="the public bank-churn table is not in ../shared/data")
def test_the_public_table_raises_none() -> None:
    rows = read_table(REAL_TABLE, SCHEMA)
    assert (len(rows.y), rows.repairs, rows.bad_rows) == (10_000, (), ())
    assert suspicions(rows, SCHEMA) == []


def test_a_number_that_gives_the_label_away_is_named() -> None:
    table = toy_table()
    noise = np.random.default_rng(0).normal(size=len(table))
    suspicion = only(table.assign(Extra=table["Exited"] * 10 + noise), with_feature())
    assert "feature Extra alone tells the label (ROC AUC" in suspicion
    assert "take it out of the schema" in suspicion


def test_a_gap_that_gives_the_label_away_is_named() -> None:
    table = toy_table()
    dates = pd.Series(np.random.default_rng(0).normal(size=len(table))).where(table["Exited"] == 1)
    assert "feature Extra alone tells the label" in only(table.assign(Extra=dates), with_feature())


def test_a_category_that_gives_the_label_away_is_named() -> None:
    table = toy_table()
    reason = np.where(table["Exited"] == 1, np.where(table["Age"] > 50, "price", "service"), "none")
    schema = with_feature(kind="categorical", categories=["price", "service", "none"])
    assert "feature Extra alone tells the label (ROC AUC 1.000)" in only(table.assign(Extra=reason), schema)


def test_a_very_good_feature_gives_nothing_away() -> None:
    table = toy_table(2_000)
    noisy = table["Exited"] + np.random.default_rng(0).normal(0, 0.5, len(table))
    column = pd.Series(noisy)
    assert 0.85 < single_feature_auc(column, table["Exited"].to_numpy(), categorical=False) < 0.98
    assert found(table.assign(Extra=noisy), with_feature()) == []


def test_one_feature_is_measured_out_of_sample() -> None:
    rng = np.random.default_rng(0)
    noise, codes = pd.Series(rng.normal(size=1_000)), pd.Series(rng.integers(0, 400, 1_000).astype(str))
    y = rng.integers(0, 2, 1_000)
    assert single_feature_auc(noise, y, categorical=False) == pytest.approx(0.5, abs=0.06)
    assert single_feature_auc(codes, y, categorical=True) == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("value", [3.5, None])
def test_a_constant_is_named(value: float | None) -> None:
    table = toy_table().assign(Extra=pd.Series([value] * 600, dtype=float))
    assert "feature Extra has the same value in every row" in only(table, with_feature())


@pytest.mark.parametrize(
    ("scale", "shift", "how"), [(1.0, 0.0, "are equal"), (-0.001, 7.0, "are perfectly correlated")]
)
def test_two_numbers_that_say_the_same_are_named(scale: float, shift: float, how: str) -> None:
    table = toy_table()
    extra = table["Balance"] * scale + shift
    assert f"features Balance and Extra {how}" in only(table.assign(Extra=extra), with_feature())


def test_two_categories_that_say_the_same_are_named() -> None:
    features = {
        "Country": {"kind": "categorical", "categories": ["France", "Germany", "Spain"]},
        "Code": {"kind": "categorical", "categories": ["FR", "DE", "ES"]},
    }
    raw = {"name": "t", "id": "CustomerId", "label": {"column": "Exited"}, "features": features}
    table = toy_table().rename(columns={"Geography": "Country"})
    table["Code"] = table["Country"].map({"France": "FR", "Germany": "DE", "Spain": "ES"})
    assert "features Country and Code say the same in every row" in only(table, parse_schema(raw))
    table.loc[0, "Code"] = "DE" if table.loc[0, "Country"] != "Germany" else "FR"
    assert found(table, parse_schema(raw)) == []


@pytest.mark.parametrize("kind", ["numeric", "ordinal"])
def test_a_number_that_is_an_id_is_named(kind: str) -> None:
    ids = np.random.default_rng(0).permutation(np.arange(15_000_000, 15_000_600))
    table = toy_table().assign(Extra=ids)
    assert "feature Extra differs in nearly every row, like an id" in only(table, with_feature(kind=kind))


def test_text_that_is_an_id_is_named() -> None:
    table = toy_table().assign(Extra=[f"C{number % 595}" for number in range(600)])
    schema = with_feature(kind="categorical", categories=["C1"])
    assert "feature Extra differs in nearly every row" in only(table, schema)


def test_amounts_are_no_ids() -> None:
    rng = np.random.default_rng(0)
    for amounts in (rng.lognormal(10, 1, 600).round(), rng.uniform(0, 1e6, 600)):
        assert found(toy_table().assign(Extra=amounts), with_feature()) == []


def test_customers_with_both_labels_are_counted() -> None:
    table = toy_table()
    stayed, left = (table.index[table["Exited"] == label][:2] for label in (0, 1))
    table.loc[left, "CustomerId"] = table.loc[stayed, "CustomerId"].to_numpy()
    assert "2 customers have rows with both labels" in only(table, SCHEMA)
    table.loc[left, "Exited"] = 0
    assert found(table) == []


def test_a_small_class_is_named() -> None:
    table = toy_table()
    left = table.index[table["Exited"] == 1]
    few = table.drop(index=left[40:])
    assert "only 40 customers have 1 in Exited" in only(few, SCHEMA)
