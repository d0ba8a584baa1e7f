"""A stream without end, some labels of which never come: its windows keep telling, and each is final in its time."""

import copy
import heapq
from collections import Counter
from random import Random

import pytest

from contract.panes import JoinProgress, Pane, Summary
from contract.windows import Drift, Window
from monitor.timeline.book import windows as book_windows
from monitor.timeline.metrics import performance
from monitor.timeline.spec import WindowSpec
from monitor.timeline.sums import Sums
from monitor.timeline.windows import WindowBook
from tests.support import one_by_one
from tests.support.messages import DAY, START
from tests.support.sizes import size
from tests.support.timeline.book import MODEL, SCHEMA

HOUR = DAY // 24
PARTITIONS = 2
SPEC = WindowSpec(7 * DAY, DAY)
LATENESS = 12 * DAY
_NEVER = 0.1


class UnendingStream:
    """Records evenly over the days; labels 1 after 2 days, labels 0 after 6, one in ten never. An hour at a time."""

    def __init__(self, days: int, records: int) -> None:
        random = Random(3)
        self.end = START + days * DAY
        self.coming: list[tuple[int, int, float, int, int | None]] = []
        for i in range(records):
            time = START + i * days * DAY // records
            probability = random.betavariate(0.55, 2.1)
            label = int(random.random() < probability)
            late = random.lognormvariate(0.0, 0.3) * (2 if label else 6) * DAY
            self.coming.append((time, time, probability, i % PARTITIONS, None))
            if random.random() >= _NEVER:
                self.coming.append((time + round(min(late, LATENESS)), time, probability, i % PARTITIONS, label))
        heapq.heapify(self.coming)
        self.summaries: dict[tuple[int, int], Summary] = {}
        self.labels_by: dict[int, Counter[int]] = {}
        self.records: Counter[int] = Counter()

    def until(self, now: int) -> list[Pane | JoinProgress]:
        """What the join publishes of all that has come before ``now``."""
        changed = set()
        while self.coming and self.coming[0][0] < now:
            at, time, probability, partition, label = heapq.heappop(self.coming)
            start = one_by_one.pane_start(time, DAY)
            summary = self.summaries.setdefault((start, partition), one_by_one.empty())
            predicted = int(probability >= 0.3)
            if label is None:
                one_by_one.add_prediction(summary, SCHEMA, probability, predicted, (40.0,))
                self.records[start] += 1
            else:
                one_by_one.add_label(summary, probability, predicted, label, at - time)
                self.labels_by.setdefault(start, Counter())[at] += 1
            changed.add((start, partition))
        messages: list[Pane | JoinProgress] = [
            Pane(
                partition=partition,
                start=start,
                slide=DAY,
                model=MODEL,
                threshold=0.3,
                summary=copy.deepcopy(self.summaries[start, partition]),
            )
            for start, partition in sorted(changed)
        ]
        for partition in range(PARTITIONS):
            messages.append(JoinProgress(partition=partition, watermark=now, label_watermark=now, ended=False))
        return messages

    def labels(self, window: int, before: int) -> int:
        """How many labels of a window have come before an event time."""
        return sum(
            count
            for pane in SPEC.panes_of(window)
            for at, count in self.labels_by.get(pane, Counter()).items()
            if at < before
        )

    def merged(self, window: int) -> Summary:
        return one_by_one.merge(
            (self.summaries[pane, partition] for pane in SPEC.panes_of(window) for partition in range(PARTITIONS)
             if (pane, partition) in self.summaries),
            0,
        )  # fmt: skip


def living_book() -> WindowBook:
    return WindowBook(
        SPEC,
        partitions=PARTITIONS,
        label_lateness=LATENESS,
        sample_size=10,
        judge=lambda _model, _sample: Drift(judged=False, drifted=False, share=0.0),
    )


def test_windows_of_a_stream_without_end_carry_their_labels_within_a_slide_and_are_final_in_their_time() -> None:
    days = size(ci=26, full=60)
    stream, book = UnendingStream(days, size(ci=2_600, full=30_000)), living_book()
    said: dict[int, Window] = {}
    looked_at = full = 0
    step = size(ci=12, full=6) * HOUR
    for now in range(START + step, stream.end, step):
        for message in stream.until(now):
            book.update(message)
        for window in (due.window for due in book.due()):
            assert window.revision == (said[window.start].revision + 1 if window.start in said else 0)
            said[window.start] = window
        for start in range(START - 6 * DAY, now - SPEC.size + 1, DAY):
            window = said[start]
            records = sum(stream.records[pane] for pane in SPEC.panes_of(start))
            assert window.records == records
            assert (window.status == "final") == (now >= window.end + LATENESS or records == window.labelled)
            come = stream.labels(start, now - DAY)
            assert window.labelled >= come - records / 50
            if now >= window.end + 5 * DAY:
                looked_at += 1
                full += window.labelled >= 0.95 * come
    assert looked_at > 100
    assert full >= 0.95 * looked_at
    finals = [window for window in said.values() if window.status == "final"]
    assert len(finals) >= 12
    for window in finals:
        assert window.labelled < window.records, "some labels never come"
        assert window.performance == performance(Sums.of(stream.merged(window.start)))
    provisional = [window for window in said.values() if window.status == "provisional"]
    assert all(window.nowcast is not None for window in provisional)


def test_a_message_with_nothing_new_computes_no_window_and_a_label_those_that_hold_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream, book = UnendingStream(30, 600), living_book()
    for message in stream.until(stream.end):
        book.update(message)
    book.due()
    book.cumulative_due()
    composed: list[int] = []
    compose = book_windows.compose
    monkeypatch.setattr(
        book_windows, "compose", lambda frame, *rest: (composed.append(frame.start), compose(frame, *rest))[1]
    )
    for partition in range(PARTITIONS):
        book.update(JoinProgress(partition=partition, watermark=stream.end, label_watermark=stream.end, ended=False))
    assert book.due() == []
    assert composed == []
    pane = START + 3 * DAY
    corrected = copy.deepcopy(stream.summaries[pane, 0])
    corrected.tn, corrected.fn = corrected.tn - 1, corrected.fn + 1
    book.update(Pane(partition=0, start=pane, slide=DAY, model=MODEL, threshold=0.3, summary=corrected))
    assert [due.window.start for due in book.due()] == composed == list(SPEC.windows_of(pane))
    assert len(book.cumulative_due()) == 1, "the newest cumulative metrics alone"


def test_silence_that_counts_as_0_is_told_and_a_late_positive_takes_its_place() -> None:
    book = living_book()
    summary = one_by_one.empty()
    for probability in (0.1, 0.6):
        one_by_one.add_prediction(summary, SCHEMA, probability, int(probability >= 0.3), (40.0,))
        one_by_one.add_label(summary, probability, int(probability >= 0.3), 0, 5 * DAY)
    summary.inferred = 2
    pane = Pane(partition=0, start=START, slide=DAY, model=MODEL, threshold=0.3, summary=copy.deepcopy(summary))
    book.update(pane)
    for partition in range(PARTITIONS):
        book.update(JoinProgress(partition=partition, watermark=START + 7 * DAY, label_watermark=None, ended=False))
    last = book.due()[-1].window
    assert (last.start, last.status, last.labelled, last.inferred) == (START, "final", 2, 2)
    one_by_one.remove_label(summary, 0.6, 1, 0, 5 * DAY)
    one_by_one.add_label(summary, 0.6, 1, 1, 8 * DAY)
    summary.inferred = 1
    book.update(Pane(partition=0, start=START, slide=DAY, model=MODEL, threshold=0.3, summary=summary))
    revised = book.due()[-1].window
    assert (revised.revision, revised.inferred, revised.performance.tp, revised.performance.tn) == (1, 1, 1, 1)
