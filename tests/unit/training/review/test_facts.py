"""What a review tells of groups, periods, calibration and the table, counted from rows that are made for it."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from contract.schema import Schema, load_schema, parse_schema
from tests.support.tables.toy import toy_table
from training.quality.costs import Costs
from training.review.calibration import calibration_facts
from training.review.costing import RATIOS, cost_facts
from training.review.described import data_facts, left_out
from training.review.facts import FEWEST_ROWS, MOST_REASONS
from training.review.groups import FROM_SCHEMA, GUESSED, DecidedRows, segment_facts, segments_of
from training.review.periods import MOST_PERIODS, TOO_FEW, UNTIMED, period_facts
from training.review.rates import stability_index
from training.table.bad_rows import BadRow
from training.table.prepare import Table, read_table

SCHEMA = load_schema("bank_churn")
ROWS = 1_200
DAY = 86_400_000
START = 1_700_000_000_000


def decided(rows: int = ROWS) -> DecidedRows:
    rng = np.random.default_rng(0)
    scores = rng.beta(2, 4, rows)
    y = (rng.random(rows) < scores).astype(np.int64)
    return DecidedRows(y, scores, scores >= 0.4, np.arange(rows, dtype=np.int64))


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "Geography": rng.choice(["France", "Germany", "Spain"], ROWS, p=[0.6, 0.39, 0.01]),
            "Gender": np.where(rng.random(ROWS) < 0.5, "Male", "Female"),
            "Age": rng.integers(18, 80, ROWS).astype(np.float64),
        }
    )


def test_each_groups_rates_are_those_of_its_rows() -> None:
    X, rows = frame(), decided()
    segments, told = segments_of(SCHEMA)
    assert told == FROM_SCHEMA
    by_feature = {one.feature: one for one in segment_facts(X, rows, segments)}
    germany = next(group for group in by_feature["Geography"].groups if group.name == "Geography: Germany")
    mine = (X["Geography"] == "Germany").to_numpy()
    left, stayed = mine & (rows.y == 1), mine & (rows.y == 0)
    assert germany.rows == mine.sum()
    assert germany.called is not None
    assert germany.missed is not None
    assert germany.needless is not None
    assert germany.called.value == pytest.approx(rows.called[mine].mean())
    assert germany.missed.value == pytest.approx(1 - rows.called[left].mean())
    assert germany.needless.value == pytest.approx(rows.called[stayed].mean())
    assert germany.missed.rows == left.sum()
    young = next(group for group in by_feature["Age"].groups if group.name == "Age: below 30")
    assert young.rows == (X["Age"] < 30).sum()
    assert by_feature["Gender"].protected


def test_of_a_small_group_only_its_size_is_told() -> None:
    X, rows = frame(), decided()
    geography = next(one for one in segment_facts(X, rows, segments_of(SCHEMA)[0]) if one.feature == "Geography")
    spain = next(group for group in geography.groups if group.name == "Geography: Spain")
    assert 0 < spain.rows < FEWEST_ROWS
    assert (spain.rate, spain.called, spain.missed, spain.needless, spain.auc) == (None,) * 5
    named = {name for gap in geography.gaps for name in (gap.higher, gap.lower)}
    assert named <= {"Geography: France", "Geography: Germany"}


def test_the_widest_gap_is_named_with_the_higher_group_first() -> None:
    X, rows = frame(), decided()
    male = (X["Gender"] == "Male").to_numpy()
    unfair = replace(rows, called=rows.called & male)
    gender = next(one for one in segment_facts(X, unfair, segments_of(SCHEMA)[0]) if one.feature == "Gender")
    called = next(gap for gap in gender.gaps if gap.what == "called")
    assert (called.higher, called.lower) == ("Gender: Male", "Gender: Female")
    assert called.difference[0] == pytest.approx(unfair.called[male].mean())
    assert called.difference[1] > 0
    assert gender.least_selected == 0


def test_a_missing_value_is_a_group_of_its_own() -> None:
    X, rows = frame(), decided()
    X.loc[:99, "Age"] = np.nan
    age = next(one for one in segment_facts(X, rows, segments_of(SCHEMA)[0]) if one.feature == "Age")
    assert age.groups[-1].name == "Age: missing"
    assert age.groups[-1].rows == 100
    assert sum(group.rows for group in age.groups) == ROWS


def test_a_schema_without_segments_has_those_of_its_few_categories_and_flags() -> None:
    schema = wide_schema()
    segments, told = segments_of(schema)
    assert told == GUESSED
    assert [one.feature for one in segments] == ["plan", "abroad"]


def wide_schema() -> Schema:
    return parse_schema(
        {
            "name": "calls",
            "id": "id",
            "label": {"column": "left"},
            "features": {
                "calls": {"kind": "numeric"},
                "plan": {"kind": "categorical", "categories": ["flat", "prepaid"]},
                "town": {"kind": "categorical", "categories": [f"town {number}" for number in range(40)]},
                "abroad": {"kind": "flag"},
            },
        }
    )


def test_periods_follow_one_another_and_hold_every_timed_row_once() -> None:
    rows = decided()
    times = START + DAY * np.random.default_rng(2).integers(0, 365, ROWS)
    times[:7] = -(2**62)  # what stands for no time
    periods, told = period_facts(rows, times)
    assert len(periods) == MOST_PERIODS
    assert sum(period.rows for period in periods) == ROWS - 7
    assert all(one.end < other.start for one, other in pairwise(periods))
    assert f"{ROWS - 7:,}" in told
    third = (times >= periods[2].start) & (times <= periods[2].end)
    assert periods[2].churned.value == pytest.approx(rows.y[third].mean())
    assert periods[2].brier.value == pytest.approx(((rows.scores - rows.y) ** 2)[third].mean())


def test_scores_that_move_have_a_shift_and_a_heavy_day_is_not_divided() -> None:
    rows = decided()
    times = np.full(ROWS, START)
    times[:400] = START + DAY * np.arange(400)
    moved = replace(rows, scores=np.where(np.arange(ROWS) < 400, rows.scores / 3, rows.scores))
    periods, _ = period_facts(moved, times)
    assert periods[0].rows == 801  # the day on which most came, the first one
    assert max(period.shift for period in periods) > 0.25 > periods[0].shift


@pytest.mark.parametrize(
    ("times", "said"),
    [(None, UNTIMED), (np.full(ROWS, START), TOO_FEW), (np.full(ROWS, -(2**62)), TOO_FEW)],
)
def test_where_nothing_is_known_of_time_the_reason_is_told(times: np.ndarray | None, said: str) -> None:
    assert period_facts(decided(), times) == ((), said)


def test_right_probabilities_have_slope_one_and_wrong_ones_have_not() -> None:
    rows = decided(20_000)
    right = calibration_facts(rows.y, rows.scores, rows.customers, "none", {"none": 0.1})
    assert right.slope is not None
    assert right.intercept is not None
    assert right.slope[1] < 1 < right.slope[2]
    assert right.intercept[1] < 0 < right.intercept[2]
    logits = np.log(rows.scores / (1 - rows.scores))
    apart = calibration_facts(rows.y, 1 / (1 + np.exp(-2 * logits)), rows.customers, "none", {})
    assert apart.slope is not None
    assert apart.slope[2] < 0.6
    flat = calibration_facts(rows.y, np.full(20_000, 0.3), rows.customers, "none", {})
    assert (flat.slope, flat.intercept) == (None, None)
    told = calibration_facts(rows.y, np.where(rows.y == 1, 0.9, 0.1), rows.customers, "none", {})
    assert told.slope is None


def test_tenths_go_down_and_capture_every_churner() -> None:
    rows = decided()
    tenths = calibration_facts(rows.y, rows.scores, rows.customers, "none", {}).tenths
    assert sum(tenth.rows for tenth in tenths) == ROWS
    assert tenths[-1].captured == pytest.approx(1)
    assert [tenth.predicted for tenth in tenths] == sorted((tenth.predicted for tenth in tenths), reverse=True)
    top = rows.y[np.argsort(-rows.scores)[: tenths[0].rows]]
    assert tenths[0].lift == pytest.approx(top.mean() / rows.y.mean())


def test_costs_that_were_given_are_told_alone() -> None:
    rows = decided()
    given = cost_facts(rows.y, rows.scores, rows.customers, Costs(9, 3))
    assert [(row.missed, row.needless, row.given) for row in given.rows] == [(9, 3, True)]
    assert given.rows[0].threshold == pytest.approx(0.25)
    assert given.rows[0].called == pytest.approx(1_000 * (rows.scores >= 0.25).mean())
    assert [row.missed for row in cost_facts(rows.y, rows.scores, rows.customers, None).rows] == list(RATIOS)


def test_rows_left_out_are_counted_by_reason_and_the_rest_by_column() -> None:
    rows = read_table(toy_table(), SCHEMA)
    bad = tuple(BadRow(number, f"column {number % 40}", "is out of range") for number in range(100))
    told = left_out(replace(rows, excluded={"Age": 5, "column 0": 9}, bad_rows=bad))
    assert (told[0].column, told[0].rows) == ("column 0", 6)
    assert ("Age", "", 5) in [(one.column, one.reason, one.rows) for one in told]
    assert len(told) == MOST_REASONS + 1
    assert sum(one.rows for one in told) == 100 + (9 - 3) + 5


def test_features_are_described_by_the_rows_that_were_learned_from() -> None:
    rows = read_table(toy_table(2_000), SCHEMA)
    test = np.arange(2_000) % 5 == 0
    facts = data_facts(rows, test, np.arange(2_000, dtype=np.int64), SCHEMA)
    age = next(one for one in facts.features if one.name == "Age")
    assert age.quantiles == pytest.approx(tuple(np.quantile(rows.X["Age"][~test], [0.01, 0.5, 0.99])))
    place = next(one for one in facts.features if one.name == "Geography")
    assert dict(place.commonest)["France"] == pytest.approx((rows.X["Geography"][~test] == "France").mean())
    assert all(one.shift is not None and one.shift < 0.1 for one in facts.features)
    assert (facts.learned.rows, facts.held_out.rows) == (1_600, 400)


def test_a_feature_that_moved_has_a_shift_and_one_without_values_none() -> None:
    rows = moved(read_table(toy_table(2_000), SCHEMA))
    test = np.arange(2_000) >= 1_000
    facts = {one.name: one for one in data_facts(rows, test, np.arange(2_000, dtype=np.int64), SCHEMA).features}
    assert facts["Age"].shift is not None
    assert facts["Age"].shift > 0.25
    assert facts["Geography"].shift is not None
    assert facts["Geography"].shift > 0.25
    assert (facts["Balance"].quantiles, facts["Balance"].shift, facts["Balance"].missing) == (None, None, 1.0)


def moved(rows: Table) -> Table:
    X = rows.X.copy()
    X.loc[1_000:, "Age"] += 15
    X.loc[1_000:, "Geography"] = "Spain"
    X["Balance"] = np.nan
    return replace(rows, X=X)


def test_the_stability_index_is_the_formulas() -> None:
    assert stability_index([50.0, 50.0], [25.0, 75.0]) == pytest.approx(
        (0.25 - 0.5) * np.log(0.25 / 0.5) + (0.75 - 0.5) * np.log(0.75 / 0.5)
    )
    assert stability_index([1.0, 1.0], [0.0, 0.0]) == 0
    assert np.isfinite(stability_index([10.0, 0.0], [0.0, 10.0]))
