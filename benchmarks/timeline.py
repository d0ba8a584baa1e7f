"""What the timeline costs once a stream is a year old: CPU, memory and start-up, on real Kafka.

Hourly windows of 24 h, 60 days of label lateness, labels that take up to ten days. Two streams get the same day of
traffic: one that is twelve days old, and one that is a year old, whose topics hold what a year leaves there: a fold,
the panes that can still change, and their windows. The timeline runs in a process of its own, with its Faust
application, its transactions and the drift tests, without MLflow. Beside it a Faust table holds the same panes, as the
timeline's did before. Prints tables with ratios. Progress goes to standard error.

    python benchmarks/timeline.py [--quick]

Takes the broker at KAFKA_BOOTSTRAP_SERVERS, or else starts a local Kafka.
"""

import argparse
import asyncio
import logging
import multiprocessing
import random
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil
from broker import broker
from confluent_kafka import Producer

from contract.alerts import ModelVerdict
from contract.durations import DAY, HOUR
from contract.kafka.clients import admin_client, idempotent_producer
from contract.kafka.provision import ensure_topics
from contract.kafka.stream_identity import stream_identity
from contract.messages import ModelRef, encode
from contract.panes import Fold, JoinProgress, PaneMessage, PaneSample, SampleRow, Summary
from contract.records import features_type
from contract.schema import load_schema
from contract.settings import Settings, load_settings
from contract.topics import PANES
from contract.windows import Cumulative, Drift, Window
from contract.worker.heartbeat import Heartbeat
from monitor import panes
from monitor.inputs.rule import InputReference, InputRule, judge
from monitor.join.columns.features import FeatureReader
from monitor.join.columns.segments import RecordSegments
from monitor.join.columns.sums import PaneSums
from monitor.timeline.app import Timeline
from monitor.timeline.drift import sample_frame
from monitor.timeline.emission import ReadSample
from monitor.timeline.faust_app import create_app
from monitor.timeline.run import run_timeline
from monitor.timeline.samples import Sample
from monitor.timeline.spec import WindowSpec
from monitor.timeline.windows import WindowBook

_RECORDS = 40
_LEVELS = 10
_VARIANTS = 8
_LABEL_DAYS = 10
_START = 1_704_067_200_000 // HOUR * HOUR
_SCHEMA = load_schema("bank_churn")
_FEATURES = features_type(_SCHEMA)
_IDLE_SECONDS = 3.0


@dataclass(frozen=True)
class StreamShape:
    """How large the simulated stream is."""

    partitions: int
    models: int
    lateness_days: int
    year_hours: int

    @property
    def refs(self) -> list[ModelRef]:
        return [ModelRef("churn", version) for version in range(1, self.models + 1)]

    @property
    def alive_hours(self) -> int:
        return 25 + 48 * self.lateness_days


class _SplicedPane(msgspec.Struct, kw_only=True, tag="pane", tag_field="type"):
    """A pane whose sums are encoded already."""

    partition: int
    start: int
    slide: int
    model: ModelRef
    threshold: float
    summary: msgspec.Raw


class Traffic:
    """Messages of a stream: panes of 40 records each, in a few variants, with more and more labels."""

    def __init__(self, shape: StreamShape) -> None:
        self.shape = shape
        source = random.Random(1)
        self._rows = [[_row(source) for _ in range(_RECORDS)] for _ in range(_VARIANTS)]
        self._summaries = [
            [msgspec.Raw(encode(_summary(rows, level))) for level in range(_LEVELS + 1)] for rows in self._rows
        ]
        self._corrected = [msgspec.Raw(encode(_summary(rows, _LEVELS, flip=True))) for rows in self._rows]

    def pane(
        self, hour: int, partition: int, model: ModelRef, level: int, corrected: bool = False
    ) -> tuple[str, bytes]:
        """A pane, of whose labels ``level`` tenths are there."""
        variant = (hour * 31 + partition * 7 + model.version) % _VARIANTS
        start = _START + hour * HOUR
        summary = self._corrected[variant] if corrected else self._summaries[variant][level]
        made = _SplicedPane(partition=partition, start=start, slide=HOUR, model=model, threshold=0.5, summary=summary)
        return f"{model.key}/{start}/{partition}", encode(made)

    def sample(self, hour: int, partition: int, model: ModelRef) -> tuple[str, bytes]:
        """The sample of a pane: all of its records."""
        rows = self._rows[(hour * 31 + partition * 7 + model.version) % _VARIANTS]
        hashes = sorted(panes.record_hash(f"{hour}/{partition}/{model.version}/{i}") for i in range(len(rows)))
        made = PaneSample(
            partition=partition,
            start=_START + hour * HOUR,
            slide=HOUR,
            model=model,
            records=len(rows),
            hashes=hashes,
            probabilities=[row.probability for row in rows],
            columns=[list(column) for column in zip(*(row.features for row in rows), strict=True)],
        )
        return made.key, encode(made)

    def progress(self, hour: int) -> Iterator[tuple[str, bytes]]:
        """All records and labels before an hour have come."""
        time = _START + hour * HOUR
        for partition in range(self.shape.partitions):
            yield _encoded(JoinProgress(partition=partition, watermark=time, label_watermark=time, ended=False))

    def history(self, end: int) -> Iterator[tuple[str, bytes]]:
        """What a compacted ``panes`` holds at an hour."""
        first = max(0, end - self.shape.alive_hours)
        if first:
            for model in self.shape.refs:
                folded = msgspec.json.decode(self._summaries[0][_LEVELS], type=Summary)
                yield _encoded(Fold(model=model, until=_START + first * HOUR, summary=folded))
        for hour in range(first, end):
            level = min((end - hour) // 24, _LABEL_DAYS) * _LEVELS // _LABEL_DAYS
            for model in self.shape.refs:
                for partition in range(self.shape.partitions):
                    yield self.pane(hour, partition, model, level)
                    if end - hour <= 24 * (_LABEL_DAYS + 2):
                        yield self.sample(hour, partition, model)
        yield from self.progress(end)

    def day(self, begin: int) -> Iterator[tuple[str, bytes]]:
        """A day's messages from an hour on: new records, and labels of each of the ten days before."""
        for hour in range(begin, begin + 24):
            for model in self.shape.refs:
                for partition in range(self.shape.partitions):
                    yield self.pane(hour, partition, model, 0)
                    yield self.sample(hour, partition, model)
                    for age in range(1, _LABEL_DAYS + 1):
                        yield self.pane(hour + 1 - 24 * age, partition, model, age * _LEVELS // _LABEL_DAYS)
            yield from self.progress(hour + 1)


def _row(source: random.Random) -> SampleRow:
    values: list[float | str | None] = []
    for feature in _SCHEMA.features:
        if feature.categories:
            values.append(source.choice(feature.categories))
        else:
            values.append(float(source.randint(1, 40)))
    probability = source.random()
    return SampleRow(0, "", probability, int(probability >= 0.5), None, tuple(values))


def _summary(rows: list[SampleRow], level: int, flip: bool = False) -> Summary:
    sums, reader, segments = PaneSums(_SCHEMA, 6 * HOUR * len(rows), 1), FeatureReader(_SCHEMA), RecordSegments(_SCHEMA)
    columns = reader.columns([_FEATURES(**dict(zip(_SCHEMA.names, row.features, strict=True))) for row in rows])
    slots, numbers = np.full(len(rows), sums.take()), segments.of(columns)
    probabilities = np.array([row.probability for row in rows])
    predicted = np.array([row.predicted for row in rows])
    sums.add_predictions(slots, probabilities, predicted, numbers, columns)
    known = len(rows) * level // _LEVELS
    at = np.arange(known)
    labels = (at % 4 == 0).astype(np.int64)
    labels[:1] ^= int(flip)
    sums.add_labels(slots[:known], probabilities[:known], predicted[:known], numbers[:known], labels, at * 6 * HOUR)
    return sums.summary(int(slots[0]))


def _encoded(message: PaneMessage) -> tuple[str, bytes]:
    return message.key, encode(message)


class _DoneSoFar:
    """What a timeline's process has done, seen from outside."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.updates: Synchronized[int] = context.Value("q", 0)
        self.windows: Synchronized[int] = context.Value("q", 0)
        self.taken_up: Synchronized[int] = context.Value("q", 0)


class _CountingSink:
    """Where windows go: nowhere."""

    full = False

    def __init__(self, counts: _DoneSoFar) -> None:
        self._counts = counts

    def take_up(self, _end: int) -> None:
        self._counts.taken_up.value += 1

    def tell(self, _verdicts: Sequence[ModelVerdict]) -> None:
        """Nobody is to be told."""

    def put(self, message: Window | Cumulative, _offset: int, _sample: ReadSample | None = None) -> bool:
        self._counts.windows.value += isinstance(message, Window)
        return True


class _Known:
    """Models that can all be judged."""

    def is_ready(self, _model: ModelRef) -> bool:
        return True

    def prepare(self, _model: ModelRef) -> None:
        """Nothing is to be done."""


def _run_timeline(settings: Settings, counts: _DoneSoFar) -> None:
    """The timeline in a process of its own."""
    logging.disable(logging.WARNING)
    source = random.Random(2)
    rows = [_row(source) for _ in range(5_000)]
    columns = [list(column) for column in zip(*(row.features for row in rows), strict=True)]
    reference = sample_frame(
        _SCHEMA,
        Sample.of(
            PaneSample(
                partition=0,
                start=0,
                slide=HOUR,
                model=ModelRef("churn", 1),
                records=len(rows),
                hashes=list(range(len(rows))),
                probabilities=[row.probability for row in rows],
                columns=columns,
            )
        ),
    )

    known, rule = InputReference.of(reference, _SCHEMA), InputRule.of(settings)

    class CountingBook(WindowBook):
        def update(self, message: PaneMessage) -> None:
            super().update(message)
            counts.updates.value += 1

    def verdict(_model: ModelRef, sample: Sample, previous: Sequence[Drift | None]) -> Drift:
        return judge(sample_frame(_SCHEMA, sample), known, previous, rule=rule)

    def make_book() -> WindowBook:
        return CountingBook(
            WindowSpec(settings.window, settings.slide),
            partitions=settings.partitions,
            label_lateness=settings.label_lateness,
            sample_size=settings.sample_size,
            judge=verdict,
        )

    async def run() -> None:
        app = create_app(settings)
        Timeline(app, settings, stream_identity(settings), make_book, _Known(), _CountingSink(counts))
        await run_timeline(app, settings, asyncio.Event(), Heartbeat(None))

    asyncio.run(run())


def _run_table(settings: Settings, counts: _DoneSoFar) -> None:
    """A Faust application that keeps each pane in a table, in memory, with its changelog."""
    import faust

    logging.disable(logging.WARNING)
    app = faust.App(
        settings.topic("table"),
        broker=f"kafka://{settings.kafka['bootstrap.servers']}",
        store="memory://",
        web_enabled=False,
        topic_disable_leader=True,
        datadir=Path(tempfile.mkdtemp()),
        topic_partitions=1,
        consumer_auto_offset_reset="earliest",
        producer_max_request_size=10_000_000,
    )
    source = app.topic(
        settings.topic(PANES), key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
    )
    table = app.Table("panes", partitions=1, key_type=bytes, value_type=bytes)

    @app.agent(source)
    async def keep(stream: Any) -> None:
        async for key, value in stream.items():
            table[key] = value
            counts.updates.value += 1

    async def run() -> None:
        async with app:
            counts.taken_up.value += 1
            await app.wait(asyncio.Event().wait())

    asyncio.run(run())


class _Running:
    """A process under measurement. ``again`` is a message that it has read already: it changes nothing."""

    def __init__(
        self, target: Callable[[Settings, _DoneSoFar], None], settings: Settings, again: tuple[str, bytes]
    ) -> None:
        self.counts = _DoneSoFar()
        self._settings = settings
        self._again = again
        began = time.perf_counter()
        self._process = multiprocessing.get_context("spawn").Process(target=target, args=(settings, self.counts))
        self._process.start()
        self._seen = psutil.Process(self._process.pid)
        self.wait_for(lambda: self.counts.taken_up.value > 0)
        self.settle()
        self.startup = time.perf_counter() - began
        self.startup_cpu = self.cpu()

    def cpu(self) -> float:
        times = self._seen.cpu_times()
        return times.user + times.system

    @property
    def megabytes(self) -> float:
        return float(self._seen.memory_info().rss) / 1e6

    def settle(self) -> None:
        """Wait until it has done all that it has been given: what follows is read after that."""
        seen = self.counts.updates.value
        while self.counts.updates.value <= seen:
            seen = self.counts.updates.value
            _publish(self._settings, [self._again])
            until = time.monotonic() + 5
            while self.counts.updates.value <= seen and time.monotonic() < until:
                time.sleep(0.01)

    def wait_for(self, condition: Callable[[], bool]) -> None:
        while not condition():
            if not self._process.is_alive():
                raise SystemExit(f"the process ended with {self._process.exitcode}")
            time.sleep(0.02)

    def cost(self, settings: Settings, messages: Iterable[tuple[str, bytes]]) -> tuple[float, int]:
        """CPU seconds that messages take, without what it takes when idle; and how many there were."""
        idle = self.cpu()
        time.sleep(_IDLE_SECONDS)
        idle = (self.cpu() - idle) / _IDLE_SECONDS
        before, seen, began = self.cpu(), self.counts.updates.value, time.perf_counter()
        listed = list(messages)
        last = listed[-1]
        sent = _publish(settings, listed)
        self.wait_for(lambda: self.counts.updates.value >= seen + sent)
        self._again = last
        self.settle()
        return self.cpu() - before - idle * (time.perf_counter() - began), sent

    def kill(self) -> None:
        self._process.kill()
        self._process.join()


def _publish(settings: Settings, messages: Iterable[tuple[str, bytes]]) -> int:
    producer: Producer = idempotent_producer(settings)
    sent = 0
    for key, value in messages:
        while True:
            try:
                producer.produce(settings.topic(PANES), key=key.encode(), value=value, partition=0)
                break
            except BufferError:
                producer.poll(0.1)
        sent += 1
        if not sent % 1_000:
            producer.poll(0)
    producer.flush(120)
    return sent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="2 partitions, a model, 12 days of lateness: does it run?")
    parser.add_argument("--partitions", type=int, default=24)
    parser.add_argument("--models", type=int, default=2)
    given = parser.parse_args()
    shape = StreamShape(given.partitions, given.models, 60, 365 * 24)
    if given.quick:
        shape = StreamShape(2, 1, 12, 60 * 24)
    logging.disable(logging.WARNING)
    traffic = Traffic(shape)
    with tempfile.TemporaryDirectory() as folder, broker(Path(folder)) as servers:

        def stream(name: str) -> Settings:
            settings = load_settings(
                kafka={"bootstrap.servers": servers},
                topic_prefix=f"bench{uuid.uuid4().hex[:8]}.{name}.",
                partitions=shape.partitions,
                window=DAY,
                slide=HOUR,
                label_lateness=shape.lateness_days * DAY,
                state_dir=folder,
                min_records=50,
            )
            ensure_topics(admin_client(settings), settings)
            return settings

        young = _measure(stream("young"), traffic, 24 * (_LABEL_DAYS + 2))
        settings = stream("old")
        old = _measure(settings, traffic, shape.year_hours)
        table = _measure_table(settings, [*traffic.progress(shape.year_hours + 24)][-1])
    _report(shape, young, old, table)


@dataclass
class TimelineCosts:
    """Seconds, MB, and ms of CPU each."""

    take_up: float
    startup: float
    startup_cpu: float
    megabytes: float
    progress: float
    day: float
    day_messages: int
    day_windows: int
    correction: float
    revised: float


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def _measure(settings: Settings, traffic: Traffic, age: int) -> TimelineCosts:
    _say(f"a stream of {age // 24} days")
    _say(f"{_publish(settings, traffic.history(age)):,} messages are there")
    last = [*traffic.progress(age)][-1]
    first = _Running(_run_timeline, settings, last)
    take_up = first.startup
    _say(f"{first.counts.windows.value:,} windows in {take_up:.1f} s; starting again")
    first.kill()
    again = _Running(_run_timeline, settings, last)
    nothing = [one for _ in range(100) for one in traffic.progress(age)]
    progress, messages = again.cost(settings, nothing)
    _say(f"started in {again.startup:.1f} s; a day's traffic")
    windows = again.counts.windows.value
    day, day_messages = again.cost(settings, traffic.day(age))
    day_windows = again.counts.windows.value - windows
    _say(f"{day_messages:,} messages took {day:.1f} s of CPU; corrected labels")
    corrections, windows = 20, again.counts.windows.value
    wrong = [
        message
        for number in range(corrections)
        for message in (
            traffic.pane(age - 24 * (_LABEL_DAYS + 1) + number, 0, traffic.shape.refs[0], _LEVELS, corrected=True),
            next(traffic.progress(age + 24)),
        )
    ]
    correction, _ = again.cost(settings, wrong)
    revised = again.counts.windows.value - windows
    found = TimelineCosts(
        take_up,
        again.startup,
        again.startup_cpu,
        again.megabytes,
        1_000 * progress / messages,
        day,
        day_messages,
        day_windows,
        1_000 * correction / corrections,
        revised / corrections,
    )
    again.kill()
    return found


def _measure_table(settings: Settings, again_read: tuple[str, bytes]) -> tuple[float, float]:
    """Start-up (s) and memory (MB) of a Faust table of the same panes, once its changelog is there."""
    _say("a Faust table")
    first = _Running(_run_table, settings, again_read)
    time.sleep(3)  # Faust commits, and so flushes the changelog, every 2.8 s
    first.kill()
    again = _Running(_run_table, settings, again_read)
    found = again.startup, again.megabytes
    again.kill()
    return found


def _report(shape: StreamShape, young: TimelineCosts, old: TimelineCosts, table: tuple[float, float]) -> None:
    print(
        f"{shape.partitions} partitions, {shape.models} models, windows of 24 h each hour, lateness "
        f"{shape.lateness_days} d; a day: {old.day_messages:,} messages\n"
    )
    print(f"| | {_LABEL_DAYS + 2} days old | {shape.year_hours // 24} days old | ratio |\n|---|--:|--:|--:|")
    rows = [
        ("start-up, s", young.startup, old.startup),
        ("CPU of the start-up, s", young.startup_cpu, old.startup_cpu),
        ("first take-up, all windows due, s", young.take_up, old.take_up),
        ("memory after a day's traffic, MB", young.megabytes, old.megabytes),
        ("CPU a progress message with nothing new, ms", young.progress, old.progress),
        ("CPU of a day's traffic, s", young.day, old.day),
        ("windows published in it", young.day_windows, old.day_windows),
        ("CPU a corrected label, ms", young.correction, old.correction),
        ("windows that it revises", young.revised, old.revised),
    ]
    for name, before, now in rows:
        print(f"| {name} | {before:,.2f} | {now:,.2f} | {now / before if before else float('nan'):.2f} |")
    startup, megabytes = table
    print("\n| holding the same panes | start-up, s | memory, MB |\n|---|--:|--:|")
    print(f"| timeline | {old.startup:.1f} | {old.megabytes:.0f} |")
    print(f"| Faust table | {startup:.1f} | {megabytes:.0f} |")
    print(f"| ratio | {old.startup / startup:.2f} | {old.megabytes / megabytes:.2f} |")
    print("\nQuix Streams is left out: it is none of the project's dependencies.")


if __name__ == "__main__":
    main()
