"""Labels that can never join, told at once: dated before their record, or in another partition than its prediction."""

from pathlib import Path
from random import Random

import msgspec
import pytest

from contract.kafka.partitioner import belongs_to
from contract.rejection import Reason
from monitor.join.rules import JoinRules
from tests.support.join.check import check
from tests.support.join.log import HOUR, RULES, LoggedWorker, PartitionLog, label, prediction
from tests.support.messages import START

DAY = 24 * HOUR
LENIENT = msgspec.structs.replace(RULES, tolerance=DAY)
FOUR = msgspec.structs.replace(RULES, partitions=4)


def dead(partition: PartitionLog) -> list[tuple[int, Reason]]:
    return [(letter.offset, letter.rejection.reason) for letter in partition.dead_letters]


@pytest.mark.parametrize("label_first", [False, True])
def test_a_label_dated_before_its_record_is_told_at_once_with_both_times(label_first: bool, tmp_path: Path) -> None:
    partition = PartitionLog()
    worker = LoggedWorker(partition, tmp_path)
    topics = [
        lambda: partition.predictions.append(prediction(1, 10)),
        lambda: partition.labels.append(label(1, 0)),
    ]
    for append in reversed(topics) if label_first else topics:
        append()
        worker.drain()
    assert dead(partition) == [(0, Reason.LABEL_BEFORE_RECORD)]
    detail = partition.dead_letters[0].rejection.detail
    assert str(START) in detail
    assert str(START + 10 * HOUR) in detail
    assert "CHURNSTREAM_LABEL_TOLERANCE" in detail
    partition.labels.append(label(1, 12))
    worker.drain()
    assert [outcome.label for outcome in partition.outcomes] == [1]


def test_labels_dated_by_day_join_within_the_tolerance(tmp_path: Path) -> None:
    partition = PartitionLog()
    for number in range(100):
        hours = 20 + number / 2
        partition.predictions.append(prediction(number, hours))
        partition.labels.append(label(number, hours // 24 * 24))
    partition.end()
    worker = LoggedWorker(partition, tmp_path, rules=LENIENT)
    worker.drain()
    assert len(partition.outcomes) == 100
    assert not partition.dead_letters
    assert sum(pane.summary.labelled for pane in partition.panes.values()) == 100
    assert all(set(pane.summary.delay_hours) == {0} for pane in partition.panes.values())


@pytest.mark.parametrize("seed", range(5))
def test_a_rebuilt_store_judges_coarse_times_as_the_lost_one_did(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    partition = PartitionLog()
    for part in range(4):
        worker = LoggedWorker(partition, tmp_path / str(part), rules=LENIENT)
        for number in range(part * 40, part * 40 + 40):
            partition.predictions.append(prediction(number, number))
            partition.labels.append(label(number, number + random.randrange(-60, 15)))
        while worker.lag:
            worker.step(random.randrange(10), random.randrange(10))
        worker.close()
    partition.end()
    LoggedWorker(partition, tmp_path / "last", rules=LENIENT).drain()
    joined = {outcome.record_id for outcome in partition.outcomes}
    assert len(joined) == len(partition.outcomes)
    assert len(dead(partition)) == len(set(dead(partition)))
    assert len(joined) + len(partition.dead_letters) == 160


def numbers(partition: int, count: int, *, elsewhere: bool = False) -> list[int]:
    """Records whose customer belongs in a partition of four, or does not."""
    found = []
    number = 0
    while len(found) < count:
        if (belongs_to(f"c{number}", 4) == partition) is not elsewhere:
            found.append(number)
        number += 1
    return found


def run(partition: PartitionLog, folder: Path, *, rules: JoinRules = FOUR, step: int = 7) -> None:
    worker = LoggedWorker(partition, folder, rules=rules)
    while worker.lag:
        worker.step(step, step)
    worker.close()


@pytest.mark.parametrize("labels_first", [False, True])
def test_a_label_by_another_partitioner_is_told_at_once_with_both_partitions(
    labels_first: bool, tmp_path: Path
) -> None:
    partition = PartitionLog(2)
    strangers = numbers(2, 10, elsewhere=True)
    for append in (True, False) if labels_first else (False, True):
        if append:
            for number in strangers:
                partition.labels.append(label(number, 5))
        else:
            for number in numbers(2, 40):
                partition.predictions.append(prediction(number, 4))
        run(partition, tmp_path)
    assert [reason for _, reason in dead(partition)] == [Reason.WRONG_PARTITION] * 10
    detail = partition.dead_letters[0].rejection.detail
    assert detail.startswith("partition 2,")
    assert f"sends this key to partition {belongs_to(f'c{strangers[0]}', 4)}" in detail
    assert partition.dead_letters[0].rejection.field == "key"


def test_labels_and_records_that_agree_on_another_partitioner_join_as_ever(tmp_path: Path) -> None:
    partition = PartitionLog(2)
    for number in range(60):
        partition.predictions.append(prediction(number, 4))
        partition.labels.append(label(number, 5))
    # nor is a label told whose record is still to come
    partition.labels.append(label(60, 5))
    run(partition, tmp_path)
    assert len(partition.outcomes) == 60
    assert not partition.dead_letters
    partition.predictions.append(prediction(60, 5))
    partition.end()
    run(partition, tmp_path)
    check([partition])


def test_what_is_known_of_the_partitioner_outlasts_a_lost_store(tmp_path: Path) -> None:
    partition = PartitionLog(2)
    for number in numbers(2, 40):
        partition.predictions.append(prediction(number, number / 10))
    for number in numbers(2, 5, elsewhere=True):
        partition.labels.append(label(number, 5))
    run(partition, tmp_path / "lost")
    for number in numbers(2, 10, elsewhere=True)[5:]:
        partition.labels.append(label(number, 5))
    run(partition, tmp_path / "new")
    assert [reason for _, reason in dead(partition)] == [Reason.WRONG_PARTITION] * 10
    assert len(set(dead(partition))) == 10
