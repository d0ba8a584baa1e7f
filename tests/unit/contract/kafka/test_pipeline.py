"""Transactions beside the work on the next batch. (A real broker's part is tested on one.)"""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from confluent_kafka import KafkaError, Producer, TopicPartition

from contract.kafka.clients import second_id
from contract.kafka.pipeline import Submitted, TransactionPipeline, is_worth_overlapping, pause_before_reading
from contract.kafka.transactions import BatchAbortedError, FencedError, Transactions
from contract.testing import MemoryLog
from tests.support.polling import eventually

NAME = "scorer-one"
IDS = (NAME, second_id(NAME))


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog({"customers": 1, "predictions": 1})


@pytest.fixture
def pipeline(log: MemoryLog) -> Iterator[TransactionPipeline]:
    subject = pipeline_on(log)
    yield subject
    subject.close()


def pipeline_on(log: MemoryLog, *, named: bool = False) -> TransactionPipeline:
    subject = TransactionPipeline(
        [Transactions(lambda _, name=name: log.producer(name), 5, named=named) for name in IDS]  # type: ignore[misc]
    )
    subject.prepare()
    return subject


def batch(number: int, producers: list[Producer] | None = None) -> Submitted:
    def fill(producer: Producer) -> None:
        if producers is not None:
            producers.append(producer)
        producer.produce("predictions", key=b"c", value=str(number).encode())

    return Submitted(fill, [TopicPartition("customers", 0, number + 1)], "scorer")


def submit(pipeline: TransactionPipeline, count: int) -> None:
    for number in range(count):
        pipeline.submit(batch(number))


def published(log: MemoryLog) -> tuple[list[int], int]:
    """What a reader finds, and the offset to go on from."""
    values = [int(message.value() or b"") for message in log.messages("predictions")]
    return values, log.committed("scorer", "customers", 0).offset


def test_the_next_batch_is_worked_on_while_the_last_one_is_committed_and_waits_for_it(
    log: MemoryLog, pipeline: TransactionPipeline
) -> None:
    goes_on = log.hang("commit_transaction")
    produced: list[Producer] = []
    pipeline.submit(batch(0))  # returns, though the commit hangs
    second = threading.Thread(target=pipeline.submit, args=[batch(1, produced)])
    second.start()
    second.join(0.05)
    assert second.is_alive()
    assert not produced
    goes_on.set()
    second.join(10)
    pipeline.settle()
    assert published(log) == ([0, 1], 2)


def test_producers_take_turns(log: MemoryLog, pipeline: TransactionPipeline) -> None:
    producers: list[Producer] = []
    for number in range(4):
        pipeline.submit(batch(number, producers))
    pipeline.settle()
    assert producers[0] is producers[2]
    assert producers[1] is producers[3]
    assert producers[0] is not producers[1]
    assert published(log) == ([0, 1, 2, 3], 4)


@pytest.mark.parametrize(
    "call", ["begin_transaction", "produce", "send_offsets_to_transaction", "commit_transaction", "delivery"]
)
@pytest.mark.parametrize("at", [1, 2])
def test_a_transaction_that_fails_takes_the_batch_after_it_back(
    call: str, at: int, log: MemoryLog, pipeline: TransactionPipeline
) -> None:
    failure = BufferError("full") if call == "produce" else KafkaError._MSG_TIMED_OUT
    log.fail(call, failure, at=at)
    with pytest.raises(BatchAbortedError):
        submit(pipeline, at + 1)
    assert published(log)[0] == list(range(at - 1))
    pipeline.prepare()
    for number in range(at - 1, 3):
        pipeline.submit(batch(number))
    pipeline.settle()
    assert published(log) == ([0, 1, 2], 3)


def test_a_commit_whose_reply_is_lost_has_happened_and_the_offsets_say_so(
    log: MemoryLog, pipeline: TransactionPipeline
) -> None:
    log.fail("commit_transaction", KafkaError._TIMED_OUT, applied=True)
    pipeline.submit(batch(0))
    with pytest.raises(BatchAbortedError):
        pipeline.submit(batch(1))
    pipeline.prepare()
    assert published(log) == ([0], 1)
    pipeline.submit(batch(1))
    pipeline.settle()
    assert published(log) == ([0, 1], 2)


def test_a_failed_transaction_is_tried_again_by_the_same_producer_id(
    log: MemoryLog, pipeline: TransactionPipeline
) -> None:
    # or an error that comes each time would be counted once for each of them
    log.fail("commit_transaction", KafkaError(KafkaError._TIMED_OUT, "in doubt", txn_requires_abort=True))
    producers: list[Producer] = []
    pipeline.submit(batch(0, producers))
    with pytest.raises(BatchAbortedError):
        pipeline.settle()
    pipeline.submit(batch(0, producers))
    pipeline.settle()
    assert producers[0] is producers[1]


def test_a_failure_is_told_once_and_waiting_tells_none(log: MemoryLog, pipeline: TransactionPipeline) -> None:
    log.fail("commit_transaction", KafkaError._TIMED_OUT)
    pipeline.submit(batch(0))
    pipeline.wait()
    with pytest.raises(BatchAbortedError):
        pipeline.prepare()
    pipeline.prepare()


def test_what_is_called_after_a_commit_is_not_called_after_a_failure(
    log: MemoryLog, pipeline: TransactionPipeline
) -> None:
    told: list[int] = []
    log.fail("commit_transaction", KafkaError._TIMED_OUT, at=2)
    for number in range(2):
        work = batch(number)
        pipeline.submit(Submitted(work.fill, work.offsets, "scorer", lambda number=number: told.append(number)))  # type: ignore[misc]
    pipeline.wait()
    assert told == [0]


@pytest.mark.parametrize("left", [[IDS[0]], [IDS[1]], list(IDS)], ids=["first", "second", "both"])
def test_what_a_killed_process_has_left_open_is_ended_before_anything_is_read(left: list[str], log: MemoryLog) -> None:
    for name in left:
        producer = log.producer(name)
        producer.init_transactions()
        producer.begin_transaction()
        producer.produce("predictions", key=b"c", value=b"9")
    subject = pipeline_on(log)
    subject.submit(batch(0))
    subject.settle()
    assert published(log) == ([0], 1)
    subject.close()


@pytest.mark.parametrize("taken", IDS)
def test_a_worker_with_a_name_stops_whichever_producer_was_fenced(taken: str, log: MemoryLog) -> None:
    subject = pipeline_on(log, named=True)
    log.producer(taken).init_transactions()
    with pytest.raises(FencedError, match="fenced"):
        submit(subject, IDS.index(taken) + 1)
    assert published(log)[0] == list(range(IDS.index(taken)))
    subject.close()


@pytest.mark.parametrize(
    ("read", "working", "committing", "worth_it"),
    [(10, 0.001, 0.007, False), (10, 0.004, 0.007, True), (10_000, 0.001, 0.1, True), (2_499, 0.01, 0.1, False)],
    ids=["trickle", "slow model", "backlog", "little"],
)
def test_a_batch_is_read_beside_a_commit_where_that_gains(
    read: int, working: float, committing: float, worth_it: bool
) -> None:
    assert is_worth_overlapping(read, 10_000, working, committing) is worth_it


@pytest.mark.parametrize(
    ("last_read", "pause"),
    [(float("-inf"), 0), (99.0, 0), (99.998, 0.006), (100.0, 0.008)],
    ids=["the first", "a lone one", "right after another", "at once"],
)
def test_batches_that_follow_on_one_another_are_read_some_time_apart(last_read: float, pause: float) -> None:
    assert pause_before_reading(last_read, 100.0) == pytest.approx(pause)


def test_it_is_known_how_long_the_last_transaction_took(log: MemoryLog, pipeline: TransactionPipeline) -> None:
    goes_on = log.hang("commit_transaction")
    begun: list[float] = []
    submitted = batch(0)

    def fill(producer: Producer) -> None:
        begun.append(time.perf_counter())
        submitted.fill(producer)

    pipeline.submit(replace(submitted, fill=fill))
    eventually(lambda: bool(begun) and time.perf_counter() - begun[0] > 0.05)
    goes_on.set()
    pipeline.settle()
    assert pipeline.seconds > 0.05


def test_to_close_waits_for_what_is_under_way(log: MemoryLog) -> None:
    subject = pipeline_on(log)
    goes_on = log.hang("commit_transaction")
    subject.submit(batch(0))
    closing = threading.Thread(target=subject.close)
    closing.start()
    closing.join(0.05)
    assert closing.is_alive()
    goes_on.set()
    eventually(lambda: not closing.is_alive(), 10)
    assert published(log) == ([0], 1)


def test_producers_are_made_at_once(log: MemoryLog) -> None:
    meet = threading.Barrier(len(IDS))

    def made(name: str) -> Producer:
        meet.wait(10)
        return log.producer(name)

    both = [Transactions(lambda _, name=name: made(name), 5, named=False) for name in IDS]  # type: ignore[misc]
    subject = TransactionPipeline(both)
    subject.prepare()
    assert all(one.prepared for one in both)
    subject.close()


def test_a_producer_that_is_not_to_be_had_is_told_of_and_the_other_kept(log: MemoryLog) -> None:
    made: list[str] = []

    def producer(name: str) -> Producer:
        made.append(name)
        if made.count(name) == 1 and name != NAME:
            raise BatchAbortedError("no broker")
        return log.producer(name)

    subject = TransactionPipeline(
        [Transactions(lambda _, name=name: producer(name), 5, named=False) for name in IDS]  # type: ignore[misc]
    )
    with pytest.raises(BatchAbortedError, match="no broker"):
        subject.prepare()
    subject.prepare()
    assert sorted(made) == sorted([*IDS, IDS[1]])
    subject.close()
