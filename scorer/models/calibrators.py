"""What calibrates the probabilities of boosted trees, as arrays: the same numbers as scikit-learn's, to the bit."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from contract.arrays import Floats

AnyFloats = npt.NDArray[np.floating[Any]]


class Calibrator(Protocol):
    def predict(self, scores: npt.NDArray[np.float32], /) -> AnyFloats:
        """The calibrated probability for each score."""
        ...


@dataclass(frozen=True, eq=False)
class SigmoidCalibrator:
    """Platt's sigmoid: the probability is ``1 / (1 + exp(a * score + b))``."""

    a: np.float64 | float
    b: np.float64 | float

    def predict(self, scores: npt.NDArray[np.float32], /) -> AnyFloats:
        """See ``Calibrator``."""
        found: AnyFloats = expit(-(self.a * scores + self.b))
        return found


@dataclass(frozen=True, eq=False)
class IsotonicCalibrator:
    """Straight lines between the points ``x``, which ascend, and ``y``; beyond ``low`` and ``high`` it is flat."""

    x: AnyFloats
    y: AnyFloats
    low: AnyFloats
    high: AnyFloats

    def predict(self, scores: npt.NDArray[np.float32], /) -> AnyFloats:
        """See ``Calibrator``."""
        at = np.clip(scores.astype(self.x.dtype), self.low, self.high)
        if len(self.y) == 1:
            return self.y.repeat(len(at)).astype(at.dtype)
        if self.x.dtype == self.y.dtype == np.float64:
            return np.interp(at, self.x, self.y)
        # in these steps and in this precision, as scipy.interpolate.interp1d has them
        right = np.searchsorted(self.x, at).clip(1, len(self.x) - 1)
        left = right - 1
        slope = (self.y[right] - self.y[left]) / (self.x[right] - self.x[left])
        found: AnyFloats = (slope * (at - self.x[left]) + self.y[left]).astype(at.dtype)
        return found


def as_arrays(calibrator: Any) -> Calibrator | None:
    """A calibrator of scikit-learn's in this form; None where there is none."""
    from sklearn.calibration import _SigmoidCalibration
    from sklearn.isotonic import IsotonicRegression

    if type(calibrator) is _SigmoidCalibration:
        return SigmoidCalibrator(calibrator.a_, calibrator.b_)
    if type(calibrator) is IsotonicRegression and calibrator.out_of_bounds == "clip":
        points = calibrator.X_thresholds_, calibrator.y_thresholds_, calibrator.X_min_, calibrator.X_max_
        return IsotonicCalibrator(*map(np.asarray, points))
    return None


def saved(calibrator: Calibrator | None) -> dict[str, npt.NDArray[Any]] | None:
    """Arrays of which ``restored`` makes the same; None of one that is not in this form."""
    if calibrator is None:
        return {}
    if isinstance(calibrator, SigmoidCalibrator):
        # Python's floats leave the precision of a score as it is, and NumPy's do not
        weak = np.array([type(calibrator.a) is float, type(calibrator.b) is float])
        return {"sigmoid": np.array([calibrator.a, calibrator.b], np.float64), "weak": weak}
    if isinstance(calibrator, IsotonicCalibrator):
        return {"x": calibrator.x, "y": calibrator.y, "low": calibrator.low, "high": calibrator.high}
    return None


def restored(arrays: Mapping[str, npt.NDArray[Any]]) -> Calibrator | None:
    """The calibrator of ``saved``.

    Raises:
        KeyError: an array is missing.
    """
    if "sigmoid" in arrays:
        values: Floats = arrays["sigmoid"]
        a, b = (float(one) if weak else one for one, weak in zip(values, arrays["weak"], strict=True))
        return SigmoidCalibrator(a, b)
    if "x" in arrays:
        return IsotonicCalibrator(arrays["x"], arrays["y"], arrays["low"], arrays["high"])
    return None
