"""How a segment's scores lie in a window that only knows their number, their sum and the sum of their squares."""

import numpy as np

from contract.arrays import Floats

_MOST_STEPS = 60
_LONGEST_STEP = 2.0
_CLOSE = 1e-7
_LEAST_SPREAD = 1e-12


def weighted_to(base: Floats, probability: Floats, mean: Floats, mean_square: Floats) -> Floats:
    """Shares of score groups with the given means, as near to ``base`` as can be.

    Args:
        base: records of each segment and group, not all 0 in a segment, (segments, groups).
        probability: the score of each group.
        mean, mean_square: of the scores of each segment.

    Returns:
        Shares that add up to 1 in each segment: those of ``base`` times ``exp(a + b p + c p²)``. Where no shares have
        these means, they come as near as they can.

    Source: Deville & Särndal, Calibration estimators in survey sampling, JASA 87 (1992), with the raking distance.
    """
    power = np.stack([probability, probability**2])
    target = np.stack([mean, mean_square], axis=1)
    with np.errstate(divide="ignore"):
        log_base = np.log(base / base.sum(axis=1, keepdims=True))
    tilt = np.zeros_like(target)
    shares = _shares(log_base, tilt, power)
    for _ in range(_MOST_STEPS):
        now = shares @ power.T
        away = target - now
        spread = shares @ (probability**2) - now[:, 0] ** 2
        cross = shares @ (probability**3) - now[:, 0] * now[:, 1]
        square = shares @ (probability**4) - now[:, 1] ** 2
        spread, square = spread + _LEAST_SPREAD, square + _LEAST_SPREAD
        determinant = np.maximum(spread * square - cross**2, _LEAST_SPREAD * spread * square)
        step = np.stack(
            [
                (square * away[:, 0] - cross * away[:, 1]) / determinant,
                (spread * away[:, 1] - cross * away[:, 0]) / determinant,
            ],
            axis=1,
        )
        # a full step can overshoot, and where no shares have these means there is no end
        reach = np.abs(step @ (power - power.mean(axis=1, keepdims=True))).max(axis=1, initial=0.0)
        tilt = tilt + step / np.maximum(1.0, reach / _LONGEST_STEP)[:, np.newaxis]
        shares = _shares(log_base, tilt, power)
        if np.abs(away).max(initial=0.0) < _CLOSE:
            break
    return shares


def _shares(log_base: Floats, tilt: Floats, power: Floats) -> Floats:
    exponent = log_base + tilt @ power
    weight = np.exp(exponent - exponent.max(axis=1, keepdims=True))
    return np.asarray(weight / weight.sum(axis=1, keepdims=True), dtype=np.float64)
