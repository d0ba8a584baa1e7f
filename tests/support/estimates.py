"""Estimates of windows without labels, beside what labels would say, from scores alone."""

import numpy as np
import numpy.typing as npt

from contract.arrays import Floats
from contract.panes import UNIT, Expected, ScoreBin, Summary
from contract.windows import Estimated
from monitor.timeline.estimate import estimate
from monitor.timeline.sums import Sums
from monitor.verdicts.calibration import Histogram
from tests.support.scores import histogram_of


def plain_estimate(scores: Floats, threshold: float) -> tuple[Estimated, Histogram]:
    """The timeline's estimate from the scores, taken at their word, and the records of each bin."""
    said = scores >= threshold
    records = histogram_of(scores, np.zeros(len(scores), dtype=bool))[0]
    expected = [
        Expected(len(part), round(float(part.sum()) * UNIT), round(float((part**2).sum()) * UNIT))
        for part in (scores[~said], scores[said])
    ]
    bins = {int(index): ScoreBin(int(records[index])) for index in np.flatnonzero(records)}
    summary = Summary(records=len(scores), expected_negative=expected[0], expected_positive=expected[1], scores=bins)
    return estimate(Sums.of(summary)), records


def realised(scores: Floats, labels: npt.NDArray[np.bool_], threshold: float) -> dict[str, float]:
    """The metrics that an estimate is of."""
    said = scores >= threshold
    tp, fp, fn = float((said & labels).sum()), float((said & ~labels).sum()), float((~said & labels).sum())
    _, negatives, positives = histogram_of(scores, labels)
    wins = float((positives * (np.cumsum(negatives) - negatives / 2)).sum())
    return {
        "accuracy": float((said == labels).mean()),
        "precision": tp / (tp + fp),
        "recall": tp / (tp + fn),
        "f1": 2 * tp / (2 * tp + fp + fn),
        "roc_auc": wins / float(negatives.sum() * positives.sum()),
        "brier": float(((scores - labels) ** 2).mean()),
    }
