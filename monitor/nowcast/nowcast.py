"""What a window's metrics will be when all labels are in, told from those that have come.

Labels come late, and how late depends on what they say: so the metrics of the labels so far are biased, while the
label-free estimate knows nothing of a relation that has changed. In between, a record without a label counts with the
probability that it will turn out positive, given that nothing has come by its age (Chapelle, "Modeling delayed feedback
in display advertising", KDD 2014):

    P(1 | nothing yet) = p (1 − C1) / (p (1 − C1) + (1 − p) (1 − C0))

``C1`` and ``C0`` are the shares of the positive and the negative labels that have come by that age
(``monitor.nowcast.delays``); ``p``, and the pace at which labels come, are fitted to the labels so far
(``monitor.nowcast.recalibration``). What never comes is left out, as it is of the final metrics. Each record stands at
the middle of its score bin, and is taken to be anywhere within its pane.

The 95 % intervals add up, by the delta method: chance of the labels that are still to come, uncertainty of the
recalibration, and that of the delay curves, which were learned from a finite number of labels.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from contract.arrays import Floats
from contract.panes import SCORE_BINS, UNIT, Summary
from contract.windows import Estimate, Estimated, Nowcast
from monitor.intervals import interval
from monitor.nowcast.coming import Coming
from monitor.nowcast.delays import DelayCurves
from monitor.nowcast.metrics import Counts, Metric, metrics
from monitor.nowcast.recalibration import Cells, recalibrate
from monitor.panes import score_bin

_Counted = npt.NDArray[Any]
_MOST_AGES = 16
_DECIMALS = 9
"""Results are rounded to these: the last bits of a sum depend on the order that a processor adds in."""


class NowcastPane(NamedTuple):
    """Score bins of the records of one slide of event time. Several of one ``start`` (one a partition) are added up.

    ``start`` in ms of event time. ``bins``: indices of score bins, each at most once. ``records``, ``negatives`` and
    ``positives``: as long as ``bins``, with the meaning that they have in ``ScoreBin``. Integers or floats.
    """

    start: int
    bins: _Counted
    records: _Counted
    negatives: _Counted
    positives: _Counted


def nowcast(
    panes: Sequence[NowcastPane],
    totals: Summary,
    threshold: float,
    slide: int,
    now: int,
    delays: DelayCurves,
    effect: float = 1.0,
) -> Nowcast | None:
    """Expected final metrics; None for a window without records, or while nothing is known of delays.

    Args:
        panes: the window's.
        totals: the window's merged summary, of which confusion counts, ``squared_error`` and the records predicted
            negative and positive are used. So the labels that have come count exactly, whatever their bin.
        threshold: a record is predicted positive iff its probability reaches it.
        slide: a pane's length, ms.
        now: event time in ms up to which labels have come.
        delays: learned from final windows.
        effect: the design effect of customers with several records: so many times fewer are independent.
    """
    if totals.records <= 0 or not panes or not delays.known:
        return None
    cells = _tabulate(panes, slide, now, delays)
    return _expected(cells, totals, _predicted(cells, totals, threshold), effect)


def _tabulate(panes: Sequence[NowcastPane], slide: int, now: int, delays: DelayCurves) -> Cells:
    starts = sorted({pane.start for pane in panes})
    ages = min(len(starts), _MOST_AGES)
    # of many panes, neighbours stand together
    age_of = {start: place * ages // len(starts) for place, start in enumerate(starts)}
    first = np.full(ages, np.inf)
    last = np.full(ages, -np.inf)
    for start, age in age_of.items():
        first[age], last[age] = min(first[age], start), max(last[age], start)
    place = np.concatenate([age_of[pane.start] * SCORE_BINS + pane.bins for pane in panes])
    records, negatives, positives = (
        np.asarray(np.bincount(place, np.concatenate(counts), ages * SCORE_BINS), np.float64).reshape(ages, SCORE_BINS)
        for counts in (
            [pane.records for pane in panes],
            [pane.negatives for pane in panes],
            [pane.positives for pane in panes],
        )
    )
    bins = np.flatnonzero(records.any(axis=0))
    if len(bins) < SCORE_BINS:
        records, negatives, positives = records[:, bins], negatives[:, bins], positives[:, bins]
    youngest, oldest = now - last - slide, now - first
    return Cells(
        score=(bins + 0.5) / SCORE_BINS,
        positives=positives.sum(axis=0),
        negatives=negatives.sum(axis=0),
        positives_by_age=positives.sum(axis=1),
        negatives_by_age=negatives.sum(axis=1),
        records=records,
        unlabelled=np.maximum(records - negatives - positives, 0.0),
        arrived=(delays.arrived(0, youngest, oldest), delays.arrived(1, youngest, oldest)),
        come=1 - delays.never,
    )


def _predicted(cells: Cells, totals: Summary, threshold: float) -> Floats:
    """Share of a bin's unlabelled records that are predicted positive: 0 or 1, but in the threshold's own bin.

    There it is what the summary's counts of predictions leave to it.
    """
    split = (score_bin(threshold) + 0.5) / SCORE_BINS
    above, below = cells.score > split, cells.score < split
    unlabelled = cells.unlabelled.sum(axis=0)
    positive = totals.expected_positive.records - totals.tp - totals.fp - float(unlabelled[above].sum())
    negative = totals.expected_negative.records - totals.tn - totals.fn - float(unlabelled[below].sum())
    positive, negative = max(positive, 0.0), max(negative, 0.0)
    predicted = above.astype(np.float64)
    predicted[~above & ~below] = positive / (positive + negative) if positive + negative else 0.5
    return predicted


def _expected(cells: Cells, totals: Summary, predicted: Floats, effect: float) -> Nowcast:
    coming = Coming.of(cells, recalibrate(cells, effect), effect)
    positives, negatives = coming.positives, coming.negatives
    counts = Counts(
        tn=totals.tn + float(negatives @ (1 - predicted)),
        fp=totals.fp + float(negatives @ predicted),
        fn=totals.fn + float(positives @ (1 - predicted)),
        tp=totals.tp + float(positives @ predicted),
        squared_error=totals.squared_error / UNIT
        + float(positives @ (1 - cells.score) ** 2 + negatives @ cells.score**2),
        positives=cells.positives + positives,
        negatives=cells.negatives + negatives,
        self_pairs=float(coming.twofold.sum()),
    )
    come_negatives, come_positives = totals.tn + totals.fp, totals.fn + totals.tp
    return Nowcast(
        performance=Estimated(
            records=totals.records,
            tn=round(counts.tn, _DECIMALS),
            fp=round(counts.fp, _DECIMALS),
            fn=round(counts.fn, _DECIMALS),
            tp=round(counts.tp, _DECIMALS),
            **_estimates(metrics(counts, cells.score, predicted), coming),
        ),
        coverage_negative=_coverage(come_negatives, counts.tn + counts.fp),
        coverage_positive=_coverage(come_positives, counts.fn + counts.tp),
        silent=_silent(cells, come_negatives, come_positives),
    )


def _estimates(found: dict[str, Metric], coming: Coming) -> dict[str, Estimate]:
    if not found:
        return {}
    variances = coming.variance(
        np.stack([metric.by_positive for metric in found.values()]),
        np.stack([metric.by_negative for metric in found.values()]),
    )
    return {
        name: _rounded(interval(metric.value, float(variance)))
        for (name, metric), variance in zip(found.items(), variances, strict=True)
    }


def _rounded(estimate: Estimate) -> Estimate:
    return Estimate(*(round(bound, _DECIMALS) for bound in (estimate.value, estimate.low, estimate.high)))


def _coverage(come: int, expected: float) -> float | None:
    return round(min(come / expected, 1.0), _DECIMALS) if expected > 0 else None


def _silent(cells: Cells, negatives: int, positives: int) -> tuple[Literal["negative", "positive"], ...]:
    found: list[Literal["negative", "positive"]] = []
    negative, positive = cells.arrived
    if negative.too_early and not negatives:
        found.append("negative")
    if positive.too_early and not positives:
        found.append("positive")
    return tuple(found)
