"""The same customers every day for a year: their labels are evidence once, not anew each day."""

import numpy as np
import pytest

from monitor.budget import levels
from monitor.inputs.rule import LONGEST_SPAN, SKETCH, design_effect
from monitor.verdicts.calibration import Calibration, Labelled
from monitor.verdicts.evidence import NOTHING_YET, added_up, log_evidence
from tests.support.messages import DAY
from tests.support.scores import calibrated, flipped, reference_of, window_of
from tests.support.sizes import size

DAYS, WEEK = 365, 7


def days_to_alarm(histogram: np.ndarray, calibration: Calibration, *, told: bool = True) -> int | None:
    """Days until the detector alarms at customers who come every day, with windows of a week; None: not in a year.

    ``told``: whether it knows that those of one window are those of the windows before.
    """
    state, threshold = NOTHING_YET, levels(0.5, DAY).detector
    for day in range(1, DAYS + 1):
        windows = min(-(-day // WEEK), LONGEST_SPAN)
        recurrence = design_effect([tuple(range(SKETCH))] * windows) if told else 1.0
        evidence = log_evidence(Labelled.of(histogram, WEEK * recurrence), calibration)
        state, alarm = added_up(state, evidence, threshold)
        if alarm:
            return day
    return None


@pytest.mark.parametrize("customers", [200, 1_000])
def test_nothing_has_changed_for_the_same_customers_all_year(customers: int) -> None:
    rng = np.random.default_rng(31)
    cohorts = size(ci=30, full=500)
    calibration = reference_of(rng, 10_000)
    found = [days_to_alarm(window_of(rng, customers, calibrated), calibration) for _ in range(cohorts)]
    alarms = sum(day is not None for day in found)
    # the detector's part of 0.5 false alerts a month is 0.6 a year; 0.05 were found for 200 customers, 0 for 1,000
    assert alarms <= cohorts * 0.12


def test_evidence_told_anew_each_day_would_alarm_in_the_end() -> None:
    rng = np.random.default_rng(32)
    calibration = reference_of(rng, 10_000)
    cohorts = [window_of(rng, 200, calibrated) for _ in range(40)]
    wrong = sum(days_to_alarm(one, calibration, told=False) is not None for one in cohorts)
    right = sum(days_to_alarm(one, calibration) is not None for one in cohorts)
    assert wrong > right


def test_a_flip_is_found_all_the_same() -> None:
    rng = np.random.default_rng(33)
    calibration = reference_of(rng, 10_000)
    found = [days_to_alarm(window_of(rng, 1_000, flipped(0.3)), calibration) for _ in range(20)]
    assert all(day is not None and day <= 4 for day in found)
