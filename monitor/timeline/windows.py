"""The window book: which windows are due, which cumulative metrics, and which panes nobody needs any more. Pure.

Cost follows change. A pane concerns the windows that hold it and nothing else; what the watermarks have passed is
found by heaps; so a message that brings nothing new takes no time, however long the stream has run. What is kept is
bounded by the panes that can still change: those of the last ``size + 2 * label_lateness + label_tolerance`` of event
time.

All calls come one after the other, from whatever thread.
"""

import heapq
import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import islice
from typing import NamedTuple

from contract.errors import UserError
from contract.messages import ModelRef
from contract.panes import Fold, JoinProgress, Pane, PaneMessage, PaneSample
from contract.windows import Cumulative, Window
from monitor.timeline.book.rules import BookRules, Complete, Judge, JudgeAgain, LostPanes
from monitor.timeline.book.windows import ModelWindows
from monitor.timeline.book.written import WrittenOffsets
from monitor.timeline.samples import MemorySamples, Sample, SampleStore
from monitor.timeline.spec import WindowSpec
from monitor.timeline.sums import SumsLayout
from monitor.timeline.watermarks import Watermarks, reached
from monitor.verdicts.distrust import Distrust

_MOST_PASSED_OVER = 10_000
_SAMPLE_KEY = re.compile(r"(?P<model>.+)/(?P<start>-?[0-9]{1,20})/(?P<partition>[0-9]{1,9})/sample", re.DOTALL)


class Due(NamedTuple):
    """A window to publish. ``sample`` reads its merged sample, as long as its panes' are there, else it gives None."""

    window: Window
    sample: Callable[[], Sample | None]


class Folding(NamedTuple):
    """Folds to write, at most one a model, and the keys on ``panes`` that are to be deleted with them."""

    folds: list[Fold]
    keys: list[str]


class WindowBook:
    """All that is known of the windows, in memory.

    Args:
        spec: size and slide.
        partitions: how many partitions must report before any watermark is known.
        label_lateness: longest time from record to label, ms of event time.
        label_tolerance: how far a label may be dated before its record, ms.
        sample_size: most rows in a window's merged sample.
        judge: called once per set of predictions: a window whose number of predictions stays the same keeps its drift,
            for panes only grow. It is given the verdicts on the disjoint windows before, as they are then.
        judge_again: called when one of these has changed since; unless given, the verdict stays.
        complete: adds what else is to be said of a window; nothing unless given.
        horizon: the time from a record after which silence counts as a label 0, ms; None where it never does.
        samples: where samples lie while a window may need them; in memory, with a bound, unless given.
        ready: whether windows of a model can be judged by now; until they can, they wait, and hold up no other model's.
    """

    def __init__(
        self,
        spec: WindowSpec,
        *,
        partitions: int,
        label_lateness: int,
        sample_size: int,
        judge: Judge,
        judge_again: JudgeAgain = lambda _model, drift, _previous: drift,
        complete: Complete = lambda window, _sums: window,
        label_tolerance: int = 0,
        horizon: int | None = None,
        samples: SampleStore | None = None,
        ready: Callable[[ModelRef], bool] = lambda _model: True,
    ) -> None:
        self._partitions = partitions
        self._ready = ready
        self._rules = BookRules(
            spec=spec,
            layout=SumsLayout(label_lateness, label_tolerance),
            label_lateness=label_lateness,
            label_tolerance=label_tolerance,
            sample_size=sample_size,
            judge=judge,
            judge_again=judge_again,
            complete=complete,
            samples=MemorySamples() if samples is None else samples,
            horizon=horizon,
        )
        self._models: dict[ModelRef, ModelWindows] = {}
        self._progress: dict[int, JoinProgress] = {}
        self._watermark: int | None = None
        self._unverified = False
        self._written = WrittenOffsets()
        self._late_keys: set[str] = set()
        self.passed_over = 0
        """Panes and samples that came after they had been folded: they change nothing any more."""

    @property
    def watermark(self) -> int | None:
        """The largest closing watermark so far: it never goes back, also when an idle partition wakes up."""
        return self._watermark

    @property
    def held(self) -> tuple[int, int]:
        """How many windows that can still change, and panes of them, are held."""
        found = [model.held for model in self._models.values()]
        return sum(windows for windows, _ in found), sum(panes for _, panes in found)

    @property
    def lost(self) -> Mapping[ModelRef, LostPanes]:
        """The models whose panes knew less than the windows restored, as of the first ``due`` that could tell.

        None of their windows within the range is due any more, and there are no cumulative metrics behind its start.
        """
        return {model: one.lost for model, one in self._models.items() if one.lost is not None}

    @property
    def windows_from(self) -> int | None:
        """The least offset on ``windows`` of what may still be revised; None: there is nothing."""
        return self._written.least(lambda model, start: model in self._models and self._models[model].knows(start))

    def restore(
        self,
        windows: Iterable[Window],
        *,
        cumulative: Iterable[Cumulative] = (),
        earlier: Iterable[Window] = (),
        earlier_cumulative: Iterable[Cumulative] = (),
    ) -> None:
        """Take up where an earlier book left off, after all of ``panes`` has been taken in: the last of each key.

        What has been said is then not said again, and a window that stands at a revision goes on at the next.
        ``earlier…`` are those of another stream under the same keys: they are forgotten but for their revisions, from
        which those of this stream go on. So are windows of another size than this book's.
        """
        for window in windows:
            model = self._model(window.model)
            if window.end - window.start == self._rules.spec.size:
                model.restore(window)
            else:
                model.number_after(window)
        for window in earlier:
            self._model(window.model).number_after(window)
        for point in cumulative:
            self._model(point.model).restore_point(point)
        for point in earlier_cumulative:
            self._model(point.model).number_point_after(point)
        self._unverified = True

    def update(self, message: PaneMessage) -> None:
        """Take in the next message; the newest of a key wins.

        A pane that knows of fewer predictions or labels than the one held is an old one, delivered again.

        Raises:
            UserError: the message is of a stream with another slide or more partitions.
        """
        if isinstance(message, Fold):
            self._model(message.model).put_fold(message)
        elif isinstance(message, JoinProgress):
            self._check_partition(message.partition)
            self._progress[message.partition] = message
            closing = Watermarks.of(self._progress, self._partitions).closing
            if closing is not None and not reached(self._watermark, closing):
                self._watermark = closing
        elif isinstance(message, Pane | PaneSample):
            self._check_partition(message.partition)
            self._check_slide(message.slide)
            model = self._model(message.model)
            taken = model.put(message) if isinstance(message, Pane) else model.put_sample(message)
            if not taken:
                self.passed_over += 1
                if len(self._late_keys) < _MOST_PASSED_OVER:
                    self._late_keys.add(message.key)

    def tombstone(self, key: str) -> None:
        """What stood under a key on ``panes`` is deleted there: a sample is forgotten; of a pane its fold tells."""
        found = _SAMPLE_KEY.fullmatch(key)
        if found is None:
            return
        for model, windows in self._models.items():
            if model.key == found["model"]:
                windows.drop_sample(int(found["start"]), int(found["partition"]))

    def distrust(self, model: ModelRef, distrust: Distrust) -> None:
        """Where a model's estimates without labels are not to be trusted, as its windows have shown; of what was said
        before nothing counts. Windows that this changes are due.
        """
        self._model(model).distrust(distrust)

    def wrote(self, message: Window | Cumulative, offset: int) -> None:
        """Where on ``windows`` a window, or cumulative metrics, stand; of one key the newest counts."""
        self._written.put(message, offset)

    def due(self, most: int | None = None) -> list[Due]:
        """At most so many of the windows to publish now, in order of end; each counts as emitted from here on.

        Empty if there is none. Windows without a record are never due, nor is any before each partition has reported:
        what panes there are is not known earlier.
        """
        if len(self._progress) < self._partitions:
            return []
        if self._unverified:
            for windows in self._models.values():
                windows.verify()
            self._unverified = False
        # an idle partition that wakes up can make the closing watermark fall: a closed window stays closed
        watermarks = Watermarks.of(self._progress, self._partitions)._replace(closing=self._watermark)
        for windows in self._models.values():
            windows.look(watermarks)
        due: list[Due] = []
        while not due:
            ready = (
                (start, model)
                for model, windows in self._models.items()
                if windows.ready and self._ready(model)
                for start in windows.ready
            )
            chosen = sorted(ready) if most is None else heapq.nsmallest(most, ready)
            if not chosen:
                break
            for model in sorted({model for _, model in chosen}):
                windows = self._models[model]
                starts = [start for start, of in chosen if of == model]
                for window in windows.publish(starts):
                    due.append(Due(window, partial(windows.sample, window.start)))
        return sorted(due, key=lambda one: (one.window.end, one.window.model))

    def cumulative_due(self, most: int | None = None) -> list[Cumulative]:
        """At most so many of the cumulative metrics to publish now, of each model in order of end.

        Each counts as given from here on. They follow the windows that ``due`` has given.
        """
        if self._unverified:
            return []
        points = (point for _, model in sorted(self._models.items()) for point in model.points())
        return list(points if most is None else islice(points, most))

    def foldable(self, most: int = 1_000) -> Folding:
        """What to fold now, some ``most`` keys of each model at a time. Nothing changes before ``folded``."""
        folds: list[Fold] = []
        keys = sorted(self._late_keys)
        if not self._unverified:
            settled = Watermarks.of(self._progress, self._partitions).settled
            for _, model in sorted(self._models.items()):
                found = model.foldable(settled, most)
                if found is not None:
                    folds.append(found[0])
                    keys += found[1]
        return Folding(folds, keys)

    def folded(self, folding: Folding) -> None:
        """It has been written, and the keys have been deleted."""
        for fold in folding.folds:
            self._models[fold.model].folded(fold)
        self._late_keys.difference_update(folding.keys)

    def spent_samples(self, most: int = 1_000) -> list[str]:
        """At most so many keys of samples that no window needs any more; the same ones again until ``dropped``."""
        if self._unverified:
            return []
        return list(islice((key for model in self._models.values() for key in model.spent_samples()), most))

    def dropped(self, keys: Iterable[str]) -> None:
        """These samples have been deleted."""
        for key in keys:
            self.tombstone(key)

    def _model(self, model: ModelRef) -> ModelWindows:
        found = self._models.get(model)
        if found is None:
            found = self._models[model] = ModelWindows(model, self._rules)
        return found

    def _check_partition(self, partition: int) -> None:
        if partition >= self._partitions:
            raise UserError(
                f"partition {partition} has reported, but partitions is {self._partitions};"
                " give the join and the monitor the same setting"
            )

    def _check_slide(self, slide: int) -> None:
        if slide != self._rules.spec.slide:
            raise UserError(
                f"a pane of {slide} ms came, but slide is {self._rules.spec.slide} ms;"
                " give the join and the monitor the same setting, or give the monitor its own topic_prefix"
            )
