"""A call into librdkafka that never returns. (Everything else about transactions is tested on a real broker.)"""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from contract.kafka import transactions
from contract.kafka.transactions import BatchAbortedError, Transactions

OFFSETS = [TopicPartition("customers", 0, 7)]


class FakeProducer:
    """Takes part in the protocol; ``send`` is what happens when it is given offsets."""

    def __init__(self, send: Any) -> None:
        self._send = send
        self.committed = False

    def init_transactions(self, *_: object) -> None:
        pass

    def begin_transaction(self) -> None:
        pass

    def send_offsets_to_transaction(self, *_: object) -> None:
        self._send()

    def commit_transaction(self, *_: object) -> None:
        self.committed = True

    def purge(self) -> None:
        pass


class FakeConsumer:
    def consumer_group_metadata(self) -> object:
        return object()


@pytest.fixture
def returned() -> Iterator[threading.Event]:
    """When set, calls that hang return."""
    event = threading.Event()
    yield event
    event.set()


def test_a_call_that_hangs_is_left_behind_with_its_producer(
    returned: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "_GRACE_SECONDS", 0.05)
    made = [FakeProducer(returned.wait), FakeProducer(lambda: None)]
    waiting = iter(made)
    subject = Transactions(lambda: next(waiting), 0.05, named=False)  # type: ignore[arg-type,return-value]
    with pytest.raises(BatchAbortedError, match="does not return"):
        subject.run(lambda _: None, OFFSETS, FakeConsumer())  # type: ignore[arg-type]
    subject.run(lambda _: None, OFFSETS, FakeConsumer())  # type: ignore[arg-type]
    assert [producer.committed for producer in made] == [False, True]


def test_what_the_call_raises_is_dealt_with_as_ever() -> None:
    def refuse() -> None:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))

    made = [FakeProducer(refuse), FakeProducer(lambda: None)]
    waiting = iter(made)
    subject = Transactions(lambda: next(waiting), 5, named=False)  # type: ignore[arg-type,return-value]
    with pytest.raises(BatchAbortedError):
        subject.run(lambda _: None, OFFSETS, FakeConsumer())  # type: ignore[arg-type]
    subject.run(lambda _: None, OFFSETS, FakeConsumer())  # type: ignore[arg-type]
    assert made[1].committed


def test_a_batch_that_is_given_up_while_it_is_filled_says_why() -> None:
    def fill(_producer: object) -> None:
        raise BatchAbortedError("the producer's queue is full")

    subject = Transactions(lambda: FakeProducer(lambda: None), 5, named=False)  # type: ignore[arg-type,return-value]
    with pytest.raises(BatchAbortedError, match="the producer's queue is full"):
        subject.run(fill, OFFSETS, FakeConsumer())  # type: ignore[arg-type]
