from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import UserError
from contract.schema import load_schema
from producer.injections import parse_drift
from producer.scenario import Scenario
from producer.scenario_options import ScenarioOptions
from producer.weekdays import parse_days, parse_volume, weekday

SCHEMA = load_schema("bank_churn")
CUSTOMERS_OF_A_FORTNIGHT = pd.DataFrame({"Age": np.full(14, 40.0)})
DAY = 86_400_000
MONDAY = 1_735_862_400_000 + 3 * DAY
"""2025-01-06T00:00:00Z."""


def test_a_weekday_is_that_of_the_calendar() -> None:
    # 1970-01-01 was a Thursday, 2024-02-29 too, 1969-12-31 a Wednesday
    assert weekday(np.array([0, 1_709_164_800_000, MONDAY, MONDAY - 1, -1])).tolist() == [3, 3, 0, 6, 2]


def test_each_day_has_as_many_records_as_its_weight_says() -> None:
    scenario = ScenarioOptions("2025-01-06", "28d", weekdays="2,1,1,1,1,0.5,0").build(SCHEMA)
    rows = 26_000

    counted = Counter(weekday(scenario.event_times(0, rows, rows)).tolist())

    assert [counted[day] for day in range(7)] == [8_000, 4_000, 4_000, 4_000, 4_000, 2_000, 0]


@given(
    rows=st.integers(1, 3_000),
    period=st.integers(8 * DAY, 60 * DAY),
    start=st.integers(-10 * DAY, 10 * DAY),
    weights=st.lists(st.sampled_from([0.0, 0.1, 1.0, 3.0]), min_size=7, max_size=7).filter(any),
    data=st.data(),
)
def test_weekly_times_rise_within_the_period_and_do_not_depend_on_chunks(
    rows: int, period: int, start: int, weights: list[float], data: st.DataObject
) -> None:
    volume = parse_volume(",".join(map(str, weights)))
    scenario = Scenario(start=start, period=period, volume=volume)
    first = data.draw(st.integers(0, rows - 1))

    times = scenario.event_times(0, rows, rows)

    assert start <= times[0]
    assert times[-1] < start + period
    assert (np.diff(times) >= 0).all()
    assert all(weights[day] > 0 for day in weekday(times))
    assert scenario.event_times(first, rows - first, rows).tolist() == times[first:].tolist()


def test_a_drift_can_be_of_some_days_of_the_week() -> None:
    times = MONDAY + np.arange(14) * DAY
    drift = parse_drift("flip=1,on=sat+sun", SCHEMA, MONDAY)

    flipped = drift.flipped(CUSTOMERS_OF_A_FORTNIGHT, times, np.zeros(14))

    assert np.flatnonzero(flipped).tolist() == [5, 6, 12, 13]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,1,1", "seven numbers"),
        ("0,0,0,0,0,0,0", "seven numbers"),
        ("1,1,1,1,1,1,-1", "seven"),
        ("a", "not a finite"),
    ],
)
def test_weights_that_make_no_week(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_volume(text)


def test_days_that_are_none() -> None:
    with pytest.raises(UserError, match="'caturday' is not a day; write some of mon, tue"):
        parse_days("sat+caturday", "drift")


def test_a_period_without_a_day_that_has_records() -> None:
    scenario = ScenarioOptions("2025-01-06", "2d", weekdays="0,0,1,1,1,1,1").build(SCHEMA)

    with pytest.raises(UserError, match="no day of the period has any records"):
        scenario.event_times(0, 10, 10)
