"""Topics of a stream read to their end, outside any consumer group; nothing is written."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaException, Message

from contract.errors import UserError
from contract.kafka.clients import admin_client
from contract.kafka.reachability import require_kafka
from contract.kafka.rereading import NothingCameError, read_whole
from contract.kafka.stream_identity import is_of_stream, stream_identity
from contract.settings import Settings


def read_newest(settings: Settings, topic: str, take: Callable[[Message], None]) -> None:
    """Give ``take`` the messages of a compacted topic (short name) of one partition that are of the stream as it is
    now, in their order; a later one under the same key takes the place of an earlier one.

    Raises:
        UserError: the broker does not answer, the topic is gone, or may not be read.
    """
    name = settings.topic(topic)
    with _answering(topic):
        _partitions(settings, name)
    stream = stream_identity(settings)

    def of_stream(message: Message) -> None:
        if is_of_stream(message, stream):
            take(message)

    with _answering(topic):
        read_whole(settings, [name], of_stream)


def read_partitions(settings: Settings, topic: str, take: Callable[[Message], None]) -> None:
    """Give ``take`` the messages of each partition of a topic (short name), one partition after the other.

    Raises:
        UserError: as ``read_newest``.
    """
    name = settings.topic(topic)
    with _answering(topic):
        for partition in range(_partitions(settings, name)):
            read_whole(settings, [name], take, partition=partition)


def _partitions(settings: Settings, name: str) -> int:
    require_kafka(settings)
    found = admin_client(settings).list_topics(name, timeout=settings.request_timeout_ms / 1_000).topics[name]
    if found.error is not None:
        raise UserError(
            f"topic {name} does not exist or may not be read ({found.error.str()}); check --stream and --topic-prefix, "
            f"or run `churnstream doctor` to see what is missing"
        )
    return len(found.partitions)


@contextmanager
def _answering(topic: str) -> Iterator[None]:
    try:
        yield
    except NothingCameError as error:
        raise UserError(f"{topic} cannot be read ({error}); check KAFKA_BOOTSTRAP_SERVERS") from None
    except KafkaException as error:
        raise UserError(f"{topic} cannot be read ({error.args[0].str()}); check KAFKA_BOOTSTRAP_SERVERS") from None
