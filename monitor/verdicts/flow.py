"""How records and labels flow through a model's windows: what is kept of a window, and which earlier ones are like it.

A window is compared with those of whole weeks before, because records and labels follow the week. Where there are too
few of these, it is compared with the whole range of the days before it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from statistics import median
from typing import NamedTuple

from contract.durations import DAY
from contract.windows import Window

WEEK = 7 * DAY
MOST_WEEKS = 8
"""Like windows that a window is compared with."""
LEAST_WEEKS = 3
_SPREADS = 4.0
_DAYS_BEFORE = 14 * DAY


def reach(size: int) -> int:
    """How long after the end of a window of ``size`` ms others that end then may be compared with it, at most."""
    return (MOST_WEEKS + 1) * WEEK + _DAYS_BEFORE + 6 * size


MOST_FLOWS = 4_000
"""Windows of which the flow is kept after they have been let go, the newest."""


class Flow(NamedTuple):
    """What is kept of a window. ``slide_records``: those of its last slide; both None: an earlier release's.

    ``told`` are the labels that somebody sent, not those inferred of silence; by class ``told_negative`` and
    ``told_positive`` beside those expected of the scores. ``delay``: the labels' median, hours.
    """

    start: int
    end: int
    final: bool
    records: int
    slide: int | None
    slide_records: int | None
    told: int
    inferred: int
    told_negative: int
    told_positive: int
    expected_negative: float
    expected_positive: float
    delay: float | None

    @classmethod
    def of(cls, window: Window) -> "Flow":
        found, expected = window.performance, window.estimated
        return cls(
            start=window.start,
            end=window.end,
            final=window.status == "final",
            records=window.records,
            slide=window.slide,
            slide_records=window.slide_records,
            told=window.labelled - window.inferred,
            inferred=window.inferred,
            told_negative=max(found.tn + found.fp - window.inferred, 0),
            told_positive=found.fn + found.tp,
            expected_negative=expected.tn + expected.fp,
            expected_positive=expected.fn + expected.tp,
            delay=window.delay_p50_hours,
        )

    @property
    def size(self) -> int:
        return self.end - self.start

    @property
    def coverage(self) -> float:
        """The share of the predictions of which somebody sent the label."""
        return self.told / self.records if self.records else 0.0


class Usual(NamedTuple):
    """What a value was in earlier windows: the median of the like ones, or where there are few, the range of all.

    Its factors count from ``low`` and ``high``. Beyond ``least`` and ``most`` it is outside of what windows have
    anyway: four median absolute deviations from the median, which few odd windows among the like ones do not move.
    """

    low: float
    high: float
    least: float
    most: float

    @classmethod
    def of_like(cls, values: list[float]) -> "Usual":
        ordered = sorted(values)
        # of an even number of windows the one that makes less of a change
        low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
        spread = _SPREADS * median(abs(value - median(ordered)) for value in ordered)
        return cls(low, high, low - spread, high + spread)

    @classmethod
    def of_range(cls, values: list[float]) -> "Usual":
        return cls(min(values), max(values), min(values), max(values))


class Flows:
    """Those of one model's windows in order of end."""

    def __init__(self) -> None:
        self._ends: list[int] = []
        self._flows: list[Flow] = []

    def put(self, flow: Flow) -> bool:
        """Take in a window's flow, or a newer one; whether that changes anything."""
        place = bisect_left(self._ends, flow.end)
        if place < len(self._ends) and self._ends[place] == flow.end:
            if self._flows[place] == flow:
                return False
            self._flows[place] = flow
            return True
        self._ends.insert(place, flow.end)
        self._flows.insert(place, flow)
        return True

    def forget(self, until: int) -> None:
        """Keep no more than ``MOST_FLOWS`` of those that end by then."""
        over = bisect_right(self._ends, until) - MOST_FLOWS
        if over > 0:
            del self._ends[:over], self._flows[:over]

    def ending(self, end: int) -> Flow | None:
        """The window that ends then."""
        place = bisect_left(self._ends, end)
        return self._flows[place] if place < len(self._ends) and self._ends[place] == end else None

    def is_whole(self, flow: Flow) -> bool:
        """Whether records came in each slide of a window, and in the one before it.

        So it is none in the middle of which the stream, or the model, began or ended or stood still.
        """
        if not flow.slide:
            return False
        inside = self._flows[bisect_left(self._ends, flow.start) : bisect_right(self._ends, flow.end)]
        return len(inside) == flow.size // flow.slide + 1 and all(one.slide_records for one in inside)

    def usual(self, flow: Flow, value: Callable[[Flow], float | None]) -> tuple[Usual, list[Flow]] | None:
        """What ``value`` was in the windows before one, and which these are; None: they are too few.

        ``value`` gives None for a window that is not to be compared with.
        """
        like = [(one, found) for one in self._like(flow) if (found := value(one)) is not None]
        if len(like) >= LEAST_WEEKS:
            return Usual.of_like([found for _, found in like]), [one for one, _ in like]
        before = [(one, found) for one in self._before(flow) if (found := value(one)) is not None]
        if not before or before[-1][0].end - before[0][0].start < max(WEEK, LEAST_WEEKS * flow.size):
            return None
        return Usual.of_range([found for _, found in before]), [one for one, _ in before]

    def _like(self, flow: Flow) -> Iterator[Flow]:
        """The windows of whole weeks before, without an overlap; the nearest where none is of exactly that time."""
        first = -(-flow.size // WEEK)
        for weeks in range(first, first + MOST_WEEKS):
            end = flow.end - weeks * WEEK
            place = bisect_left(self._ends, end)
            near = [at for at in (place - 1, place) if 0 <= at < len(self._ends) and self._ends[at] <= flow.start]
            if not near:
                continue
            nearest = min(near, key=lambda at: abs(self._ends[at] - end))
            if 2 * abs(self._ends[nearest] - end) < (flow.slide or flow.size):
                yield self._flows[nearest]

    def _before(self, flow: Flow) -> list[Flow]:
        since = flow.start - max(_DAYS_BEFORE, (LEAST_WEEKS + 1) * flow.size)
        first, behind = bisect_left(self._ends, since), bisect_right(self._ends, flow.start)
        return self._flows[first:behind]
