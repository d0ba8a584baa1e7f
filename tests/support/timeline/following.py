"""A monitor's timeline in this process: real Kafka and Faust, no MLflow."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from contract.alerts import Alert, ModelVerdict, alert_message_type
from contract.kafka.stream_identity import stream_identity
from contract.kafka.transactions import Checkpoint, no_checkpoint
from contract.messages import ModelRef
from contract.settings import Settings
from contract.topics import ALERTS, WINDOWS
from contract.windows import Cumulative, Drift, Window, window_message_type
from contract.worker.heartbeat import Heartbeat
from monitor.timeline.app import Timeline
from monitor.timeline.book.rules import Complete, Judge
from monitor.timeline.emission import ReadSample
from monitor.timeline.faust_app import create_app
from monitor.timeline.run import run_timeline
from monitor.timeline.samples import Sample
from monitor.timeline.spec import WindowSpec
from monitor.timeline.windows import WindowBook
from tests.support.kafka.topics import committed


@dataclass
class RecordingSink:
    """Takes every window and point, as the spool and the report process would."""

    taken: list[Window] = field(default_factory=list)
    points: list[Cumulative] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    taken_up: list[int] = field(default_factory=list)
    verdicts: list[ModelVerdict] = field(default_factory=list)
    full: bool = False

    def tell(self, verdicts: Sequence[ModelVerdict]) -> None:
        self.verdicts += verdicts

    def take_up(self, end: int) -> None:
        self.taken_up.append(end)

    def put(self, message: Window | Cumulative, offset: int, _sample: ReadSample | None = None) -> bool:
        if self.full:
            return False
        self.offsets.append(offset)
        if isinstance(message, Window):
            self.taken.append(message)
        else:
            self.points.append(message)
        return True


@dataclass
class KnownReferences:
    """Models that can be judged at once, but for those in ``away``, which fail as long as they are in it."""

    away: set[ModelRef] = field(default_factory=set)
    ready: set[ModelRef] = field(default_factory=set)

    def is_ready(self, model: ModelRef) -> bool:
        return model in self.ready

    def prepare(self, model: ModelRef) -> None:
        if model in self.away:
            raise ConnectionError("MLflow is away")
        self.ready.add(model)


@dataclass
class FollowedTimeline:
    """A running timeline: what its sink has got, and its end."""

    sink: RecordingSink
    thread: threading.Thread
    failures: list[BaseException]

    @property
    def ended(self) -> bool:
        return not self.thread.is_alive()


def unjudged(_model: ModelRef, _sample: Sample, _previous: Sequence[Drift | None]) -> Drift:
    return Drift(judged=False, drifted=False, share=0.0)


def book_of(
    settings: Settings,
    judge: Judge = unjudged,
    references: KnownReferences | None = None,
    complete: Complete = lambda window, _sums: window,
) -> WindowBook:
    """An empty book as the monitor makes it."""
    return WindowBook(
        WindowSpec(settings.window, settings.slide),
        partitions=settings.partitions,
        label_lateness=settings.label_lateness,
        label_tolerance=settings.label_tolerance,
        sample_size=settings.sample_size,
        judge=judge,
        complete=complete,
        ready=(lambda _model: True) if references is None else references.is_ready,
    )


@contextlib.contextmanager
def following(
    settings: Settings,
    judge: Judge = unjudged,
    *,
    sink: RecordingSink | None = None,
    references: KnownReferences | None = None,
    complete: Complete = lambda window, _sums: window,
    checkpoint: Checkpoint = no_checkpoint,
    heartbeat: Path | None = None,
    fails: bool = False,
) -> Iterator[FollowedTimeline]:
    """Run a timeline for the block, then stop it; what ended it is raised here unless it ``fails`` on purpose."""
    taking = sink or RecordingSink()
    models = references or KnownReferences()
    failures: list[BaseException] = []
    loop_ready = threading.Event()
    stops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def make_book() -> WindowBook:
        return book_of(settings, judge, models, complete)

    async def main() -> None:
        stop = asyncio.Event()
        stops.append((asyncio.get_running_loop(), stop))
        loop_ready.set()
        app = create_app(settings)
        timeline = Timeline(app, settings, stream_identity(settings), make_book, models, taking, checkpoint)
        try:
            await run_timeline(app, settings, stop, Heartbeat(heartbeat))
        finally:
            timeline.close()

    def work() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=work, name="timeline")
    thread.start()
    try:
        yield FollowedTimeline(taking, thread, failures)
    finally:
        assert loop_ready.wait(30)
        loop, stop = stops[0]
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(stop.set)
        thread.join(60)
    assert not thread.is_alive(), "the timeline did not stop"
    if failures and not fails:
        raise failures[0]


def windows_on(settings: Settings) -> list[Window]:
    """Every window on the topic, in order, whatever else a test has put there."""
    found = []
    for message in committed(settings, WINDOWS):
        with contextlib.suppress(msgspec.DecodeError):
            if window_message_type(message.key()) is Window:
                found.append(msgspec.json.decode(message.value() or b"", type=Window))
    return found


def points_on(settings: Settings) -> list[Cumulative]:
    """Every point of cumulative metrics on the topic, in order."""
    messages = [message for message in committed(settings, WINDOWS) if window_message_type(message.key()) is Cumulative]
    return [msgspec.json.decode(message.value() or b"", type=Cumulative) for message in messages]


def newest_windows(settings: Settings) -> dict[int, Window]:
    """The last window on the topic of each start."""
    return {window.start: window for window in windows_on(settings)}


def alerts_on(settings: Settings) -> list[Alert]:
    """Every alert on the topic, in order."""
    messages = [message for message in committed(settings, ALERTS) if alert_message_type(message.key()) is Alert]
    return [msgspec.json.decode(message.value() or b"", type=Alert) for message in messages]


def verdicts_on(settings: Settings) -> list[ModelVerdict]:
    """Every verdict on the topic, in order."""
    messages = [message for message in committed(settings, ALERTS) if alert_message_type(message.key()) is ModelVerdict]
    return [msgspec.json.decode(message.value() or b"", type=ModelVerdict) for message in messages]
