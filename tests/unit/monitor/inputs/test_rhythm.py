"""A weekly pattern in windows of no whole weeks is noticed; drift and chance are not taken for one."""

import numpy as np
import pytest
from numpy.typing import NDArray

from contract.durations import DAY, HOUR
from contract.windows import Drift, FeatureDrift
from monitor.inputs.rhythm import MOST_WINDOWS, WEEK, Rhythm, RhythmWatch

PLAIN = np.array([0.5, 0.25, 0.25])
OTHER = np.array([0.3, 0.5, 0.2])


def verdict(counts: NDArray[np.int64], **others: tuple[int, ...]) -> Drift:
    def column(cells: tuple[int, ...]) -> FeatureDrift:
        return FeatureDrift(test="chi2", distance=0.0, p_value=1.0, p_adjusted=1.0, drifted=False, counts=cells)

    features = {"Geography": tuple(int(each) for each in counts), **others}
    return Drift(judged=True, drifted=False, share=0.0, features={name: column(one) for name, one in features.items()})


def watched(window: int, slide: int, other: list[float], seed: int, rows: int = 1_000) -> Rhythm | None:
    """After windows in which so large a part is of other customers, one for each window."""
    generator = np.random.default_rng(seed)
    watch = RhythmWatch(window, slide)
    found = None
    for number, part in enumerate(other):
        counts = generator.multinomial(rows, PLAIN * (1 - part) + OTHER * part)
        if watch.put(number * slide, verdict(counts, Gender=(rows // 2, rows - rows // 2))):
            found = watch.rhythm()
    return found


def weekend(window: int, slide: int, weeks: int) -> list[float]:
    """The part of each window that lies on days 5 and 6 of a week."""
    starts = np.arange(0, weeks * WEEK, slide)
    hours = np.arange(0, window, HOUR)
    return [float(((start + hours) // DAY % 7 >= 5).mean()) for start in starts]


@pytest.mark.parametrize(("window", "slide", "weeks"), [(DAY, DAY, 4), (3 * DAY, DAY, 8), (6 * HOUR, HOUR, 4)])
def test_a_weekly_pattern_is_noticed(window: int, slide: int, weeks: int) -> None:
    found = watched(window, slide, weekend(window, slide, weeks), 1)
    assert found is not None
    assert found.column == "Geography"
    assert found.period == WEEK
    assert found.distance > 0.04
    assert found.p_value < 1e-3


def test_a_daily_pattern_is_noticed_in_windows_of_hours() -> None:
    nights = [float(hour % 24 < 8) for hour in range(24 * 28)]
    found = watched(HOUR, HOUR, nights, 2)
    assert found is not None
    assert found.period == DAY


def test_whole_weeks_need_no_look() -> None:
    watch = RhythmWatch(2 * WEEK, DAY)
    assert not watch.put(0, verdict(np.array([500, 250, 250])))
    assert watch.rhythm() is None


@pytest.mark.parametrize("seed", range(10))
def test_neither_chance_nor_drift_is_a_rhythm(seed: int) -> None:
    assert watched(DAY, DAY, [0.0] * 56, seed) is None
    assert watched(DAY, DAY, [0.0] * 25 + [1.0] * 31, seed) is None
    assert watched(DAY, DAY, [0.0] * 30 + [1.0] * 5 + [0.0] * 21, seed) is None
    assert watched(DAY, DAY, np.random.default_rng(seed).random(56).tolist(), seed) is None


def test_what_cannot_be_compared_is_passed_over() -> None:
    watch = RhythmWatch(3 * DAY, DAY)
    assert not watch.put(DAY, verdict(np.array([500, 250, 250])))
    assert not watch.put(0, Drift(judged=False, drifted=False, share=0.0))
    for number in range(10):
        counts = (5, 5) if number % 2 else (5, 5, 5)
        assert watch.put(3 * DAY * number, verdict(np.array([800, 0, 200]), Other=counts))
    assert watch.rhythm() is None


def test_old_windows_are_forgotten() -> None:
    watch = RhythmWatch(DAY, DAY)
    for number in range(MOST_WINDOWS):
        watch.put(number * DAY, verdict(np.array([500 - 200 * (number % 7 >= 5), 500, 200])))
    assert watch.rhythm() is not None
    for number in range(MOST_WINDOWS, 2 * MOST_WINDOWS):
        watch.put(number * DAY, verdict(np.array([500, 500, 200])))
    assert watch.rhythm() is None
