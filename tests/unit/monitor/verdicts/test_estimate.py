"""The recalibrated estimate is the plain one where nothing is known better, comes nearer where it is, and covers."""

import numpy as np
import pytest

from contract.windows import Estimate, Estimated
from monitor.verdicts.calibration import Calibration
from monitor.verdicts.estimate import recalibrated
from tests.support.estimates import plain_estimate, realised
from tests.support.scores import Truth, calibrated, draw_scores, reference_of
from tests.support.sizes import size

THRESHOLD = 0.3105
METRICS = ("accuracy", "precision", "recall", "f1", "roc_auc", "brier")


def off(score: np.ndarray) -> np.ndarray:
    """Scores that are too sure of themselves, and too low."""
    return 1 / (1 + np.exp(-(0.25 + 0.75 * np.log(score / (1 - score)))))


def test_a_model_that_is_known_to_be_calibrated_gets_the_plain_estimate() -> None:
    found, records = plain_estimate(draw_scores(np.random.default_rng(1), 2_000), THRESHOLD)
    same = recalibrated(found, records, Calibration())
    assert (same.tn, same.fp, same.fn, same.tp) == pytest.approx((found.tn, found.fp, found.fn, found.tp))
    for name in METRICS:
        before, after = getattr(found, name), getattr(same, name)
        assert after.value == pytest.approx(before.value, abs=2e-5), name
        assert (after.low, after.high) == pytest.approx((before.low, before.high), abs=2e-5), name


def test_nothing_is_estimated_of_nothing() -> None:
    nothing = Estimated(records=0, tn=0, fp=0, fn=0, tp=0)
    assert recalibrated(nothing, np.zeros(1_000, dtype=np.int64), Calibration()) == nothing


@pytest.mark.parametrize("truth", [calibrated, off])
def test_recalibrated_intervals_cover_where_the_calibration_itself_is_uncertain(truth: Truth) -> None:
    rng = np.random.default_rng(31)
    windows = size(ci=400, full=3_000)
    covered = dict.fromkeys(METRICS, 0)
    bias = dict.fromkeys(METRICS, 0.0)
    for _ in range(windows):
        scores = draw_scores(rng, 1_000)
        found = recalibrated(*plain_estimate(scores, THRESHOLD), reference_of(rng, 1_500, truth))
        for name, value in realised(scores, rng.random(1_000) < truth(scores), THRESHOLD).items():
            metric: Estimate = getattr(found, name)
            covered[name] += metric.low <= value <= metric.high
            bias[name] += (metric.value - value) / windows
    # 95 % less four standard errors of so many windows, and a point for the delta method
    least = 0.94 - 4 * np.sqrt(0.05 * 0.95 / windows)
    assert all(count / windows >= least for count in covered.values()), covered
    assert all(abs(one) < 0.006 for one in bias.values()), bias


@pytest.mark.parametrize(("times_the_error", "kept"), [(0.0, 0.5), (1.4, 0.5), (2.0, 0.5), (3.0, 7 / 9), (10.0, 0.98)])
def test_of_a_difference_from_the_model_half_is_corrected_and_more_where_noise_does_not_explain_it(
    times_the_error: float, kept: float
) -> None:
    error = 0.05
    found = Calibration(times_the_error * error, 1.0, ((error**2, 0.0), (0.0, error**2)), 5_000).for_estimates()
    assert found.level == pytest.approx(kept * times_the_error * error)
    assert found.slope == 1.0
    assert found.covariance == ((error**2, 0.0), (0.0, error**2))
