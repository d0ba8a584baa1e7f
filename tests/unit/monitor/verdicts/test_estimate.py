"""The recalibrated estimate is the plain one where nothing is known better, comes nearer where it is, and covers."""

import numpy as np
import pytest

from contract.panes import UNIT, Expected, ScoreBin, Summary
from contract.windows import Estimate, Estimated
from monitor.timeline.estimate import estimate
from monitor.timeline.sums import Sums
from monitor.verdicts.calibration import Calibration
from monitor.verdicts.estimate import recalibrated
from tests.support.scores import Truth, calibrated, draw_scores, histogram_of, reference_of
from tests.support.sizes import size

THRESHOLD = 0.3105
METRICS = ("accuracy", "precision", "recall", "f1", "roc_auc", "brier")


def off(score: np.ndarray) -> np.ndarray:
    """Scores that are too sure of themselves, and too low."""
    return 1 / (1 + np.exp(-(0.25 + 0.75 * np.log(score / (1 - score)))))


def plain(scores: np.ndarray) -> tuple[Estimated, np.ndarray]:
    """The estimate from the scores alone, and the records of each bin."""
    said = scores >= THRESHOLD
    records = histogram_of(scores, np.zeros(len(scores), dtype=bool))[0]
    expected = [
        Expected(len(part), round(float(part.sum()) * UNIT), round(float((part**2).sum()) * UNIT))
        for part in (scores[~said], scores[said])
    ]
    summary = Summary(
        records=len(scores),
        expected_negative=expected[0],
        expected_positive=expected[1],
        scores={int(index): ScoreBin(int(records[index])) for index in np.flatnonzero(records)},
    )
    return estimate(Sums.of(summary)), records


def realised(scores: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    said = scores >= THRESHOLD
    tp, fp, fn = float((said & labels).sum()), float((said & ~labels).sum()), float((~said & labels).sum())
    _, negatives, positives = histogram_of(scores, labels)
    wins = float((positives * (np.cumsum(negatives) - negatives / 2)).sum())
    return {
        "accuracy": float((said == labels).mean()),
        "precision": tp / (tp + fp),
        "recall": tp / (tp + fn),
        "f1": 2 * tp / (2 * tp + fp + fn),
        "roc_auc": wins / float(negatives.sum() * positives.sum()),
        "brier": float(((scores - labels) ** 2).mean()),
    }


def test_a_model_that_is_known_to_be_calibrated_gets_the_plain_estimate() -> None:
    found, records = plain(draw_scores(np.random.default_rng(1), 2_000))
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
        found = recalibrated(*plain(scores), reference_of(rng, 1_500, truth))
        for name, value in realised(scores, rng.random(1_000) < truth(scores)).items():
            metric: Estimate = getattr(found, name)
            covered[name] += metric.low <= value <= metric.high
            bias[name] += (metric.value - value) / windows
    # 95 % less four standard errors of so many windows, and a point for the delta method
    least = 0.94 - 4 * np.sqrt(0.05 * 0.95 / windows)
    assert all(count / windows >= least for count in covered.values()), covered
    assert all(abs(one) < 0.006 for one in bias.values()), bias
