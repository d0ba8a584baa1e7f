"""Clocks that go wrong: five of any thousand records stamped anywhere in a year change nothing for the others."""

import tempfile
from pathlib import Path
from random import Random

import msgspec
import pytest

from contract.rejection import Reason
from tests.support.join.log import RULES, LoggedWorker, PartitionLog, label, prediction
from tests.support.sizes import size

LIVING = msgspec.structs.replace(RULES, confirmations=6)
RECORDS = 3_000
YEAR = 365 * 24


def stream(wrong: dict[int, float]) -> PartitionLog:
    """Records of ten minutes apart, out of order by up to 40, each with a label; ``wrong`` ones say other hours."""
    partition = PartitionLog()
    for number in range(RECORDS):
        hours = number / 6 - number % 5 / 6
        said = wrong.get(number, hours)
        partition.predictions.append(prediction(number, said))
        partition.labels.append(label(number, said + 3, number % 2))
    partition.end()
    return partition


def joined(partition: PartitionLog) -> PartitionLog:
    with tempfile.TemporaryDirectory() as folder:
        worker = LoggedWorker(partition, Path(folder), rules=LIVING)
        while worker.lag:
            worker.step(200, 200)
        worker.step(0, 0)
        worker.close()
    return partition


def without(partition: PartitionLog, wrong: set[int]) -> dict[int, tuple[int, ...]]:
    """Counts of each pane, by start, from the outcomes of all but some records."""
    found: dict[int, list[int]] = {}
    for outcome in partition.outcomes:
        if int(outcome.record_id[1:]) not in wrong:
            counts = found.setdefault(outcome.event_time // RULES.slide * RULES.slide, [0] * 4)
            counts[2 * outcome.label + outcome.predicted] += 1
    return {start: tuple(counts) for start, counts in found.items()}


@pytest.mark.parametrize("seed", range(size(ci=3, full=40)))
def test_five_of_any_thousand_records_stamped_anywhere_in_a_year_cost_no_other_record(seed: int) -> None:
    random = Random(seed)
    numbers = [number for first in range(0, RECORDS, 1_000) for number in random.sample(range(first, first + 1_000), 5)]
    if seed == 0:
        # all of them at once
        numbers = [first + at for first in range(100, RECORDS, 1_000) for at in range(5)]
    wrong = {number: random.uniform(-YEAR / 2, YEAR / 2) for number in numbers}
    right, found = joined(stream({})), joined(stream(wrong))
    assert not right.dead_letters
    late = [letter for letter in found.dead_letters if letter.topic == "predictions"]
    assert {letter.rejection.reason for letter in late} <= {Reason.RECORD_TOO_LATE}
    refused = {found.predictions.messages[index].offset for index in numbers}
    assert {letter.offset for letter in late} <= refused, "a record with a right clock was refused"
    assert without(found, set(numbers)) == without(right, set(numbers))
