"""How late labels come: the delays in the newest panes of final windows, by class."""

import heapq

from monitor.nowcast.delays import DelayCurves
from monitor.timeline.sums import Sums, SumsLayout

_MOST_SLIDES = 90
_NOT_BY_CLASS = b""


class RecentDelays:
    """The sums of the newest 90 slides of final windows, so that delays may change; none of them folded.

    A book that is taken up again does not have what is folded, and is to tell the same.

    ``horizon``: the time from a record after which silence counts as 0, ms; None where it never does.
    """

    def __init__(self, layout: SumsLayout, horizon: int | None) -> None:
        self._layout = layout
        self._horizon = horizon
        self._kept: dict[int, bytes] = {}
        self._starts: list[int] = []
        self._curves: DelayCurves | None = None

    def wants(self, start: int) -> bool:
        """Whether the panes of a start are among the newest, and not there yet."""
        return start not in self._kept and (len(self._starts) < _MOST_SLIDES or start > self._starts[0])

    def holds(self, start: int) -> bool:
        """Whether the panes of a start are there."""
        return start in self._kept

    def put(self, start: int, packed: bytes) -> None:
        """Take in the packed sums of a start, in place of those there are."""
        if start not in self._kept:
            heapq.heappush(self._starts, start)
            if len(self._starts) > _MOST_SLIDES:
                del self._kept[heapq.heappop(self._starts)]
        sums = Sums(self._layout, segmented=False)
        sums.add(packed)
        self._kept[start] = packed if sums.has_delays_by_class else _NOT_BY_CLASS
        self._curves = None

    def forget_before(self, until: int) -> None:
        """Leave out the panes that begin before, ms of event time."""
        while self._starts and self._starts[0] < until:
            del self._kept[heapq.heappop(self._starts)]
            self._curves = None

    def curves(self) -> DelayCurves:
        """The delays by class."""
        if self._curves is None:
            sums = Sums(self._layout, segmented=False)
            for packed in filter(None, self._kept.values()):
                sums.add(packed)
            self._curves = DelayCurves.of(*sums.delay_hours(), sums.records, self._horizon)
        return self._curves
