"""A part of ``benchmarks/drift_quality.py``, with bounds: few false alarms, and what the rule is for is found."""

import importlib
from typing import Any

import pytest

from contract.windows import Drift
from tests.support.paths import ROOT


@pytest.fixture
def quality(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("drift_quality")


def called(quality: Any, found: list[list[Drift]]) -> int:
    return sum(quality.alarmed(one, quality.LEVELS["daily"]) for each in found for one in each)


def test_nothing_that_stays_as_it_is_is_called_drifted(quality: Any) -> None:
    streams = [quality.SyntheticStream(900 + number, pool=10_000) for number in range(2)]
    # of 120 windows at a level of 0.0083 one; six or more have a chance of 1 in 2,000
    assert called(quality, quality.undrifted(streams, 300, 120, 901)) < 6
    assert called(quality, quality.same_customers(streams, 300, 7, 7, 60, 903)) < 6
    found, noticed = quality.weekly(streams, 300, 7, 60, 905)
    assert called(quality, found) < 6
    assert noticed == [False, False]


def test_a_weekly_pattern_is_noticed_where_windows_are_no_whole_weeks(quality: Any) -> None:
    found, noticed = quality.weekly([quality.SyntheticStream(910, pool=10_000)], 3_500, 1, 56, 906)
    assert called(quality, found) > 10
    assert noticed == [True]


def test_what_the_rule_is_for_is_found_within_two_windows(quality: Any) -> None:
    streams = [quality.SyntheticStream(900 + number, pool=10_000) for number in range(2)]
    prepared = quality.prepare(streams, 904, quality.LEVELS["daily"])
    for name in (*quality.CHANGES, quality.SCORE_CHANGE):
        runs = [found for found, _ in quality.found_after(prepared, name, 2, 4, 902)]
        assert quality.caught(runs, quality.LEVELS["daily"]).found == 4, name


@pytest.mark.usefixtures("quality")
def test_windows_one_after_another_are_one_alert() -> None:
    incidents = importlib.import_module("months").incidents
    assert incidents([False, True, True, False, True, False], 1) == 1
    assert incidents([True, False, False, True], 1) == 2
    assert incidents([True, *[False] * 7, True, *[False] * 8, True], 7) == 2
    assert incidents([], 1) == 0


def test_alerts_a_month_are_told_with_their_error_between_references(quality: Any) -> None:
    # a month of daily windows for each of two references, two alerts in one of them
    one = quality.months(quality.PACES["daily"], [[True, *[False] * 13, True, *[False] * 15], [False] * 30])
    assert one.monthly() == pytest.approx((1.0, 1.0, 2.0, 1.0))
    assert (one + one).monthly() == pytest.approx((1.0, 1 / 3**0.5, 2.0, 1.0))
    # 95 % below 5.99 / 2 = -log(0.05) where there is none
    assert quality.months(quality.PACES["daily"], [[False] * 30]).at_most() == pytest.approx(2.9957, abs=1e-3)
