"""Every kind of column: missing and new values, few and many of them, and what no table should hold."""

import warnings

import numpy as np
import pandas as pd
import pytest

from contract.schema import parse_schema
from monitor.inputs.rule import InputReference, judge
from tests.support.tables.bank_inputs import RULE, against, bank


def test_a_changed_share_of_missing_values_is_found(reference: InputReference) -> None:
    generator = np.random.default_rng(7)
    gone = generator.random(1_000) < 0.08
    for name in ("Age", "Tenure", "HasCrCard", "Geography"):
        current = bank(generator, 1_000)
        current[name] = current[name].where(~gone)
        verdict = judge(current, reference, rule=RULE)
        assert verdict.drifted_columns == [name]
        assert verdict.features[name].test == "chi2"
        assert verdict.features[name].distance >= 0.08 * 0.9


def test_the_same_share_of_missing_values_is_no_drift_and_hides_none(frame: pd.DataFrame) -> None:
    generator = np.random.default_rng(8)
    then = frame.assign(Age=frame["Age"].where(generator.random(len(frame)) > 0.3))
    current = bank(generator, 1_000)
    current["Age"] = current["Age"].where(generator.random(1_000) > 0.3)
    assert not against(current, then).drifted
    shifted = against(current.assign(Age=current["Age"] + 6), then).features["Age"]
    assert shifted.drifted
    assert shifted.test == "ks"


@pytest.mark.parametrize(
    ("column", "value", "share"),
    [("Geography", "Portugal", 0.02), ("Age", 110.0, 0.01), ("Age", -1.0, 0.01), ("NumOfProducts", 2.5, 0.01)],
)
def test_values_that_the_reference_lacks_are_found(
    reference: InputReference, column: str, value: object, share: float
) -> None:
    generator = np.random.default_rng(9)
    current = bank(generator, 1_000)
    current.loc[current.index[: int(share * 1_000)], column] = value
    assert judge(current, reference, rule=RULE).drifted_columns == [column]


def test_values_that_vanish_are_found(reference: InputReference) -> None:
    current = bank(np.random.default_rng(21), 1_000)
    current["NumOfProducts"] = current["NumOfProducts"].clip(upper=2.0)
    assert judge(current, reference, rule=RULE).drifted_columns == ["NumOfProducts"]


def test_an_ordinal_of_few_levels_and_one_of_many_keep_their_level() -> None:
    schema = parse_schema(
        {"name": "t", "id": "Id", "label": {"column": "y"}, "features": {"N": {"kind": "ordinal"}}},
    )
    generator = np.random.default_rng(10)

    def frame(values: int, size: int) -> pd.DataFrame:
        return pd.DataFrame({"N": generator.integers(0, values, size).astype(float), "score": 0.5})

    for values in (3, 40):
        p_values = [
            against(frame(values, 1_000), frame(values, 2_000), schema).features["N"].p_value for _ in range(200)
        ]
        # a window alone has 0.4 of the level, by which its p-values are divided
        assert 0.025 < np.mean(np.array(p_values) < 0.25) < 0.16


def test_rare_values_raise_no_false_alarm() -> None:
    schema = parse_schema(
        {
            "name": "t",
            "id": "Id",
            "label": {"column": "y"},
            "features": {"C": {"kind": "categorical", "categories": [str(number) for number in range(30)]}},
        }
    )
    generator = np.random.default_rng(11)
    weights = 0.6 ** np.arange(30)
    weights /= weights.sum()

    def frame(size: int) -> pd.DataFrame:
        return pd.DataFrame({"C": generator.choice(30, size, p=weights).astype(str).astype(object), "score": 0.5})

    found = [against(frame(200), frame(5_000), schema).features["C"].p_value for _ in range(100)]
    assert np.mean(np.array(found) < 0.25) < 0.16
    assert np.mean(np.array(found) < 0.01) < 0.02


ODD = {
    "constant": [40.0] * 300,
    "missing": [None] * 300,
    "one value": [None] * 299 + [40.0],
    "two values": [40.0, 41.0] * 150,
    "huge": [1e300, -1e300] * 150,
}


@pytest.mark.parametrize("now", ODD)
@pytest.mark.parametrize("then", ODD)
@pytest.mark.parametrize("kind", ["numeric", "ordinal", "flag", "categorical"])
def test_odd_columns_give_finite_answers_and_no_warning(kind: str, now: str, then: str) -> None:
    feature: dict[str, object] = {"kind": kind, "missing": True}
    if kind == "categorical":
        feature["categories"] = ["a"]
    schema = parse_schema({"name": "t", "id": "Id", "label": {"column": "y"}, "features": {"X": feature}})

    def frame(values: list[float | None]) -> pd.DataFrame:
        if kind == "categorical":
            return pd.DataFrame({"X": np.array([value if value is None else str(value) for value in values], object)})
        return pd.DataFrame({"X": np.array(values, dtype=float)})

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        verdict = against(frame(ODD[now]).assign(score=0.5), frame(ODD[then]).assign(score=0.5), schema)
    assert verdict.judged
    for column in verdict.features.values():
        assert 0 <= column.distance <= 1
        assert 0 <= column.p_value <= column.p_adjusted <= 1
    nearly = {now, then} == {"missing", "one value"}
    assert verdict.drifted == (now != then and not nearly)


def test_columns_as_parquet_gives_them_are_read_alike(frame: pd.DataFrame, reference: InputReference) -> None:
    current = bank(np.random.default_rng(12), 1_000, 0.3)
    typed = frame.astype({"Geography": "category", "Gender": "string", "Tenure": "Int64", "HasCrCard": "int8"})
    typed["Age"] = typed["Age"].astype("float32")
    assert against(current, typed) == judge(current, reference, rule=RULE)


def test_a_category_among_very_many_is_found() -> None:
    schema = parse_schema(
        {
            "name": "t",
            "id": "Id",
            "label": {"column": "y"},
            "features": {"C": {"kind": "categorical", "categories": [str(number) for number in range(500)]}},
        }
    )
    generator = np.random.default_rng(22)

    def made(size: int) -> pd.DataFrame:
        return pd.DataFrame({"C": generator.integers(0, 500, size).astype(str).astype(object), "score": 0.5})

    then, now = made(5_000), made(1_000)
    quiet = against(now, then, schema)
    assert not quiet.drifted
    assert len(quiet.features["C"].counts) < 70
    assert against(now.assign(C=now["C"].where(generator.random(1_000) > 0.1, "7")), then, schema).drifted
