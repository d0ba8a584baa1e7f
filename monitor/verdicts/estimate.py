"""The label-free estimate with probabilities as they were found on held-out rows, and how sure these are."""

from typing import NamedTuple

import numpy as np

from contract.arrays import Floats
from contract.panes import SCORE_BINS
from contract.windows import Estimate, Estimated
from monitor.intervals import interval
from monitor.verdicts.calibration import Calibration, Histogram, design, probability_of


def recalibrated(found: Estimated, records: Histogram, calibration: Calibration, *, effect: float = 1.0) -> Estimated:
    """``found`` (from the model's own probabilities) with those of the calibration, for ``records`` of each score bin.

    A bin's probability changes by what the calibration says at its middle. Variances are chance's, as in
    ``monitor.timeline.estimate`` (``effect``, too), and the calibration's own, carried to each metric by its
    derivatives in level and slope (delta method). A threshold within a bin divides its records as it did those of
    ``found``.
    """
    if not found.records:
        return found
    kept = np.flatnonzero(records)
    counts = records[kept].astype(np.float64)
    middle = (kept + 0.5) / SCORE_BINS
    logit = np.log(middle / (1 - middle))
    churn = probability_of(calibration.log_odds(logit))
    negative = np.clip(found.tn + found.fn - (np.cumsum(counts) - counts), 0.0, counts)
    positive = counts - negative
    said = found.tp + found.fp
    fn = min(max(found.fn + float((negative * (churn - middle)).sum()), 0.0), found.records - said)
    tp = min(max(found.tp + float((positive * (churn - middle)).sum()), 0.0), said)
    tn, fp = found.records - said - fn, said - tp
    spread = churn * (1 - churn)
    moved = design(logit) * spread[:, np.newaxis]
    covariance = effect * np.diag([float((negative * spread).sum()), float((positive * spread).sum())])
    gradient = np.stack([negative @ moved, positive @ moved])
    known = np.array(calibration.covariance)
    covariance = covariance + gradient @ known @ gradient.T

    def share(value: float, by_fn: float, by_tp: float) -> Estimate:
        slope = np.array([by_fn, by_tp])
        return interval(value, float(slope @ covariance @ slope))

    actual, total = tp + fn, tp + fn + said
    n = found.records
    return Estimated(
        records=n,
        tn=tn,
        fp=fp,
        fn=fn,
        tp=tp,
        accuracy=share((tn + tp) / n, -1 / n, 1 / n),
        precision=share(tp / said, 0.0, 1 / said) if found.precision is not None and said else None,
        recall=share(tp / actual, -tp / actual**2, fn / actual**2) if actual else None,
        f1=share(2 * tp / total, -2 * tp / total**2, 2 * (fn + said) / total**2) if total else None,
        roc_auc=_roc_auc(counts, churn, moved, known, effect),
        brier=_brier(counts, middle, churn, moved, known, effect),
    )


def _brier(counts: Floats, said: Floats, churn: Floats, moved: Floats, known: Floats, effect: float) -> Estimate:
    """``E[(p − y)²] = p² + q (1 − 2p)`` where label 1 has the chance ``q``."""
    n = float(counts.sum())
    value = float((counts * (said**2 + churn * (1 - 2 * said))).sum()) / n
    gradient = (counts * (1 - 2 * said)) @ moved / n
    chance = float((counts * churn * (1 - churn) * (1 - 2 * said) ** 2).sum()) / n**2
    return interval(value, effect * chance + float(gradient @ known @ gradient))


class ExpectedAuc(NamedTuple):
    """The AUC of records whose labels are not known, and its derivative in the chance of label 1 of a record of each
    bin.
    """

    value: float
    slope: Floats


def expected_auc(counts: Floats, churn: Floats) -> ExpectedAuc | None:
    """Expected won pairs over expected pairs, a record making no pair with itself; None without pairs.

    ``counts`` records of each bin, in ascending order of score, each with the chance ``churn`` of label 1. Pairs in one
    bin count half.
    """
    positives, negatives = counts * churn, counts * (1 - churn)
    self_pairs = float((counts * churn * (1 - churn)).sum())
    pairs = float(positives.sum() * negatives.sum()) - self_pairs
    if pairs <= 0:
        return None
    negatives_below = np.cumsum(negatives) - negatives / 2
    positives_above = positives.sum() - np.cumsum(positives) + positives / 2
    auc = (float((positives * negatives_below).sum()) - self_pairs / 2) / pairs
    # what one more positive at a score changes: pairs won as a positive, less those lost as a negative
    return ExpectedAuc(auc, (negatives_below - positives_above - auc * (negatives.sum() - positives.sum())) / pairs)


def _roc_auc(counts: Floats, churn: Floats, moved: Floats, known: Floats, effect: float) -> Estimate | None:
    found = expected_auc(counts, churn)
    if found is None:
        return None
    gradient = (counts * found.slope) @ moved
    chance = float((counts * churn * (1 - churn) * found.slope**2).sum())
    return interval(found.value, effect * chance + float(gradient @ known @ gradient))
