"""How long labels are waited for, from a table's own delays."""

import numpy as np
import pytest

from churnstream.backtest.labels import label_timing
from contract.durations import DAY, HOUR


def test_without_delays_a_day_is_waited() -> None:
    assert label_timing(np.array([], dtype=np.int64)) == (DAY, 0, 0, 0, None)


def test_labels_known_at_the_rows_own_date_are_waited_for_a_day() -> None:
    assert label_timing(np.zeros(100, dtype=np.int64)) == (DAY, 0, 0, 0, 0)


def test_all_labels_are_waited_for_where_none_is_far_from_the_others() -> None:
    delays = np.random.default_rng(0).integers(0, 30 * DAY, 5_000)
    timing = label_timing(delays)
    assert timing.lateness == 30 * DAY
    assert timing.beyond == 0


def test_what_comes_long_after_the_others_is_not_waited_for_and_counted() -> None:
    delays = np.concatenate([np.full(9_990, 20 * DAY), np.full(10, 900 * DAY)])
    assert label_timing(delays) == (20 * DAY, 0, 10, 0, 20 * DAY)


def test_short_delays_are_rounded_to_hours_and_long_ones_to_days() -> None:
    assert label_timing(np.full(10, 26 * HOUR + 1)).lateness == 27 * HOUR
    assert label_timing(np.full(10, 5 * DAY + 1)).lateness == 6 * DAY


def test_labels_dated_by_the_day_may_seem_to_precede_their_record_by_a_day() -> None:
    timing = label_timing(np.array([-20 * HOUR, 3 * HOUR, 2 * DAY, -3 * DAY]))
    assert (timing.tolerance, timing.before) == (DAY, 1)


def test_labels_all_dated_before_their_record_are_counted() -> None:
    timing = label_timing(np.full(50, -40 * DAY))
    assert (timing.before, timing.beyond, timing.lateness) == (50, 0, DAY)


@pytest.mark.parametrize("delays", [[], [3 * DAY] * 10])
def test_silence_that_counts_as_a_label_is_waited_for(delays: list[int]) -> None:
    assert label_timing(np.array(delays, dtype=np.int64), horizon=90 * DAY).lateness == 90 * DAY
