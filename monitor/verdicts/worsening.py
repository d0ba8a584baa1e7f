"""Whether a window's probabilities are worse than those of the rows held out in training, beyond margin and noise."""

import math

import numpy as np
from scipy import stats

from contract.arrays import Floats
from contract.models.calibration import CalibrationBins
from contract.panes import SCORE_BINS
from contract.windows import Estimate, Worsening
from monitor.intervals import Z95
from monitor.verdicts.calibration import Histogram

MARGIN = 0.1
"""Share of the held-out Brier score by which a window's may lie above it."""


def judge_worsening(
    histogram: Histogram, held_out: CalibrationBins, *, alpha: float, min_records: int, effect: float = 1.0
) -> Worsening | None:
    """One-sided z test of the window's Brier score less the held-out one, against ``MARGIN``; None below
    ``min_records`` labels.

    The Brier score decides, because it is proper: F1 and accuracy move with the share of churners alone. Both scores
    are read off histograms in the same way, each record at the middle of its bin, and both have their sampling error.
    Where customers have several records, the window's count as if there were ``effect`` times fewer.
    Source: Gneiting & Raftery, Strictly proper scoring rules, JASA 102 (2007).
    """
    _, negatives, positives = histogram / effect
    if negatives.sum() + positives.sum() < min_records:
        return None
    now, error_now = _brier(np.arange(SCORE_BINS, dtype=np.float64), negatives, positives)
    then, error_then = _brier(
        np.array(held_out.bins, dtype=np.float64),
        np.array(held_out.negatives, dtype=np.float64),
        np.array(held_out.positives, dtype=np.float64),
    )
    error = math.hypot(error_now, error_then * (1 + MARGIN))
    excess = now - then
    reach = Z95 * math.hypot(error_now, error_then)
    beyond = now - then * (1 + MARGIN)
    p_value = float(stats.norm.sf(beyond / error)) if error > 0 else float(beyond <= 0)
    return Worsening(
        reference=then,
        excess=Estimate(excess, excess - reach, excess + reach),
        p_value=p_value,
        worse=p_value < alpha,
    )


def _brier(bins: Floats, negatives: Floats, positives: Floats) -> tuple[float, float]:
    """The score of a histogram, and its standard error."""
    middle = (bins + 0.5) / SCORE_BINS
    records = float(negatives.sum() + positives.sum())
    mean = float((negatives * middle**2 + positives * (1 - middle) ** 2).sum()) / records
    square = float((negatives * middle**4 + positives * (1 - middle) ** 4).sum()) / records
    return mean, math.sqrt(max(square - mean**2, 0.0) / records)
