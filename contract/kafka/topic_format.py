"""The version of what is on the topics, on record in one of its own: another version is refused instead of misread.

``format`` holds one message for good, written before any other of ours. If several workers make the topics at once,
each may write it; the first one counts. It names the stream, too: topics that are deleted and made anew are another
stream, whatever their names (``contract.kafka.stream_identity``).
"""

from collections.abc import Mapping
from uuid import uuid4

import msgspec
from confluent_kafka import KafkaError, Producer, TopicPartition

from contract.errors import UserError
from contract.kafka.clients import build_client, client_config
from contract.kafka.peeking import peeking
from contract.settings import Settings
from contract.topics import FORMAT

TOPIC_FORMAT = 1
"""Raised with every change after which topics written before cannot be read, or could be misread."""


class FormatRecord(msgspec.Struct, frozen=True):
    """What the topic ``format`` holds. ``stream`` is random; a record from before there were any has none."""

    format: int
    stream: str | None = None


def read_record(settings: Settings, timeout: float) -> FormatRecord | None:
    """The record that counts; None if there is none yet.

    Raises:
        UserError: the broker does not answer within ``timeout`` seconds, or the record is not one of ours.
    """
    topic = settings.topic(FORMAT)
    with peeking(settings, timeout) as peek:
        first, following = peek.offsets(topic, 0)
        if first == following:
            return None
        (record,) = peek.messages([TopicPartition(topic, 0, first)])
    try:
        return msgspec.json.decode(record.value() or b"", type=FormatRecord)
    except msgspec.DecodeError:
        raise UserError(
            f"topic {topic} holds a message that is not a format record; use another CHURNSTREAM_TOPIC_PREFIX"
        ) from None


def read_format(settings: Settings, timeout: float) -> int | None:
    """The format on record; None if there is none yet. Raises what ``read_record`` raises."""
    record = read_record(settings, timeout)
    return None if record is None else record.format


def hold_messages(settings: Settings, partitions: Mapping[str, int], timeout: float) -> bool:
    """Whether anything was ever written to topics that exist, given with their numbers of partitions.

    Raises:
        UserError: the broker does not answer within ``timeout`` seconds.
    """
    with peeking(settings, timeout) as peek:
        return any(peek.offsets(topic, number)[1] > 0 for topic, count in partitions.items() for number in range(count))


def write_format(settings: Settings, timeout: float) -> None:
    """Put this version's format on record, and a name for the stream that no other has.

    Raises:
        UserError: the broker did not take it within ``timeout`` seconds.
    """
    failures: list[KafkaError] = []
    producer = build_client(Producer, client_config(settings))
    producer.produce(
        settings.topic(FORMAT),
        msgspec.json.encode(FormatRecord(TOPIC_FORMAT, uuid4().hex)),
        on_delivery=lambda error, _message: failures.append(error) if error else None,
    )
    if producer.flush(timeout) or failures:
        raise UserError(
            f"topic {settings.topic(FORMAT)} cannot be written ({failures or 'no answer'}); check the broker"
        )
