from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from contract.arrays import Floats, Labels
from contract.schema import Feature, Schema, parse_schema
from training.table.leaks import few_of_many, names_customers, single_feature_auc, telling_pairs

ROWS = 1_200
LETTERS = np.array(list("abcdefgh"), dtype=object)
Draw = np.random.Generator


def schema(numbers: int, categories: int = 0) -> Schema:
    features = {f"n{place}": {"kind": "numeric", "missing": True} for place in range(numbers)} | {
        f"c{place}": {"kind": "categorical", "categories": LETTERS.tolist()} for place in range(categories)
    }
    return parse_schema({"name": "t", "id": "id", "label": {"column": "y"}, "features": features})


def of_noise(rows: int = ROWS, numbers: int = 10, seed: int = 1) -> tuple[pd.DataFrame, Labels, Draw]:
    rng = np.random.default_rng(seed)
    y = (rng.random(rows) < 0.2).astype(np.int64)
    return pd.DataFrame(rng.normal(size=(rows, numbers)), columns=[f"n{at}" for at in range(numbers)]), y, rng


def told(
    X: pd.DataFrame, y: Labels, of: Schema, customers: npt.NDArray[np.object_] | None = None
) -> list[tuple[str, str]]:
    alone = {each.name: _auc(X, y, each, customers) for each in of.features}
    assert max(alone.values()) < 0.9, "a pair that tells only together"
    return [(pair.one, pair.other) for pair in telling_pairs(X, y, of.features, alone, customers)]


def _auc(X: pd.DataFrame, y: Labels, feature: Feature, customers: npt.NDArray[np.object_] | None) -> float:
    return single_feature_auc(X[feature.name], y, categorical=feature.is_categorical, customers=customers)


def flags(_one: Floats, y: Labels, rng: Draw) -> tuple[Floats, Floats]:
    drawn = rng.integers(0, 2, len(y))
    return drawn.astype(float), (drawn ^ y).astype(float)


def signs(one: Floats, y: Labels, _rng: Draw) -> tuple[Floats, Floats]:
    return one, np.abs(one) * np.where((one > 0.3) ^ (y == 1), 1, -1)


def whole_numbers(_one: Floats, y: Labels, rng: Draw) -> tuple[Floats, Floats]:
    drawn = rng.integers(0, 1_000, len(y))
    return drawn.astype(float), (drawn ^ y).astype(float)


def whichever_is_greater(one: Floats, y: Labels, rng: Draw) -> tuple[Floats, Floats]:
    return one, one + np.abs(rng.normal(size=len(y))) * np.where(y == 1, 1, -1)


def a_little_more(one: Floats, y: Labels, rng: Draw) -> tuple[Floats, Floats]:
    return one * 500, one * 500 + rng.uniform(0.1, 1, len(y)) * np.where(y == 1, 1, -1)


def the_same_gap(one: Floats, y: Labels, rng: Draw) -> tuple[Floats, Floats]:
    gap = rng.random(len(y)) < 0.5
    return np.where(gap, np.nan, one), np.where(gap ^ (y == 1), np.nan, rng.normal(size=len(y)))


@pytest.mark.parametrize(
    "leak",
    [flags, signs, whole_numbers, whichever_is_greater, a_little_more, the_same_gap],
    ids=lambda leak: leak.__name__,
)
def test_two_numbers_that_tell_the_label_only_together_are_found(
    leak: Callable[[Floats, Labels, Draw], tuple[Floats, Floats]],
) -> None:
    X, y, rng = of_noise()
    X["n2"], X["n7"] = leak(X["n2"].to_numpy(), y, rng)
    assert told(X, y, schema(10)) == [("n2", "n7")]


def test_two_categories_that_tell_the_label_only_together_are_found() -> None:
    X, y, rng = of_noise(numbers=3)
    one = rng.integers(0, 8, ROWS)
    X["c0"], X["c1"] = LETTERS[one], LETTERS[np.where(y == 1, one, (one + rng.integers(1, 8, ROWS)) % 8)]
    assert told(X, y, schema(3, 2)) == [("c0", "c1")]


def test_noise_tells_nothing() -> None:
    for seed, rows in ((2, 200), (3, 1_200), (4, 1_200)):
        X, y, _ = of_noise(rows, 30, seed)
        assert told(X, y, schema(30)) == []


def test_a_pair_among_many_features_is_found() -> None:
    X, y, rng = of_noise(numbers=120)
    X["n5"], X["n117"] = flags(X["n5"].to_numpy(), y, rng)
    assert told(X, y, schema(120)) == [("n5", "n117")]


def test_two_numbers_that_name_a_customer_are_no_leak_where_the_customers_are_known() -> None:
    """All rows of a customer are in one part of the sample."""
    rng = np.random.default_rng(5)
    who = np.repeat(np.arange(60), 20)
    X = pd.DataFrame({name: rng.normal(size=60)[who] for name in ("n0", "n1", "n2")})
    y = rng.integers(0, 2, 60)[who]
    assert telling_pairs(X, y, schema(3).features, dict.fromkeys(X, 0.5)) != []
    assert told(X, y, schema(3), who.astype(str).astype(object)) == []


def test_of_a_large_table_rows_of_both_labels_are_looked_at() -> None:
    y = np.repeat([0, 1], [200_000, 900])
    rows = few_of_many(y, 10)
    assert np.bincount(y[rows]).tolist() == [30_000, 900]
    assert len(few_of_many(y, 1_000)) < 3_500
    assert few_of_many(y[-1_200:], 10).tolist() == list(range(1_200)), "a small table is looked at whole"


def test_a_number_that_repeats_with_its_label_names_a_customer() -> None:
    rng = np.random.default_rng(6)
    labels = rng.integers(0, 2, 250)
    who = rng.permutation(np.repeat(np.arange(250), 12))
    assert names_customers(pd.Series(who + 100_000.0), labels[who])
    assert names_customers(pd.Series(who + 100_000.0), labels[who], of_values=2)
    known = who.astype(str).astype(object)
    assert not names_customers(pd.Series(who + 100_000.0), labels[who], known), "the split knows that they are one"


def test_a_number_on_which_the_label_depends_names_nobody() -> None:
    rng = np.random.default_rng(7)
    months = rng.integers(0, 300, 3_000)
    smooth = (months > 150).astype(np.int64)
    assert not names_customers(pd.Series(months, dtype=float), smooth)
    assert not names_customers(pd.Series(months, dtype=float), rng.integers(0, 2, 3_000))
    order = np.argsort(rng.integers(0, 2, 3_000))
    assert not names_customers(pd.Series(months, dtype=float), np.sort(rng.integers(0, 2, 3_000))[order])
