"""The input rule: no false alarms to speak of, finds what matters, corrects over all columns."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from contract.durations import DAY, HOUR
from contract.errors import UserError
from contract.settings import Settings
from contract.windows import Drift
from monitor.budget import levels
from monitor.inputs.rule import InputReference, InputRule, holm, judge
from tests.support.tables.bank_inputs import RULE, SCHEMA, against, bank, one_after_another, with_score


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


def test_the_level_follows_from_the_alerts_that_may_be_false() -> None:
    assert levels(0.5, HOUR).inputs == pytest.approx(0.5 * 0.5 / 720)
    assert levels(0.1, DAY).inputs == pytest.approx(0.5 * 0.1 / 30)
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


def test_scores_that_differ_by_rounding_alone_are_the_same() -> None:
    # an isotonic calibration gives few values, in training as doubles and in serving as single floats
    generator = np.random.default_rng(22)
    steps = np.sort(generator.random(30))
    then = bank(generator, 5_000).assign(score=generator.choice(steps, 5_000))
    now = bank(generator, 2_000).assign(score=generator.choice(steps, 2_000).astype(np.float32))
    assert not against(now, then).features["score"].drifted


def test_scores_between_the_steps_of_an_isotonic_calibration_are_no_drift() -> None:
    # a served model scores some customers between two steps, which no row that the steps were fitted to is
    generator = np.random.default_rng(23)
    steps = np.sort(generator.random(30))
    places = generator.integers(0, 29, 5_000)
    then = bank(generator, 5_000).assign(score=steps[places])
    now = then.assign(
        score=np.where(generator.random(5_000) < 0.02, (steps[places] + steps[places + 1]) / 2, then.score)
    )
    assert not against(now, then).features["score"].drifted
    fewer = then.assign(score=np.where(np.isin(places, (3, 4, 5)), steps[0], steps[places]))
    assert against(fewer, then).features["score"].drifted


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
