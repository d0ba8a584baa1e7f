"""Whether one model is better than another on a stream, asked as often as one likes.

The mean of bounded differences has a confidence sequence: an interval at each number of differences, all of which hold
together. Its ends are those of bets. With ``d`` from -1 to 1, a gambler puts the share ``stake`` of a capital on "the
mean is above ``m``" each time, so the capital is a product of ``1 + stake (d - m)``. Its expectation never grows where
the mean of what was to be expected is ``m`` or less, even if that changes from record to record. So the capital passes
``1 / alpha`` at any time with no more than ``alpha`` (Ville's inequality). It is shared evenly between several stakes,
none of which looks at the data, because the best one is not known (Waudby-Smith & Ramdas, Journal of the Royal
Statistical Society B 86, 2024; mixtures of stakes: Orabona & Jun, IEEE Transactions on Information Theory 70, 2024; for
scores of forecasts: Choe & Ramdas, Operations Research 72, 2024).
"""

from dataclasses import dataclass

import numpy as np

from contract.arrays import Floats
from training.quality.evaluate import CONFIDENCE

STAKES = np.geomspace(0.005, 0.99, 24)
"""Shares of the capital, for a range of differences from 0 to the most that can be lost."""
_STEPS = 30  # halvings: 2e-9 of the range from -1 to 1
_CELLS = 4_000_000  # numbers in one block
_LEAST = 1e-9


@dataclass(frozen=True)
class RunningMean:
    """Mean of ``count`` differences, with the ends of its confidence sequence at ``confidence``, two-sided."""

    count: int
    mean: float
    low: float
    high: float
    confidence: float

    @property
    def above(self) -> bool:
        """Whether it is above 0 by more than noise."""
        return self.low > 0

    @property
    def below(self) -> bool:
        """Whether it is below 0 by more than noise."""
        return self.high < 0


def running_mean(differences: Floats, confidence: float = CONFIDENCE) -> RunningMean:
    """The mean of differences from -1 to 1, each of a customer of its own, and its confidence sequence as it stands.

    The ends are those of the number of differences that there is now; whoever looks at each new number errs once with
    no more than ``1 - confidence`` in all. Their order has no say.
    """
    if not len(differences):
        return RunningMean(0, 0.0, -1.0, 1.0, confidence)
    needed = float(-np.log((1 - confidence) / 2))
    low, high = _lower_end(differences, needed), -_lower_end(-differences, needed)
    return RunningMean(len(differences), float(differences.mean()), low, high, confidence)


def log_capital(differences: Floats, mean: float) -> float:
    """Natural logarithm of the capital that bets against "the mean is at most ``mean``" have made of 1."""
    # a difference is at least -1, so no stake loses more than it has
    stakes = STAKES / max(1 + mean, _LEAST)
    sums = np.zeros(len(stakes))
    for start in range(0, len(differences), _CELLS // len(stakes)):
        block = differences[start : start + _CELLS // len(stakes)] - mean
        sums += np.log1p(np.outer(stakes, block)).sum(axis=1)
    return float(np.logaddexp.reduce(sums) - np.log(len(stakes)))


def _lower_end(differences: Floats, needed: float) -> float:
    """The highest mean that the bets against it have refuted; -1 if there is none."""
    low, high = -1.0, float(differences.mean())
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if log_capital(differences, middle) >= needed:
            low = middle
        else:
            high = middle
    return low
