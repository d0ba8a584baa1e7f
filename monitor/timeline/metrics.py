"""Classification metrics over the labelled predictions of a ``Summary``."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from contract.confusion import Confusion, ratio
from contract.panes import UNIT, SampleRow, ScoreBin, Summary
from contract.windows import Performance


def performance(summary: Summary) -> Performance:
    """Metrics of a summary; one that is undefined is None: a precision without predicted positives is not 0.

    All but the AUC are exact to the summary's unit. The AUC is exact while the sample holds every record. Beyond that
    it is read off the score histogram, where pairs in one bin count half, so it is off by at most
    ``sum(negatives × positives of a bin) / (2 × negatives × positives)``: below 0.001 for scores that spread, but up
    to 0.5 if all of them fall in one bin.
    """
    labelled = summary.labelled
    counts = Confusion(summary.tn, summary.fp, summary.fn, summary.tp)
    return Performance(
        labelled=labelled,
        **counts._asdict(),
        accuracy=counts.accuracy,
        precision=counts.precision,
        recall=counts.recall,
        f1=counts.f1,
        roc_auc=_roc_auc(summary),
        brier=ratio(summary.squared_error, labelled * UNIT),
        log_loss=ratio(summary.log_loss, labelled * UNIT),
    )


def sample_auc(sample: list[SampleRow]) -> float | None:
    """ROC AUC of the labelled rows of a sample, ties counting half; None unless both classes are there."""
    labelled = [row for row in sample if row.label is not None]
    positive = np.array([row.label == 1 for row in labelled], dtype=bool)
    positives = int(positive.sum())
    negatives = len(labelled) - positives
    if not positives or not negatives:
        return None
    # Mann and Whitney's U: the positives' sum of mid-ranks less the least that it can be
    ranks: npt.NDArray[np.float64] = rankdata([row.probability for row in labelled])
    wins = float(ranks[positive].sum()) - positives * (positives + 1) / 2
    return wins / (positives * negatives)


def histogram_auc(scores: Mapping[int, ScoreBin]) -> float | None:
    """ROC AUC of a score histogram, pairs in one bin counting half; None unless both classes are there."""
    below = positives = twice_wins = 0
    for _, counted in sorted(scores.items()):
        twice_wins += counted.positives * (2 * below + counted.negatives)
        below += counted.negatives
        positives += counted.positives
    return ratio(twice_wins, 2 * positives * below)


def _roc_auc(summary: Summary) -> float | None:
    if len(summary.sample) == summary.records:
        return sample_auc(summary.sample)
    return histogram_auc(summary.scores)
