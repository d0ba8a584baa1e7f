"""A batch takes what is there: it waits for nobody, ends at a number of messages or of bytes, and loses none."""

import time

import pytest
from confluent_kafka import OFFSET_BEGINNING, TopicPartition

from contract.kafka.consuming import BatchConsumer
from contract.testing import MemoryLog

TOPIC = "topic"


def log_of(sizes: list[int], key: bytes | None = b"") -> MemoryLog:
    """One partition, with values of these sizes, each ending in its number."""
    log = MemoryLog({TOPIC: 1})
    producer = log.producer()
    for place, size in enumerate(sizes):
        producer.produce(TOPIC, b"x" * (size - 4) + f"{place:04d}".encode(), key)
    producer.flush()
    return log


def batch_consumer(
    log: MemoryLog, *, batch_size: int = 100, batch_bytes: int = 1_000, linger: float = 0
) -> BatchConsumer:
    def beginning(partitions: list[TopicPartition]) -> list[TopicPartition]:
        return [TopicPartition(one.topic, one.partition, OFFSET_BEGINNING) for one in partitions]

    return BatchConsumer(
        log.consumer("readers"),
        [TOPIC],
        batch_size=batch_size,
        batch_bytes=batch_bytes,
        linger=linger,
        timeout=1.0,
        start=beginning,
    )


def batches(reader: BatchConsumer, count: int) -> list[list[int]]:
    """The numbers of the messages in each batch, until ``count`` messages have come."""
    found: list[list[int]] = []
    while sum(map(len, found)) < count:
        batch = [int((message.value() or b"")[-4:]) for message in reader.poll(1.0)]
        if batch:
            found.append(batch)
    return found


@pytest.mark.parametrize("batch_size", [1, 3, 100])
@pytest.mark.parametrize(
    "sizes", [[10] * 250, [400] * 20, [2_000] * 5, [10, 990, 10, 3_000, 10, 10, 995, 4], [999, 1, 1_000, 1_001] * 5]
)
def test_a_batch_ends_at_a_number_of_messages_or_of_bytes_and_none_is_lost(sizes: list[int], batch_size: int) -> None:
    sizes = [max(size, 4) for size in sizes]
    found = batches(batch_consumer(log_of(sizes), batch_size=batch_size), len(sizes))
    assert [number for batch in found for number in batch] == list(range(len(sizes)))
    for place, batch in enumerate(found):
        assert len(batch) <= batch_size
        total = sum(sizes[number] for number in batch)
        assert len(batch) == 1 or total <= 1_000
        if place + 1 < len(found):
            # no batch is smaller than it has to be, with all messages there
            assert len(batch) == batch_size or total + sizes[found[place + 1][0]] > 1_000


def test_keys_count_as_values_do() -> None:
    assert batches(batch_consumer(log_of([10] * 4, key=b"k" * 600)), 4) == [[0], [1], [2], [3]]


def test_a_lone_message_waits_for_nobody() -> None:
    reader = batch_consumer(log_of([10]))
    began = time.perf_counter()
    assert batches(reader, 1) == [[0]]
    assert time.perf_counter() - began < 0.5


def test_a_batch_waits_for_company_as_long_as_it_is_told_to() -> None:
    reader = batch_consumer(log_of([10]), linger=0.2)
    began = time.perf_counter()
    assert batches(reader, 1) == [[0]]
    assert time.perf_counter() - began >= 0.2


def test_what_a_given_up_batch_left_over_comes_once() -> None:
    reader = batch_consumer(log_of([400] * 6))
    assert batches(reader, 2) == [[0, 1]]
    reader.invalidate()
    assert batches(reader, 6) == [[0, 1], [2, 3], [4, 5]]
