"""Whether a stream on a real broker has ended, and where the next replay begins."""

import threading
from pathlib import Path

import numpy as np
import pytest

from contract.errors import UserError
from contract.settings import Settings
from contract.topics import CUSTOMERS, LABELS
from producer.continuing import next_start, passed_before, stream_end, stream_reached
from producer.history import HistoryFacts
from producer.history_told import already_past
from producer.options import format_time, parse_time
from producer.replay import replay
from producer.scenario import Scenario
from producer.synthetic import SyntheticBank
from tests.support.kafka.topics import send, stream_settings

DAY = 86_400_000


@pytest.fixture
def settings(broker: str, topic_prefix: str, tmp_path: Path) -> Settings:
    return stream_settings(broker, topic_prefix, tmp_path / "state", partitions=3)


def run(settings: Settings, **kw: bool) -> int:
    result = replay(settings, SyntheticBank(300, 7), Scenario(), "test", stop=threading.Event(), **kw)
    assert result.event_time is not None
    return result.event_time


def test_a_stream_that_was_not_begun_or_not_ended_has_no_end(settings: Settings) -> None:
    assert stream_end(settings) is None
    run(settings, end=False)
    assert stream_end(settings) is None
    with pytest.raises(UserError, match=r"start got 'next', but no stream on \S+ has ended; wait"):
        next_start(settings)


def test_what_a_stream_has_reached_is_the_time_of_its_last_record(settings: Settings) -> None:
    assert stream_reached(settings) == {}
    scenario = Scenario()
    last = run(settings)
    found = stream_reached(settings)
    reached = found[CUSTOMERS]
    assert scenario.start + 28 * DAY < reached < scenario.start + scenario.period
    assert reached < found[LABELS] <= last
    send(settings, CUSTOMERS, [(b"c-1", b"{}"), (b"c-1", b"\xff")], partition=1)
    assert stream_reached(settings) == found
    lateness, tolerance = settings.label_lateness, settings.label_tolerance
    assert passed_before(found, settings) == {
        CUSTOMERS: reached - lateness,
        LABELS: found[LABELS] - lateness - tolerance,
    }
    facts = HistoryFacts(3, times=np.array([reached - 11 * DAY, reached - 9 * DAY, reached]))
    assert list(already_past(facts, None, 10 * DAY)) == []
    (warning,) = already_past(facts, reached, 10 * DAY)
    assert warning.startswith(f"the stream is at {format_time(reached)}, and 1 records lie more than 10d")
    assert "use --resume to skip them" in warning


def test_the_end_is_the_last_event_time_until_records_follow(settings: Settings) -> None:
    last = run(settings)
    assert stream_end(settings) == last
    start = parse_time(next_start(settings), "start")
    assert start % DAY == 0
    assert DAY < start - last <= 2 * DAY
    send(settings, CUSTOMERS, [(b"c-1", b"{}")], partition=1)
    assert stream_end(settings) is None
