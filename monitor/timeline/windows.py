"""Hopping windows over panes: which panes a window needs, when it is provisional, when final, and what is due now.

Two event-time clocks run side by side. *Closing* is for the impatient: a partition that is idle does not hold it back,
so wall time has a say in when a window becomes provisional. *Final* asks every partition that has not ended, idle or
not, so wall time decides nothing about it; a partition that never carried a record therefore leaves windows
provisional until the end of the stream.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from contract.errors import UserError
from contract.messages import ModelRef
from contract.panes import JoinProgress, Pane, Summary
from contract.windows import Drift, Performance, Status, Window
from monitor.panes import median_delay_hours, merge, missing, violations
from monitor.timeline.estimate import estimate
from monitor.timeline.metrics import performance

Judge = Callable[[ModelRef, Summary], Drift]
"""The drift of a window's merged summary against the reference of the model."""


@dataclass(frozen=True)
class WindowSpec:
    """Windows of ``size`` ms, one beginning at each multiple of ``slide`` ms since the epoch.

    Raises:
        UserError: ``size`` is not a positive multiple of ``slide``.
    """

    size: int
    slide: int

    def __post_init__(self) -> None:
        if self.slide <= 0 or self.size <= 0 or self.size % self.slide:
            raise UserError(
                f"window ({self.size} ms) must be a positive multiple of slide ({self.slide} ms); e.g. 7d and 1d"
            )

    def windows_of(self, pane: int) -> range:
        """Starts of the ``size / slide`` windows that the pane starting at ``pane`` is part of."""
        return range(pane - self.size + self.slide, pane + self.slide, self.slide)

    def panes_of(self, window: int) -> range:
        """Starts of the panes that make up the window starting at ``window``."""
        return range(window, window + self.size, self.slide)


def effective_watermark(progress: Mapping[int, JoinProgress], partitions: int) -> int | None:
    """No prediction earlier than this is expected from a partition that is neither idle nor ended.

    None while a partition has not reported, or one that counts has seen nothing yet. If none counts, nobody is left to
    wait for: the largest watermark seen.
    """
    if len(progress) < partitions:
        return None
    awaited = [one.watermark for one in progress.values() if not one.idle and not one.ended]
    if awaited:
        return _least(awaited)
    return max((one.watermark for one in progress.values() if one.watermark is not None), default=None)


class Watermarks(NamedTuple):
    """Where a stream stands in event time, in ms. ``None``: not known yet.

    ``closing``: the effective watermark; ``predictions``: the least over all partitions that have not ended;
    ``labels``: the same, each partition's label watermark counting too where it has one; ``ended``: all have ended.
    """

    closing: int | None
    predictions: int | None
    labels: int | None
    ended: bool

    @classmethod
    def of(cls, progress: Mapping[int, JoinProgress], partitions: int) -> "Watermarks":
        """The watermarks of a stream of ``partitions`` partitions, from the newest progress of each."""
        if len(progress) < partitions:
            return cls(None, None, None, False)
        going_on = [one for one in progress.values() if not one.ended]
        return cls(
            closing=effective_watermark(progress, partitions),
            predictions=_least(one.watermark for one in going_on),
            labels=_least(
                one.watermark if one.label_watermark is None else _least((one.watermark, one.label_watermark))
                for one in going_on
            ),
            ended=not going_on,
        )

    def status(self, end: int, records: int, labelled: int, label_lateness: int) -> Status | None:
        """What a window that ends at ``end`` and holds records has come to; None while it is open.

        Final: the stream has ended, or no prediction is to come and each has its label, or no label is to come.
        Provisional: the effective watermark has passed the end.
        """
        if self.ended or (_reached(self.predictions, end) and records == labelled):
            return "final"
        if _reached(self.labels, end + label_lateness):
            return "final"
        return "provisional" if _reached(self.closing, end) else None


class Due(NamedTuple):
    """A window to publish, and the merged summary that it was computed from (the report needs its sample)."""

    window: Window
    summary: Summary


class LostPanes(NamedTuple):
    """Where panes are missing: within event times from ``start`` to ``end`` (ms), which ``windows`` windows span."""

    start: int
    end: int
    windows: int

    def touches(self, start: int, end: int) -> bool:
        """Whether a window from ``start`` to ``end`` may lack one of them."""
        return start < self.end and end > self.start


class WindowBook:
    """All that is known of the windows, in memory: panes, progress, and the last window emitted of each.

    Args:
        spec: size and slide.
        partitions: how many partitions must report before any watermark is known.
        label_lateness: longest time from record to label, ms of event time.
        sample_size: most rows in a window's merged sample.
        judge: called once per set of predictions: a window whose number of predictions stays the same keeps its drift,
            for panes only grow.
    """

    def __init__(
        self, spec: WindowSpec, *, partitions: int, label_lateness: int, sample_size: int, judge: Judge
    ) -> None:
        self._spec = spec
        self._partitions = partitions
        self._label_lateness = label_lateness
        self._sample_size = sample_size
        self._judge = judge
        self._panes: dict[ModelRef, dict[int, dict[int, Pane]]] = {}
        self._progress: dict[int, JoinProgress] = {}
        self._emitted: dict[tuple[ModelRef, int], Window] = {}
        self._changed_from: dict[ModelRef, int] = {}
        self._cumulated: dict[ModelRef, tuple[int, Summary]] = {}
        self._watermark: int | None = None
        self._first_revisions: dict[tuple[ModelRef, int], int] = {}
        self._unverified = False
        self._lost: dict[ModelRef, LostPanes] = {}

    @property
    def watermark(self) -> int | None:
        """The largest effective watermark so far: it never goes back, also when an idle partition wakes up."""
        return self._watermark

    @property
    def lost(self) -> Mapping[ModelRef, LostPanes]:
        """The models whose panes knew less than the windows restored, as of the first ``due`` that could tell.

        None of their windows within the range is due any more, and those behind it have no new cumulative part.
        """
        return self._lost

    def restore(
        self,
        windows: Iterable[Window],
        panes: Iterable[Pane],
        progress: Iterable[JoinProgress],
        earlier: Iterable[Window] = (),
    ) -> None:
        """Take up where an earlier book left off: the last window of each key that it emitted, and what it had read.

        Reading again what it had read then emits nothing new. ``earlier`` are windows of another stream under the same
        keys: they are forgotten but for their revisions, from which those of this stream go on. So are windows of
        another size than this book's.
        """
        for window in windows:
            if window.end - window.start == self._spec.size:
                self._emitted[window.model, window.start] = window
            else:
                self._first_revisions[window.model, window.start] = window.revision + 1
        self._first_revisions.update(((window.model, window.start), window.revision + 1) for window in earlier)
        self._unverified = True
        for pane in panes:
            self.update(pane)
        for one in progress:
            self.update(one)

    def update(self, message: Pane | JoinProgress) -> None:
        """Take in the next message; the newest of a key wins.

        A pane that knows of fewer predictions or labels than the one held is an old one, delivered again.

        Raises:
            UserError: the message is of a stream with another slide or more partitions.
        """
        if message.partition >= self._partitions:
            raise UserError(
                f"partition {message.partition} has reported, but partitions is {self._partitions};"
                " give the join and the monitor the same setting"
            )
        if isinstance(message, JoinProgress):
            self._progress[message.partition] = message
            closing = effective_watermark(self._progress, self._partitions)
            if closing is not None and not _reached(self._watermark, closing):
                self._watermark = closing
        else:
            self._update_pane(message)

    def due(self) -> list[Due]:
        """The windows to publish now, in order of end, each counted as emitted from here on.

        A window is provisional once, when it closes, unless it is final by then. The final windows of a model come in
        order and none is left out: one waits for those before it. A final window is due again, its revision one up,
        whenever what it says has changed, be it by a late record or by a corrected label of its own or, in its
        cumulative part, of an earlier one. Windows without a record are never due, nor is any before each partition
        has reported: what panes there are is not known earlier.
        """
        if len(self._progress) < self._partitions:
            return []
        if self._unverified:
            self._lost = dict(self._losses())
            self._unverified = False
        # an idle partition that wakes up can make the effective watermark fall: a closed window stays closed
        watermarks = Watermarks.of(self._progress, self._partitions)._replace(closing=self._watermark)
        due = [one for model in sorted(self._panes) for one in self._due_of(model, watermarks)]
        self._emitted.update(((one.window.model, one.window.start), one.window) for one in due)
        self._changed_from.clear()
        return sorted(due, key=lambda one: (one.window.end, one.window.model))

    def _update_pane(self, pane: Pane) -> None:
        if pane.slide != self._spec.slide:
            raise UserError(
                f"a pane of {pane.slide} ms has come, but slide is {self._spec.slide} ms;"
                " give the join and the monitor the same setting, or the monitor a topic_prefix of its own"
            )
        if not pane.summary.records:
            return
        held = self._panes.setdefault(pane.model, {}).setdefault(pane.start, {})
        known = held.get(pane.partition)
        if known == pane or (known is not None and _knows_less(pane.summary, known.summary)):
            return
        held[pane.partition] = pane
        self._changed_from[pane.model] = min(pane.start, self._changed_from.get(pane.model, pane.start))
        if pane.model in self._cumulated and pane.start < self._cumulated[pane.model][0]:
            del self._cumulated[pane.model]

    def _due_of(self, model: ModelRef, watermarks: Watermarks) -> list[Due]:
        due: list[Due] = []
        changed_from = self._changed_from.get(model)
        waiting = False
        for start in sorted({window for pane in self._panes[model] for window in self._spec.windows_of(pane)}):
            end = start + self._spec.size
            emitted = self._emitted.get((model, start))
            if model in self._lost and self._lost[model].touches(start, end):
                continue
            status: Status | None
            if emitted is not None and emitted.status == "final":
                status = "final" if changed_from is not None and changed_from < end else None
            else:
                status = self._status(model, start, watermarks)
                if status == "final" and waiting:
                    status = "provisional"
                waiting = waiting or status != "final"
                if status == "provisional" and emitted is not None:
                    status = None
            if status is not None:
                found = self._compute(model, start, status, emitted)
                due += [found] if found else []
        return due

    def _status(self, model: ModelRef, start: int, watermarks: Watermarks) -> Status | None:
        panes = self._panes_of(model, start)
        records = sum(pane.summary.records for pane in panes)
        labelled = sum(pane.summary.labelled for pane in panes)
        return watermarks.status(start + self._spec.size, records, labelled, self._label_lateness)

    def _compute(self, model: ModelRef, start: int, status: Status, emitted: Window | None) -> Due | None:
        """The window as it is now; None if that is what was emitted."""
        panes = self._panes_of(model, start)
        summary = merge((pane.summary for pane in panes), self._sample_size)
        same_predictions = emitted is not None and emitted.records == summary.records
        end = start + self._spec.size
        window = Window(
            model=model,
            start=start,
            end=end,
            status=status,
            revision=self._first_revisions.get((model, start), 0),
            records=summary.records,
            labelled=summary.labelled,
            threshold=max(panes, key=lambda pane: (pane.start, pane.partition)).threshold,
            performance=performance(summary),
            estimated=estimate(summary),
            drift=emitted.drift if emitted and same_predictions else self._judge(model, summary),
            cumulative=self._cumulative(model, end, emitted) if status == "final" else None,
            delay_p50_hours=median_delay_hours(summary),
            violations=violations(summary),
            missing=missing(summary),
        )
        if emitted is not None and emitted.status == status:
            if window == msgspec.structs.replace(emitted, revision=window.revision):
                return None
            window = msgspec.structs.replace(window, revision=emitted.revision + 1)
        return Due(window, summary)

    def _cumulative(self, model: ModelRef, end: int, emitted: Window | None) -> Performance | None:
        """Metrics of all records before ``end``; going on from the last call's sum where that still holds."""
        if model in self._lost and end > self._lost[model].start:
            return emitted.cumulative if emitted else None
        until, summary = self._cumulated.get(model, (None, Summary()))
        if until is not None and until > end:
            until, summary = None, Summary()
        added = [
            pane.summary
            for start, panes in self._panes[model].items()
            if start < end and (until is None or start >= until)
            for pane in panes.values()
        ]
        summary = merge([summary, *added], sample_size=0)
        self._cumulated[model] = (end, summary)
        return performance(summary)

    def _losses(self) -> Iterator[tuple[ModelRef, LostPanes]]:
        """By model the range of the emitted windows whose panes count fewer predictions or labels than they do."""
        short: dict[ModelRef, list[Window]] = {}
        for window in self._emitted.values():
            panes = self._panes_of(window.model, window.start)
            records = sum(pane.summary.records for pane in panes)
            labelled = sum(pane.summary.labelled for pane in panes)
            if records < window.records or labelled < window.labelled:
                short.setdefault(window.model, []).append(window)
        for model, windows in short.items():
            yield model, LostPanes(min(one.start for one in windows), max(one.end for one in windows), len(windows))

    def _panes_of(self, model: ModelRef, start: int) -> list[Pane]:
        by_start = self._panes.get(model, {})
        return [pane for at in self._spec.panes_of(start) for pane in by_start.get(at, {}).values()]


def _least(watermarks: Iterable[int | None]) -> int | None:
    """The least, or None if one is not known or there is none."""
    known: list[int] = []
    for watermark in watermarks:
        if watermark is None:
            return None
        known.append(watermark)
    return min(known, default=None)


def _reached(watermark: int | None, time: int) -> bool:
    return watermark is not None and watermark >= time


def _knows_less(new: Summary, held: Summary) -> bool:
    return new.records < held.records or new.labelled < held.labelled
