"""A stream on which only churners get a label: silence means 0 once a record's horizon is over, and late labels revise.

The stream ends half-way through nothing: there is no end-of-stream, so time alone decides.
"""

import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from contract.messages import Outcome
from contract.schema import load_schema, schema_text
from contract.settings import Settings
from contract.topics import DEAD_LETTERS, LABELS, OUTCOMES, PREDICTIONS
from contract.windows import Window
from monitor.join.worker import JoinWorker
from tests.support.kafka.topics import committed, headers, send, stream_settings
from tests.support.messages import DAY, START, customer, encode, key, label
from tests.support.polling import eventually
from tests.support.running import running
from tests.support.timeline.following import following, newest_windows

DAYS, RECORDS = 30, 3_000
HORIZON, LATENESS = 5 * DAY, 9 * DAY
MODEL = {"name": "churn", "version": 1, "role": "champion"}


@dataclass(frozen=True)
class SilentCustomer:
    """A record and, for a churner, the delay of its label; some come after the horizon."""

    i: int
    time: int
    probability: float
    delay: int | None

    @property
    def predicted(self) -> int:
        return int(self.probability >= 0.5)


@dataclass(frozen=True)
class SilentStream:
    """What is there in the end: who was on the stream, the newest window of each start, all outcomes."""

    settings: Settings
    customers: list[SilentCustomer]
    windows: dict[int, Window]
    outcomes: list[Outcome]


def customers() -> list[SilentCustomer]:
    chance = random.Random(5)
    made = []
    for i in range(RECORDS):
        probability = chance.random()
        churns = chance.random() < probability
        delay = chance.choice((1, 2, 3, 7)) * DAY + chance.randrange(DAY // 2)
        made.append(SilentCustomer(i, START + i * DAYS * DAY // RECORDS, probability, delay if churns else None))
    return made


def send_all(settings: Settings, everyone: list[SilentCustomer]) -> None:
    """Predictions and labels, a day at a time, as they become known."""
    for day in range(DAYS):
        begin, end = START + day * DAY, START + (day + 1) * DAY
        predictions, labels = [], []
        for one in everyone:
            if begin <= one.time < end:
                answer = {"probability": one.probability, "predicted": one.predicted, "threshold": 0.5}
                made = customer(one.i, event_time=one.time) | answer | {"model": MODEL, "source": None}
                predictions.append((key(made), encode(made)))
            if one.delay is not None and begin <= one.time + one.delay < end:
                told = label(one.i, value=1, event_time=one.time, delay=one.delay)
                labels.append((key(told), encode(told)))
        send(settings, PREDICTIONS, predictions)
        send(settings, LABELS, labels)


@pytest.fixture(scope="module")
def stream(broker: str, tmp_path_factory: pytest.TempPathFactory) -> SilentStream:
    folder: Path = tmp_path_factory.mktemp("silent")
    dataset = folder / "silent.toml"
    dataset.write_text(schema_text("bank_churn").replace("[label]", '[label]\nabsent = "negative"\nhorizon = "5d"'))
    settings = stream_settings(
        broker, f"silent{folder.name[-8:]}.", folder, dataset=str(dataset), label_lateness=LATENESS, window=2 * DAY
    )
    everyone = customers()
    settled = START + DAYS * DAY - LATENESS - 2 * DAY

    def all_final() -> bool:
        windows = [w for w in newest_windows(settings).values() if w.end <= settled]
        return len(windows) >= 17 and all(w.status == "final" and w.labelled == w.records for w in windows)

    with running(JoinWorker(settings, load_schema(str(dataset)))), following(settings):
        send_all(settings, everyone)
        eventually(all_final, timeout=90, message="final windows")
    outcomes = [msgspec.json.decode(m.value() or b"", type=Outcome) for m in committed(settings, OUTCOMES)]
    return SilentStream(settings, everyone, newest_windows(settings), outcomes)


def test_final_windows_are_the_group_by_in_which_silence_is_0(stream: SilentStream) -> None:
    finals = [w for w in stream.windows.values() if w.end <= START + DAYS * DAY - LATENESS - 2 * DAY]
    assert len(finals) >= 17
    for window in finals:
        inside = [one for one in stream.customers if window.start <= one.time < window.end]
        cells = Counter((int(one.delay is not None), one.predicted) for one in inside)
        found = window.performance
        assert (found.tn, found.fp, found.fn, found.tp) == tuple(
            cells[cell] for cell in ((0, 0), (0, 1), (1, 0), (1, 1))
        )
        assert window.inferred == cells[0, 0] + cells[0, 1]


def test_silence_is_told_once_and_a_late_label_revises_it(stream: SilentStream) -> None:
    told = Counter((outcome.record_id, outcome.revision) for outcome in stream.outcomes)
    assert set(told.values()) == {1}
    inferred = {outcome.record_id: outcome for outcome in stream.outcomes if outcome.inferred}
    assert {outcome.revision for outcome in inferred.values()} == {0}
    assert {outcome.label for outcome in inferred.values()} == {0}
    assert all(outcome.label_time == outcome.event_time + HORIZON for outcome in inferred.values())
    real = {outcome.record_id for outcome in stream.outcomes if not outcome.inferred}
    late = [one for one in stream.customers if one.delay is not None and one.delay > HORIZON + DAY]
    revised = [one for one in late if f"test-{one.i}" in real]
    assert len(revised) > 100
    assert sum(f"test-{one.i}" in inferred for one in revised) >= 0.9 * len(revised)
    assert not [letter for letter in committed(stream.settings, DEAD_LETTERS) if headers(letter)]
