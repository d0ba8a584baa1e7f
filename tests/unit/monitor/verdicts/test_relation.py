"""The relation test finds what has changed between scores and labels, and nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.panes import SCORE_BINS
from contract.windows import Relation
from monitor.budget import levels
from monitor.verdicts.calibration import Calibration, Labelled
from monitor.verdicts.relation import judge_relation
from tests.support.messages import DAY
from tests.support.scores import Truth, calibrated, flipped, held_out_bins, reference_of, times, window_of
from tests.support.sizes import size

ALPHA = levels(0.5, DAY).relation


def judged(histogram: np.ndarray, calibration: Calibration, *, inputs_drifted: bool = False) -> Relation | None:
    return judge_relation(
        histogram, histogram, calibration, alpha=ALPHA, min_records=200, inputs_drifted=inputs_drifted
    )


def share_changed(truth: Truth, *, records: int = 1_000, reference: int = 10_000, windows: int = 200) -> float:
    rng = np.random.default_rng(17)
    found = []
    for number in range(windows):
        if number % 10 == 0:
            calibration = reference_of(rng, reference)
        found.append(judged(window_of(rng, records, truth), calibration))
    return float(np.mean([one is not None and one.changed for one in found]))


@pytest.mark.parametrize(
    ("truth", "least"), [(flipped(0.3), 1.0), (flipped(0.15), 0.99), (times(1.3), 0.95), (times(1 / 1.3), 0.80)]
)
def test_what_has_changed_is_found_in_one_window(truth: Truth, least: float) -> None:
    assert share_changed(truth) >= least


@pytest.mark.parametrize("truth", [times(1.3), times(1 / 1.3)])
def test_another_label_rate_is_found_within_two_windows(truth: Truth) -> None:
    rng = np.random.default_rng(18)
    found = 0
    for _ in range(200):
        calibration = reference_of(rng, 10_000)
        windows = [judged(window_of(rng, 1_000, truth), calibration) for _ in range(2)]
        found += any(one is not None and one.changed for one in windows)
    assert found >= 190


@pytest.mark.parametrize("reference", [1_500, 10_000])
def test_what_has_not_is_not(reference: int) -> None:
    windows = size(ci=600, full=4_000)
    # four standard errors above the level
    assert share_changed(calibrated, reference=reference, windows=windows) <= ALPHA + 4 * np.sqrt(ALPHA / windows)


def test_other_scores_are_no_other_relation() -> None:
    rng = np.random.default_rng(3)
    calibration = reference_of(rng, 10_000)
    found = []
    for _ in range(100):
        scores = np.clip(rng.beta(2.0, 2.0, 1_000), 1e-4, 1 - 1e-4)
        labels = rng.random(1_000) < scores
        place = np.minimum((scores * SCORE_BINS).astype(np.int64), SCORE_BINS - 1)
        positives = np.bincount(place[labels], minlength=SCORE_BINS)
        negatives = np.bincount(place[~labels], minlength=SCORE_BINS)
        found.append(judged(np.stack([positives + negatives, negatives, positives]), calibration, inputs_drifted=True))
    assert sum(one is not None and one.changed for one in found) <= 3


def test_a_model_that_was_off_from_the_start_is_not_called_changed() -> None:
    rng = np.random.default_rng(8)
    too_many = times(0.8)
    calibration = reference_of(rng, 10_000, too_many)
    found = [judged(window_of(rng, 1_000, too_many), calibration) for _ in range(100)]
    assert sum(one is not None and one.changed for one in found) <= 4


def test_it_says_how_many_were_expected_and_which_way_it_went() -> None:
    rng = np.random.default_rng(5)
    found = judged(window_of(rng, 5_000, flipped(0.3)), reference_of(rng, 10_000))
    assert found is not None
    assert found.observed > found.expected.high > found.expected.value > found.expected.low
    assert found.slope is not None
    assert found.slope.high < 0 < found.level.low
    assert found.changed
    assert max(found.evidence) > 10


@pytest.mark.parametrize("records", [0, 30, 199])
def test_too_few_labels_are_not_judged(records: int) -> None:
    rng = np.random.default_rng(1)
    assert judged(window_of(rng, records), reference_of(rng, 2_000)) is None


def test_a_version_without_held_out_scores_is_taken_at_its_word_with_a_dead_zone() -> None:
    rng = np.random.default_rng(6)
    a_little_off = times(0.85)
    found = [judged(window_of(rng, 2_000, a_little_off), Calibration.unknown()) for _ in range(50)]
    assert not any(one is None or one.changed for one in found)
    flip = judged(window_of(rng, 2_000, flipped(0.3)), Calibration.unknown())
    assert flip is not None
    assert flip.changed


@given(
    counts=st.lists(
        st.tuples(st.integers(0, SCORE_BINS - 1), st.integers(0, 5_000), st.integers(0, 5_000)), max_size=8
    ),
    known=st.booleans(),
    drifted=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_any_histogram_gets_a_finite_verdict(counts: list[tuple[int, int, int]], known: bool, drifted: bool) -> None:
    histogram = np.zeros((3, SCORE_BINS), dtype=np.int64)
    for index, negatives, positives in counts:
        histogram[:, index] += (negatives + positives, negatives, positives)
    calibration = Calibration.fitted(Labelled.of(histogram)) if known else Calibration.unknown()
    found = judged(histogram, calibration, inputs_drifted=drifted)
    if found is not None:
        estimates = [one for one in (found.expected, found.level, found.slope) if one is not None]
        ends = [value for one in estimates for value in (one.value, one.low, one.high)]
        assert np.isfinite([found.p_value, *ends, *found.evidence]).all()
        assert 0 <= found.p_value <= 1


def test_the_fitted_calibration_finds_level_and_slope() -> None:
    rng = np.random.default_rng(9)

    def off(score: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-(-0.4 + 0.7 * np.log(score / (1 - score)))))

    found = Calibration.fitted(Labelled.of_bins(held_out_bins(rng, 100_000, off)))
    error = np.sqrt(np.diag(np.array(found.covariance)))
    assert abs(found.level + 0.4) < 4 * error[0] + 0.01
    assert abs(found.slope - 0.7) < 4 * error[1] + 0.01
