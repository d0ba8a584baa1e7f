"""A look at single messages and offsets, outside the work of any consumer group."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from contract.errors import UserError
from contract.kafka.clients import READ_AHEAD, build_client, client_config
from contract.settings import Settings

_POLL_SECONDS = 0.1
_SPAN = 100
_BATCH = 1_000
_LAST = 8  # offsets in which a partition's last message is looked for: ends of transactions take some, too
# what a broker answers of a topic that was made a moment ago
_NOT_YET = (
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
)


Value = TypeVar("Value")


def _any(_message: Message) -> bool:
    return True


class Peek:
    """Reads what ``peeking`` opened it for; each answer must come within the timeout.

    Raises, from every method:
        UserError: the broker does not answer in time, or refuses.
    """

    def __init__(self, consumer: Consumer, timeout: float) -> None:
        self._consumer = consumer
        self._timeout = timeout

    def offsets(self, topic: str, partition: int) -> tuple[int, int]:
        """The first offset of a partition that exists, and the one that its next message will have."""
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                first, following = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), self._timeout)
            except KafkaException as error:
                if error.args[0].code() not in _NOT_YET or time.monotonic() > deadline:
                    raise UserError(_unread(topic, error.args[0])) from None
                time.sleep(_POLL_SECONDS)
            else:
                return int(first), int(following)

    def at(self, topic: str, offsets: Mapping[int, tuple[int, int]], time: int) -> dict[int, int]:
        """The offset of each partition's first message from ``time`` on (Kafka's timestamp in ms), or where it ends."""
        asked = [TopicPartition(topic, partition, time) for partition in offsets]
        try:
            found = self._consumer.offsets_for_times(asked, self._timeout)
        except KafkaException as error:
            raise UserError(_unread(topic, error.args[0])) from None
        return {one.partition: one.offset if one.offset >= 0 else offsets[one.partition][1] for one in found}

    def messages(self, positions: list[TopicPartition]) -> list[Message]:
        """As many messages as there are positions, from those positions on."""
        self._consumer.assign(positions)
        deadline = time.monotonic() + self._timeout
        found: list[Message] = []
        while len(found) < len(positions):
            if time.monotonic() > deadline:
                topics = ", ".join(sorted({position.topic for position in positions}))
                raise UserError(f"no messages of {topics} came within {self._timeout:.0f} s; check the broker")
            message = self._consumer.poll(_POLL_SECONDS)
            if message is None:
                continue
            if (error := message.error()) is None:
                found.append(message)
            else:
                _refuse_forbidden(message.topic(), error)
        return found

    def last(
        self, topic: str, offsets: Mapping[int, tuple[int, int]], wanted: Callable[[Message], bool] = _any
    ) -> list[Message]:
        """The last message of each partition that is ``wanted``, whose ``offsets`` are given by its number.

        A partition has none if it is empty, or if what it ends with was aborted or is the ends of transactions.
        """
        found: dict[int, Message] = {}
        for message in self._to_the_end(topic, offsets, _LAST):
            if wanted(message):
                found[message.partition() or 0] = message
        return list(found.values())

    def newest(self, topic: str, offsets: Mapping[int, tuple[int, int]], count: int) -> list[Message]:
        """What stands at the last ``count`` offsets of each partition; ends of transactions take some, too."""
        return list(self._to_the_end(topic, offsets, count))

    def _to_the_end(self, topic: str, offsets: Mapping[int, tuple[int, int]], count: int) -> Iterator[Message]:
        ends = {partition: following for partition, (first, following) in offsets.items() if first < following}
        if not ends:
            return
        self._consumer.assign(
            [TopicPartition(topic, number, max(offsets[number][0], end - count)) for number, end in ends.items()]
        )
        deadline = time.monotonic() + self._timeout
        waiting = set(ends)
        try:
            while waiting:
                if time.monotonic() > deadline:
                    raise UserError(f"no messages of {topic} came within {self._timeout:.0f} s; check the broker")
                message = self._consumer.poll(_POLL_SECONDS)
                partition = message.partition() if message is not None else None
                if message is None or partition is None or partition not in waiting:
                    continue
                error = message.error()
                if error is None:
                    yield message
                    at_end = (message.offset() or 0) + 1 >= ends[partition]
                else:
                    _refuse_forbidden(topic, error)
                    at_end = error.code() == KafkaError._PARTITION_EOF
                if at_end:
                    waiting.discard(partition)
        finally:
            # or the client would go on reading
            self._consumer.unassign()

    def search_back(
        self, topic: str, partition: int, read: Callable[[Message], Value | None], since: int | None = None
    ) -> Value | None:
        """What ``read`` makes of the last message of a partition of which it makes anything; None if there is none.

        Looks further and further back, each step four times as long as the one before, so that it reads at most five
        times as much as lies behind what it finds; at the worst it reads all from ``since`` on (Kafka's timestamp in
        ms; None: from the beginning).
        """
        first, end = self.offsets(topic, partition)
        if since is not None:
            (found_from,) = self._consumer.offsets_for_times([TopicPartition(topic, partition, since)], self._timeout)
            first = end if found_from.offset < 0 else max(first, found_from.offset)
        span = _SPAN
        while first < end:
            begin = max(first, end - span)
            found = self._read(topic, partition, begin, end, read)
            if found is not None:
                return found
            end, span = begin, span * 4
        return None

    def _read(
        self, topic: str, partition: int, begin: int, end: int, read: Callable[[Message], Value | None]
    ) -> Value | None:
        """What ``read`` makes of the last message from ``begin`` to ``end`` of which it makes anything."""
        self._consumer.assign([TopicPartition(topic, partition, begin)])
        deadline = time.monotonic() + self._timeout
        found = None
        try:
            while True:
                first = self._consumer.poll(_POLL_SECONDS)
                if first is None:
                    if time.monotonic() > deadline:
                        raise UserError(f"no messages of {topic} came within {self._timeout:.0f} s; check the broker")
                    continue
                deadline = time.monotonic() + self._timeout
                # what is there already, without a wait for more
                for message in (first, *self._consumer.consume(_BATCH, 0)):
                    error = message.error()
                    if error is not None:
                        if error.code() == KafkaError._PARTITION_EOF:
                            return found
                        _refuse_forbidden(topic, error)
                        continue
                    offset = message.offset() or 0
                    if offset < end:
                        value = read(message)
                        found = found if value is None else value
                    if offset + 1 >= end:
                        return found
        finally:
            self._consumer.unassign()


def _unread(topic: str | None, error: KafkaError) -> str:
    refused = error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    what_to_do = "grant this user READ and DESCRIBE on it" if refused else "check KAFKA_BOOTSTRAP_SERVERS"
    return f"topic {topic} cannot be read: {error.str()}; {what_to_do}"


def _refuse_forbidden(topic: str | None, error: KafkaError) -> None:
    # a client would go on asking, and the caller would wait until its time is up
    if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
        raise UserError(_unread(topic, error))


@contextmanager
def peeking(settings: Settings, timeout: float) -> Iterator[Peek]:
    """A ``Peek`` at a broker; ``timeout`` in seconds."""
    guarantees = {
        "group.id": settings.topic("peek"),
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
    }
    # a position that is set anew takes effect after the fetch under way
    defaults = READ_AHEAD | {"fetch.wait.max.ms": 100}
    consumer = build_client(Consumer, defaults | client_config(settings) | guarantees)
    try:
        yield Peek(consumer, timeout)
    finally:
        consumer.close()
