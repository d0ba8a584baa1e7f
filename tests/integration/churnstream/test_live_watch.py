"""What ``StreamWatch`` says of consumer groups while a killed worker's transaction is still open."""

from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition

from churnstream.live.watch import StreamWatch
from contract.kafka.clients import transactional_producer
from contract.settings import Settings
from contract.topics import LABELS
from tests.support.kafka.topics import TIMEOUT, send, stream_settings


def test_an_open_transaction_holds_nobody_back(broker: str, topic_prefix: str, tmp_path: Path) -> None:
    settings = stream_settings(broker, topic_prefix, tmp_path / "state", transaction_timeout_ms=60_000)
    send(settings, LABELS, [(None, b"label")] * 5, partition=0)
    group = Consumer(settings.kafka | {"group.id": settings.topic("join")})
    producer = transactional_producer(settings, settings.topic("join-killed"))
    producer.init_transactions(TIMEOUT)
    watch = StreamWatch(settings)
    try:
        _send_offset(settings, producer, group, 2)
        producer.commit_transaction(TIMEOUT)
        _send_offset(settings, producer, group, 4)
        seen = watch.refresh()
        assert (seen.labels, seen.joined) == (5, 2)
    finally:
        watch.close()
        producer.abort_transaction(TIMEOUT)
        group.close()


def _send_offset(settings: Settings, producer: Producer, group: Consumer, offset: int) -> None:
    """Begin a transaction that commits ``offset`` of the first partition."""
    producer.begin_transaction()
    position = TopicPartition(settings.topic(LABELS), 0, offset)
    producer.send_offsets_to_transaction([position], group.consumer_group_metadata(), TIMEOUT)
