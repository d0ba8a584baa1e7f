"""The join's guarantees under crashes, lost stores and rebalances, against an oracle that reads whole logs."""

import shutil
import tempfile
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from contract.messages import ModelRef
from contract.panes import Pane
from monitor.join.columns.hashing import record_hashes
from monitor.join.rules import resolve
from tests.support.join.check import check
from tests.support.join.log import (
    CHALLENGER,
    CHAMPION,
    RULES,
    CrashedError,
    LoggedWorker,
    PartitionLog,
    label,
    prediction,
)
from tests.support.sizes import size

PROFILE = settings(
    max_examples=size(ci=100, full=2_000),
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
# these tests make thousands of stores, and none is about what a disk does
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
MODELS = {"champion": CHAMPION, "retrained": ModelRef("churn", 3), "challenger": CHALLENGER}


class MachineEvent(NamedTuple):
    """Something that happens ``step`` hours after the last thing, and says that it happened ``disorder`` hours ago.

    ``record`` counts back from the newest record. A lost record has labels, but no prediction.
    """

    kind: Literal["record", "lost record", "again", "challenge", "label", "stranger's label", "bad"]
    step: int = 0
    disorder: int = 0
    record: int = 0
    value: int = 0


_events = st.lists(
    st.builds(
        MachineEvent,
        st.sampled_from(
            ["record"] * 4 + ["label"] * 5 + ["lost record", "again", "challenge", "stranger's label", "bad"]
        ),
        st.sampled_from([0, 0, 0, 1, 1, 2, 5]),
        st.sampled_from([0, 0, 0, 1, 2, 4, 9, 11]),
        st.integers(0, 12),
        st.integers(0, 1),
    ),
    min_size=4,
    max_size=20,
)


class LogMachine:
    """Appends events to the logs of some partitions."""

    def __init__(self, partitions: int) -> None:
        self.partitions = [PartitionLog(number) for number in range(partitions)]
        self._now = 0
        self._times: list[int] = []

    def append(self, events: list[MachineEvent]) -> None:
        for event in events:
            self._now += event.step
            self._append(event, self._now - event.disorder)

    def end(self) -> None:
        for partition in self.partitions:
            partition.end()

    def _append(self, event: MachineEvent, time: int) -> None:
        if event.kind in ("record", "lost record"):
            self._times.append(time)
        if event.kind == "bad" or not self._times:
            partition = self.partitions[event.record % len(self.partitions)]
            (partition.labels if event.value else partition.predictions).append_bad()
            return
        number = len(self._times) - 1
        if event.kind != "record":
            number = max(number - event.record, 0)
        partition = self.partitions[number % len(self.partitions)]
        if event.kind == "label":
            partition.labels.append(label(number, time, event.value))
        elif event.kind == "stranger's label":
            partition.labels.append(label(number, time, event.value, customer="stranger"))
        elif event.kind in ("record", "again"):
            model = MODELS["retrained" if event.value and event.kind == "again" else "champion"]
            partition.predictions.append(prediction(number, self._times[number], model=model))
        elif event.kind == "challenge":
            partition.predictions.append(prediction(number, self._times[number], model=CHALLENGER))


class JoinMachine(RuleBasedStateMachine):
    """Workers that crash, lose their stores and hand partitions on, while records and labels come as they like."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY))
        self.stream = LogMachine(1)
        self.workers: list[LoggedWorker] = []
        self.homes: list[str] = []

    @initialize(partitions=st.integers(1, 2))
    def assign(self, partitions: int) -> None:
        self.stream = LogMachine(partitions)
        self.homes = ["a"] * partitions
        self.workers = [self._open(number) for number in range(partitions)]

    @rule(events=_events)
    def append(self, events: list[MachineEvent]) -> None:
        self.stream.append(events)

    @rule()
    def end(self) -> None:
        self.stream.end()

    @rule(
        number=st.integers(0, 1),
        predictions=st.integers(0, 12),
        labels=st.integers(0, 12),
        flush=st.booleans(),
        crash=st.sampled_from(["", "", "", "before-publish", "before-store-commit"]),
    )
    def work(self, number: int, predictions: int, labels: int, flush: bool, crash: str) -> None:
        number %= len(self.workers)
        try:
            self.workers[number].step(predictions, labels, flush=flush, crash=crash)
        except CrashedError:
            self._reopen(number)

    @rule(number=st.integers(0, 1))
    def catch_up(self, number: int) -> None:
        self.workers[number % len(self.workers)].drain()

    @rule(number=st.integers(0, 1))
    def lose_the_store(self, number: int) -> None:
        number %= len(self.workers)
        self.workers[number].close()
        (self.folder / self.homes[number] / f"{number}.sqlite").unlink()
        self.workers[number] = self._open(number)

    @rule(number=st.integers(0, 1), home=st.sampled_from("abc"))
    def rebalance(self, number: int, home: str) -> None:
        number %= len(self.workers)
        self.homes[number] = home
        self._reopen(number)

    def teardown(self) -> None:
        try:
            for _ in range(2):
                for worker in self.workers:
                    worker.drain()
                self.stream.end()
            for worker in self.workers:
                worker.drain()
            check(self.stream.partitions)
        finally:
            for worker in self.workers:
                worker.close()
            shutil.rmtree(self.folder)

    def _reopen(self, number: int) -> None:
        self.workers[number].close()
        self.workers[number] = self._open(number)

    def _open(self, number: int) -> LoggedWorker:
        return LoggedWorker(self.stream.partitions[number], self.folder / self.homes[number])


def contents(worker: LoggedWorker) -> tuple[object, ...]:
    """All that a worker has kept: its state, the labels of each record's predictions, labels that wait, and panes."""
    kept, store = worker.join.kept, worker.store
    hashes = record_hashes([f"r{number}" for number in range(100)]).tolist()
    labels = []
    for record in hashes:
        rows = kept.rows_of(record)
        joined = kept.joined(record, rows)
        labels.append([(kept.prediction(row), resolve(kept.prediction(row), joined, RULES)) for row in rows])
    waiting = [msgspec.structs.replace(label, origin=None) for label in kept.waiting]
    sums = [msgspec.json.decode(store.pane(pane, "sums"), type=Pane) for pane, _, _ in store.panes()]
    samples = [store.pane(pane, "sample") for pane, _, _ in store.panes()]
    return store.state(), labels, waiting, sums, samples


TestJoinMachine = JoinMachine.TestCase
TestJoinMachine.settings = PROFILE


@PROFILE
@given(
    st.lists(_events, max_size=6),
    *[st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.booleans()), max_size=30)] * 2,
)
def test_workers_that_read_in_another_order_end_with_equal_stores(
    batches: list[list[MachineEvent]], one: list[tuple[int, int, bool]], other: list[tuple[int, int, bool]]
) -> None:
    ends = []
    for schedule in (one, other):
        stream = LogMachine(1)
        for events in batches:
            stream.append(events)
        stream.end()
        with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
            worker = LoggedWorker(stream.partitions[0], Path(folder))
            for predictions, labels, flush in schedule:
                worker.step(predictions, labels, flush=flush)
            worker.drain()
            worker.close()
            # what lasts is read from the file
            worker = LoggedWorker(stream.partitions[0], Path(folder))
            ends.append(contents(worker))
            worker.close()
        check(stream.partitions)
    assert ends[0] == ends[1]
