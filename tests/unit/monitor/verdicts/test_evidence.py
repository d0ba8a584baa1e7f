"""Evidence that adds up: no false alarm in months, and a few days to a true one."""

import numpy as np
import pytest

from monitor.budget import levels
from monitor.verdicts.calibration import Calibration, Labelled
from monitor.verdicts.evidence import ALTERNATIVES, NOTHING_YET, added_up, log_evidence
from tests.support.messages import DAY
from tests.support.scores import Truth, calibrated, flipped, reference_of, times, window_of
from tests.support.sizes import size

THRESHOLD = levels(0.5, DAY).detector
LABELS_A_DAY = 333


def first_alarm(rng: np.random.Generator, truth: Truth, days: int, calibration: Calibration) -> int | None:
    """On which day, from 1."""
    state = NOTHING_YET
    for day in range(1, days + 1):
        evidence = log_evidence(Labelled.of(window_of(rng, LABELS_A_DAY, truth)), calibration)
        state, alarm = added_up(state, evidence, THRESHOLD)
        if alarm:
            return day
    return None


@pytest.mark.parametrize("reference", [1_500, 10_000])
def test_nothing_has_changed_in_half_a_year(reference: int) -> None:
    rng = np.random.default_rng(21)
    streams = size(ci=6, full=40)
    assert [first_alarm(rng, calibrated, 180, reference_of(rng, reference)) for _ in range(streams)] == [None] * streams


@pytest.mark.parametrize(("truth", "most"), [(flipped(0.3), 1), (flipped(0.15), 2), (times(1.3), 20)])
def test_a_change_is_found_within_days(truth: Truth, most: int) -> None:
    rng = np.random.default_rng(22)
    days = [first_alarm(rng, truth, 60, reference_of(rng, 10_000)) for _ in range(20)]
    assert all(day is not None and day <= most for day in days), days


def test_an_e_value_is_at_most_one_on_average_at_the_edge_of_what_counts_as_unchanged() -> None:
    rng = np.random.default_rng(23)
    calibration = Calibration()
    for shift in (-0.1, 0.0, 0.1):

        def moved(score: np.ndarray, shift: float = shift) -> np.ndarray:
            return 1 / (1 + np.exp(-(np.log(score / (1 - score)) + shift)))

        values = np.exp([log_evidence(Labelled.of(window_of(rng, 20, moved)), calibration) for _ in range(1_200)])
        error = values.std(axis=0) / np.sqrt(len(values))
        # scores are the middles of their bins: off by up to 0.0005
        assert (values.mean(axis=0) <= 1.02 + 4 * error).all()


def test_no_labels_are_no_evidence_and_an_alarm_starts_anew() -> None:
    none = np.zeros((3, 1_000), dtype=np.int64)
    assert log_evidence(Labelled.of(none), Calibration()) == (0.0,) * ALTERNATIVES
    state, alarm = added_up(NOTHING_YET, (20.0,) * ALTERNATIVES, THRESHOLD)
    assert alarm
    assert np.array_equal(state, NOTHING_YET)
