"""Silence that counts as 0: when it does, what a label changes that comes after all, and that no order matters."""

import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.join.check import check
from tests.support.join.log import HOUR, RULES, LoggedWorker, PartitionLog, label, prediction
from tests.support.messages import START
from tests.support.sizes import size
from tests.unit.monitor.join.test_machine import MEMORY, LogMachine, MachineEvent, _events

HORIZON = 6 * HOUR
SILENT = msgspec.structs.replace(RULES, horizon=HORIZON)
# panes of 4 h, out-of-orderness 2 h, lateness 10 h


@pytest.fixture
def partition() -> PartitionLog:
    return PartitionLog()


@pytest.fixture
def worker(partition: PartitionLog, tmp_path: Path) -> LoggedWorker:
    return LoggedWorker(partition, tmp_path / "a", rules=SILENT)


def told(partition: PartitionLog) -> list[tuple[str, int, int, bool]]:
    return [(one.record_id, one.label, one.revision, one.inferred) for one in partition.outcomes]


def test_a_record_counts_as_0_when_the_watermark_has_passed_its_horizon(
    partition: PartitionLog, worker: LoggedWorker
) -> None:
    partition.predictions.append(prediction(1, 3))
    partition.predictions.append(prediction(2, 11))  # the watermark is at 9 h, the horizon of the first record
    worker.drain()
    assert not partition.outcomes
    partition.predictions.append(prediction(3, 11.001))
    worker.drain()
    (outcome,) = partition.outcomes
    assert (outcome.record_id, outcome.customer_id, outcome.label, outcome.revision) == ("r1", "c1", 0, 0)
    assert outcome.inferred
    assert outcome.label_time == START + 9 * HOUR
    summary = min(partition.panes.values(), key=lambda pane: pane.start).summary
    assert (summary.labelled, summary.inferred, summary.delay_hours) == (1, 1, {6: 1})
    assert partition.progress is not None
    assert partition.progress.inferred == 1


def test_a_label_that_comes_after_all_takes_the_silence_out(partition: PartitionLog, worker: LoggedWorker) -> None:
    partition.predictions.append(prediction(1, 3))
    partition.predictions.append(prediction(2, 12))
    worker.drain()
    partition.labels.append(label(1, 11, 1))
    worker.drain()
    assert told(partition) == [("r1", 0, 0, True), ("r1", 1, 1, False)]
    summary = min(partition.panes.values(), key=lambda pane: pane.start).summary
    assert (summary.labelled, summary.inferred, summary.tp + summary.fn) == (1, 0, 1)
    assert (summary.delay_hours, summary.delay_hours_positive) == ({8: 1}, {8: 1})
    assert partition.progress is not None
    assert partition.progress.inferred == 0
    assert partition.progress.contradicting_labels == 0


def test_silence_counts_when_both_topics_have_ended(partition: PartitionLog, worker: LoggedWorker) -> None:
    partition.predictions.append(prediction(1, 3))
    partition.labels.end()
    worker.drain()
    assert not partition.outcomes
    partition.predictions.end()
    worker.drain()
    assert told(partition) == [("r1", 0, 0, True)]
    check([partition], HORIZON)


def test_ids_outlast_a_restart_and_go_when_they_are_told(
    partition: PartitionLog, worker: LoggedWorker, tmp_path: Path
) -> None:
    for number in range(20):
        partition.predictions.append(prediction(number, 3 + number / 10))
        worker.step(1)
    assert len(worker.store.blobs("ids")) == 20
    worker.close()
    worker = LoggedWorker(partition, tmp_path / "a", rules=SILENT)
    partition.predictions.append(prediction(99, 20))
    worker.drain()
    assert sorted(one[0] for one in told(partition)) == sorted(f"r{number}" for number in range(20))
    assert len(worker.store.blobs("ids")) == 1


@settings(
    max_examples=size(ci=60, full=1_000),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    st.lists(_events, max_size=5),
    st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 9), st.booleans(), st.sampled_from(["", "", "again", "lost"])),
        max_size=20,
    ),
)
def test_no_order_of_reading_and_no_lost_store_changes_what_silence_comes_to(
    batches: list[list[MachineEvent]], schedule: list[tuple[int, int, bool, str]]
) -> None:
    stream = LogMachine(1)
    (partition,) = stream.partitions
    for events in batches:
        stream.append(events)
    stream.end()
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        home = 0
        worker = LoggedWorker(partition, Path(folder) / str(home), rules=SILENT)
        for predictions, labels, flush, then in schedule:
            worker.step(predictions, labels, flush=flush)
            if then:
                worker.close()
                home += then == "lost"
                worker = LoggedWorker(partition, Path(folder) / str(home), rules=SILENT)
        worker.drain()
        worker.close()
    check([partition], HORIZON)
