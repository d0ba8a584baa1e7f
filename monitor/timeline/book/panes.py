"""One model's panes: their sums by start, their samples, and what of them has been folded."""

import heapq
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from contract.messages import ModelRef
from contract.panes import SCORE_BINS, Fold, Pane, PaneSample
from monitor.nowcast.nowcast import NowcastPane
from monitor.timeline.book.buckets import Bucket
from monitor.timeline.book.rules import BookRules
from monitor.timeline.samples import Sample, merge_samples, pack_sample, unpack_sample
from monitor.timeline.sums import COUNTED, Counts, Sums, pack_summary, score_bins

_ALL_BINS = np.arange(SCORE_BINS)


class PaneChange(NamedTuple):
    """What a pane has changed: predictions and labels more than before, and its sums before and now."""

    records: int
    labelled: int
    before: bytes | None
    now: bytes


class ModelPanes:
    """The buckets of one model that are not folded yet.

    ``folded_until``: panes that begin before are folded, ms of event time; None: none is.
    """

    def __init__(self, model: ModelRef, rules: BookRules) -> None:
        self._model = model
        self._rules = rules
        self._buckets: dict[int, Bucket] = {}
        self._starts: list[int] = []
        self._fold = Sums(rules.layout, segmented=False)
        self.folded_until: int | None = None

    def __len__(self) -> int:
        """How many panes there are."""
        return sum(len(bucket.partitions) for bucket in self._buckets.values())

    def is_folded(self, start: int) -> bool:
        """Whether panes of this start have been folded."""
        return self.folded_until is not None and start < self.folded_until

    def bucket(self, start: int) -> Bucket | None:
        """The panes of a start; None: there is none."""
        return self._buckets.get(start)

    def has_records(self, start: int) -> bool:
        """Whether there is a pane of this start, and not only a sample of one."""
        bucket = self._buckets.get(start)
        return bucket is not None and bucket.counts[0] > 0

    def put(self, pane: Pane) -> PaneChange | None:
        """Take in a pane that is not folded; None: it says nothing new."""
        bucket = self._made(pane.start)
        before = bucket.counts
        changed = bucket.put(pane, self._rules.layout)
        return (
            None
            if changed is None
            else PaneChange(bucket.counts[0] - before[0], bucket.counts[1] - before[1], *changed)
        )

    def put_sample(self, sample: PaneSample) -> bool:
        """Take in the sample of a pane that is not folded; whether it says something new."""
        return self._keep(sample.start, sample.partition, Sample.of(sample))

    def put_rows(self, pane: Pane) -> bool:
        """Take in the sample that a pane of the release before carries; whether it says something new."""
        return self._keep(pane.start, pane.partition, Sample.of_rows(pane.summary.sample, pane.summary.records))

    def sample(self, window: int) -> Sample | None:
        """The merged sample of a window; None unless that of each of its panes is there and complete."""
        parts: list[Sample] = []
        for start in self._rules.spec.panes_of(window):
            bucket = self._buckets.get(start)
            if bucket is None:
                continue
            if not bucket.sampled:
                return None
            for partition in sorted(bucket.partitions):
                packed = self._rules.samples.get(self._sample_key(start, partition))
                if packed is None:
                    bucket.drop_sample(partition)
                    return None
                parts.append(unpack_sample(packed))
        return merge_samples(parts, self._rules.sample_size)

    def is_sampled(self, window: int) -> bool:
        """Whether a window's sample can be had, as far as can be told without reading it."""
        buckets = (self._buckets.get(start) for start in self._rules.spec.panes_of(window))
        return all(bucket is None or bucket.sampled for bucket in buckets)

    def counts(self, window: int) -> tuple[int, ...]:
        """The first totals of ``Sums`` over a window's panes."""
        found = [bucket.counts for bucket in map(self._buckets.get, self._rules.spec.panes_of(window)) if bucket]
        return tuple(map(sum, zip(*found, strict=True))) if found else (0,) * COUNTED

    def threshold(self, window: int) -> float:
        """That of a window's newest pane, of the highest partition."""
        found = [bucket for bucket in map(self._buckets.get, self._rules.spec.panes_of(window)) if bucket]
        return next((bucket.threshold for bucket in reversed(found) if bucket.counts[0]), 0.0)

    def merged(self, start: int) -> bytes:
        """The packed sums of a start, of which there are panes."""
        return self._buckets[start].merged(self._rules.layout)

    def score_bins(self, window: int) -> Iterator[NowcastPane]:
        """The score histograms of a window's panes, one a start."""
        for start in self._rules.spec.panes_of(window):
            if self.has_records(start):
                yield NowcastPane(start, _ALL_BINS, *score_bins(self.merged(start)))

    def histogram(self, start: int) -> Counts:
        """Records, negatives and positives of each score bin of the panes of a start: (3, SCORE_BINS)."""
        if not self.has_records(start):
            return np.zeros((3, SCORE_BINS), dtype=np.int64)
        return score_bins(self.merged(start))

    def packed(self, start: int | None, end: int) -> Iterator[bytes]:
        """The sums of each bucket that begins from ``start`` (None: from the first) to before ``end``."""
        slide = self._rules.spec.slide
        if start is None or (end - start) // slide > len(self._buckets):
            starts = [at for at in self._buckets if at < end and (start is None or at >= start)]
        else:
            starts = [at for at in range(start, end, slide) if at in self._buckets]
        for at in starts:
            yield self._buckets[at].merged(self._rules.layout)

    def sample_keys(self, start: int) -> list[str]:
        """The keys of the samples of a start that are there."""
        bucket = self._buckets.get(start)
        return [self._sample_key(start, partition) for partition in bucket.samples] if bucket else []

    def drop_sample(self, start: int, partition: int) -> None:
        """Forget a sample."""
        bucket = self._buckets.get(start)
        if bucket is not None and partition in bucket.samples:
            bucket.drop_sample(partition)
            self._rules.samples.drop(self._sample_key(start, partition))

    def oldest(self, before: int) -> Iterator[int]:
        """The starts of the buckets that begin before an event time, in order. Takes no time where there is none."""
        while self._starts and self._starts[0] not in self._buckets:
            heapq.heappop(self._starts)
        if self._starts and self._starts[0] < before:
            yield from sorted(start for start in self._buckets if start < before)

    def keys(self, start: int) -> list[str]:
        """The keys on ``panes`` of all that there is of a start."""
        bucket = self._buckets[start]
        return [
            *(f"{self._model.key}/{start}/{partition}" for partition in bucket.partitions),
            *self.sample_keys(start),
        ]

    def fold_with(self, starts: list[int]) -> Fold:
        """The fold as it will be when these starts are in it, too."""
        sums = Sums(self._rules.layout, segmented=False)
        sums.add(self._fold.packed())
        for start in starts:
            sums.add(self._buckets[start].merged(self._rules.layout))
        return Fold(model=self._model, until=starts[-1] + self._rules.spec.slide, summary=sums.summary())

    def put_fold(self, fold: Fold) -> None:
        """Take up what has been folded, and forget the panes that are in it."""
        self._fold = Sums(self._rules.layout, segmented=False)
        self._fold.add(pack_summary(fold.summary, self._rules.layout))
        self.folded_until = fold.until
        for start in [start for start in self._buckets if start < fold.until]:
            for key in self.sample_keys(start):
                self._rules.samples.drop(key)
            del self._buckets[start]

    def _made(self, start: int) -> Bucket:
        bucket = self._buckets.get(start)
        if bucket is None:
            bucket = self._buckets[start] = Bucket()
            heapq.heappush(self._starts, start)
        return bucket

    def _keep(self, start: int, partition: int, sample: Sample) -> bool:
        if not self._made(start).put_sample(partition, sample.records):
            return False
        self._rules.samples.put(self._sample_key(start, partition), pack_sample(sample))
        return True

    def _sample_key(self, start: int, partition: int) -> str:
        return f"{self._model.key}/{start}/{partition}/sample"
