"""A monitor's timeline in this process: real Kafka and Faust, no MLflow."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from contract.kafka.stream_identity import stream_identity
from contract.messages import ModelRef
from contract.settings import Settings
from contract.topics import ALERTS, WINDOWS
from contract.windows import Alert, Drift, Window
from contract.worker.heartbeat import Heartbeat
from monitor.timeline.app import Timeline
from monitor.timeline.faust_app import create_app
from monitor.timeline.run import run_timeline
from monitor.timeline.samples import Sample
from monitor.timeline.spec import WindowSpec
from monitor.timeline.windows import WindowBook
from tests.support.kafka.topics import committed


@dataclass
class RecordingSink:
    """Takes every window, as the spool and the report process would."""

    taken: list[Window] = field(default_factory=list)
    full: bool = False

    def put(self, window: Window, _sample: Callable[[], Sample | None]) -> None:
        self.taken.append(window)


@dataclass
class FollowedTimeline:
    """A running timeline: what its sink has got, and its end."""

    sink: RecordingSink
    thread: threading.Thread
    failures: list[BaseException]

    @property
    def ended(self) -> bool:
        return not self.thread.is_alive()


def unjudged(_model: ModelRef, _sample: Sample) -> Drift:
    return Drift(judged=False, drifted=False, share=0.0)


@contextlib.contextmanager
def following(
    settings: Settings,
    data_dir: Path,
    judge: Callable[[ModelRef, Sample], Drift] = unjudged,
    *,
    sink: RecordingSink | None = None,
    fails: bool = False,
) -> Iterator[FollowedTimeline]:
    """Run a timeline for the block, then stop it; what ended it is raised here unless it ``fails`` on purpose."""
    taking = sink or RecordingSink()
    failures: list[BaseException] = []
    loop_ready = threading.Event()
    stops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def make_book() -> WindowBook:
        return WindowBook(
            WindowSpec(settings.window, settings.slide),
            partitions=settings.partitions,
            label_lateness=settings.label_lateness,
            sample_size=settings.sample_size,
            judge=judge,
        )

    async def main() -> None:
        stop = asyncio.Event()
        stops.append((asyncio.get_running_loop(), stop))
        loop_ready.set()
        app = create_app(settings, data_dir)
        Timeline(app, settings, stream_identity(settings), make_book, lambda _model: None, taking)
        await run_timeline(app, settings, stop, Heartbeat(None))

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
            found.append(msgspec.json.decode(message.value() or b"", type=Window))
    return found


def newest_windows(settings: Settings) -> dict[int, Window]:
    """The last window on the topic of each start."""
    return {window.start: window for window in windows_on(settings)}


def alerts_on(settings: Settings) -> list[Alert]:
    """Every alert on the topic, in order."""
    return [msgspec.json.decode(m.value() or b"", type=Alert) for m in committed(settings, ALERTS)]
