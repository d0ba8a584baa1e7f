"""The derivatives of metrics of expected counts are what one record more does to them."""

import numpy as np
import pytest

from monitor.nowcast.metrics import Counts, Metric, metrics

SCORE = np.array([0.1, 0.3, 0.5, 0.9])
PREDICTED = np.array([0.0, 0.0, 0.4, 1.0])


def _metrics(positives: np.ndarray, negatives: np.ndarray) -> dict[str, Metric]:
    counts = Counts(
        tn=float(negatives @ (1 - PREDICTED)),
        fp=float(negatives @ PREDICTED),
        fn=float(positives @ (1 - PREDICTED)),
        tp=float(positives @ PREDICTED),
        squared_error=float(positives @ (1 - SCORE) ** 2 + negatives @ SCORE**2),
        positives=positives,
        negatives=negatives,
        self_pairs=0.0,
    )
    return metrics(counts, SCORE, PREDICTED)


@pytest.mark.parametrize("place", range(4))
def test_each_derivative_is_the_difference_quotient(place: int) -> None:
    positives, negatives = np.array([4.0, 6.0, 9.0, 20.0]), np.array([50.0, 30.0, 10.0, 3.0])
    found = _metrics(positives, negatives)
    little = np.zeros(4)
    little[place] = 1e-5
    more_positive, more_negative = _metrics(positives + little, negatives), _metrics(positives, negatives + little)
    assert set(found) == {"accuracy", "precision", "recall", "f1", "roc_auc", "brier"}
    for name, metric in found.items():
        assert metric.by_positive[place] == pytest.approx((more_positive[name].value - metric.value) / 1e-5, rel=1e-3)
        assert metric.by_negative[place] == pytest.approx((more_negative[name].value - metric.value) / 1e-5, rel=1e-3)


def test_what_is_undefined_is_left_out() -> None:
    nothing = np.zeros(4)
    assert _metrics(nothing, nothing) == {}
    assert set(_metrics(nothing, np.array([5.0, 0, 0, 0]))) == {"accuracy", "brier"}
    assert set(_metrics(np.array([5.0, 0, 0, 0]), nothing)) == {"accuracy", "brier", "recall", "f1"}
