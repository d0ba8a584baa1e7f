"""The input rule: no false alarms to speak of, finds what matters, pools what it may, survives every kind of column."""

import warnings
from collections.abc import Sequence

import msgspec
import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from contract.durations import DAY, HOUR
from contract.errors import UserError
from contract.schema import Schema, load_schema, parse_schema
from contract.settings import Settings
from contract.windows import Drift
from monitor.budget import levels
from monitor.inputs.rule import SKETCH, InputReference, InputRule, design_effect, holm, judge, judge_again

SCHEMA = load_schema("bank_churn")
RULE = InputRule()


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
def frame() -> pd.DataFrame:
    return bank(np.random.default_rng(1), 5_000)


@pytest.fixture(scope="module")
def reference(frame: pd.DataFrame) -> InputReference:
    return InputReference.of(frame, SCHEMA)


def against(current: pd.DataFrame, then: pd.DataFrame, schema: Schema = SCHEMA, rule: InputRule = RULE) -> Drift:
    return judge(current, InputReference.of(then, schema), rule=rule)


def one_after_another(frames: Sequence[pd.DataFrame], reference: InputReference, rule: InputRule = RULE) -> list[Drift]:
    """The verdicts on disjoint windows, each given those before it."""
    verdicts: list[Drift] = []
    for each in frames:
        verdicts.append(judge(each, reference, verdicts[::-1], rule=rule))
    return verdicts


@pytest.mark.parametrize(("size", "windows"), [(200, 60), (1_000, 60)])
def test_false_alarms_stay_below_the_level(reference: InputReference, size: int, windows: int) -> None:
    generator = np.random.default_rng(2)
    verdicts = one_after_another([bank(generator, size) for _ in range(windows)], reference)
    # 1 % of 60 windows is 0.6; five or more have a chance of 1 in 2,500
    assert sum(one.drifted for one in verdicts) < 5


@pytest.mark.parametrize("drift", ["age", "balance", "germany"])
def test_drifts_worth_acting_on_are_found_at_a_thousand_records(reference: InputReference, drift: str) -> None:
    generator = np.random.default_rng(3)
    column = {"age": "Age", "balance": "Balance", "germany": "Geography"}[drift]
    found = 0
    for _ in range(20):
        frame = bank(generator, 1_000, 0.251 * 1.5 if drift == "germany" else 0.251)
        if drift == "age":
            frame = with_score(frame.assign(Age=frame["Age"] + 5))
        elif drift == "balance":
            frame = with_score(frame.assign(Balance=frame["Balance"] * 1.3))
        verdict = judge(frame, reference, rule=RULE)
        found += verdict.features[column].drifted
        assert verdict.drifted == bool(verdict.drifted_columns)
    assert found == 20


def test_a_difference_too_small_to_act_on_is_not_called_drift() -> None:
    generator = np.random.default_rng(4)
    then, now = bank(generator, 60_000), bank(generator, 60_000, 0.251 + 0.03)
    verdict = against(now, then)
    assert verdict.features["Geography"].p_adjusted < 1e-9
    assert 0.02 < verdict.features["Geography"].distance < 0.05
    assert not verdict.drifted
    assert "Geography" in against(now, then, rule=InputRule(min_distance=0.02)).drifted_columns


def test_p_values_are_corrected_over_all_columns_by_holm(reference: InputReference) -> None:
    current = bank(np.random.default_rng(5), 1_000, 0.3)
    verdict = judge(current.assign(Age=current["Age"] + 1), reference, rule=RULE)
    assert list(verdict.features) == [*SCHEMA.names, "score"]
    assert verdict.dependence is not None
    family = [*verdict.features.values(), verdict.dependence]
    expected = multipletests([one.p_value for one in family], method="holm")[1]
    assert [one.p_adjusted for one in family] == pytest.approx(expected)
    assert holm({}) == {}


def test_distance_does_not_grow_as_a_window_shrinks(reference: InputReference) -> None:
    generator = np.random.default_rng(13)
    mean = {
        size: np.mean(
            [
                one.distance
                for _ in range(20)
                for one in judge(bank(generator, size), reference, rule=RULE).features.values()
            ]
        )
        for size in (200, 5_000)
    }
    # the statistics themselves are 0.05 and 0.01 here
    assert mean[200] < 0.015
    assert mean[5_000] < 0.006


def test_a_shift_that_no_window_shows_is_found_in_pooled_ones(reference: InputReference) -> None:
    generator = np.random.default_rng(14)
    frames = [bank(generator, 400) for _ in range(24)]
    older = [with_score(each.assign(Age=each["Age"] + 0.8)) for each in frames[8:]]
    verdicts = one_after_another([*frames[:8], *older], reference)
    assert not any(one.drifted for one in verdicts[:8])
    assert verdicts[-1].features["Age"].drifted
    assert verdicts[-1].features["Age"].windows > 1
    assert not judge(older[-1], reference, rule=RULE).drifted


def test_a_verdict_follows_from_the_windows_before_as_they_stand_on_the_topic(reference: InputReference) -> None:
    generator = np.random.default_rng(15)
    frames = [bank(generator, 300) for _ in range(20)]
    verdicts = one_after_another([each.assign(Age=each["Age"] + 1) for each in frames], reference)
    before: list[Drift | None] = [*verdicts[18:2:-1]]
    read_again = [msgspec.json.decode(msgspec.json.encode(one), type=Drift) for one in verdicts]
    current = bank(generator, 300)
    current["Age"] += 1
    found = judge(current, reference, before, rule=RULE)
    assert found.features["Age"].windows > 1
    assert judge(current, reference, read_again[18:2:-1], rule=RULE) == found
    # a gap, or a window before that was not judged, is not the end of what is pooled
    gap = [before[0], None, Drift(judged=False, drifted=False, share=0.0), *before[3:]]
    other = judge(current, reference, gap, rule=RULE)
    assert other != found
    assert judge_again(other, reference, before, rule=RULE) == found
    again = msgspec.json.decode(msgspec.json.encode(found), type=Drift)
    assert judge_again(again, reference, before, rule=RULE) == found


def test_windows_of_another_reference_or_an_earlier_release_are_not_pooled(reference: InputReference) -> None:
    generator = np.random.default_rng(16)
    other = InputReference.of(bank(generator, 300).assign(Tenure=1.0), SCHEMA)
    current = bank(generator, 400)
    foreign = judge(bank(generator, 300), other, rule=RULE)
    old = msgspec.structs.replace(
        foreign,
        features={name: msgspec.structs.replace(one, counts=()) for name, one in foreign.features.items()},
    )
    alone = judge(current, reference, rule=RULE)
    assert judge(current, reference, [old], rule=RULE).features["Tenure"].p_value == pytest.approx(
        alone.features["Tenure"].p_value
    )
    assert judge_again(old, reference, [], rule=RULE) == old
    judge(current, reference, [foreign], rule=RULE)


def test_a_customer_counts_once(reference: InputReference) -> None:
    current = bank(np.random.default_rng(17), 300)
    hashes = np.random.default_rng(18).integers(0, 2**53, 300)
    once = judge(current, reference, rule=RULE, customers=hashes.tolist())
    assert once.customers == tuple(sorted(hashes.tolist())[:SKETCH])
    thrice = judge(
        pd.concat([current.assign(Age=90.0), current.assign(Age=18.0), current]),
        reference,
        rule=RULE,
        customers=np.tile(hashes, 3).tolist(),
    )
    assert thrice == once
    assert judge(pd.concat([current] * 3), reference, rule=RULE).features["Age"].counts != once.features["Age"].counts


def test_the_same_customers_again_are_no_further_evidence(reference: InputReference) -> None:
    generator = np.random.default_rng(19)
    current = bank(generator, 500)
    hashes = generator.integers(0, 2**53, 500).tolist()
    first = judge(current, reference, rule=RULE, customers=hashes)
    again = judge(current, reference, [first] * 15, rule=RULE, customers=hashes)
    for name, one in again.features.items():
        assert one.p_value >= first.features[name].p_value * 0.999
    strangers = judge(current, reference, [judge(current, reference, rule=RULE)] * 15, rule=RULE)
    assert min(one.p_value for one in strangers.features.values()) < min(one.p_value for one in again.features.values())


def test_the_design_effect_is_one_for_strangers_and_the_number_of_windows_for_the_same_customers() -> None:
    sketches = [tuple(range(start, start + SKETCH * 10, 10)) for start in range(4)]
    assert design_effect(sketches) == 1.0
    assert design_effect([sketches[0]] * 4) == 4.0
    assert design_effect([sketches[0], ()]) == 1.0
    # one of two customers is in both windows: (2² + 1 + 1) / (2 + 1 + 1)
    assert design_effect([(1, 2), (2, 3)]) == 1.5
    # what lies beyond the end of a full sketch may be in that window all the same
    assert design_effect([tuple(range(SKETCH)), (5, 10**9)]) == pytest.approx((SKETCH - 1 + 4) / (SKETCH + 1))


def test_the_level_follows_from_the_alerts_that_may_be_false() -> None:
    assert levels(0.5, HOUR).inputs == pytest.approx(0.25 * 0.5 / 720)
    assert levels(0.1, DAY).inputs == pytest.approx(0.25 * 0.1 / 30)
    assert levels(0.5, 7 * DAY).inputs == 0.01
    given = Settings(false_alerts_per_month=0.1, min_distance=0.02, min_records=50)
    assert InputRule.of(given) == InputRule(levels(0.1, given.slide).inputs, 0.02, 50)
    assert InputRule.of(given.model_copy(update={"alpha": 0.2})).level == 0.2


def test_a_lower_level_alarms_less(reference: InputReference) -> None:
    current = bank(np.random.default_rng(20), 1_000, 0.37)
    found = judge(current, reference, rule=RULE).features["Geography"]
    assert found.drifted
    assert not judge(current, reference, rule=InputRule(level=found.p_adjusted)).features["Geography"].drifted


def test_the_score_is_judged_but_is_no_part_of_the_share(reference: InputReference) -> None:
    current = bank(np.random.default_rng(6), 1_000)
    verdict = judge(current.assign(score=current["score"] ** 0.5), reference, rule=RULE)
    assert verdict.drifted_columns == ["score"]
    assert verdict.drifted
    assert verdict.share == 0.0
    older = judge(current.assign(Age=current["Age"] + 9), reference, rule=RULE)
    assert older.share == pytest.approx(1 / 10)


def test_small_windows_and_empty_references_are_not_judged(frame: pd.DataFrame, reference: InputReference) -> None:
    drifted = frame.assign(Age=90.0)
    unjudged = Drift(judged=False, drifted=False, share=0.0)
    assert judge(drifted.head(199), reference, rule=RULE) == unjudged
    assert judge(drifted.head(200), reference, rule=RULE).drifted
    assert against(drifted, frame.head(0)) == unjudged
    assert judge(drifted.head(0), reference, rule=RULE) == unjudged
    assert judge(drifted.head(0), reference, rule=InputRule(min_records=0)) == unjudged


def test_a_reference_without_a_column_is_the_users_error(frame: pd.DataFrame) -> None:
    with pytest.raises(UserError, match=r"'Age'.*train and register"):
        InputReference.of(frame.drop(columns="Age"), SCHEMA)


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
