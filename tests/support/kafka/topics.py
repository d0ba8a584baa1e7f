"""What a test does at the broker: settings of its own topics, sending, and reading what was committed."""

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from contract.kafka.clients import admin_client
from contract.kafka.control import end_of_stream_message
from contract.kafka.provision import ensure_topics
from contract.settings import Settings, load_settings
from contract.topics import CUSTOMERS, LABELS, topic_specs
from tests.support.polling import eventually

TIMEOUT = 30.0


def stream_settings(broker: str, prefix: str, state_dir: Path, **changed: Any) -> Settings:
    """Settings of a stream of the test's own, its topics created.

    Without reports, because each monitor's process of reports takes seconds of CPU for its imports: who looks at
    reports sets ``max_reports``.
    """
    settings = load_settings(
        kafka={"bootstrap.servers": broker},
        topic_prefix=prefix,
        state_dir=state_dir,
        **{"partitions": 2, "request_timeout_ms": 10_000, "publish_interval_ms": 50, "max_reports": 0} | changed,
    )
    ensure_topics(admin_client(settings), settings)
    return settings


def delete_topics(admin: AdminClient, names: Iterable[str]) -> None:
    """Delete topics, and wait until the broker shows none of them."""
    gone = list(names)
    for future in admin.delete_topics(gone).values():
        future.result(TIMEOUT)
    eventually(lambda: not admin.list_topics(timeout=TIMEOUT).topics.keys() & set(gone), message="topics are gone")


def remake_topics(settings: Settings) -> None:
    """Delete a stream's topics and make them anew, as a user would by hand; groups and state stay."""
    admin = admin_client(settings)
    delete_topics(admin, (spec.name for spec in topic_specs(settings)))
    ensure_topics(admin, settings)


def environment(settings: Settings) -> dict[str, str]:
    """The environment in which a subprocess reads the same settings."""
    given = settings.model_dump(mode="json", exclude={"kafka", "mlflow_tracking_uri"}, exclude_none=True)
    durations = ("window", "slide", "out_of_orderness", "label_lateness", "label_tolerance")
    given |= {name: f"{given[name]}ms" for name in durations}
    return {
        **os.environ,
        **{f"CHURNSTREAM_{name.upper()}": str(value) for name, value in given.items()},
        "MLFLOW_TRACKING_URI": settings.mlflow_tracking_uri,
        **{f"KAFKA_{name.upper().replace('.', '_')}": str(value) for name, value in settings.kafka.items()},
    }


def shortest_session_timeout(broker: str) -> int:
    """Milliseconds: the shortest that the broker allows, but time enough for a worker on a busy machine."""
    admin = AdminClient({"bootstrap.servers": broker})
    node = next(iter(admin.list_topics(timeout=TIMEOUT).brokers))
    resource = ConfigResource(ResourceType.BROKER, str(node))
    allowed = admin.describe_configs([resource])[resource].result(TIMEOUT)["group.min.session.timeout.ms"].value
    return max(int(allowed or 0), 2_000)


def allow_messages_of(settings: Settings, topic: str, max_bytes: int) -> None:
    """Let a topic of ours take messages of ``max_bytes``, as one that somebody else made might."""
    configure(settings, topic, {"max.message.bytes": str(max_bytes)})


def configure(settings: Settings, topic: str, properties: Mapping[str, str]) -> None:
    """Change the configuration of a topic of ours."""
    entries = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in properties.items()
    ]
    resource = ConfigResource(ResourceType.TOPIC, settings.topic(topic), incremental_configs=entries)
    admin = admin_client(settings)
    admin.incremental_alter_configs([resource])[resource].result(TIMEOUT)


def send(
    settings: Settings,
    topic: str,
    messages: Iterable[tuple[bytes | None, bytes | None]],
    *,
    max_bytes: int = 10_000_000,
    **kw: Any,
) -> None:
    """Send (key, value) pairs, of ``max_bytes`` each at most, and wait until the broker has them."""
    producer = _producer(settings, max_bytes)
    for key, value in messages:
        producer.produce(settings.topic(topic), key=key, value=value, **kw)
        producer.poll(0)
    assert producer.flush(TIMEOUT) == 0


def end_stream(settings: Settings, event_time: int, topics: Iterable[str] = (LABELS, CUSTOMERS)) -> None:
    """End the stream in every partition, labels first."""
    value, headers = end_of_stream_message(event_time)
    for topic in topics:
        for partition in range(settings.partitions):
            send(settings, topic, [(None, value)], partition=partition, headers=headers)


def committed(settings: Settings, topic: str) -> list[Message]:
    """Everything that a ``read_committed`` reader finds on a topic now, partition by partition, in order."""
    name = settings.topic(topic)
    consumer = Consumer(
        settings.kafka | {"group.id": "test-reader", "isolation.level": "read_committed", "enable.partition.eof": True}
    )
    try:
        partitions = sorted(consumer.list_topics(name, TIMEOUT).topics[name].partitions)
        consumer.assign([TopicPartition(name, partition, 0) for partition in partitions])
        found: list[Message] = []
        waiting = set(partitions)
        while waiting:
            message = consumer.poll(TIMEOUT)
            assert message is not None, f"{name}: no end within {TIMEOUT} s"
            if message.error() is None:
                found.append(message)
            else:
                waiting.discard(message.partition() or 0)
        return sorted(found, key=lambda message: (message.partition() or 0, message.offset() or 0))
    finally:
        consumer.close()


def headers(message: Message) -> dict[str, str]:
    """A message's headers as text."""
    pairs = message.headers() or []
    assert isinstance(pairs, list)
    return {name: value.decode() if isinstance(value, bytes) else str(value) for name, value in pairs}


def group_lag(settings: Settings, group: str, topics: Iterable[str]) -> int:
    """Messages on ``topics`` that the consumer group has not committed yet (control records of transactions count).

    As long as the broker cannot tell: more than there can be.
    """
    consumer = Consumer(settings.kafka | {"group.id": settings.topic(group)})
    try:
        partitions = [TopicPartition(settings.topic(t), p) for t in topics for p in range(settings.partitions)]
        lag = 0
        for position in consumer.committed(partitions, TIMEOUT):
            low, high = consumer.get_watermark_offsets(position, TIMEOUT)
            lag += high - max(position.offset, low)
        return lag
    except KafkaException:
        return sys.maxsize
    finally:
        consumer.close()


def _producer(settings: Settings, max_bytes: int) -> Producer:
    properties: dict[str, Any] = {
        "enable.idempotence": True,
        "partitioner": "murmur2_random",
        "message.max.bytes": max_bytes,
        "linger.ms": 5,
    }
    return Producer(settings.kafka | properties)
