"""The log in memory behaves as a broker does: each test runs against both."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_INVALID,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import NewTopic

from contract.kafka.clients import admin_client, committed_consumer, idempotent_producer, transactional_producer
from contract.settings import load_settings
from contract.testing import MemoryLog
from tests.support.kafka.topics import committed
from tests.support.polling import eventually

GROUP, PARTITIONS, TIMEOUT = "readers", 3, 30.0
EXPECTED_PARTITIONS = [1, 0, 2, 1, 1, 0]
"""Of the keys customer-0 to customer-5."""
FENCED = {KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED}


@dataclass
class Subject:
    """A log with one topic; ``producer`` takes a transactional id or None, ``messages`` tells what readers find."""

    topic: str
    producer: Callable[[str | None], Producer]
    consumer: Callable[[], Consumer]
    messages: Callable[[], list[Message]]

    def transactional(self, name: str = "one") -> Producer:
        producer = self.producer(name)
        producer.init_transactions(TIMEOUT)
        return producer

    def values(self) -> list[bytes | None]:
        return [message.value() for message in self.messages()]


@pytest.fixture(params=["memory", "broker"])
def log(request: pytest.FixtureRequest, topic_prefix: str) -> Iterator[Subject]:
    topic = f"{topic_prefix}topic"
    if request.param == "memory":
        memory = MemoryLog({topic: PARTITIONS})
        yield Subject(topic, memory.producer, lambda: memory.consumer(GROUP), lambda: memory.messages(topic))
        return
    settings = load_settings(
        kafka={"bootstrap.servers": request.getfixturevalue("broker")}, topic_prefix=topic_prefix, partitions=PARTITIONS
    )
    admin = admin_client(settings)
    admin.create_topics([NewTopic(topic, PARTITIONS, 1)])[topic].result(TIMEOUT)
    yield Subject(
        topic,
        lambda name: transactional_producer(settings, topic_prefix + name) if name else idempotent_producer(settings),
        lambda: committed_consumer(settings, GROUP),
        lambda: committed(settings, "topic"),
    )


def read(consumer: Consumer, count: int) -> list[Message]:
    found: list[Message] = []

    def enough() -> bool:
        found.extend(consumer.consume(count - len(found), 0.1))
        return len(found) >= count

    eventually(enough, TIMEOUT, "messages to read")
    assert [message.error() for message in found] == [None] * count
    return found


def test_a_message_is_found_as_it_was_sent_in_the_partition_of_its_key(log: Subject) -> None:
    producer = log.producer(None)
    told: list[tuple[KafkaError | None, int | None]] = []
    for number in range(20):
        producer.produce(
            log.topic,
            str(number).encode(),
            f"customer-{number}".encode(),
            on_delivery=lambda error, message: told.append((error, message.partition())),
            timestamp=1_700_000_000_000 + number,
            headers=[("kind", b"test"), ("none", None)],
        )
    producer.produce(log.topic, value=None, key=None, partition=2)
    assert producer.flush(TIMEOUT) == 0
    found = log.messages()
    by_value = {message.value(): message for message in found}
    assert len(by_value) == 21
    for number in range(20):
        message = by_value[str(number).encode()]
        assert message.key() == f"customer-{number}".encode()
        assert message.timestamp() == (1, 1_700_000_000_000 + number)
        assert message.headers() == [("kind", b"test"), ("none", None)]
        assert message.topic() == log.topic
    assert (by_value[None].key(), by_value[None].partition(), by_value[None].headers()) == (None, 2, None)
    assert Counter(partition for _, partition in told) == Counter(m.partition() for m in found if m.value() is not None)
    assert {error for error, _ in told} == {None}
    # the Java client's and ours: what else writes to a topic must agree
    places = {message.key(): message.partition() for message in found}
    assert [places[f"customer-{number}".encode()] for number in range(6)] == EXPECTED_PARTITIONS
    for partition in range(PARTITIONS):
        assert [m.offset() for m in found if m.partition() == partition] == list(
            range(sum(m.partition() == partition for m in found))
        )


def test_a_transaction_is_seen_whole_once_it_is_committed_and_its_end_takes_an_offset(log: Subject) -> None:
    producer = log.transactional()
    for outcome, values in (("commit", b"ab"), ("abort", b"cd"), ("commit", b"e")):
        producer.begin_transaction()
        for value in values:
            producer.produce(log.topic, value=bytes([value]), partition=0)
        if outcome == "commit":
            producer.commit_transaction(TIMEOUT)
        else:
            producer.flush(TIMEOUT)
            producer.abort_transaction(TIMEOUT)
    assert [(m.value(), m.offset()) for m in log.messages()] == [(b"a", 0), (b"b", 1), (b"e", 6)]


def test_offsets_are_committed_with_their_transaction_or_not_at_all(log: Subject) -> None:
    producer, consumer = log.transactional(), log.consumer()
    consumer.subscribe([log.topic])
    producer.begin_transaction()
    producer.produce(log.topic, value=b"a", partition=0)
    producer.commit_transaction(TIMEOUT)
    read(consumer, 1)
    position = TopicPartition(log.topic, 0)
    assert consumer.committed([position], TIMEOUT)[0].offset == OFFSET_INVALID
    for offset, ended in ((1, producer.abort_transaction), (2, producer.commit_transaction)):
        producer.begin_transaction()
        producer.send_offsets_to_transaction(
            [TopicPartition(log.topic, 0, offset, f"at {offset}")], consumer.consumer_group_metadata(), TIMEOUT
        )
        ended(TIMEOUT)
    [found] = consumer.committed([position], TIMEOUT)
    assert (found.offset, found.metadata) == (2, "at 2")
    consumer.close()


def test_a_newer_producer_of_the_same_name_ends_the_open_transaction_and_fences_the_older(log: Subject) -> None:
    older = log.transactional()
    older.begin_transaction()
    older.produce(log.topic, value=b"lost", partition=0)
    older.flush(TIMEOUT)
    newer = log.transactional()
    newer.begin_transaction()
    newer.produce(log.topic, value=b"kept", partition=0)
    newer.commit_transaction(TIMEOUT)
    with pytest.raises(KafkaException) as raised:
        older.commit_transaction(TIMEOUT)
    assert raised.value.args[0].code() in FENCED
    assert log.values() == [b"kept"]


def test_a_transaction_has_its_order(log: Subject) -> None:
    producer = log.producer("one")
    with pytest.raises(KafkaException):
        producer.begin_transaction()
    producer.init_transactions(TIMEOUT)
    with pytest.raises(KafkaException):
        producer.commit_transaction(TIMEOUT)
    with pytest.raises(KafkaException):
        producer.produce(log.topic, value=b"outside")
    with pytest.raises(KafkaException):
        log.producer(None).init_transactions(TIMEOUT)
    producer.begin_transaction()
    with pytest.raises(KafkaException):
        producer.begin_transaction()
    producer.abort_transaction(TIMEOUT)


def test_a_reader_waits_where_a_transaction_is_open(log: Subject) -> None:
    producer, consumer = log.transactional(), log.consumer()
    consumer.subscribe([log.topic])
    plain = log.producer(None)
    plain.produce(log.topic, value=b"before", partition=0)
    plain.flush(TIMEOUT)
    producer.begin_transaction()
    producer.produce(log.topic, value=b"open", partition=0)
    producer.flush(TIMEOUT)
    plain.produce(log.topic, value=b"behind", partition=0)
    plain.produce(log.topic, value=b"elsewhere", partition=1)
    plain.flush(TIMEOUT)
    assert {m.value() for m in read(consumer, 2)} == {b"before", b"elsewhere"}
    assert consumer.poll(0.3) is None
    producer.commit_transaction(TIMEOUT)
    assert [m.value() for m in read(consumer, 2)] == [b"open", b"behind"]
    consumer.close()


def test_a_consumer_is_told_of_its_partitions_seeks_and_goes_on_from_what_is_committed(log: Subject) -> None:
    producer = log.transactional()
    producer.begin_transaction()
    for value in b"abc":
        producer.produce(log.topic, value=bytes([value]), partition=1)
    producer.commit_transaction(TIMEOUT)
    told: list[tuple[str, int]] = []
    consumer = log.consumer()
    consumer.subscribe(
        [log.topic],
        on_assign=lambda _, partitions: told.append(("assigned", len(partitions))),
        on_revoke=lambda _, partitions: told.append(("revoked", len(partitions))),
    )
    assert consumer.assignment() == []
    assert [m.value() for m in read(consumer, 3)] == [b"a", b"b", b"c"]
    assert sorted(one.partition for one in consumer.assignment()) == list(range(PARTITIONS))
    consumer.seek(TopicPartition(log.topic, 1, OFFSET_BEGINNING))
    assert [m.value() for m in read(consumer, 3)] == [b"a", b"b", b"c"]
    consumer.seek(TopicPartition(log.topic, 1, 2))
    assert [m.value() for m in read(consumer, 1)] == [b"c"]
    producer.begin_transaction()
    producer.send_offsets_to_transaction([TopicPartition(log.topic, 1, 1)], consumer.consumer_group_metadata(), TIMEOUT)
    producer.commit_transaction(TIMEOUT)
    consumer.close()
    assert told == [("assigned", PARTITIONS), ("revoked", PARTITIONS)]
    following = log.consumer()
    following.subscribe([log.topic])
    assert [m.value() for m in read(following, 2)] == [b"b", b"c"]
    following.close()


def test_metadata_names_the_partitions(log: Subject) -> None:
    found = log.producer(None).list_topics(log.topic, timeout=TIMEOUT).topics
    assert {name: sorted(topic.partitions) for name, topic in found.items()} == {log.topic: list(range(PARTITIONS))}
