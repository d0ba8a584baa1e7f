"""A stream that never ends: labels of days, one in ten that never comes, one clock that is far ahead, and no end.

The join and the timeline follow it while it grows, day by day, on a real broker.
"""

import random
from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

import pytest

from contract.schema import load_schema
from contract.settings import Settings
from contract.topics import DEAD_LETTERS, LABELS, PREDICTIONS
from contract.windows import Window
from monitor.join.worker import JoinWorker
from tests.support.kafka.topics import committed, headers, send, stream_settings
from tests.support.messages import DAY, START, customer, encode, key, label
from tests.support.polling import eventually
from tests.support.running import running
from tests.support.sizes import size
from tests.support.timeline.following import following, newest_windows

DAYS = 40
RECORDS = size(ci=8_000, full=20_000)
LATENESS = 12 * DAY
CHURNER_DELAY, OTHER_DELAY = 2 * DAY, 6 * DAY
MODEL = {"name": "churn", "version": 1, "role": "champion"}
AHEAD = RECORDS // 4
"""The record that is stamped 200 days ahead."""


class LivingRecord(NamedTuple):
    """A record: when it was sent, how it is stamped, the model's answer, its label and when that comes, if ever."""

    i: int
    time: int
    stamped: int
    probability: float
    label: int
    label_time: int | None

    @property
    def predicted(self) -> int:
        return int(self.probability >= 0.5)

    def is_labelled(self, before: int) -> bool:
        return self.label_time is not None and self.label_time < before


def records() -> list[LivingRecord]:
    chance = random.Random(11)
    rows = []
    for i in range(RECORDS):
        time = START + i * DAYS * DAY // RECORDS
        probability = chance.random()
        value = int(chance.random() < probability)
        delay = round((CHURNER_DELAY if value else OTHER_DELAY) * chance.uniform(0.8, 1.2))
        stamped = time + 200 * DAY if i == AHEAD else time
        never = chance.random() < 0.1 or i == AHEAD
        rows.append(LivingRecord(i, time, stamped, probability, value, None if never else time + delay))
    return rows


def send_day(settings: Settings, rows: list[LivingRecord], day: int) -> None:
    """Send the predictions and labels that one day brings."""
    begin, end = START + day * DAY, START + (day + 1) * DAY
    predictions = []
    for row in rows:
        if begin <= row.time < end:
            answer = {"probability": row.probability, "predicted": row.predicted, "threshold": 0.5}
            made = customer(row.i, event_time=row.stamped) | answer | {"model": MODEL, "source": None}
            predictions.append((key(made), encode(made)))
    labels = []
    for time, row in sorted((row.label_time, row) for row in rows if row.label_time is not None):
        if begin <= time < end:
            made = label(row.i, value=row.label, event_time=row.time, delay=time - row.time)
            labels.append((key(made), encode(made)))
    send(settings, PREDICTIONS, predictions)
    send(settings, LABELS, labels)


@dataclass(frozen=True)
class LivingStream:
    """What is there when the last day is over: the stream has not ended, and the newest window of each start."""

    settings: Settings
    rows: list[LivingRecord]
    windows: dict[int, Window]

    @property
    def now(self) -> int:
        return START + DAYS * DAY

    def inside(self, window: Window) -> list[LivingRecord]:
        return [row for row in self.rows if window.start <= row.stamped < window.end]

    def ended(self, ago: int) -> list[Window]:
        """Windows that ended ``ago`` ms before the stream's now, or more."""
        return [window for window in self.windows.values() if window.end <= self.now - ago]


@pytest.fixture(scope="module")
def stream(broker: str, tmp_path_factory: pytest.TempPathFactory) -> LivingStream:
    folder = tmp_path_factory.mktemp("living")
    settings = stream_settings(
        broker, f"living{folder.name[-8:]}.", folder, partitions=4, label_lateness=LATENESS, window=7 * DAY
    )
    rows = records()
    now = START + DAYS * DAY

    def all_told() -> bool:
        windows = newest_windows(settings).values()
        return max((w.end for w in windows if w.end <= now), default=0) >= now - DAY and all(
            w.status == "final" for w in windows if w.end <= now - LATENESS - DAY
        )

    with running(JoinWorker(settings, load_schema("bank_churn"))), following(settings):
        for day in range(DAYS):
            send_day(settings, rows, day)
        eventually(all_told, timeout=120, message="windows whose time is up are final")
    return LivingStream(settings, rows, newest_windows(settings))


def test_a_window_carries_the_labels_that_came_a_slide_ago(stream: LivingStream) -> None:
    closed = stream.ended(ago=2 * DAY)
    assert len(closed) >= 35
    carried = []
    for window in closed:
        came = sum(row.is_labelled(before=stream.now - DAY) for row in stream.inside(window))
        carried.append(window.labelled / max(came, 1))
    assert sum(share >= 0.95 for share in carried) >= 0.95 * len(closed), sorted(carried)[:10]


def test_a_window_is_final_when_its_time_is_up_though_one_label_in_ten_never_came(stream: LivingStream) -> None:
    assert all(window.status == "final" for window in stream.ended(ago=LATENESS + DAY))
    waiting = [w for w in stream.windows.values() if stream.now - 5 * DAY < w.end <= stream.now]
    assert waiting
    assert all(window.status == "provisional" for window in waiting)


def test_final_windows_are_one_group_by_over_the_labels_that_came(stream: LivingStream) -> None:
    finals = [window for window in stream.windows.values() if window.status == "final"]
    assert len(finals) >= 20
    for window in finals:
        rows = stream.inside(window)
        cells = Counter((row.label, row.predicted) for row in rows if row.label_time is not None)
        found = window.performance
        assert window.records == len(rows)
        assert (found.tn, found.fp, found.fn, found.tp) == tuple(
            cells[cell] for cell in ((0, 0), (0, 1), (1, 0), (1, 1))
        )


def test_one_clock_that_is_far_ahead_costs_no_other_record_its_place(stream: LivingStream) -> None:
    assert [headers(letter)["reason"] for letter in committed(stream.settings, DEAD_LETTERS)] == []
