"""What a crash, a stale store and a lost one do to the join: nothing that a reader could see."""

from pathlib import Path

import pytest

from tests.support.join.check import check
from tests.support.join.log import CrashedError, LoggedWorker, PartitionLog, label
from tests.support.join.log import prediction as predicted

# RULES: panes of 4 h, out-of-orderness 2 h, lateness 10 h


@pytest.fixture
def partition() -> PartitionLog:
    return PartitionLog()


@pytest.fixture
def worker(partition: PartitionLog, tmp_path: Path) -> LoggedWorker:
    return LoggedWorker(partition, tmp_path / "a")


def lose_store(worker: LoggedWorker, folder: Path) -> LoggedWorker:
    """Another worker, which has no store of this partition."""
    worker.close()
    return LoggedWorker(worker.partition, folder)


@pytest.mark.parametrize("crash", ["before-publish", "before-store-commit"])
def test_a_crash_neither_loses_nor_doubles_an_outcome(
    partition: PartitionLog, worker: LoggedWorker, tmp_path: Path, crash: str
) -> None:
    partition.predictions.append(predicted(1, 3))
    partition.labels.append(label(1, 5))
    with pytest.raises(CrashedError):
        worker.step(crash=crash)
    worker.close()
    worker = LoggedWorker(partition, tmp_path / "a")
    partition.end()
    worker.drain()
    check([partition])


def test_a_stale_store_catches_up_in_silence(partition: PartitionLog, worker: LoggedWorker, tmp_path: Path) -> None:
    partition.predictions.append(predicted(1, 3))
    worker.drain()
    worker.close()
    other = LoggedWorker(partition, tmp_path / "b")
    for number in range(2, 6):
        partition.predictions.append(predicted(number, 3))
        partition.labels.append(label(number, 5))
    partition.labels.append(label(1, 5))
    other.drain()
    other.close()
    partition.predictions.append(predicted(6, 3))
    worker = LoggedWorker(partition, tmp_path / "a")
    for _ in range(4):
        worker.step(1, 0)
        assert len(partition.outcomes) == 5
    partition.labels.append(label(6, 5))
    worker.drain()
    partition.end()
    worker.drain()
    check([partition])


@pytest.mark.parametrize("hours", range(26, 40))
def test_a_rebuilt_state_does_not_publish_half_of_a_forgotten_pane(
    partition: PartitionLog, worker: LoggedWorker, tmp_path: Path, hours: int
) -> None:
    # the pane from 0 h has a record before, and one behind, the oldest one that is kept when it is forgotten
    for number, time in enumerate((0.5, 4.5, 3.5, hours)):
        partition.predictions.append(predicted(number, time))
    partition.labels.append(label(3, hours))
    worker.drain()
    partition.predictions.append(predicted(4, hours))
    worker.drain()
    worker = lose_store(worker, tmp_path / "b")
    worker.drain()
    partition.end()
    worker.drain()
    check([partition])


@pytest.mark.parametrize(
    ("hours", "label_hours"), [(18, 28), (20, 28), (20, 46), (26, 28), (32, 30), (28, 38), (36, 46), (38, 38), (38, 46)]
)
@pytest.mark.parametrize("delay", [8, 13, 19])
def test_a_rebuilt_state_does_not_give_up_on_labels_of_forgotten_records(
    partition: PartitionLog, worker: LoggedWorker, tmp_path: Path, delay: int, hours: int, label_hours: int
) -> None:
    # the label of record 0 stands behind one that is still kept when record 0 is forgotten
    for number, time in enumerate((1, 5, hours)):
        partition.predictions.append(predicted(number, time))
    for number, time in ((1, 6), (0, 1 + delay), (2, label_hours)):
        partition.labels.append(label(number, time))
    worker.drain()
    partition.predictions.append(predicted(3, hours))
    worker.drain()
    worker = lose_store(worker, tmp_path / "b")
    worker.drain()
    partition.end()
    worker.drain()
    check([partition])


def test_a_rebuilt_state_refuses_what_was_refused(
    partition: PartitionLog, worker: LoggedWorker, tmp_path: Path
) -> None:
    for number, hours in ((2, 80), (0, 85), (1, 94)):
        partition.predictions.append(predicted(number, hours))
    # the first is too late for its record and dropped, but the last is refused because of it
    for number, hours in ((0, 100), (1, 95), (2, 87)):
        partition.labels.append(label(number, hours))
    worker.drain()
    assert len(partition.dead_letters) == 2
    worker = lose_store(worker, tmp_path / "b")
    worker.drain()
    partition.end()
    worker.drain()
    check([partition])


def test_a_rebuilt_state_knows_which_end_of_the_stream_came_before(
    partition: PartitionLog, worker: LoggedWorker, tmp_path: Path
) -> None:
    partition.end()
    partition.labels.append(label(1, 5))
    worker.drain()
    worker = lose_store(worker, tmp_path / "b")
    worker.drain()
    partition.predictions.append(predicted(1, 3))
    worker.drain()
    assert len(partition.outcomes) == 1
    partition.end()
    worker.drain()
    check([partition])
