"""The watch beside a broker that fails, a clock that is set, and a monitor that is not at work."""

import logging
from collections.abc import Iterator, Sequence

import pytest
from confluent_kafka import KafkaError, KafkaException

from contract.alert_rules import AlertRules, StreamRules
from contract.alerts import Alert
from contract.settings import Settings, load_settings
from contract.testing import ManualClock
from contract.topics import CUSTOMERS, DEAD_LETTERS, LABELS, PREDICTIONS
from monitor.timeline.outbox import Turn
from monitor.watch import thread
from monitor.watch.behind import Place, ReadUntil
from monitor.watch.letters import LetterCounts, LetterNames
from monitor.watch.reader import Look
from monitor.watch.thread import WatchThread
from tests.support.messages import DAY
from tests.support.polling import eventually

RULES = AlertRules(stream=StreamRules(lag_seconds=100.0, silence_seconds=100.0, clean_seconds=10.0))
START = 1_800_000_000_000


class ScriptedReader:
    """Looks as the test says: 100 records and predictions, of which ``done`` are scored; nothing while ``broken``."""

    broken = False
    done = 100
    records = 100
    looks = 0

    def __init__(self, _settings: Settings, _names: LetterNames) -> None:
        pass

    def close(self) -> None:
        pass

    def longest_pause(self, _topic: str) -> float:
        return 0.0

    def look(self) -> Look:
        ScriptedReader.looks += 1
        if ScriptedReader.broken:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        ends = {CUSTOMERS: {0: self.records}, PREDICTIONS: {0: 100}, LABELS: {0: 0}, DEAD_LETTERS: {0: 0}}
        done = {("scorer", CUSTOMERS): {0: self.done}, ("join", PREDICTIONS): {0: 100}, ("join", LABELS): {0: 0}}
        return Look(ends, done, [], [], True)

    def reached(self, look: Look, group: str) -> dict[Place, ReadUntil]:
        return {
            (topic, 0): ReadUntil(look.ends[topic][0], done[0])
            for (of, topic), done in look.done.items()
            if of == group
        }

    def members(self, _group: str) -> int:
        return 0

    def has_messages(self, _place: Place, _found: ReadUntil) -> bool:
        return True

    def has_ended(self, _topic: str) -> bool:
        return False


class Watched:
    """A watch, turned by hand: each step of the clock is followed by a look at least."""

    def __init__(self) -> None:
        self.clock = ManualClock(START)
        self.turn: Turn | None = Turn(1, ())
        self.told: list[Alert] = []
        self.thread = WatchThread(
            load_settings(partitions=1),
            RULES,
            LetterNames([]),
            LetterCounts(DAY),
            NoWindows(),
            self.clock,
            lambda: self.turn,
            self.tell,
            seconds=0.001,
        )
        self.thread.start()

    def tell(self, _turn: int, alerts: Sequence[Alert]) -> None:
        self.told += alerts

    def look(self) -> None:
        """Wait for a whole look from now on."""
        seen = ScriptedReader.looks
        eventually(lambda: ScriptedReader.looks >= seen + 2)

    def pass_time(self, seconds: float, step: float = 10.0) -> None:
        for _ in range(round(seconds / step)):
            self.clock.advance(round(step * 1_000))
            self.look()

    @property
    def states(self) -> list[tuple[str, str]]:
        return [(alert.kind, alert.state) for alert in self.told]


class NoWindows:
    first_offset: int | None = None
    full = False

    def __len__(self) -> int:
        return 0


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    monkeypatch.setattr(thread, "StreamReader", ScriptedReader)
    for name, value in {"broken": False, "done": 100, "records": 100, "looks": 0}.items():
        monkeypatch.setattr(ScriptedReader, name, value)
    found = Watched()
    found.look()
    yield found
    found.thread.close()


def test_a_scorer_that_stands_still_is_told_once_and_again_when_it_goes_on(watched: Watched) -> None:
    for _ in range(15):
        ScriptedReader.records += 1
        watched.pass_time(10)
    assert watched.states == [("lag", "opened")]
    ScriptedReader.done = ScriptedReader.records
    watched.pass_time(30)
    assert watched.states == [("lag", "opened"), ("lag", "closed")]


def test_while_kafka_cannot_be_looked_at_no_time_passes_and_the_log_has_one_line(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "churnstream.watch")
    ScriptedReader.broken = True
    watched.pass_time(3_600, step=100.0)
    ScriptedReader.broken = False
    watched.pass_time(50)
    assert watched.states == []
    lines = [line for line in caplog.messages if "cannot be checked" in line]
    assert len(lines) == 1


def test_a_process_that_stood_still_has_not_watched(watched: Watched) -> None:
    watched.pass_time(3_600, step=3_600.0)
    assert watched.states == []


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_set_alarms_nobody(watched: Watched, hours: int) -> None:
    watched.clock.time += hours * 3_600_000
    watched.pass_time(50)
    assert watched.states == []


def test_a_stand_by_watches_nothing_and_begins_anew_with_what_stands(watched: Watched) -> None:
    watched.pass_time(150)
    assert watched.states == [("silence", "opened")]
    opened = watched.told[0]
    watched.turn = None
    eventually(lambda: watched.thread._reader is None)
    seen = ScriptedReader.looks
    watched.clock.advance(3_600_000)
    assert ScriptedReader.looks == seen
    watched.turn = Turn(2, (opened,))
    watched.look()
    watched.pass_time(150)
    assert watched.states == [("silence", "opened")]
    ScriptedReader.records = 101
    ScriptedReader.done = 101
    watched.pass_time(30)
    assert [(one.key, one.state) for one in watched.told[1:]] == [(opened.key, "closed")]
