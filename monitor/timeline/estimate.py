"""Performance without labels, from calibrated probabilities (confidence-based performance estimation, CBPE).

If each record's label is 1 with its predicted probability ``p``, independently, then of the predicted positives
``sum(p)`` are expected to be true and of the predicted negatives ``sum(p)`` to be missed; the metrics follow from the
expected confusion matrix. Source: NannyML, "How it works: performance estimation" (CBPE, binary classification).

The intervals (95 %) say how far the realised metric may lie from the estimate by chance alone: true and missed
positives are independent Poisson-binomial counts with variance ``sum(p(1 − p))``, carried to the metric by the delta
method (first order). They do not cover probabilities that are wrong, which is what the comparison with realised
metrics shows.
"""

import numpy as np

from contract.arrays import Floats
from contract.panes import SCORE_BINS, UNIT
from contract.windows import Estimate, Estimated
from monitor.intervals import interval
from monitor.timeline.sums import Sums
from monitor.verdicts.estimate import expected_auc


def estimate(sums: Sums, effect: float = 1.0) -> Estimated:
    """Estimated metrics of all predictions of a set; None where one is undefined.

    The AUC and the Brier score's interval are read off the score histogram, each record at the middle of its bin;
    everything else is exact to the sums' unit. ``effect``: the design effect of customers with several records, by
    which chance's variances are larger (Kish, Survey Sampling, 1965).
    """
    negative, positive = sums.expected_negative, sums.expected_positive
    fn, tp = negative.probability / UNIT, positive.probability / UNIT
    tn, fp = max(negative.records - fn, 0.0), max(positive.records - tp, 0.0)
    spread_fn = max(negative.probability - negative.probability_squared, 0) / UNIT
    spread_tp = max(positive.probability - positive.probability_squared, 0) / UNIT
    variance_fn, variance_tp = effect * spread_fn, effect * spread_tp
    records, actual = sums.records, tp + fn
    f1_total = actual + positive.records
    return Estimated(
        records=records,
        tn=tn,
        fp=fp,
        fn=fn,
        tp=tp,
        accuracy=interval((tn + tp) / records, (variance_fn + variance_tp) / records**2) if records else None,
        precision=interval(tp / positive.records, variance_tp / positive.records**2) if positive.records else None,
        # recall = TP / (TP + FN) and F1 = 2 TP / (TP + FN + predicted positives), by their derivatives in TP and FN
        recall=interval(tp / actual, (fn**2 * variance_tp + tp**2 * variance_fn) / actual**4) if actual else None,
        f1=interval(
            2 * tp / f1_total,
            4 * ((fn + positive.records) ** 2 * variance_tp + tp**2 * variance_fn) / f1_total**4,
        )
        if f1_total
        else None,
        roc_auc=_roc_auc(sums, effect),
        brier=_brier(sums, spread_fn + spread_tp, effect),
    )


def _brier(sums: Sums, expected: float, effect: float) -> Estimate | None:
    """``E[(p − y)²] = p(1 − p)``, ``expected`` in all; its variance is ``p(1 − p)(1 − 2p)²``."""
    if not sums.records:
        return None
    records, probability = _histogram(sums)
    spread = records * probability * (1 - probability) * (1 - 2 * probability) ** 2
    return interval(expected / sums.records, effect * float(spread.sum()) / sums.records**2)


def _roc_auc(sums: Sums, effect: float) -> Estimate | None:
    """Its variance by the delta method in each label."""
    records, probability = _histogram(sums)
    found = expected_auc(records, probability)
    if found is None:
        return None
    return interval(found.value, effect * float((records * probability * (1 - probability) * found.slope**2).sum()))


def _histogram(sums: Sums) -> tuple[Floats, Floats]:
    """Records and middle of each bin, in ascending order of score."""
    counted = sums.histogram[0]
    bins = np.flatnonzero(counted)
    return counted[bins].astype(np.float64), (bins + 0.5) / SCORE_BINS
