"""A timeline that cannot hand its windows on waits, says so once, and is not healthy meanwhile."""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from contract.alerts import Alert
from contract.messages import encode
from contract.panes import JoinProgress
from contract.settings import Settings, load_settings
from contract.windows import Cumulative, Window
from contract.worker.heartbeat import Heartbeat
from contract.worker.room import NoRoomError
from monitor.timeline import emission, run
from monitor.timeline.emission import Emission, ReadSample
from monitor.timeline.fenced_writer import FencedWriter, TopicMessage
from monitor.timeline.outbox import StreamAlerts
from monitor.timeline.state import TimelineState, empty_board
from tests.support.messages import DAY
from tests.support.timeline.following import RecordingSink, book_of
from tests.support.timeline.panes import numeric_schema, pane_of, progress, scored


class CrampedSink(RecordingSink):
    """One on a disk that is full while ``cramped``, or full once it has taken ``most``."""

    cramped: bool = False
    most: int = 1_000

    def put(self, message: Window | Cumulative, offset: int, sample: ReadSample | None = None) -> bool:
        if self.cramped:
            raise NoRoomError(Path("state"))
        return len(self.offsets) < self.most and super().put(message, offset, sample)


class ListingWriter(FencedWriter):
    """Publishes to a list."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, "stream", lambda _seconds: None)
        self.transactions: list[list[TopicMessage]] = []

    def publish(self, messages: Sequence[TopicMessage]) -> list[int]:
        first = sum(map(len, self.transactions))
        self.transactions.append(list(messages))
        return list(range(first, first + len(messages)))


def filled(settings: Settings, days: int = 3) -> TimelineState:
    """A state whose windows of one day are due."""
    book = book_of(settings)
    for day in range(days):
        book.update(pane_of(scored(day, 5), numeric_schema(1)))
    book.update(progress(days, ended=True))
    return TimelineState(book, empty_board(small_settings()))


def small_settings() -> Settings:
    return load_settings(partitions=1, window=DAY, slide=DAY)


@pytest.mark.parametrize(
    ("cause", "released", "says"),
    [
        ("full", False, "CHURNSTREAM_SPOOL_LIMIT, 10000"),
        ("most", 1_000, "CHURNSTREAM_SPOOL_LIMIT, 10000"),
        ("cramped", False, "state folder state is full; make room"),
    ],
)
def test_windows_wait_for_room_and_are_handed_on_when_there_is_some(
    cause: str, released: int, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    # another test of this process may have asked for more lines
    caplog.set_level(logging.WARNING, "churnstream.timeline")
    settings = small_settings()
    sink = CrampedSink()
    setattr(sink, cause, 1)
    turns: list[bool] = []

    def pause(_seconds: float) -> None:
        turns.append(emitting.waits_for_room)
        if len(turns) == 5:
            setattr(sink, cause, released)

    emitting = Emission(settings, ListingWriter(settings), sink, pause)
    emitting.run(filled(settings))
    assert not emitting.waits_for_room
    assert turns == [True] * 5
    assert len(sink.taken) == 3
    (line,) = [record.getMessage() for record in caplog.records if record.name == "churnstream.timeline"]
    assert says in line


def test_nothing_is_published_while_the_spool_is_full() -> None:
    settings = small_settings()
    writer = ListingWriter(settings)

    def pause(_seconds: float) -> None:
        assert not writer.transactions
        sink.full = False

    sink = RecordingSink(full=True)
    Emission(settings, writer, sink, pause).run(filled(settings))
    assert writer.transactions


def test_that_windows_wait_for_mlflow_is_told_while_they_do() -> None:
    settings = small_settings()
    writer, sink, box = ListingWriter(settings), RecordingSink(full=True), StreamAlerts()
    box.begin([])
    told = Alert(
        key="mlflow/mlflow/1", state="opened", kind="mlflow", model=None, start=0, end=1, features=[], message=""
    )
    box.put(1, [told])
    published: list[str] = []

    def pause(_seconds: float) -> None:
        published.extend(message.key for step in writer.transactions for message in step)
        sink.full = False

    Emission(settings, writer, sink, pause, box).run(filled(settings))
    assert published == ["mlflow/mlflow/1"]
    assert box.waiting() == []


def test_a_transaction_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = small_settings()
    writer, sink = ListingWriter(settings), RecordingSink()
    size = len(encode(filled(settings).book.due()[0].window))
    monkeypatch.setattr(emission, "MOST_BYTES", 2.5 * size)
    Emission(settings, writer, sink, lambda _seconds: None).run(filled(settings, 5))
    windows = [
        [message for message in each if message.topic == "windows" and "cumulative" not in message.key]
        for each in writer.transactions
    ]
    assert [len(each) for each in windows if each] == [2, 2, 1]
    assert [window.key for window in sink.taken] == [message.key for each in windows for message in each]


def test_a_step_with_nothing_due_publishes_nothing() -> None:
    settings = small_settings()
    writer = ListingWriter(settings)
    state = TimelineState(book_of(settings), empty_board(settings))
    state.book.update(JoinProgress(partition=0, watermark=None, label_watermark=None, ended=False))
    Emission(settings, writer, RecordingSink(), lambda _seconds: None).run(state)
    assert not writer.transactions


def test_a_progress_that_is_beyond_the_end_of_windows_is_taken_back() -> None:
    """The topic was made anew: what is written there from now on must not be left out at the next start."""
    settings = small_settings()
    writer = ListingWriter(settings)
    state = TimelineState(book_of(settings), empty_board(settings), windows_from=100, windows_end=7)
    sink = RecordingSink()
    Emission(settings, writer, sink, lambda _seconds: None).begin(state)
    assert writer.transactions == [[TopicMessage("panes", "timeline", b'{"type":"timeline","windows_from":0}')]]
    assert sink.taken_up == [7]


def test_a_timeline_that_waits_for_room_has_no_heartbeat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "SECONDS_BETWEEN_BEATS", 0.01)
    stuck = [True] * 5 + [False]
    seen: list[bool] = []
    beat = tmp_path / "heartbeat"

    async def never(_watch: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(run, "_keep_looking", never)

    async def main() -> None:
        stop = asyncio.Event()

        def is_stuck() -> bool:
            seen.append(beat.exists())
            if len(seen) > len(stuck):
                stop.set()
            return stuck[min(len(seen), len(stuck)) - 1]

        await run._until(stop, Heartbeat(beat), is_stuck, object())  # type: ignore[arg-type]  # never looked at

    asyncio.run(main())
    assert seen[: len(stuck)] == [False] * len(stuck)
    assert beat.exists()
