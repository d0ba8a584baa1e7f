import numpy as np
import pytest

from training.quality.evaluate import calibration_error, compare, evaluate


def test_metrics_by_hand() -> None:
    y = np.array([0, 0, 0, 1, 1])
    p = np.array([0.1, 0.4, 0.6, 0.35, 0.9])
    metrics = evaluate(y, p, 0.4)
    assert {key: metrics[key] for key in ("tn", "fp", "fn", "tp")} == {"tn": 1, "fp": 2, "fn": 1, "tp": 1}
    assert metrics["accuracy"] == pytest.approx(2 / 5)
    assert metrics["precision"] == pytest.approx(1 / 3)
    assert metrics["recall"] == pytest.approx(1 / 2)
    assert metrics["f1"] == pytest.approx(2 / 5)
    assert metrics["roc_auc"] == pytest.approx(4 / 6)
    assert metrics["average_precision"] == pytest.approx(0.5 * 1 + 0.5 * 2 / 4)
    assert metrics["brier"] == pytest.approx((0.01 + 0.16 + 0.36 + 0.65**2 + 0.01) / 5)
    assert metrics["log_loss"] == pytest.approx(-np.log([0.9, 0.6, 0.4, 0.35, 0.9]).mean())


def test_calibration_error_by_hand() -> None:
    p = np.arange(20) / 20
    y = np.tile([0, 1], 10)
    # two rows a bin, one of them with label 1: |1/2 - (p + p + 1/20) / 2|
    by_hand = np.mean([abs(0.5 - (low + low + 0.05) / 2) for low in p[::2]])
    assert calibration_error(y, p) == pytest.approx(by_hand)
    assert evaluate(y, p, 0.5)["calibration_error"] == calibration_error(y, p)
    order = np.random.default_rng(0).permutation(20)
    assert calibration_error(y[order], p[order]) == pytest.approx(by_hand)


def test_calibration_error_of_equal_probabilities_is_that_of_one_bin() -> None:
    y = np.array([0] * 30 + [1] * 10)
    assert calibration_error(y, np.full(40, 0.25)) == pytest.approx(0)
    assert calibration_error(y[::-1], np.full(40, 0.4)) == pytest.approx(0.15)


def test_a_model_that_predicts_nobody_has_defined_metrics() -> None:
    metrics = evaluate(np.array([0, 1]), np.array([0.0, 0.0]), 0.5)
    assert metrics["precision"] == metrics["f1"] == 0
    assert all(np.isfinite(value) for value in metrics.values())


def test_a_clearly_better_model_is_better_and_a_worse_or_equal_one_is_not() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(1_000)
    y = (rng.random(1_000) < truth).astype(np.int64)
    blurred = np.clip(truth + rng.normal(0, 0.3, 1_000), 0, 1)
    assert compare(y, truth, blurred).better
    assert not compare(y, blurred, truth).better
    equal = compare(y, truth, truth)
    assert (equal.gain, equal.low, equal.high, equal.better) == (0, 0, 0, False)


def test_a_difference_of_noise_is_hardly_ever_taken_for_better() -> None:
    better = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        truth = rng.random(500)
        y = (rng.random(500) < truth).astype(np.int64)
        one, other = (np.clip(truth + rng.normal(0, 0.1, 500), 0, 1) for _ in range(2))
        better += compare(y, one, other).better
    assert better <= 12  # 5 are expected of an interval of 95 %
