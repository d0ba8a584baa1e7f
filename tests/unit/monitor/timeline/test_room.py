"""A timeline that cannot hand its windows on waits, says so once, and is not healthy meanwhile."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from contract.settings import load_settings
from contract.windows import Window
from contract.worker.heartbeat import Heartbeat
from contract.worker.room import NoRoomError
from monitor.timeline import app as timeline_module
from monitor.timeline import run
from monitor.timeline.app import Timeline
from monitor.timeline.faust_app import create_app
from monitor.timeline.samples import Sample
from monitor.timeline.spec import WindowSpec
from monitor.timeline.windows import Due, WindowBook
from tests.support.messages import DAY
from tests.support.timeline.following import RecordingSink, unjudged
from tests.support.windows import window


class CrampedSink(RecordingSink):
    """One on a disk that is full while ``cramped``."""

    cramped: bool = False

    def put(self, window: Window, sample: Callable[[], Sample | None]) -> None:
        if self.cramped:
            raise NoRoomError(Path("state"))
        super().put(window, sample)


@pytest.mark.parametrize(
    ("cause", "says"),
    [("full", "CHURNSTREAM_SPOOL_LIMIT, 10000"), ("cramped", "state folder state is full; make room")],
)
def test_a_window_waits_for_room_and_is_handed_on_when_there_is_some(
    cause: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # another test of this process may have asked for more lines
    caplog.set_level(logging.WARNING, "churnstream.timeline")
    sink = CrampedSink()
    setattr(sink, cause, True)
    turns: list[bool] = []
    sleep = asyncio.sleep

    async def main() -> None:
        settings = load_settings()

        def make_book() -> WindowBook:
            return WindowBook(WindowSpec(DAY, DAY), partitions=1, label_lateness=DAY, sample_size=10, judge=unjudged)

        timeline = Timeline(create_app(settings, tmp_path), settings, "stream", make_book, lambda _model: None, sink)

        async def turn(_seconds: float) -> None:
            turns.append(timeline.waits_for_room)
            if len(turns) == 5:
                setattr(sink, cause, False)
            await sleep(0)

        monkeypatch.setattr(timeline_module.asyncio, "sleep", turn)
        await timeline._hand_on(Due(window(), lambda: None))
        assert not timeline.waits_for_room

    asyncio.run(main())
    assert turns == [True] * 5
    assert sink.taken == [window()]
    (line,) = [record.getMessage() for record in caplog.records if record.name == "churnstream.timeline"]
    assert says in line


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
