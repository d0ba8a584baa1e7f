"""A stream's status on terminals of all widths."""

from collections.abc import Sequence

import msgspec
import pytest

from churnstream.status.form import PartitionLag, StreamStatus, WorkerStatus
from churnstream.status.view import status_view, watched_view
from churnstream.status.watching import StatusLines, without_times
from contract.alerts import Alert, ModelVerdict
from contract.windows import Window
from dashboard.stream.received import Reach
from dashboard.stream.state import StreamState
from tests.support.dashboard.hostile import hostile
from tests.support.dashboard.sent import received
from tests.support.dashboard.states import STATES
from tests.support.dashboard.told import NOW, ToldStream, incident
from tests.support.messages import DAY, START
from tests.support.terminal.drawn import drawn
from tests.support.windows import final
from tests.unit.churnstream.status.test_judged import status

WIDTHS = (60, 80, 120, 200)


def known(state: str) -> StreamState:
    found = StreamState()
    found.take_all(received((STATES | {"hostile": hostile})[state]()))
    return found


def windows_of(state: StreamState) -> list[Window]:
    return sorted((one for model in state.models() for one in state.windows(model)), key=lambda one: one.end)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("state", ["healthy", "drifted", "empty", "young", "hostile", "versions"])
def test_it_fits_into_the_terminal(state: str, width: int) -> None:
    content = known(state)
    lines = drawn(status_view(status(content)), width)
    assert lines[0].startswith(("✓ the stream (cards-) is well", "✖ the stream (cards-) is not well"))
    assert any(line.startswith("monitor") for line in lines)
    screen = drawn(watched_view(status(content), windows_of(content)), width, 24)
    assert len(screen) < 24
    assert screen[-1].startswith("as of ")


def test_what_cannot_be_told_shows_no_figures_that_are_not_known() -> None:
    lines = drawn(status_view(status(reach=Reach(away_since=NOW, reason="refused"), stream=None)), 80)
    assert lines == [
        "? it is not known whether the stream (cards-) is well",
        "? Kafka at kafka:9092 does not answer: refused",
        "  → check that it runs and that KAFKA_BOOTSTRAP_SERVERS is right; `churnstream",
        "doctor` checks more",
    ]


def test_partitions_are_named_where_something_waits_most_first_as_far_as_there_is_room() -> None:
    partitions = tuple(PartitionLag(topic="customers", partition=number, lag=number) for number in range(500))
    worker = WorkerStatus(name="scorer", group="scorer", members=1, lag=124_750, partitions=partitions)
    found = msgspec.structs.replace(status(), workers=(worker,))
    line = next(line for line in drawn(status_view(found), 80) if line.startswith("scorer"))
    assert line.startswith("scorer        1  124,750  customers-499: 499, customers-498: 498 +497")


class SetLook:
    """What is known of a stream, set by the test."""

    def __init__(self) -> None:
        self.known: list[Window] = []
        self.alerts: dict[str, Alert] = {}

    def windows(self) -> Sequence[Window]:
        return self.known

    def told(self) -> tuple[dict[str, Alert], dict[str, ModelVerdict]]:
        return self.alerts, {}


def test_lines_tell_what_is_new_and_each_minute_how_it_stands() -> None:
    looked, lines = SetLook(), StatusLines()
    looked.known = [final(0)]
    stream = ToldStream(final(0))

    def after(seconds: float, found: StreamStatus) -> list[str]:
        return list(lines.after(found, looked, seconds))  # type: ignore[arg-type]

    well = status(stream.state)
    assert after(0, well) == []
    assert after(1, well) == []
    looked.known = [final(0), final(1)]
    assert [line.split(":")[0] for line in after(2, well)] == ["2–9 Jan 2025 is final"]
    looked.alerts = {"drift": incident()}
    assert after(3, well) == ["▲ drift since 1 Jan 2025: Age"]
    away = status(stream.state, reach=Reach(away_since=NOW, reason="refused"))
    (line,) = after(4, away)
    assert line.endswith("Kafka at kafka:9092 does not answer: refused")
    assert after(63, away) == []
    assert len(after(64, away)) == 1
    assert after(65, well) == ["✓ the stream (cards-) is well; lag: scorer 0, join 0, monitor 0"]


def test_what_time_alone_changes_is_no_change() -> None:
    stream = ToldStream()
    stream.tell(final(0), at=NOW - DAY)
    before = status(stream.state)
    later = msgspec.structs.replace(
        before,
        at=NOW + 5_000,
        newest_window=msgspec.structs.replace(before.newest_window, told_ago_ms=7, ends_ago_ms=START),
    )
    assert without_times(later) == without_times(before) != before
