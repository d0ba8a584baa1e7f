"""Messages of a stream's topics, before a broker has them; and how they get there, or to a reader without one."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, cast

import msgspec
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition

from contract.alerts import Alert, ModelVerdict
from contract.kafka.clients import admin_client, transactional_producer
from contract.kafka.dead_letters import Header, produce_dead_letter
from contract.kafka.stream_identity import STREAM_HEADER, stream_identity
from contract.messages import encode
from contract.panes import JoinProgress
from contract.rejection import Reason, RejectionError
from contract.settings import Settings
from contract.topics import ALERTS, CUSTOMERS, DEAD_LETTERS, LABELS, PANES, PREDICTIONS, VERSIONS, WINDOWS
from contract.versions import ServingVersions, TrainedVersion
from contract.windows import Cumulative, Window
from dashboard.stream.received import Received
from tests.support.polling import eventually

OWN = Window | Cumulative | Alert | ModelVerdict | TrainedVersion | ServingVersions | JoinProgress
"""What our workers write of a model and of themselves."""
TIMEOUT = 30.0
_TOPICS: dict[type[Any], str] = {
    Window: WINDOWS,
    Cumulative: WINDOWS,
    Alert: ALERTS,
    ModelVerdict: ALERTS,
    TrainedVersion: VERSIONS,
    ServingVersions: VERSIONS,
    JoinProgress: PANES,
}
PRIVATE = "PRIVATE-VALUE"
"""In each dead letter's key and value, which no reader may show."""


class SentMessage(NamedTuple):
    """A message on its way to a topic (short name)."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header] = ()
    partition: int = 0


class _Catching:
    """In the place of a producer: keeps what it is given."""

    def __init__(self) -> None:
        self.caught: list[SentMessage] = []

    def produce(self, topic: str, *, key: bytes, value: bytes, headers: Sequence[Header], partition: int) -> None:
        self.caught.append(SentMessage(topic, key, value, headers, partition))


def message(own: OWN) -> SentMessage:
    """As its worker sends it."""
    return SentMessage(_TOPICS[type(own)], own.key.encode(), encode(own))


def dead_letter(
    reason: Reason, field: str, detail: str, *, event_time: int, time: int, partition: int = 0, offset: int = 0
) -> SentMessage:
    """A dead letter as the scorer, or for labels the join, sends it."""
    value = msgspec.json.encode({"event_time": event_time, "customer_id": PRIVATE, "Age": PRIVATE})
    topic = LABELS if "label" in reason else CUSTOMERS
    catching = _Catching()
    produce_dead_letter(
        cast(Producer, catching),
        DEAD_LETTERS,
        RejectionError(reason, field, detail),
        key=PRIVATE.encode(),
        value=value,
        origin=(topic, partition, offset),
        time=time,
    )
    return catching.caught[0]


def received(messages: Iterable[SentMessage], at: int = 1_735_700_000_000) -> list[Received]:
    """As a reader gets them, each partition's offsets from 0 on, taken by Kafka one second after the other."""
    following: dict[tuple[str, int], int] = {}
    found = []
    for number, one in enumerate(messages):
        place = one.topic, one.partition
        offset = following[place] = following.get(place, -1) + 1
        pairs = [(name, value.encode() if isinstance(value, str) else value) for name, value in one.headers]
        found.append(Received(one.topic, one.partition, offset, one.key, one.value, pairs, at + number * 1_000))
    return found


class StreamWriter:
    """Writes to the topics of a stream, which there must be, in transactions, as our workers do."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._header = [(STREAM_HEADER, stream_identity(settings).encode())]
        self._producer = transactional_producer(settings, settings.topic("dashboard-test-writer"))
        self._producer.init_transactions(TIMEOUT)

    def write(self, messages: Iterable[SentMessage]) -> None:
        """All of them, in one transaction."""
        self._producer.begin_transaction()
        for one in messages:
            self._producer.produce(
                self._settings.topic(one.topic),
                key=one.key,
                value=one.value,
                headers=[*one.headers, *(self._header if one.topic != DEAD_LETTERS else [])],
                partition=one.partition,
            )
            self._producer.poll(0)
        self._producer.commit_transaction(TIMEOUT)


def commit_positions(settings: Settings, group: str, *, behind: int = 0) -> None:
    """Let a worker's group stand ``behind`` messages before the end of each partition that it reads."""
    admin = admin_client(settings)
    topics = {"scorer": (CUSTOMERS,), "join": (PREDICTIONS, LABELS)}[group]
    consumer = StreamEnds(settings)
    places = [
        TopicPartition(settings.topic(topic), partition, max(consumer.end(topic, partition) - behind, 0))
        for topic in topics
        for partition in range(settings.partitions)
    ]
    consumer.close()
    name = settings.topic(group)
    request = [ConsumerGroupTopicPartitions(name, places)]
    admin.alter_consumer_group_offsets(request)[name].result(TIMEOUT)


class StreamEnds:
    """How far partitions reach."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._consumer = Consumer(settings.kafka | {"group.id": "dashboard-test-ends"})

    def end(self, topic: str, partition: int) -> int:
        """The offset behind the last message; a topic that has just been made may have no leader yet."""
        place = TopicPartition(self._settings.topic(topic), partition)

        def asked() -> tuple[int, int] | None:
            try:
                return self._consumer.get_watermark_offsets(place, TIMEOUT)
            except KafkaException:
                return None

        return int(eventually(asked, TIMEOUT, f"the ends of {topic}")[1])

    def close(self) -> None:
        self._consumer.close()
