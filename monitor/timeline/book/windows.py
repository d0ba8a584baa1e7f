"""One model's windows: the life of each, and which are due."""

import heapq
from collections.abc import Iterable, Iterator

import msgspec

from contract.messages import ModelRef
from contract.panes import Fold, Pane, PaneSample
from contract.windows import Cumulative, Drift, Nowcast, Status, Window
from monitor.nowcast.nowcast import nowcast
from monitor.timeline.book.content import (
    SlidingSum,
    WindowFrame,
    compose,
    digest,
    pack_drift,
)
from monitor.timeline.book.cumulative import CumulativeSeries
from monitor.timeline.book.delays import RecentDelays
from monitor.timeline.book.drifts import ModelDrifts, digest_of
from monitor.timeline.book.life import LONG_AGO, WindowState
from monitor.timeline.book.panes import ModelPanes
from monitor.timeline.book.rules import BookRules, LostPanes
from monitor.timeline.samples import Sample
from monitor.timeline.sums import Sums
from monitor.timeline.watermarks import Watermarks, reached
from monitor.verdicts.distrust import Distrust, untrusted_since
from monitor.verdicts.outlook import without_estimate
from monitor.window_sums import WindowSums

_UNJUDGED = Drift(judged=False, drifted=False, share=0.0)


class ModelWindows:
    """One model's part of the book.

    ``lost``: where panes are missing; None: nowhere.
    """

    def __init__(self, model: ModelRef, rules: BookRules) -> None:
        self._model = model
        self._rules = rules
        self._spec = rules.spec
        self._panes = ModelPanes(model, rules)
        self._series = CumulativeSeries(model, rules.layout)
        self._delays = RecentDelays(rules.layout, rules.horizon)
        self._states: dict[int, WindowState] = {}
        self._first_revisions: dict[int, int] = {}
        # heaps of starts of windows that are not closed, and of those whose time is not up
        self._open: list[int] = []
        self._unsettled: list[int] = []
        # starts of windows to look at, of those that wait for the next slide to be said again, and of those to publish
        self._touched: set[int] = set()
        self._held_back: set[int] = set()
        self._ready: set[int] = set()
        # starts of buckets all of whose windows are final, and of those of them that may have samples
        self._finished: set[int] = set()
        self._unspent: set[int] = set()
        # how many slides the closing watermark has passed, and up to where labels have been read
        self._slide = LONG_AGO
        self._labels_until: int | None = None
        self._distrust: Distrust = ()
        self._drifts = ModelDrifts(model, rules, self._states, self._panes.sample)
        self.lost: LostPanes | None = None

    @property
    def held(self) -> tuple[int, int]:
        """How many windows and panes are held."""
        return len(self._states), len(self._panes)

    def put(self, pane: Pane) -> bool:
        """Take a pane in; False: it comes after it has been folded."""
        if self._panes.is_folded(pane.start):
            return False
        if not pane.summary.records:
            return True
        change = self._panes.put(pane)
        sampled = bool(pane.summary.sample) and self._panes.put_rows(pane)
        if change is not None:
            self._series.replace(pane.start, change.before, change.now)
            if self._delays.holds(pane.start):
                self._delays.put(pane.start, self._panes.merged(pane.start))
            for start in self._spec.windows_of(pane.start):
                if self._panes.is_folded(start):
                    # it lacks panes by now, so it stays as it is
                    continue
                state = self._made(start)
                state.records += change.records
                state.labelled += change.labelled
        if change is not None or sampled:
            self._touch(pane.start)
        if sampled and pane.start in self._finished:
            self._unspent.add(pane.start)
        return True

    def put_sample(self, sample: PaneSample) -> bool:
        """Take a pane's sample in; False: it comes after the pane has been folded."""
        if self._panes.is_folded(sample.start):
            return False
        if self._panes.put_sample(sample):
            self._touch(sample.start)
            if sample.start in self._finished:
                self._unspent.add(sample.start)
        return True

    def drop_sample(self, start: int, partition: int) -> None:
        """Forget a pane's sample, which is no longer on the topic."""
        self._panes.drop_sample(start, partition)

    def put_fold(self, fold: Fold) -> None:
        """Take up what has been folded, and forget what concerns it alone."""
        if not self._panes.is_folded(fold.until - 1):
            self._series.begin(fold)
            self.folded(fold)

    def restore(self, window: Window) -> None:
        """Take up the window that was emitted last under its key."""
        if not self._panes.is_folded(window.start):
            state = self._made(window.start)
            state.restore(window, digest(window), pack_drift(window.drift), digest_of(window.drift))
            self._touched.add(window.start)

    def distrust(self, distrust: Distrust) -> None:
        """Where estimates are not to be trusted from here on; windows that said otherwise are said again."""
        if distrust != self._distrust:
            self._distrust = distrust
            self._touched.update(
                state.start for state in self._states.values() if state.untrusted != self._untrusted_since(state.start)
            )

    def number_after(self, window: Window) -> None:
        """Number the window above this one, which stands under its key, but is none of this book's."""
        self._first_revisions[window.start] = window.revision + 1
        state = self._states.get(window.start)
        if state is not None and state.status is None:
            state.revision = window.revision

    def restore_point(self, point: Cumulative) -> None:
        """Take up the cumulative metrics that were given last."""
        self._series.restore(point)

    def number_point_after(self, earlier: Cumulative) -> None:
        """Number cumulative metrics above those of another stream."""
        self._series.number_after(earlier)

    def verify(self) -> None:
        """Find out which panes are lost, and take up the cumulative metrics. Once, when all panes are there."""
        short = [state.start for state in self._states.values() if state.knows_less]
        if short:
            self.lost = LostPanes(min(short), max(short) + self._spec.size, len(short))
        for start in sorted(self._states, reverse=True):
            if self._states[start].is_final:
                self._finish(start)
        self._series.take_up(self._panes.packed)

    def look(self, watermarks: Watermarks) -> None:
        """Find the windows that are to be published as of these watermarks."""
        slide = LONG_AGO if watermarks.closing is None else watermarks.closing // self._spec.slide
        self._labels_until = watermarks.labels
        size, lateness = self._spec.size, self._rules.label_lateness
        while self._open and (watermarks.ended or reached(watermarks.closing, self._open[0] + size)):
            start = heapq.heappop(self._open)
            if start in self._states:
                self._states[start].closed = True
                self._touched.add(start)
        while self._unsettled and (
            watermarks.ended or reached(watermarks.settled, self._unsettled[0] + size + lateness)
        ):
            start = heapq.heappop(self._unsettled)
            if start in self._states:
                self._states[start].time_up = True
                self._touched.add(start)
        if slide > self._slide:
            self._slide = slide
            self._touched |= self._held_back
            self._held_back.clear()
        for start in self._touched:
            self._sort(self._states[start])
        self._touched.clear()

    @property
    def ready(self) -> Iterable[int]:
        """The starts of windows to be published, or to be looked at more closely."""
        return self._ready

    def publish(self, starts: Iterable[int]) -> Iterator[Window]:
        """The windows of these starts, in ascending order, but those that say what has been said."""
        sums = SlidingSum(self._rules.layout, self._panes.bucket, self._spec.size, self._spec.slide)
        for start in starts:
            self._ready.discard(start)
            state = self._states[start]
            status = state.next_status
            if status is None or self._is_restored_as_it_is(state, status):
                continue
            window = self._compute(state, status, sums)
            found = digest(window)
            if state.status == status and state.digest == found:
                continue
            state.emit(status, found, self._slide, window.untrusted_since)
            if status == "final":
                self._finish(start)
            yield window

    def points(self) -> Iterator[Cumulative]:
        """The cumulative metrics to publish, each counted as given from here on."""
        series = self._series
        while not series.stopped and (end := series.next_end) is not None:
            if not self._is_final(end - self._spec.size) or (self.lost is not None and end > self.lost.start):
                break
            state = self._states.get(end - self._spec.size)
            point = series.advance(end, self._panes.packed, 0 if state is None else state.revision)
            if point is not None:
                yield point
        point = series.revised()
        if point is not None and self.lost is None:
            yield point

    def foldable(self, settled: int | None, most: int) -> tuple[Fold, list[str]] | None:
        """The fold of the panes that nothing can change any more, and their keys; None: there are none."""
        if settled is None:
            return None
        starts: list[int] = []
        keys: list[str] = []
        for start in self._panes.oldest(settled - self._rules.keeping + 1):
            if len(keys) >= most or not self._is_told(start):
                break
            starts.append(start)
            keys += self._panes.keys(start)
        return (self._panes.fold_with(starts), keys) if starts else None

    def folded(self, fold: Fold) -> None:
        """Forget what has been folded: its panes, and the windows that hold one of them."""
        self._panes.put_fold(fold)
        self._delays.forget_before(fold.until)
        for start in [start for start in self._states if start < fold.until]:
            del self._states[start]
        for found in (self._touched, self._held_back, self._ready, self._finished, self._unspent):
            found.difference_update([start for start in found if start < fold.until])
        for start in [start for start in self._first_revisions if start < fold.until]:
            del self._first_revisions[start]

    def spent_samples(self) -> Iterator[str]:
        """The keys of the samples that no window needs any more."""
        for start in sorted(self._unspent):
            keys = self._panes.sample_keys(start)
            if not keys:
                self._unspent.discard(start)
            elif self._is_said(start):
                yield from keys

    def sample(self, start: int) -> Sample | None:
        """The merged sample of a window; None: it is not there."""
        return self._panes.sample(start)

    def knows(self, start: int | None) -> bool:
        """Whether there may still be a revision of the window, or one under its key; without a start: of any window.

        A model without any gives no cumulative metrics either, before it has windows that end later.
        """
        if start is None:
            return bool(self._states)
        return start in self._states or start in self._first_revisions

    @property
    def newest_point(self) -> Cumulative | None:
        """The cumulative metrics that were given last."""
        return self._series.newest

    def _touch(self, pane: int) -> None:
        self._touched.update(start for start in self._spec.windows_of(pane) if start in self._states)

    def _made(self, start: int) -> WindowState:
        state = self._states.get(start)
        if state is None:
            state = self._states[start] = WindowState(start, revision=self._first_revisions.get(start, 0) - 1)
            heapq.heappush(self._open, start)
            heapq.heappush(self._unsettled, start)
            self._series.expect(start + self._spec.size)
        return state

    def _sort(self, state: WindowState) -> None:
        """Whether a window is to be published now, at the next slide, or not."""
        status = state.next_status
        if status is None or (self.lost is not None and self.lost.touches(state.start, state.start + self._spec.size)):
            return
        if state.slide is None:
            # when a restored window was emitted is not known: not before this slide
            state.slide = self._slide
        if status == "final" or state.status is None or self._is_contradicted(state):
            self._ready.add(state.start)
        elif state.has_grown or (state.judged != state.records and self._panes.is_sampled(state.start)):
            (self._ready if state.slide < self._slide else self._held_back).add(state.start)

    def _is_contradicted(self, state: WindowState) -> bool:
        """Whether other windows by now say otherwise of it than when it was emitted."""
        return state.untrusted != self._untrusted_since(state.start) or self._drifts.is_outdated(state)

    def _is_restored_as_it_is(self, state: WindowState, status: Status) -> bool:
        """Whether a window taken up from the topic says already what its panes do, as far as their counts go.

        So a window of another release, which may have reckoned otherwise, is not said again for that alone.
        """
        restored, state.restored = state.restored, None
        return (
            restored is not None
            and status == state.status
            and restored == self._panes.counts(state.start)
            and not self._is_contradicted(state)
            and (state.judged == state.records or not self._panes.is_sampled(state.start))
        )

    def _compute(self, state: WindowState, status: Status, sums: SlidingSum) -> Window:
        frame = WindowFrame(
            model=self._model,
            start=state.start,
            end=state.start + self._spec.size,
            status=status,
            revision=state.revision + 1,
            threshold=self._panes.threshold(state.start),
        )
        found = sums.at(state.start)
        drift = self._judge(state)
        coming = self._nowcast(frame, found, state.repeats.effect) if status == "provisional" else None
        newest = self._panes.histogram(frame.end - self._spec.slide)
        window = msgspec.structs.replace(
            compose(frame, found, state.repeats, drift, coming),
            slide=self._spec.slide,
            slide_records=int(newest[0].sum()),
        )
        recurrence = self._drifts.recurrence(state.start, drift)
        its_sums = WindowSums(found.histogram, newest, found.segments(), recurrence)
        window = self._rules.complete(window, its_sums)
        since = self._untrusted_since(state.start)
        return window if since is None else without_estimate(window, since)

    def _judge(self, state: WindowState) -> Drift:
        before = state.own
        drift = self._drifts.of(state)
        if state.own != before:
            self._touched.update(self._drifts.outdated_by(state.start))
        return drift

    def _untrusted_since(self, start: int) -> int | None:
        return untrusted_since(self._distrust, start, start + self._spec.size)

    def _nowcast(self, frame: WindowFrame, sums: Sums, effect: float) -> Nowcast | None:
        if self._labels_until is None:
            return None
        delays = self._delays.curves()
        if not delays.known:
            return None
        return nowcast(
            list(self._panes.score_bins(frame.start)),
            sums.headline(),
            frame.threshold,
            self._spec.slide,
            self._labels_until,
            delays,
            effect,
        )

    def _finish(self, window: int) -> None:
        """A window is final: its buckets may be those of final windows only, and tell how late labels come."""
        for pane in self._spec.panes_of(window):
            if self._panes.has_records(pane):
                if self._delays.wants(pane):
                    self._delays.put(pane, self._panes.merged(pane))
                if pane not in self._finished and self._all_final(pane):
                    self._finished.add(pane)
                    self._unspent.add(pane)

    def _all_final(self, pane: int) -> bool:
        return all(map(self._is_final, self._spec.windows_of(pane)))

    def _is_final(self, start: int) -> bool:
        return self._panes.is_folded(start) or (start in self._states and self._states[start].is_final)

    def _is_said(self, pane: int) -> bool:
        return not any(start in self._touched or start in self._ready for start in self._spec.windows_of(pane))

    def _is_told(self, pane: int) -> bool:
        """Whether all that there is to be said of a bucket has been said, so that it may be folded."""
        windows = self._spec.windows_of(pane)
        if not self._panes.has_records(pane):
            return True
        if self.lost is not None and self.lost.touches(windows[0], windows[-1] + self._spec.size):
            return True
        return pane in self._finished and self._is_said(pane) and (self._series.stopped or self._series.covers(pane))
