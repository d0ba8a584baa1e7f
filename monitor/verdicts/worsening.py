"""Whether a window's probabilities are worse than those of the rows held out in training, beyond margin and noise.

Beside the test of a window, each slide gives evidence of a small worsening, which adds up as that of the relation does
(``monitor.verdicts.evidence``). An e-value is the product over records of ``1 + bet × (loss − bound)``: its mean is at
most 1 while the mean squared error is no more than the bound. Source: Waudby-Smith & Ramdas, Estimating means of
bounded random variables by betting, JRSS B 86 (2024).
"""

import math

import numpy as np
from scipy import special

from contract.arrays import Floats
from contract.models.calibration import CalibrationBins
from contract.panes import SCORE_BINS
from contract.windows import Estimate, Worsening
from monitor.intervals import Z95
from monitor.verdicts.calibration import Histogram

MARGIN = 0.1
"""Share of the held-out Brier score by which a window's may lie above it."""
EXCESSES = (0.1, 0.3)
"""Shares by which it lies beyond the bound in the changes that evidence is sought for."""
_BAND = 2.0
_LARGEST_BET = 0.5

NO_WORSENING_YET: Floats = np.full(len(EXCESSES), -np.inf)
"""The state of a detector before any evidence; not written to."""


def judge_worsening(
    histogram: Histogram,
    newest: Histogram,
    held_out: CalibrationBins,
    *,
    alpha: float,
    min_records: int,
    effect: float = 1.0,
    recurrence: float = 1.0,
) -> Worsening | None:
    """One-sided z test of the window's Brier score less the held-out one, against ``MARGIN``; None below
    ``min_records`` labels. ``newest`` is the histogram of its last slide, whose evidence is kept for the detector.

    The Brier score decides, because it is proper: F1 and accuracy move with the share of churners alone. Both scores
    are read off histograms in the same way, each record at the middle of its bin, and both have their sampling error.
    Where customers have several records, the window's count as if there were ``effect`` times fewer,
    and, as evidence, ``recurrence`` times fewer still.
    Source: Gneiting & Raftery, Strictly proper scoring rules, JASA 102 (2007).
    """
    _, negatives, positives = histogram / effect
    if negatives.sum() + positives.sum() < min_records:
        return None
    now, error_now = _brier(np.arange(SCORE_BINS, dtype=np.float64), negatives, positives)
    then, error_then = held_out_brier(held_out)
    error = math.hypot(error_now, error_then * (1 + MARGIN))
    excess = now - then
    reach = Z95 * math.hypot(error_now, error_then)
    beyond = now - then * (1 + MARGIN)
    p_value = float(special.ndtr(-beyond / error)) if error > 0 else float(beyond <= 0)
    return Worsening(
        reference=then,
        excess=Estimate(excess, excess - reach, excess + reach),
        p_value=p_value,
        worse=p_value < alpha,
        evidence=_log_evidence(newest / (effect * recurrence), then, error_then, _records(held_out)),
    )


def _records(held_out: CalibrationBins) -> int:
    return sum(held_out.negatives) + sum(held_out.positives)


def _log_evidence(newest: Floats, reference: float, error: float, records: int) -> tuple[float, ...]:
    """Natural logarithm of the e-value of each of ``EXCESSES``. The bound is the held-out Brier score with its margin
    and twice its standard error; a bet is the excess over the losses' variance, which grows a product fastest (Kelly).
    """
    _, negatives, positives = newest
    middle = (np.arange(SCORE_BINS) + 0.5) / SCORE_BINS
    bound = (1 + MARGIN) * (reference + _BAND * error)
    variance = max(error**2 * records, bound**2)
    found = []
    for excess in EXCESSES:
        bet = min(excess * bound / variance, _LARGEST_BET / bound)
        won = negatives * np.log1p(bet * (middle**2 - bound)) + positives * np.log1p(bet * ((1 - middle) ** 2 - bound))
        found.append(float(won.sum()))
    return tuple(found)


def held_out_brier(held_out: CalibrationBins) -> tuple[float, float]:
    """The Brier score of the rows held out in training, and its standard error."""
    return _brier(
        np.array(held_out.bins, dtype=np.float64),
        np.array(held_out.negatives, dtype=np.float64),
        np.array(held_out.positives, dtype=np.float64),
    )


def _brier(bins: Floats, negatives: Floats, positives: Floats) -> tuple[float, float]:
    """The score of a histogram, and its standard error."""
    middle = (bins + 0.5) / SCORE_BINS
    records = float(negatives.sum() + positives.sum())
    mean = float((negatives * middle**2 + positives * (1 - middle) ** 2).sum()) / records
    square = float((negatives * middle**4 + positives * (1 - middle) ** 4).sum()) / records
    return mean, math.sqrt(max(square - mean**2, 0.0) / records)
