"""How far realised metrics may be off by chance, from the sums that a summary has."""

import math

import numpy as np

from contract.arrays import Floats
from contract.models.confusion import Confusion
from contract.panes import SCORE_BINS, UNIT
from monitor.intervals import Z95
from monitor.verdicts.calibration import Histogram

Interval = tuple[float, float]


def intervals(
    counts: Confusion, histogram: Histogram, *, squared_error: int, log_loss: int, effect: float = 1.0
) -> dict[str, Interval]:
    """Low and high end, at 95 %, of each metric of labelled records that has one.

    ``histogram``: records, negatives and positives of each score bin, (3, SCORE_BINS); ``squared_error`` and
    ``log_loss`` are exact sums in 1/UNIT. ``effect``: the design effect of customers with several records, by which all
    variances are larger (a share counts as one of so many times fewer trials).

    Accuracy, precision and recall are shares (Wilson). F1 is ``2 J / (1 + J)`` with Jaccard's ``J = TP / (TP + FP +
    FN)``, so its interval is that of the share J (Wilson, too). Brier score and log loss are means: normal intervals,
    their variance read off the score histogram with each record at the middle of its bin. ROC AUC: DeLong's variance
    off the same histogram, pairs in one bin counting half, on the log-odds of the AUC, so that it stays below 1.
    A metric without spread (all records alike, no pair lost) has none.

    Sources: Wilson, JASA 22 (1927); DeLong, DeLong & Clarke-Pearson, Biometrics 44 (1988); Pepe, The Statistical
    Evaluation of Medical Tests (2003), section 5.2.5, for the log-odds of the AUC; Kish, Survey Sampling (1965), for
    the design effect.
    """
    labelled = counts.labelled
    if not labelled:
        return {}
    tn, fp, fn, tp = counts
    middle = (np.arange(SCORE_BINS) + 0.5) / SCORE_BINS
    _, negatives, positives = histogram.astype(np.float64)
    jaccard = wilson(tp, tp + fp + fn, effect)
    found: dict[str, Interval | None] = {
        "accuracy": wilson(tn + tp, labelled, effect),
        "precision": wilson(tp, tp + fp, effect),
        "recall": wilson(tp, tp + fn, effect),
        "f1": None if jaccard is None else (2 * jaccard[0] / (1 + jaccard[0]), 2 * jaccard[1] / (1 + jaccard[1])),
        "roc_auc": _roc_auc(negatives, positives, effect),
        "brier": _mean(
            squared_error, labelled, effect, (negatives, middle**2), (positives, (1 - middle) ** 2), most=1.0
        ),
        "log_loss": _mean(log_loss, labelled, effect, (negatives, -np.log1p(-middle)), (positives, -np.log(middle))),
    }
    return {name: interval for name, interval in found.items() if interval is not None}


def wilson(hits: int, trials: int, effect: float = 1.0) -> Interval | None:
    """Wilson's score interval of a share at 95 %, of ``trials / effect`` independent trials; None without any."""
    if not trials:
        return None
    share, weight = hits / trials, Z95**2 * effect / trials
    middle = (share + weight / 2) / (1 + weight)
    reach = Z95 * math.sqrt((share * (1 - share) + weight / 4) * effect / trials) / (1 + weight)
    return max(min(middle - reach, share), 0.0), min(max(middle + reach, share), 1.0)


def _mean(
    total: int, labelled: int, effect: float, *losses: tuple[Floats, Floats], most: float = math.inf
) -> Interval | None:
    """Of the mean of losses whose exact sum is ``total`` (1/UNIT), about records of either label: (records, loss)."""
    first = sum(float((records * loss).sum()) for records, loss in losses) / labelled
    second = sum(float((records * loss**2).sum()) for records, loss in losses) / labelled
    if labelled < 2 or second <= first**2:
        return None
    reach = Z95 * math.sqrt((second - first**2) * effect / (labelled - 1))
    value = total / (labelled * UNIT)
    return max(value - reach, 0.0), min(value + reach, most)


def _roc_auc(negatives: Floats, positives: Floats, effect: float) -> Interval | None:
    all_negatives, all_positives = float(negatives.sum()), float(positives.sum())
    if all_negatives < 2 or all_positives < 2:
        return None
    # the share of the other class that a record of a bin wins against
    won = (np.cumsum(negatives) - negatives / 2) / all_negatives
    lost = 1 - (np.cumsum(positives) - positives / 2) / all_positives
    auc = float((positives * won).sum()) / all_positives
    variance = float((positives * (won - auc) ** 2).sum()) / (all_positives - 1) / all_positives
    variance += float((negatives * (lost - auc) ** 2).sum()) / (all_negatives - 1) / all_negatives
    if variance <= 0 or not 0 < auc < 1:
        return None
    log_odds = math.log(auc / (1 - auc))
    reach = Z95 * math.sqrt(variance * effect) / (auc * (1 - auc))
    return 1 / (1 + math.exp(reach - log_odds)), 1 / (1 + math.exp(-reach - log_odds))
