"""Calibrators as arrays give scikit-learn's numbers, to the bit, also after they were saved."""

from typing import Any

import numpy as np
import pytest
from sklearn.calibration import _SigmoidCalibration
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from scorer.models.calibrators import as_arrays, restored, saved

RNG = np.random.default_rng(3)
ROWS = 4_000
SCORES = RNG.random(ROWS).astype(np.float32)
LABELS = (RNG.random(ROWS) < SCORES**2).astype(np.int64)
ASKED = np.concatenate(
    [SCORES, np.linspace(-0.1, 1.1, 1_001, dtype=np.float32), np.float32([0.0, 1.0, 5e-45, np.nextafter(1, 0)])]
)


def sigmoid(**changed: Any) -> Any:
    fitted = _SigmoidCalibration().fit(SCORES, LABELS)
    for name, value in changed.items():
        setattr(fitted, name, value)
    return fitted


def isotonic(scores: Any = SCORES, labels: Any = LABELS) -> Any:
    return IsotonicRegression(out_of_bounds="clip").fit(scores, labels)


@pytest.mark.parametrize(
    "fitted",
    [
        sigmoid(),
        sigmoid(a_=-3.25, b_=0.1),
        sigmoid(a_=np.float64(-3.3), b_=np.float64(0.7)),
        isotonic(),
        isotonic(SCORES.astype(np.float64)),
        isotonic(SCORES, LABELS.astype(np.float32)),
        isotonic(SCORES, np.zeros(ROWS)),
        isotonic(SCORES[:1], LABELS[:1]),
        isotonic(SCORES[:2], np.array([0, 1])),
    ],
    ids=lambda fitted: type(fitted).__name__,
)
def test_the_same_bits_before_and_after_it_was_saved(fitted: Any) -> None:
    expected = fitted.predict(ASKED)
    found = as_arrays(fitted)
    assert found is not None
    arrays = saved(found)
    assert arrays is not None
    again = restored(arrays)
    assert again is not None
    for one in (found, again):
        got = one.predict(ASKED)
        assert got.dtype == expected.dtype
        assert got.tobytes() == expected.tobytes()


def test_what_is_not_known_stays_as_it_is() -> None:
    class Other:
        """Something else that calibrates."""

        def predict(self, scores: Any, /) -> Any:
            return scores

    assert as_arrays(LogisticRegression()) is None
    assert as_arrays(IsotonicRegression(out_of_bounds="nan").fit(SCORES, LABELS)) is None
    assert saved(Other()) is None
    assert saved(None) == {}
    assert restored({}) is None
