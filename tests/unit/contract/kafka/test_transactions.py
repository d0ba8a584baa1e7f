"""What a worker makes of calls into librdkafka that fail or never return. (A real broker's part is tested on one.)"""

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from contract.kafka import transactions
from contract.kafka.transactions import BatchAbortedError, FencedError, Transactions
from contract.testing import MemoryLog
from contract.testing.producer import MemoryProducer

NAME = "scorer-one"
OFFSETS = [TopicPartition("customers", 0, 7)]


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog({"customers": 1, "predictions": 1})


def worker(log: MemoryLog, timeout: float = 5, *, named: bool = False) -> Transactions:
    return Transactions(lambda _: log.producer(NAME), timeout, named=named)


def publish(log: MemoryLog, subject: Transactions) -> None:
    def fill(producer: Producer) -> None:
        producer.produce("predictions", key=b"c7", value=b"{}")

    subject.run(fill, OFFSETS, log.consumer("scorer").consumer_group_metadata())


def published(log: MemoryLog) -> tuple[int, int]:
    """Messages that a reader finds, and the offset to go on from."""
    return len(log.messages("predictions")), log.committed("scorer", "customers", 0).offset


def test_a_call_that_hangs_is_left_behind_with_its_producer(log: MemoryLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "_GRACE_SECONDS", 0.05)
    returned = log.hang("send_offsets_to_transaction")
    subject = worker(log, 0.05)
    with pytest.raises(BatchAbortedError, match="does not return"):
        publish(log, subject)
    publish(log, subject)
    returned.set()
    assert published(log) == (1, 7)


def test_offsets_are_never_committed_without_what_was_published_before_them(log: MemoryLog) -> None:
    subject = worker(log)
    subject.begin(lambda producer: producer.produce("predictions", key=b"c7", value=b"{}"))
    subject.close()
    with pytest.raises(BatchAbortedError, match="no transaction is open"):
        subject.finish(OFFSETS, log.consumer("scorer").consumer_group_metadata())
    publish(log, subject)
    assert published(log) == (1, 7)


@pytest.mark.parametrize(
    "call", ["init_transactions", "begin_transaction", "send_offsets_to_transaction", "commit_transaction"]
)
def test_after_a_call_that_failed_the_batch_is_published_once(call: str, log: MemoryLog) -> None:
    log.fail(call, KafkaError._TIMED_OUT)
    subject = worker(log)
    with pytest.raises(BatchAbortedError):
        publish(log, subject)
    assert published(log)[0] == 0
    publish(log, subject)
    assert published(log) == (1, 7)


def test_a_commit_whose_reply_is_lost_has_happened_and_the_offsets_say_so(log: MemoryLog) -> None:
    log.fail("commit_transaction", KafkaError._TIMED_OUT, applied=True)
    subject = worker(log)
    with pytest.raises(BatchAbortedError):
        publish(log, subject)
    subject.prepare()
    assert published(log) == (1, 7)


@pytest.mark.parametrize("abort_fails", [False, True])
def test_a_transaction_that_must_be_aborted_is(abort_fails: bool, log: MemoryLog) -> None:
    log.fail("commit_transaction", KafkaError(KafkaError._TIMED_OUT, "in doubt", txn_requires_abort=True))
    if abort_fails:
        log.fail("abort_transaction", KafkaError._TIMED_OUT)
    subject = worker(log)
    with pytest.raises(BatchAbortedError):
        publish(log, subject)
    publish(log, subject)
    assert published(log) == (1, 7)


def test_a_message_that_is_not_delivered_aborts_its_batch(log: MemoryLog) -> None:
    log.fail("delivery", KafkaError._MSG_TIMED_OUT)
    subject = worker(log)
    with pytest.raises(BatchAbortedError):
        publish(log, subject)
    publish(log, subject)
    assert published(log) == (1, 7)


def test_a_full_queue_aborts_the_batch(log: MemoryLog) -> None:
    log.fail("produce", BufferError("full"))
    with pytest.raises(BatchAbortedError, match="does not fit"):
        publish(log, worker(log))
    assert published(log)[0] == 0


@pytest.mark.parametrize("named", [True, False])
def test_a_worker_that_was_fenced_stops_if_it_has_a_name_and_goes_on_if_not(named: bool, log: MemoryLog) -> None:
    subject = worker(log, named=named)
    subject.prepare()
    log.producer(NAME).init_transactions()
    with pytest.raises(FencedError if named else BatchAbortedError, match="fenced"):
        publish(log, subject)
    if not named:
        publish(log, subject)
    assert published(log)[0] == (0 if named else 1)


def test_a_batch_that_is_given_up_while_it_is_filled_says_why(log: MemoryLog) -> None:
    def fill(_producer: Producer) -> None:
        raise BatchAbortedError("the producer's queue is full")

    with pytest.raises(BatchAbortedError, match="the producer's queue is full"):
        worker(log).run(fill, OFFSETS, log.consumer("scorer").consumer_group_metadata())


def test_a_fatal_error_that_the_producer_raises_at_each_call_is_dealt_with_as_ever(
    log: MemoryLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> int:
        raise KafkaException(KafkaError(KafkaError._FENCED))

    subject = worker(log)
    log.fail("commit_transaction", KafkaError._FENCED)
    monkeypatch.setattr(MemoryProducer, "poll", broken)
    with pytest.raises(BatchAbortedError):
        publish(log, subject)
    monkeypatch.undo()
    publish(log, subject)
    assert published(log) == (1, 7)
