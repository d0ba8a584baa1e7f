"""The drift rule: no false alarms to speak of, finds what matters, and survives every kind of column."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from contract.errors import UserError
from contract.panes import SampleRow
from contract.schema import load_schema, parse_schema
from contract.windows import Drift
from monitor.timeline.drift import judge, sample_frame
from monitor.timeline.samples import Sample

SCHEMA = load_schema("bank_churn")


def bank(generator: np.random.Generator, size: int, germany: float = 0.251) -> pd.DataFrame:
    """Independent columns with the public bank table's marginals."""
    spain = 0.248
    frame = pd.DataFrame(
        {
            "Geography": generator.choice(
                ["France", "Germany", "Spain"], size, p=[1 - germany - spain, germany, spain]
            ).astype(object),
            "Gender": generator.choice(["Female", "Male"], size, p=[0.454, 0.546]).astype(object),
            "CreditScore": generator.normal(650, 97, size).clip(350, 850).round(),
            "Age": (18 + generator.gamma(4.0, 5.2, size)).clip(18, 92).round(),
            "Tenure": generator.integers(0, 11, size).astype(float),
            "Balance": np.where(generator.random(size) < 0.362, 0.0, generator.normal(119_828, 30_095, size)),
            "NumOfProducts": generator.choice([1.0, 2.0, 3.0, 4.0], size, p=[0.508, 0.459, 0.027, 0.006]),
            "HasCrCard": (generator.random(size) < 0.706).astype(float),
            "IsActiveMember": (generator.random(size) < 0.515).astype(float),
            "EstimatedSalary": generator.uniform(11, 200_000, size),
        }
    )
    return with_score(frame)


def with_score(frame: pd.DataFrame) -> pd.DataFrame:
    """Some model's answer: it depends on age, country and activity."""
    logit = -2.2 + 0.06 * (frame["Age"] - 39) + 0.9 * (frame["Geography"] == "Germany") - 0.8 * frame["IsActiveMember"]
    return frame.assign(score=1 / (1 + np.exp(-logit.astype(float))))


@pytest.fixture(scope="module")
def reference() -> pd.DataFrame:
    return bank(np.random.default_rng(1), 5_000)


def only(name: str, values: list[object]) -> pd.DataFrame:
    return pd.DataFrame({name: values})


@pytest.mark.parametrize(("size", "windows"), [(200, 150), (1_000, 150)])
def test_false_alarms_stay_below_the_level(reference: pd.DataFrame, size: int, windows: int) -> None:
    generator = np.random.default_rng(2)
    alarms = sum(judge(bank(generator, size), reference, SCHEMA).drifted for _ in range(windows))
    # 1 % of 150 windows is 1.5; six or more have a chance of 1 in 200
    assert alarms < 6, alarms


@pytest.mark.parametrize("drift", ["age", "balance", "germany"])
def test_drifts_worth_acting_on_are_found_at_a_thousand_records(reference: pd.DataFrame, drift: str) -> None:
    generator = np.random.default_rng(3)
    column = {"age": "Age", "balance": "Balance", "germany": "Geography"}[drift]
    found = 0
    for _ in range(40):
        frame = bank(generator, 1_000, 0.251 * 1.5 if drift == "germany" else 0.251)
        if drift == "age":
            frame = with_score(frame.assign(Age=frame["Age"] + 5))
        elif drift == "balance":
            frame = with_score(frame.assign(Balance=frame["Balance"] * 1.3))
        verdict = judge(frame, reference, SCHEMA)
        found += verdict.features[column].drifted
        assert verdict.drifted == bool(verdict.drifted_columns)
    assert found >= 39, found


def test_a_difference_too_small_to_act_on_is_not_called_drift() -> None:
    generator = np.random.default_rng(4)
    then, now = bank(generator, 60_000), bank(generator, 60_000, 0.251 + 0.03)
    verdict = judge(now, then, SCHEMA)
    assert verdict.features["Geography"].p_adjusted < 1e-9
    assert 0.02 < verdict.features["Geography"].distance < 0.05
    assert not verdict.drifted
    assert judge(now, then, SCHEMA, min_distance=0.02).drifted_columns == ["Geography"]


def test_tests_and_correction_equal_their_sources(reference: pd.DataFrame) -> None:
    current = bank(np.random.default_rng(5), 1_000, 0.3)
    current = current.assign(Age=current["Age"] + 1, CreditScore=current["CreditScore"] + 15)
    verdict = judge(current, reference, SCHEMA)
    assert list(verdict.features) == [*SCHEMA.names, "score"]
    for name in ("CreditScore", "Age", "Balance", "EstimatedSalary", "score"):
        expected = stats.ks_2samp(current[name], reference[name], method="asymp")
        assert verdict.features[name].test == "ks"
        assert verdict.features[name].distance == expected.statistic
        assert verdict.features[name].p_value == expected.pvalue
    for name in ("Geography", "Gender", "Tenure", "HasCrCard", "IsActiveMember"):
        counts = pd.DataFrame({"now": current[name].value_counts(), "then": reference[name].value_counts()}).T
        expected = stats.chi2_contingency(counts, correction=False)
        assert verdict.features[name].test == "chi2"
        assert verdict.features[name].p_value == pytest.approx(expected.pvalue)
        shares = counts.div(counts.sum(axis=1), axis=0)
        assert verdict.features[name].distance == pytest.approx(
            (shares.loc["now"] - shares.loc["then"]).abs().sum() / 2
        )
    raw = [one.p_value for one in verdict.features.values()]
    assert [one.p_adjusted for one in verdict.features.values()] == pytest.approx(multipletests(raw, method="holm")[1])


def test_the_score_is_judged_but_is_no_part_of_the_share(reference: pd.DataFrame) -> None:
    current = bank(np.random.default_rng(6), 1_000)
    verdict = judge(current.assign(score=current["score"] ** 0.5), reference, SCHEMA)
    assert verdict.drifted_columns == ["score"]
    assert verdict.drifted
    assert verdict.share == 0.0
    older = judge(current.assign(Age=current["Age"] + 9), reference, SCHEMA)
    assert older.share == pytest.approx(1 / 10)


def test_small_windows_and_empty_references_are_not_judged(reference: pd.DataFrame) -> None:
    drifted = reference.assign(Age=90.0)
    unjudged = Drift(judged=False, drifted=False, share=0.0)
    assert judge(drifted.head(199), reference, SCHEMA) == unjudged
    assert judge(drifted.head(200), reference, SCHEMA).drifted
    assert judge(drifted, reference.head(0), SCHEMA) == unjudged
    assert judge(drifted.head(0), reference, SCHEMA) == unjudged


def test_a_reference_without_a_column_is_the_users_error(reference: pd.DataFrame) -> None:
    with pytest.raises(UserError, match=r"'Age'.*train and register"):
        judge(reference, reference.drop(columns="Age"), SCHEMA)


def test_a_changed_share_of_missing_values_is_found(reference: pd.DataFrame) -> None:
    generator = np.random.default_rng(7)
    gone = generator.random(1_000) < 0.08
    for name in ("Age", "Tenure", "HasCrCard", "Geography"):
        current = bank(generator, 1_000)
        current[name] = current[name].where(~gone)
        verdict = judge(current, reference, SCHEMA)
        assert verdict.drifted_columns == [name]
        assert verdict.features[name].test == "chi2"
        assert verdict.features[name].distance >= 0.08 * 0.9


def test_the_same_share_of_missing_values_is_no_drift_and_hides_none(reference: pd.DataFrame) -> None:
    generator = np.random.default_rng(8)
    then = reference.assign(Age=reference["Age"].where(generator.random(len(reference)) > 0.3))
    current = bank(generator, 1_000)
    current["Age"] = current["Age"].where(generator.random(1_000) > 0.3)
    assert not judge(current, then, SCHEMA).drifted
    shifted = judge(current.assign(Age=current["Age"] + 6), then, SCHEMA).features["Age"]
    assert shifted.drifted
    assert shifted.test == "ks"


def test_unknown_categories_count(reference: pd.DataFrame) -> None:
    current = bank(np.random.default_rng(9), 1_000)
    current.loc[current.index[:80], "Geography"] = "Portugal"
    assert judge(current, reference, SCHEMA).drifted_columns == ["Geography"]


def test_an_ordinal_of_few_levels_keeps_its_level_and_one_of_many_is_ranked() -> None:
    schema = parse_schema(
        {"name": "t", "id": "Id", "label": {"column": "y"}, "features": {"N": {"kind": "ordinal"}}},
    )
    generator = np.random.default_rng(10)

    def frame(levels: int, size: int) -> pd.DataFrame:
        return pd.DataFrame({"N": generator.integers(0, levels, size).astype(float), "score": 0.5})

    few = [judge(frame(3, 1_000), frame(3, 1_000), schema).features["N"] for _ in range(300)]
    assert {one.test for one in few} == {"chi2"}
    # Kolmogorov-Smirnov rejects 2 % here
    assert 0.025 < np.mean([one.p_value < 0.05 for one in few]) < 0.085
    assert judge(frame(40, 1_000), frame(40, 1_000), schema).features["N"].test == "ks"


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

    found = [judge(frame(200), frame(5_000), schema).features["C"].p_value for _ in range(300)]
    assert 0.02 < np.mean([p < 0.05 for p in found]) < 0.09


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
        verdict = judge(frame(ODD[now]).assign(score=0.5), frame(ODD[then]).assign(score=0.5), schema)
    assert verdict.judged
    for column in verdict.features.values():
        assert 0 <= column.distance <= 1
        assert 0 <= column.p_value <= column.p_adjusted <= 1
    nearly = {now, then} == {"missing", "one value"}
    assert verdict.drifted == (now != then and not nearly)


def test_columns_as_parquet_gives_them_are_read_alike(reference: pd.DataFrame) -> None:
    current = bank(np.random.default_rng(12), 1_000, 0.3)
    typed = reference.astype({"Geography": "category", "Gender": "string", "Tenure": "Int64", "HasCrCard": "int8"})
    typed["Age"] = typed["Age"].astype("float32")
    assert judge(current, typed, SCHEMA) == judge(current, reference, SCHEMA)


def test_a_sample_becomes_a_table_of_the_schemas_columns_and_the_score() -> None:
    schema = parse_schema(
        {
            "name": "t",
            "id": "Id",
            "label": {"column": "y"},
            "features": {
                "C": {"kind": "categorical", "categories": ["a"], "missing": True},
                "N": {"kind": "numeric", "missing": True},
            },
        }
    )
    rows = [SampleRow(1, "x", 0.25, 0, None, ("a", 3)), SampleRow(2, "y", 0.75, 1, 1, (None, None))]
    frame = sample_frame(schema, Sample.of_rows(rows, 2))
    expected = pd.DataFrame({"C": np.array(["a", None], object), "N": [3.0, np.nan], "score": [0.25, 0.75]})
    pd.testing.assert_frame_equal(frame, expected)
    empty = sample_frame(schema, Sample.of_rows([], 0))
    assert list(empty.columns) == ["C", "N", "score"]
    assert len(empty) == 0
