"""Scores and labels whose relation is known, as the histograms that verdicts are made from."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from contract.arrays import Floats
from contract.models.calibration import CalibrationBins
from contract.panes import SCORE_BINS
from monitor.verdicts.calibration import Calibration, Labelled

Truth = Callable[[Floats], Floats]
"""The chance of label 1 at each score."""


def calibrated(score: Floats) -> Floats:
    return score


def flipped(share: float) -> Truth:
    """A share of the labels is the other one."""
    return lambda score: score * (1 - share) + (1 - score) * share


def times(factor: float) -> Truth:
    """So many times as many churners at each score."""
    return lambda score: np.minimum(factor * score, 1.0)


def draw_scores(rng: np.random.Generator, records: int) -> Floats:
    """With the bank's churn rate (0.2) and about its AUC (0.86)."""
    return np.clip(rng.beta(0.55, 2.1, records), 1e-4, 1 - 1e-4)


def histogram_of(scores: Floats, labels: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Records, negatives and positives of each score bin, all labelled."""
    place = np.minimum((scores * SCORE_BINS).astype(np.int64), SCORE_BINS - 1)
    negatives = np.bincount(place[~labels], minlength=SCORE_BINS)
    positives = np.bincount(place[labels], minlength=SCORE_BINS)
    return np.stack([negatives + positives, negatives, positives])


def window_of(rng: np.random.Generator, records: int, truth: Truth = calibrated) -> npt.NDArray[np.int64]:
    """The histogram of so many records whose labels follow ``truth``."""
    scores = draw_scores(rng, records)
    return histogram_of(scores, rng.random(records) < truth(scores))


def held_out_bins(rng: np.random.Generator, records: int, truth: Truth = calibrated) -> CalibrationBins:
    """What a version stores that was validated on so many rows."""
    scores = draw_scores(rng, records)
    return CalibrationBins.of(scores, (rng.random(records) < truth(scores)).astype(np.int64))


def reference_of(rng: np.random.Generator, records: int, truth: Truth = calibrated) -> Calibration:
    """The calibration of a version that was validated on so many rows."""
    return Calibration.fitted(Labelled.of_bins(held_out_bins(rng, records, truth)))
