"""The verdicts on labels are as good together as ``benchmarks/estimate_quality.py`` says: a part of it, with bounds.

Models here are as sure as the rows that they have learned from: their probabilities are fitted to these.
"""

import numpy as np
import pytest

from contract.arrays import Floats
from contract.models.calibration import CalibrationBins
from monitor.budget import levels
from monitor.verdicts.calibration import Calibration, Labelled, probability_of
from monitor.verdicts.estimate import recalibrated
from monitor.verdicts.evidence import added_up
from monitor.verdicts.relation import judge_relation
from monitor.verdicts.withdrawal import Withdrawal
from monitor.verdicts.worsening import NO_WORSENING_YET, judge_worsening
from tests.support.estimates import plain_estimate, realised
from tests.support.messages import DAY
from tests.support.scores import Truth, calibrated, draw_scores, flipped, histogram_of, times
from tests.support.sizes import size

LEVELS = levels(0.5, DAY)
THRESHOLD = 0.3105
METRICS = ("accuracy", "f1", "roc_auc", "brier")


class FittedModel:
    """A model that was fitted to so many rows: its scores are off by chance, as those of any model are."""

    def __init__(self, rng: np.random.Generator, rows: int) -> None:
        self._rng = rng
        true = draw_scores(rng, rows)
        labels = rng.random(rows) < true
        self._fitted = Calibration.fitted(Labelled.of(histogram_of(true, labels)))
        self.stored = CalibrationBins.of(self.scores(true), labels.astype(np.int64))
        self.calibration = Calibration.fitted(Labelled.of_bins(self.stored))

    def scores(self, true: Floats) -> Floats:
        """Those that it gives to customers with these chances of churning."""
        return np.clip(probability_of(self._fitted.log_odds(np.log(true / (1 - true)))), 1e-6, 1 - 1e-6)

    def window(self, records: int, truth: Truth = calibrated) -> tuple[Floats, np.ndarray, Floats]:
        """Scores, labels and the chance of each label."""
        true = draw_scores(self._rng, records)
        chance = truth(true)
        return self.scores(true), self._rng.random(records) < chance, chance

    def histogram(self, records: int, truth: Truth = calibrated) -> np.ndarray:
        scores, labels, _ = self.window(records, truth)
        return histogram_of(scores, labels)


@pytest.mark.parametrize("truth", [flipped(0.3), flipped(0.15), times(1.3), times(1 / 1.3)])
def test_a_changed_relation_is_found_within_two_windows_of_a_thousand(truth: Truth) -> None:
    rng = np.random.default_rng(101)
    runs, found, withdrawn = size(ci=100, full=2_000), 0, 0
    for _ in range(runs):
        model, course, seen = FittedModel(rng, 10_000), Withdrawal(), False
        for number in range(2):
            histogram = model.histogram(1_000, truth)
            one = judge_relation(
                histogram,
                histogram,
                model.calibration,
                alpha=LEVELS.relation,
                min_records=200,
                inputs_drifted=False,
            )
            seen |= one is not None and one.changed
            course = course.after(number, number + 1, one)
        found += seen
        withdrawn += course.since is not None
    assert found / runs >= 0.95 - 2 * np.sqrt(0.05 * 0.95 / runs)
    # of flips all, of other label rates at least half
    assert withdrawn / runs >= (0.5 if truth(np.array([0.0])) == 0 else 1.0)


@pytest.mark.parametrize(("records", "rows"), [(1_000, 10_000), (5_000, 10_000), (5_000, 25_000)])
def test_estimates_come_as_near_as_theory_lets_them_and_their_intervals_cover(records: int, rows: int) -> None:
    rng = np.random.default_rng(102)
    models, windows = size(ci=50, full=400), 10
    errors, least = dict.fromkeys(METRICS, 0.0), dict.fromkeys(METRICS, 0.0)
    covered = dict.fromkeys(METRICS, 0.0)
    for _ in range(models):
        model = FittedModel(rng, rows)
        for _ in range(windows):
            scores, labels, chance = model.window(records)
            own, bins = plain_estimate(scores, THRESHOLD)
            found = recalibrated(own, bins, model.calibration.for_estimates())
            floor = expected(scores, chance)
            for name, value in realised(scores, labels, THRESHOLD).items():
                if name in METRICS:
                    one = getattr(found, name)
                    errors[name] += (one.value - value) ** 2
                    least[name] += (floor[name] - value) ** 2
                    covered[name] += (one.low <= value <= one.high) / (models * windows)
    ratios = {name: float(np.sqrt(errors[name] / least[name])) for name in METRICS}
    # n/m is the share that the model's own error adds; four hundredths are chance's in so few windows
    assert all(ratio <= np.sqrt(1 + records / rows) + 0.04 for ratio in ratios.values()), ratios
    assert all(0.93 - 0.02 <= one <= 0.97 + 0.02 for one in covered.values()), covered


def expected(scores: Floats, chance: Floats) -> dict[str, float]:
    """What nobody can know better who does not know the labels."""
    said = scores >= THRESHOLD
    tp, fn = float(chance[said].sum()), float(chance[~said].sum())
    order = np.argsort(scores)
    positives, negatives = chance[order], 1 - chance[order]
    itself = float((positives * negatives).sum())
    wins = float((positives * (np.cumsum(negatives) - negatives / 2)).sum()) - itself / 2
    return {
        "accuracy": (tp + float((1 - chance[~said]).sum())) / len(scores),
        "f1": 2 * tp / (tp + fn + float(said.sum())),
        "roc_auc": wins / (float(positives.sum() * negatives.sum()) - itself),
        "brier": float((scores**2 + chance * (1 - 2 * scores)).mean()),
    }


def days_to_worse(model: FittedModel, truth: Truth, most: int) -> int | None:
    """Days of 333 labels to the first alarm of the detector of worse performance."""
    state = NO_WORSENING_YET
    for day in range(1, most + 1):
        histogram = model.histogram(333, truth)
        found = judge_worsening(histogram, histogram, model.stored, alpha=LEVELS.performance, min_records=200)
        assert found is not None
        state, alarm = added_up(state, found.evidence, LEVELS.worsening_detector)
        if alarm:
            return day
    return None


def test_a_brier_score_that_is_worse_by_half_is_found_within_days_and_one_that_is_not_never_is() -> None:
    rng = np.random.default_rng(103)
    # 10 % of the labels flipped make the Brier score 1.5 times as high
    found = [days_to_worse(FittedModel(rng, 10_000), flipped(0.1), 20) for _ in range(size(ci=10, full=100))]
    assert None not in found
    assert float(np.median([day for day in found if day is not None])) <= 5
    assert [days_to_worse(FittedModel(rng, 10_000), calibrated, 60) for _ in range(size(ci=5, full=50))].count(
        None
    ) >= 5
