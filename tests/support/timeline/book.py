"""Small streams for a window book: predictions summed up into panes, and what a join publishes of them step by step."""

from collections.abc import Iterable, Sequence
from random import Random
from typing import NamedTuple

import msgspec
from hypothesis import strategies as st

from contract.messages import ModelRef
from contract.panes import JoinProgress, Pane, PaneMessage, PaneSample, Summary
from contract.schema import parse_schema
from contract.windows import Cumulative, Drift, SegmentMetrics, Window
from monitor import panes
from monitor.timeline.samples import Sample, SampleStore
from monitor.timeline.spec import WindowSpec
from monitor.timeline.windows import Due, WindowBook
from monitor.window_sums import WindowSums
from tests.support import one_by_one

SCHEMA = parse_schema(
    {
        "name": "t",
        "id": "Id",
        "label": {"column": "y"},
        "features": {"Age": {"kind": "numeric"}},
        "segments": {"Age": {"bands": [20, 60]}},
    }
)
SLIDE = 10
SPEC = WindowSpec(size=30, slide=SLIDE)
LATENESS = 40
TOLERANCE = 3
DISORDER = 5
MODEL = ModelRef("churn", 1)
OTHER = ModelRef("churn", 2)


def judge(model: ModelRef, sample: Sample, _previous: Sequence[Drift | None] = ()) -> Drift:
    """A drift that depends on the predictions, so that one computed from others is noticed."""
    return Drift(judged=True, drifted=False, share=int(sample.hashes.sum() % 997) / 1_000 + model.version)


def with_segments(window: Window, sums: WindowSums) -> Window:
    """The window with the counts of its segments."""
    found = [
        SegmentMetrics(name=name, records=one.records, labelled=one.labelled, judged=False, observed=one.fn + one.tp)
        for name, one in sums.segments.items()
    ]
    return msgspec.structs.replace(window, segments=tuple(found))


def new_book(
    partitions: int = 2, *, spec: WindowSpec = SPEC, sample_size: int = 50, samples: SampleStore | None = None
) -> WindowBook:
    return WindowBook(
        spec,
        partitions=partitions,
        label_lateness=LATENESS,
        label_tolerance=TOLERANCE,
        sample_size=sample_size,
        judge=judge,
        complete=with_segments,
        samples=samples,
    )


class PredictedRow(NamedTuple):
    """A prediction of a partition, with its label if it has come, after ``delay``."""

    name: str
    partition: int
    time: int
    probability: float
    model: ModelRef = MODEL
    label: int | None = None
    delay: int = 0

    @property
    def predicted(self) -> int:
        return int(self.probability >= 0.5)

    @property
    def features(self) -> tuple[float]:
        return (self.probability * 100,)


def summarise(predictions: Iterable[PredictedRow]) -> Summary:
    summary = one_by_one.empty()
    for one in predictions:
        one_by_one.add_prediction(summary, SCHEMA, one.probability, one.predicted, one.features)
        if one.label is not None:
            segments = one_by_one.segments_of(SCHEMA, one.features)
            one_by_one.add_label(summary, one.probability, one.predicted, one.label, one.delay, segments=segments)
    return summary


def pane(start: int, predictions: list[PredictedRow], partition: int = 0, model: ModelRef = MODEL) -> Pane:
    return Pane(
        partition=partition, start=start, slide=SLIDE, model=model, threshold=0.5, summary=summarise(predictions)
    )


def sample(start: int, predictions: list[PredictedRow], partition: int = 0, model: ModelRef = MODEL) -> PaneSample:
    """All predictions of a pane as its sample."""
    rows = sorted(predictions, key=lambda one: panes.record_hash(one.name))
    return PaneSample(
        partition=partition,
        start=start,
        slide=SLIDE,
        model=model,
        records=len(rows),
        hashes=[panes.record_hash(one.name) for one in rows],
        probabilities=[one.probability for one in rows],
        columns=[[40.0] * len(rows)],
    )


def progress(
    watermark: int | None,
    labels: int | None = None,
    partition: int = 0,
    ended: bool = False,
    idle: bool = False,
    labels_idle: bool = False,
) -> JoinProgress:
    return JoinProgress(
        partition=partition,
        watermark=watermark,
        label_watermark=labels,
        ended=ended,
        idle=idle,
        labels_idle=labels_idle,
    )


def statuses(due: list[Due]) -> list[tuple[int, str, int]]:
    return [(one.window.start, one.window.status, one.window.revision) for one in due]


def take(book: WindowBook, *messages: PaneMessage) -> list[Due]:
    """What is due once the book has taken the messages in."""
    for message in messages:
        book.update(message)
    return book.due()


class TimelineEvent(NamedTuple):
    """A prediction of a partition, and the labels that follow it."""

    partition: int
    time: int
    probability: float
    model: ModelRef
    label: int | None
    delay: int
    corrected: bool


events = st.lists(
    st.builds(
        TimelineEvent,
        st.integers(0, 1),
        st.integers(-30, 120),
        st.sampled_from([0.1, 0.3, 0.5004, 0.9]),
        st.sampled_from([MODEL, OTHER]),
        st.sampled_from([0, 1, None]),
        st.integers(0, LATENESS),
        st.booleans(),
    ),
    max_size=14,
)


def rows(events: Iterable[TimelineEvent]) -> list[PredictedRow]:
    """The predictions as they are in the end."""
    return [
        PredictedRow(f"{i}/{one.partition}", one.partition, one.time, one.probability, one.model, one.label, one.delay)
        for i, one in enumerate(events)
    ]


def play(events: list[TimelineEvent], partition: int, batch: int, end: bool = True) -> list[list[PaneMessage]]:
    """What a join publishes for one partition: after each batch the panes that changed, then its progress.

    Predictions come in order of time and labels in order of theirs, the two topics in step. A pane's sample goes out
    when the pane has closed, or its predictions have changed since.
    """
    mine = [(f"{index}/{partition}", event) for index, event in enumerate(events) if event.partition == partition]
    steps: list[tuple[int, int, str, TimelineEvent, int | None]] = []
    for name, event in mine:
        steps.append((event.time, 0, name, event, None))
        if event.label is not None:
            if event.corrected:
                steps.append((event.time + event.delay, 1, name, event, 1 - event.label))
            steps.append((event.time + event.delay, 2, name, event, event.label))
    steps.sort(key=lambda step: step[:3])
    known: dict[str, PredictedRow] = {}
    sampled: dict[tuple[ModelRef, int], int] = {}
    watermark = labels = None
    batches: list[list[PaneMessage]] = []
    for low in range(0, len(steps), batch):
        changed = set()
        for time, _, name, event, label in steps[low : low + batch]:
            known[name] = PredictedRow(name, partition, event.time, event.probability, event.model, label, event.delay)
            changed.add((event.model, one_by_one.pane_start(event.time, SLIDE)))
            if label is None:
                watermark = time - DISORDER
            else:
                labels = time - DISORDER
        batches.append(
            [
                *(pane(start, _held(known, model, start), partition, model) for model, start in sorted(changed)),
                *_samples(known, sampled, partition, watermark),
                progress(watermark, labels, partition),
            ]
        )
    if end:
        batches.append(
            [*_samples(known, sampled, partition, 10**9), progress(watermark, labels, partition, ended=True)]
        )
    return batches


def _held(known: dict[str, PredictedRow], model: ModelRef, start: int) -> list[PredictedRow]:
    return [one for one in known.values() if (one.model, one_by_one.pane_start(one.time, SLIDE)) == (model, start)]


def _samples(
    known: dict[str, PredictedRow], sampled: dict[tuple[ModelRef, int], int], partition: int, watermark: int | None
) -> list[PaneSample]:
    found = []
    for model, start in sorted({(one.model, one_by_one.pane_start(one.time, SLIDE)) for one in known.values()}):
        held = _held(known, model, start)
        if watermark is not None and watermark >= start + SLIDE and sampled.get((model, start)) != len(held):
            sampled[model, start] = len(held)
            found.append(sample(start, held, partition, model))
    return found


def interleave(queues: list[list[list[PaneMessage]]], random: Random) -> list[list[PaneMessage]]:
    """The batches of several partitions in some order, each partition's in its own."""
    left = [list(queue) for queue in queues]
    merged = []
    while any(left):
        merged.append(random.choice([queue for queue in left if queue]).pop(0))
    return merged


def run(book: WindowBook, batches: list[list[PaneMessage]]) -> list[Window]:
    """The windows that come due, batch by batch."""
    return [one.window for batch in batches for one in take(book, *batch)]


def finals(windows: Iterable[Window]) -> dict[str, Window]:
    """The last final window of each key, whatever its revision."""
    return {one.key: msgspec.structs.replace(one, revision=0) for one in windows if one.status == "final"}


def newest(windows: Iterable[Window]) -> dict[str, Window]:
    """The last window of each key, as it comes from the topic."""
    return {one.key: msgspec.json.decode(msgspec.json.encode(one), type=Window) for one in windows}


def from_topic(points: Iterable[Cumulative]) -> list[Cumulative]:
    """The last cumulative metrics of each model, as they come from the topic."""
    last = {one.key: one for one in points}
    return [msgspec.json.decode(msgspec.json.encode(one), type=Cumulative) for one in last.values()]
