"""Topics of ours read to their end, outside any consumer group."""

import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from contract.errors import ChurnstreamError, UserError
from contract.kafka.clients import READ_AHEAD, build_client, client_config
from contract.kafka.consuming import arrived
from contract.settings import Settings

_POLL_SECONDS = 0.2
_BATCH = 500
_GONE = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.TOPIC_AUTHORIZATION_FAILED)


class NothingCameError(ChurnstreamError):
    """The broker has not answered in time; it may later."""


def read_whole(
    settings: Settings,
    topics: Sequence[str],
    take: Callable[[Message], None],
    begin: Mapping[str, int] = MappingProxyType({}),
    partition: int = 0,
) -> dict[str, int]:
    """Give ``take`` each committed message of one ``partition`` of topics, in the order of each topic.

    ``topics`` are full names; one is read from the offset that ``begin`` gives for it, or else, or where it has no such
    offset, from its beginning. Returns by topic the offset after the last message that was there: reading on from it
    misses nothing and reads nothing twice.

    Raises:
        NothingCameError: nothing has come for ``request_timeout_ms``; try again.
        UserError: a topic is gone or may not be read.
        Exception: what ``take`` raises.
    """
    timeout = settings.request_timeout_ms / 1_000
    guarantees = {
        "group.id": settings.topic("reread"),
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "earliest",
    }
    consumer = build_client(Consumer, READ_AHEAD | client_config(settings) | guarantees)
    try:
        consumer.assign([TopicPartition(topic, partition, begin.get(topic, OFFSET_BEGINNING)) for topic in topics])
        return _read(consumer, topics, take, timeout)
    finally:
        consumer.close()


def _read(consumer: Consumer, topics: Sequence[str], take: Callable[[Message], None], timeout: float) -> dict[str, int]:
    ends: dict[str, int] = {}
    deadline = time.monotonic() + timeout
    while len(ends) < len(topics):
        messages = arrived(consumer, _BATCH, _POLL_SECONDS)
        for message in messages:
            topic = message.topic() or ""
            error = message.error()
            if error is None:
                # what comes behind the end belongs to whoever reads on
                if topic not in ends:
                    take(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                ends.setdefault(topic, message.offset() or 0)
            elif error.code() in _GONE:
                raise UserError(f"topic {topic} cannot be read: {error.str()}; create it or grant access to it")
            elif error.fatal():
                raise UserError(f"topic {topic} cannot be read: {error.str()}; check KAFKA_BOOTSTRAP_SERVERS")
        if messages:
            deadline = time.monotonic() + timeout
        elif time.monotonic() > deadline:
            waiting = ", ".join(topic for topic in topics if topic not in ends)
            raise NothingCameError(f"no messages of {waiting} came within {timeout:.0f} s")
    return ends
