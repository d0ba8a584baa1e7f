"""What a window says of each segment: its metrics with their intervals, and whether it changed apart from the rest."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import msgspec
import numpy as np
from scipy import stats

from contract.arrays import Floats
from contract.messages import ModelRef
from contract.panes import UNIT, SegmentSums
from contract.segments import SegmentFeature
from contract.windows import Estimate, SegmentMetrics, Window
from monitor.inputs.rule import holm
from monitor.intervals import Z95
from monitor.segments.change import SegmentCounts, segment_change
from monitor.segments.reference import SegmentReference
from monitor.verdicts.intervals import wilson
from monitor.verdicts.judging import LEAST_COVERAGE, is_mature
from monitor.window_sums import WindowSums

LEAST_CHURNERS = 30
"""Churners, and others, that a segment must have to be judged: observed or expected, whichever are more.

Were only the observed ones counted, a segment whose churners stay away would not be judged; were only the expected, one
that has never had many.
"""
LEAST_REFERENCE = 100
"""Rows of the reference that a segment must have."""
_MOST_MODELS = 100


class SegmentVerdicts:
    """Adds to windows of any model what is to be said of their segments.

    Args:
        segments: those of the schema.
        references: of a model's version; None: it has none, and nothing is judged.
        level: of all segments' tests in one window together.
        min_records: labelled records, freed of the design effect, below which a segment is not judged.
    """

    def __init__(
        self,
        segments: Sequence[SegmentFeature],
        references: Callable[[ModelRef], SegmentReference | None],
        level: float,
        min_records: int,
    ) -> None:
        self._segments = tuple(segments)
        self._protected = {name: feature.protected for feature in segments for name in feature.names}
        self._reference = lru_cache(maxsize=_MOST_MODELS)(references)
        self._level = level
        self._min_records = min_records

    def __call__(self, window: Window, sums: WindowSums) -> Window:
        """The window with its segments: those that changed first, the surest first; then those judged, by what they
        lost.
        """
        known = {name: sums.segments[name] for name in self._protected if name in sums.segments}
        if not known:
            return window
        found = {name: _measured(name, one, window, self._protected[name]) for name, one in known.items()}
        reference = self._reference(window.model) if is_mature(window) else None
        if reference is not None:
            found = self._judged(found, self._of_all_records(known, window), window, sums, reference)
        return msgspec.structs.replace(window, segments=tuple(found.values()))

    def _of_all_records(self, known: Mapping[str, SegmentSums], window: Window) -> dict[str, SegmentSums]:
        """The segments of the features that hold all of the window's records.

        Panes of an earlier release, or of the schema before, have none beside panes that have them.
        """
        found: dict[str, SegmentSums] = {}
        for feature in self._segments:
            parts = {name: known[name] for name in feature.names if name in known}
            if sum(one.records for one in parts.values()) == window.records:
                found |= parts
        return found

    def _judged(
        self,
        measured: Mapping[str, SegmentMetrics],
        known: Mapping[str, SegmentSums],
        window: Window,
        sums: WindowSums,
        reference: SegmentReference,
    ) -> dict[str, SegmentMetrics]:
        place = {name: number for number, name in enumerate(reference.names)}
        rows_then = reference.records.sum(axis=1)
        names = [
            name
            for name, one in known.items()
            if one.labelled and name in place and rows_then[place[name]] >= LEAST_REFERENCE
        ]
        rows = np.array([place[name] for name in names], dtype=np.int64)
        counts = _counts([known[name] for name in names], window.design_effect)
        _, negatives, positives = sums.histogram / window.design_effect
        everyone = reference.groups.count(negatives + positives), reference.groups.count(positives)
        change = segment_change(counts, everyone, reference, rows)
        least = np.minimum(
            np.maximum(counts.churners, change.expected),
            np.maximum(counts.labelled - counts.churners, counts.labelled - change.expected),
        )
        # those of a segment can be missing although nearly all of the window's are there
        covered = np.array([_is_covered(known[name], window) for name in names], dtype=np.bool_)
        enough = covered & (counts.labelled >= self._min_records) & (least >= LEAST_CHURNERS)
        judged = [number for number in range(len(names)) if enough[number]]
        p_values = {names[number]: float(change.p_value[number]) for number in judged}
        adjusted = holm(p_values)
        q_values = stats.false_discovery_control(list(p_values.values())) if p_values else []
        said = dict(zip(p_values, q_values, strict=True))
        sureness = {names[number]: float(change.log_p[number]) for number in judged}
        found = {}
        for number, name in enumerate(names):
            one = measured[name]
            reach = Z95 * math.sqrt(float(change.variance[number]))
            expected, labelled = float(change.expected[number]), float(counts.labelled[number])
            ends = (expected, max(expected - reach, 0.0), min(expected + reach, labelled))
            loss = float(counts.squared_error[number]) / labelled - float(reference.brier[rows[number]])
            found[name] = msgspec.structs.replace(
                one,
                expected=Estimate(*(end * window.design_effect for end in ends)),
                excess_loss=loss * one.labelled / window.labelled if window.labelled else None,
                judged=name in p_values,
                p_value=p_values.get(name),
                p_adjusted=adjusted.get(name),
                q_value=float(said[name]) if name in said else None,
                changed=adjusted.get(name, 1.0) < self._level,
            )
        return dict(
            sorted(
                (dict(measured) | found).items(),
                key=lambda item: (
                    not item[1].changed,
                    sureness[item[0]] if item[1].changed else 0.0,
                    not item[1].judged,
                    -(item[1].excess_loss or 0.0),
                ),
            )
        )


def _is_covered(sums: SegmentSums, window: Window) -> bool:
    return window.status != "final" or sums.labelled >= LEAST_COVERAGE * sums.records


def _measured(name: str, sums: SegmentSums, window: Window, protected: bool) -> SegmentMetrics:
    """A segment's metrics, not yet judged; those that need labels only where the window's can stand for all.

    Precision, recall and selection rate are shares, F1 is ``2 J / (1 + J)`` with Jaccard's J, a share, too
    (``monitor.verdicts.intervals``).
    """
    effect = window.design_effect
    found = SegmentMetrics(
        name=name,
        records=sums.records,
        labelled=sums.labelled,
        judged=False,
        observed=sums.fn + sums.tp,
        selection_rate=_share(sums.predicted, sums.records, effect),
        protected=protected,
    )
    if not is_mature(window):
        return found
    jaccard = _share(sums.tp, sums.tp + sums.fp + sums.fn, effect)
    return msgspec.structs.replace(
        found,
        precision=_share(sums.tp, sums.tp + sums.fp, effect),
        recall=_share(sums.tp, sums.tp + sums.fn, effect),
        f1=None if jaccard is None else Estimate(*(2 * j / (1 + j) for j in msgspec.structs.astuple(jaccard))),
    )


def _share(hits: int, trials: int, effect: float) -> Estimate | None:
    ends = wilson(hits, trials, effect)
    return None if ends is None else Estimate(hits / trials, *ends)


def _counts(sums: Sequence[SegmentSums], effect: float) -> SegmentCounts:
    def divided(values: list[float]) -> Floats:
        return np.array(values, dtype=np.float64) / effect

    return SegmentCounts(
        labelled=divided([one.labelled for one in sums]),
        churners=divided([one.fn + one.tp for one in sums]),
        scores=divided([one.expected / UNIT for one in sums]),
        scores_squared=divided([one.expected_squared / UNIT for one in sums]),
        squared_error=divided([one.squared_error / UNIT for one in sums]),
    )
