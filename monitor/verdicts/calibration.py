"""What a model's scores meant when it was made: the share of churners at each score, and how sure that is."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from contract.arrays import Floats
from contract.models.calibration import CalibrationBins
from contract.panes import SCORE_BINS

Histogram = npt.NDArray[np.int64]
"""Counts of score bins."""
_RIDGE = 0.01
_UNKNOWN_DEAD_ZONE = 0.3
_LEAST_KEPT = 0.5
_MOST_STEPS = 50
_CONVERGED = 1e-10


@dataclass(frozen=True)
class Labelled:
    """Labelled records by score: ``logit`` of the middle of each bin, ascending, and the records of either label."""

    logit: Floats
    negatives: Floats
    positives: Floats

    @property
    def records(self) -> Floats:
        return self.negatives + self.positives

    @classmethod
    def of(cls, histogram: Histogram, effect: float = 1.0) -> "Labelled":
        """The labelled records of a score histogram: records, negatives and positives of each bin, (3, SCORE_BINS).

        Counts are divided by ``effect``, the design effect of customers with several records, so that tests take them
        for as many as there are independent ones.
        """
        _, negatives, positives = histogram
        kept = np.flatnonzero(negatives + positives)
        return cls(logit_of(kept), negatives[kept] / effect, positives[kept] / effect)

    @classmethod
    def of_bins(cls, stored: CalibrationBins) -> "Labelled":
        """The held-out records that are stored with a version."""
        return cls(
            logit_of(np.array(stored.bins, dtype=np.int64)),
            np.array(stored.negatives, dtype=np.float64),
            np.array(stored.positives, dtype=np.float64),
        )


def logit_of(bins: Histogram) -> Floats:
    """Log-odds of the middle of score bins."""
    middle = (bins + 0.5) / SCORE_BINS
    return np.asarray(np.log(middle / (1 - middle)), dtype=np.float64)


def probability_of(logit: Floats) -> Floats:
    """The inverse of the log-odds."""
    return np.asarray(1 / (1 + np.exp(-logit)), dtype=np.float64)


def design(logit: Floats) -> Floats:
    """One row a bin: 1 and the log-odds of its score."""
    return np.column_stack([np.ones_like(logit), logit])


@dataclass(frozen=True)
class Calibration:
    """Log-odds of churning as ``level + slope × log-odds of the score``, and the covariance of the two.

    ``dead_zone``: log-odds of the level, and as much of the slope, by which tests let labels differ from it.
    """

    level: float = 0.0
    slope: float = 1.0
    covariance: tuple[tuple[float, float], tuple[float, float]] = ((0.0, 0.0), (0.0, 0.0))
    records: int = 0
    dead_zone: float = 0.0

    def log_odds(self, logit: Floats) -> Floats:
        """Of churning, for scores of these log-odds."""
        return self.level + self.slope * logit

    def for_estimates(self) -> "Calibration":
        """Itself, drawn towards the model's own probabilities by as much as noise would explain; as uncertain.

        Of Wald's statistic, chance alone has two (level and slope) on average: what it has above that is worth
        correcting. Half of the difference is corrected in any case, because a model is off by about as much as the rows
        that it has learned from are unsure. Source: Efron & Morris, Stein's estimation rule and its competitors: an
        empirical Bayes approach, JASA 68 (1973).
        """
        away = np.array([self.level, self.slope - 1])
        beyond = float(away @ np.linalg.pinv(np.array(self.covariance), hermitian=True) @ away)
        kept = max(_LEAST_KEPT, 1 - len(away) / beyond) if beyond > 0 else _LEAST_KEPT
        return replace(self, level=kept * self.level, slope=1 + kept * (self.slope - 1))

    @classmethod
    def unknown(cls) -> "Calibration":
        """Of a version that carries no held-out scores: it is taken at its word, with a wide dead zone."""
        return cls(dead_zone=_UNKNOWN_DEAD_ZONE)

    @classmethod
    def fitted(cls, labelled: Labelled) -> "Calibration":
        """By logistic recalibration (Cox, Biometrika 45, 1958), with a weak ridge towards level 0 and slope 1.

        The covariance is the inverse of the information at the solution. The ridge weighs as much as a hundredth of a
        record of log-odds 1, and is there for scores that separate the labels.
        """
        columns, ridge = design(labelled.logit), _RIDGE * np.eye(2)
        start = np.array([0.0, 1.0])
        theta = start.copy()
        information = ridge
        for _ in range(_MOST_STEPS):
            expected = probability_of(columns @ theta)
            score = columns.T @ (labelled.positives - labelled.records * expected) - ridge @ (theta - start)
            weight = labelled.records * expected * (1 - expected)
            information = (columns * weight[:, np.newaxis]).T @ columns + ridge
            step = np.linalg.solve(information, score)
            # a full step can overshoot where the scores are far from calibrated
            theta = theta + step / max(1.0, float(np.abs(step).max()))
            if float(np.abs(step).max()) < _CONVERGED:
                break
        (a, b), (c, d) = np.linalg.inv(information).tolist()
        return cls(float(theta[0]), float(theta[1]), ((a, b), (c, d)), int(labelled.records.sum()))
