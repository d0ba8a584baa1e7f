"""Stores that are damaged anywhere, old or from elsewhere: noticed, rebuilt from the log, and exact."""

import logging
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from monitor.join.store import DamagedStoreError
from tests.support.join.check import check
from tests.support.join.log import LoggedWorker, PartitionLog, label, prediction
from tests.support.sizes import size

SEEDS = range(size(ci=3, full=20))
RECORDS = 250


def fill(partition: PartitionLog, random: Random, first: int, last: int) -> None:
    for number in range(first, last):
        partition.predictions.append(prediction(number, number / 20))
        for _ in range(random.choice([0, 1, 1, 1, 2])):
            partition.labels.append(label(number, number / 20 + random.randrange(9), random.randrange(2)))


def work(partition: PartitionLog, folder: Path) -> int:
    """Join all that is there, as the worker does: a store that shows damage is closed and opened anew."""
    for damages in range(3):
        worker = None
        try:
            worker = LoggedWorker(partition, folder)
            while worker.lag:
                worker.step(40, 40)
            worker.step(0, 0)
            return damages
        except DamagedStoreError:
            continue
        finally:
            if worker is not None:
                worker.close()
    raise AssertionError("damaged again and again")


def flip_bits(path: Path, random: Random) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(40):
        content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    path.write_bytes(content)


def zero_pages(path: Path, random: Random) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(8):
        page = random.randrange(len(content) // 4_096) * 4_096
        content[page : page + 4_096] = bytes(4_096)
    path.write_bytes(content)


def cut(path: Path, random: Random) -> None:
    path.write_bytes(path.read_bytes()[: random.randrange(path.stat().st_size)])


def swap_pages(path: Path, random: Random) -> None:
    content = path.read_bytes()
    pages = [content[at : at + 4_096] for at in range(0, len(content), 4_096)]
    random.shuffle(pages)
    path.write_bytes(b"".join(pages))


def empty(path: Path, _random: Random) -> None:
    path.write_bytes(b"")


def flip_one_bit(path: Path, random: Random) -> None:
    content = bytearray(path.read_bytes())
    content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    path.write_bytes(content)


def overwrite(path: Path, random: Random) -> None:
    path.write_bytes(random.randbytes(path.stat().st_size))


DAMAGES: list[Callable[[Path, Random], None]] = [
    flip_bits,
    flip_one_bit,
    zero_pages,
    swap_pages,
    cut,
    empty,
    overwrite,
]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_store_is_rebuilt_and_exact(
    damage: Callable[[Path, Random], None], seed: int, tmp_path: Path
) -> None:
    random = Random(f"{damage.__name__} {seed}")
    partition = PartitionLog()
    for part in range(2):
        fill(partition, random, part * RECORDS, (part + 1) * RECORDS)
        work(partition, tmp_path)
        damage(tmp_path / "0.sqlite", random)
    fill(partition, random, 2 * RECORDS, 2 * RECORDS + 20)
    partition.end()
    work(partition, tmp_path)
    check([partition])


@pytest.mark.parametrize("seed", SEEDS)
def test_an_old_copy_of_a_store_catches_up(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    partition = PartitionLog()
    fill(partition, random, 0, RECORDS)
    work(partition, tmp_path)
    shutil.copytree(tmp_path, tmp_path / "old")
    fill(partition, random, RECORDS, RECORDS + 100)
    work(partition, tmp_path)
    shutil.copy(tmp_path / "old" / "0.sqlite", tmp_path)
    partition.end()
    work(partition, tmp_path)
    check([partition])


def test_a_damaged_file_is_kept_once_and_told_in_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    partition = PartitionLog()
    fill(partition, Random(1), 0, RECORDS)
    work(partition, tmp_path)
    for _ in range(3):
        overwrite(tmp_path / "0.sqlite", Random(2))
        work(partition, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.sqlite", "0.sqlite.damaged"]
    told = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(told) == 3
    assert "is damaged" in told[0].getMessage()
    assert "rebuilt from the log" in told[0].getMessage()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE blocks SET body = substr(body, 2)",
        "UPDATE blocks SET body = zeroblob(100)",
        "UPDATE blocks SET first = first + 1",
        "DELETE FROM blocks WHERE first = 0",
        "UPDATE changes SET body = 'text'",
        "DELETE FROM panes WHERE kind = 'sums'",
        "UPDATE panes SET pane = 'x' || pane",
        "DELETE FROM changes",
        "UPDATE waiting SET offset = offset + 1",
        "UPDATE chunks SET serial = serial + 1",
        "DELETE FROM state",
    ],
)
def test_rows_that_sqlite_calls_sound_are_checked(statement: str, tmp_path: Path) -> None:
    partition = PartitionLog()
    fill(partition, Random(3), 0, RECORDS)
    work(partition, tmp_path)
    connection = sqlite3.connect(tmp_path / "0.sqlite", isolation_level=None)
    connection.execute(statement)
    connection.close()
    for number in range(RECORDS):
        partition.labels.append(label(number, number / 20 + 9.5))
    partition.end()
    work(partition, tmp_path)
    check([partition])


def test_a_row_that_is_damaged_while_the_join_runs_is_noticed_when_it_is_read(tmp_path: Path) -> None:
    partition = PartitionLog()
    fill(partition, Random(4), 0, 50)
    work(partition, tmp_path)
    # a worker that has just started has no sums in memory
    worker = LoggedWorker(partition, tmp_path)
    worker.store.rollback()
    other = sqlite3.connect(tmp_path / "0.sqlite", isolation_level=None)
    other.execute("UPDATE panes SET body = zeroblob(200)")
    other.close()
    partition.labels.append(label(1, 1, 0))
    partition.labels.append(label(1, 1, 1))
    with pytest.raises(DamagedStoreError, match="a row is damaged"):
        worker.step()
    worker.close()
    assert (tmp_path / "0.sqlite.damaged").exists()
    partition.end()
    assert work(partition, tmp_path) == 0
    check([partition])


@pytest.mark.parametrize("tenth", range(10))
def test_a_store_damaged_in_any_tenth_of_its_file_is_rebuilt_and_exact(tenth: int, tmp_path: Path) -> None:
    random = Random(tenth)
    partition = PartitionLog()
    fill(partition, random, 0, RECORDS)
    work(partition, tmp_path)
    path = tmp_path / "0.sqlite"
    content = bytearray(path.read_bytes())
    first, end = len(content) * tenth // 10, len(content) * (tenth + 1) // 10
    content[first:end] = random.randbytes(end - first)
    path.write_bytes(content)
    fill(partition, random, RECORDS, RECORDS + 20)
    partition.end()
    work(partition, tmp_path)
    assert (tmp_path / "0.sqlite.damaged").exists()
    check([partition])
