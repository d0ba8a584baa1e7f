"""How long windows are and how far apart they begin, from the times of the records."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churnstream.backtest.windows import MOST_WINDOWS, Windowing, choose_windows
from contract.arrays import Integers
from contract.durations import DAY, HOUR


def milliseconds(moments: pd.DatetimeIndex) -> Integers:
    return (
        np.asarray(moments.tz_localize(None) if moments.tz is None else moments.tz_convert("UTC").tz_localize(None))
        .astype("datetime64[ms]")
        .astype(np.int64)
    )


def spread(days: float, rows: int, start: str = "2023-01-01") -> Integers:
    return int(pd.Timestamp(start).value // 1_000_000) + np.linspace(0, days * DAY - 1, rows).astype(np.int64)


def snapshots(moments: pd.DatetimeIndex, rows: int) -> Integers:
    return np.repeat(milliseconds(moments), rows)


def held(times: Integers, found: Windowing) -> list[int]:
    """Records of each window that has any, by the rule of the stream."""
    starts = {
        int(place) * found.slide - step * found.slide
        for place in np.unique(times // found.slide)
        for step in range(found.window // found.slide)
    }
    return [int(((times >= start) & (times < start + found.window)).sum()) for start in sorted(starts)]


def test_a_daily_stream_of_weeks_has_windows_of_a_week_that_begin_daily() -> None:
    found = choose_windows(spread(90, 40_000))
    assert (found.window, found.slide) == (7 * DAY, DAY)
    assert 10 <= found.windows <= MOST_WINDOWS


def test_a_month_has_windows_of_three_days() -> None:
    found = choose_windows(spread(30, 20_000))
    assert (found.window, found.slide) == (3 * DAY, DAY)


def test_working_days_alone_are_no_snapshots() -> None:
    times = snapshots(pd.bdate_range("2023-01-02", periods=120), 250)
    found = choose_windows(times)
    assert (found.window, found.snapshots) == (7 * DAY, 0)


@pytest.mark.parametrize("end", ["ME", "MS", "BME"])
def test_monthly_snapshots_have_a_window_each(end: str) -> None:
    times = snapshots(pd.date_range("2019-01-01", "2023-12-31", freq=end), 2_000)
    found = choose_windows(times)
    assert found.snapshots == 60
    assert held(times, found) == [2_000] * 60
    assert found.window >= 25 * DAY


def test_snapshots_at_midnight_of_a_zone_have_a_window_each() -> None:
    moments = pd.date_range("2021-01-01", "2023-12-31", freq="MS").tz_localize("Europe/Berlin")
    times = snapshots(moments, 500)
    found = choose_windows(times)
    assert held(times, found) == [500] * 36


def test_a_snapshot_taken_over_two_days_is_not_cut_in_two() -> None:
    first = pd.date_range("2021-01-01", "2023-12-31", freq="ME")
    times = np.concatenate([snapshots(first, 300), snapshots(first + pd.Timedelta(days=1), 200)])
    found = choose_windows(times)
    assert sorted(set(held(times, found))) == [500]


def test_quarterly_and_yearly_snapshots_have_a_window_each() -> None:
    for freq, count in (("QE", 20), ("YE", 5)):
        times = snapshots(pd.date_range("2019-01-01", "2023-12-31", freq=freq), 1_000)
        assert held(times, choose_windows(times)) == [1_000] * count


def test_small_snapshots_share_a_window_so_that_it_is_judged() -> None:
    times = snapshots(pd.date_range("2021-01-01", "2023-12-31", freq="MS"), 80)
    found = choose_windows(times)
    assert found.records >= 200
    assert found.window == 3 * found.slide


def test_snapshots_every_week_have_a_window_each() -> None:
    times = snapshots(pd.date_range("2022-01-03", periods=60, freq="7D"), 400)
    found = choose_windows(times)
    assert (found.window, found.slide, found.snapshots) == (7 * DAY, 7 * DAY, 60)


def test_an_extra_snapshot_does_not_join_another() -> None:
    moments = pd.date_range("2021-01-01", "2022-12-31", freq="MS").union(pd.DatetimeIndex(["2021-06-12"]))
    times = snapshots(moments, 600)
    assert held(times, choose_windows(times)) == [600] * 25


def test_hourly_data_of_two_days_has_windows_of_hours() -> None:
    found = choose_windows(spread(2, 40_000))
    assert found.slide == HOUR
    assert found.window in (3 * HOUR, 6 * HOUR)
    assert 10 <= found.windows <= MOST_WINDOWS


def test_five_rows_a_day_have_windows_long_enough_to_be_judged() -> None:
    found = choose_windows(spread(730, 5 * 730))
    assert found.records >= 200
    assert found.window >= 40 * DAY
    assert found.windows >= 10


def test_where_there_are_too_few_rows_for_a_verdict_three_windows_are_kept() -> None:
    found = choose_windows(spread(60, 300))
    assert found.records < 200
    assert 60 * DAY / found.window >= 3


def test_ten_years_have_no_more_windows_than_can_be_looked_at() -> None:
    found = choose_windows(spread(3_650, 500_000))
    assert 10 <= found.windows <= MOST_WINDOWS


def test_rare_churn_needs_more_records() -> None:
    times = spread(365, 36_500)
    assert choose_windows(times, enough=5_000).window > choose_windows(times, enough=500).window


@pytest.mark.parametrize("times", [np.array([5 * DAY]), np.full(1_000, 5 * DAY), np.array([5 * DAY, 700 * DAY])])
def test_few_moments_have_a_window_all_the_same(times: Integers) -> None:
    found = choose_windows(times)
    assert found.window % found.slide == 0
    assert sum(held(times, found)) >= len(times)


def _daily(days: int, rows: int, seed: int) -> Integers:
    return 19_000 * DAY + np.random.default_rng(seed).integers(0, days * DAY, rows)


def _in_bursts(days: int, rows: int, seed: int) -> Integers:
    rng = np.random.default_rng(seed)
    return 19_000 * DAY + rng.choice(rng.integers(0, days, 12), rows) * DAY


@given(
    days=st.integers(1, 6_000),
    rows=st.integers(1, 5_000),
    seed=st.integers(0, 9),
    shape=st.sampled_from([_daily, _in_bursts]),
)
def test_whatever_the_times_windows_are_few_and_whole_slides(
    days: int, rows: int, seed: int, shape: Callable[[int, int, int], Integers]
) -> None:
    times = shape(days, rows, seed)
    found = choose_windows(times)
    assert found.window % found.slide == 0
    counts = held(times, found)
    assert found.windows == len(counts) <= 2 * MOST_WINDOWS
    assert all(counts)
