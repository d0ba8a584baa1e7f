"""A full disk under the join's store: named, waited for, and no value is wrong afterwards."""

from pathlib import Path

import pytest

from contract.worker.room import NoRoomError
from tests.support.join.check import check
from tests.support.join.log import LoggedWorker, PartitionLog, label, prediction
from tests.support.small_disk import fill_disk, small_disk


def test_a_join_on_a_full_disk_goes_on_when_there_is_room_and_is_exact(tmp_path: Path) -> None:
    partition = PartitionLog()
    for number in range(600):
        partition.predictions.append(prediction(number, number / 100))
        partition.labels.append(label(number, number / 100 + 1, number % 2))
    with small_disk(tmp_path / "disk", 8_000_000) as disk:
        worker = LoggedWorker(partition, disk)
        worker.step(200, 200)
        ballast = fill_disk(disk)
        with pytest.raises(NoRoomError, match=f"state folder {disk} is full; make room"):
            work(worker)
        worker.close()
        with pytest.raises(NoRoomError):
            again(partition, disk)
        ballast.unlink()
        partition.end()
        again(partition, disk)
    check([partition])


def again(partition: PartitionLog, disk: Path) -> None:
    worker = LoggedWorker(partition, disk)
    try:
        work(worker)
    finally:
        worker.close()


def work(worker: LoggedWorker) -> None:
    while worker.lag:
        worker.step(50, 50)
    worker.step(0, 0)
