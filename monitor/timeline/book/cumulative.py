"""Cumulative metrics of one model: a point a slide, behind which all windows are final, computed once from what is new.

The running sum goes on from point to point. What changes in it later revises the newest point alone.
"""

import heapq
from collections.abc import Callable, Iterable

from contract.messages import ModelRef
from contract.panes import Fold
from contract.windows import Cumulative
from monitor.timeline.metrics import performance
from monitor.timeline.sums import Sums, SumsLayout, pack_summary

PackedPanes = Callable[[int | None, int], Iterable[bytes]]
"""The packed sums of the panes from one event time (None: from the first) to before another."""


class CumulativeSeries:
    """The running sum of one model and the points it has given.

    ``until``: the sum holds what lies before it, ms of event time; None: nothing yet.
    ``newest``: the point that was given last. ``stopped``: there are no points any more, because the panes know of
    fewer labels than it does.
    """

    def __init__(self, model: ModelRef, layout: SumsLayout) -> None:
        self._model = model
        self._sums = Sums(layout, segmented=False)
        self._layout = layout
        self._changed = False
        self._ends: list[int] = []
        self._earlier: Cumulative | None = None
        self._first_revision = 0
        self.until: int | None = None
        self.newest: Cumulative | None = None
        self.stopped = False

    def begin(self, fold: Fold) -> None:
        """Begin with what has been folded."""
        self._sums = Sums(self._layout, segmented=False)
        self._sums.add(pack_summary(fold.summary, self._layout))
        self.until = fold.until

    def restore(self, point: Cumulative) -> None:
        """Take up the point that was given last."""
        self.newest = point

    def number_after(self, earlier: Cumulative) -> None:
        """Number points above those that another stream has given at the same end or later."""
        self._earlier = earlier

    def expect(self, end: int) -> None:
        """There is a window that ends here."""
        heapq.heappush(self._ends, end)

    @property
    def next_end(self) -> int | None:
        """The end of the first window that is not covered yet; None: all are."""
        while self._ends and self.until is not None and self._ends[0] <= self.until:
            heapq.heappop(self._ends)
        return self._ends[0] if self._ends else None

    def covers(self, pane: int) -> bool:
        """Whether the sum holds the panes that begin here."""
        return self.until is not None and pane < self.until

    def take_up(self, panes: PackedPanes) -> None:
        """Go on from the point that was taken up, once all panes are there."""
        if self.newest is None:
            return
        if self.until is not None and self.until > self.newest.end:
            self.stopped = True
            return
        self._reach(self.newest.end, panes)
        self.stopped = self._sums.labelled < self.newest.performance.labelled

    def advance(self, end: int, panes: PackedPanes, window_revision: int) -> Cumulative | None:
        """The point at ``end``, which counts as given from here on; None if it has been given already.

        Its revisions begin with that of the window that ends there, under which the release before, and a stream
        before this one, may have logged cumulative values.
        """
        self._first_revision = window_revision
        self._reach(end, panes)
        return self.revised()

    def replace(self, start: int, before: bytes | None, now: bytes) -> None:
        """A pane that starts at ``start`` has changed."""
        if self.covers(start):
            if before is not None:
                self._sums.add(before, -1)
            self._sums.add(now)
            self._changed = True

    def revised(self) -> Cumulative | None:
        """The newest point if it says something new; it counts as given from here on."""
        if not self._changed or self.stopped or self.until is None:
            return None
        self._changed = False
        # how often customers have come since the beginning is not known
        found = performance(self._sums, None)
        newest = self.newest
        if newest is None or newest.end < self.until:
            revision = self._first_revision
            if self._earlier is not None and self._earlier.end >= self.until:
                revision = max(revision, self._earlier.revision + 1)
        elif newest.performance == found:
            return None
        else:
            revision = newest.revision + 1
        self.newest = Cumulative(model=self._model, end=self.until, revision=revision, performance=found)
        return self.newest

    def _reach(self, end: int, panes: PackedPanes) -> None:
        for packed in panes(self.until, end):
            self._sums.add(packed)
        self.until = end
        self._changed = True
