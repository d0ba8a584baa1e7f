"""The estimate of calibrated probabilities: as near as chance allows, with intervals that cover."""

import itertools
import math

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, brier_score_loss, f1_score, precision_score, recall_score, roc_auc_score

from contract.panes import Summary
from contract.windows import Estimate
from monitor.timeline.estimate import estimate
from monitor.timeline.sums import Sums
from tests.support.sizes import size
from tests.unit.monitor.timeline.test_metrics import summarise

METRICS = ("accuracy", "precision", "recall", "f1", "roc_auc", "brier")


def _churn_like(generator: np.random.Generator, size: int) -> np.ndarray:
    """Probabilities with the bank's churn rate (0.2) and about its AUC (0.86)."""
    return 1 / (1 + np.exp(-generator.normal(-2.0, 1.9, size)))


def test_the_expected_confusion_matrix_is_the_mean_over_all_labellings() -> None:
    p = np.array([0.1, 0.35, 0.6, 0.8])
    found = estimate(summarise(p, np.zeros(4, dtype=int)))
    weighted = np.zeros(4)
    for labels in itertools.product([0, 1], repeat=4):
        chance = math.prod(q if y else 1 - q for q, y in zip(p, labels, strict=True))
        y = np.array(labels)
        guess = p >= 0.5
        weighted += chance * np.array([(~guess & (y == 0)).sum(), (guess & (y == 0)).sum(), (~guess & (y == 1)).sum(),
                                       (guess & (y == 1)).sum()])  # fmt: skip
    assert [found.tn, found.fp, found.fn, found.tp] == pytest.approx(weighted, abs=1e-9)
    assert found.accuracy is not None
    assert found.accuracy.value == pytest.approx((0.9 + 0.65 + 0.6 + 0.8) / 4)
    assert found.precision is not None
    assert found.precision.value == pytest.approx(0.7)
    assert found.brier is not None
    assert found.brier.value == pytest.approx(float((p * (1 - p)).mean()))


@pytest.mark.parametrize("threshold", [0.4, 0.15])
def test_intervals_cover_and_estimates_come_near_the_floor(threshold: float) -> None:
    generator = np.random.default_rng(42)
    windows = size(ci=300, full=600)
    errors: dict[str, list[float]] = {metric: [] for metric in METRICS}
    covered = dict.fromkeys(METRICS, 0)
    p = _churn_like(generator, 1_000)
    for window in range(windows):
        if window % 30 == 0:
            p = _churn_like(generator, 1_000)
            found = estimate(summarise(p, np.zeros(len(p), dtype=int), threshold))
        y = generator.binomial(1, p)
        guess = p >= threshold
        realised = {
            "accuracy": accuracy_score(y, guess),
            "precision": precision_score(y, guess),
            "recall": recall_score(y, guess),
            "f1": f1_score(y, guess),
            "roc_auc": roc_auc_score(y, p),
            "brier": brier_score_loss(y, p),
        }
        for metric, value in realised.items():
            estimated = getattr(found, metric)
            errors[metric].append(abs(value - estimated.value))
            covered[metric] += estimated.low <= value <= estimated.high
    assert all(0.90 <= count / windows <= 0.99 for count in covered.values()), covered
    mean = {metric: float(np.mean(found)) for metric, found in errors.items()}
    # the floor for perfect probabilities at this size: what chance alone does
    assert mean["f1"] < 0.023, mean
    assert mean["accuracy"] < 0.010, mean
    assert mean["roc_auc"] < 0.013, mean


def test_auc_of_exact_bins_is_the_expected_share_of_pairs_won() -> None:
    p = np.array([0.1005, 0.1005, 0.4005, 0.9005])
    found = estimate(summarise(p, np.zeros(4, dtype=int))).roc_auc
    won = pairs = 0.0
    for i, j in itertools.permutations(range(4), 2):
        chance = p[i] * (1 - p[j])
        pairs += chance
        won += chance * (1.0 if p[i] > p[j] else 0.5 if p[i] == p[j] else 0.0)
    assert found is not None
    assert found.value == pytest.approx(won / pairs)


def test_undefined_estimates_are_none() -> None:
    nothing = estimate(Sums.of(Summary()))
    assert all(getattr(nothing, metric) is None for metric in METRICS)
    none_predicted = estimate(summarise(np.array([0.1, 0.2]), np.zeros(2, dtype=int)))
    assert none_predicted.precision is None
    assert none_predicted.recall is not None
    assert none_predicted.recall.value == 0.0
    impossible = estimate(summarise(np.zeros(3), np.zeros(3, dtype=int)))
    assert (impossible.precision, impossible.recall, impossible.f1) == (None, None, None)
    assert impossible.accuracy == Estimate(1.0, 1.0, 1.0)


@pytest.mark.parametrize("p", [[0.0], [1.0], [0.5], [1.0, 0.0], [1e-12, 1 - 1e-12]])
def test_estimates_stay_within_zero_and_one(p: list[float]) -> None:
    found = estimate(summarise(np.array(p), np.zeros(len(p), dtype=int)))
    for metric in METRICS:
        value = getattr(found, metric)
        assert value is None or 0 <= value.low <= value.value <= value.high <= 1
    assert min(found.tn, found.fp, found.fn, found.tp) >= 0
