"""The topic ``dead-letters`` read to its end, outside any consumer group, and what was sent again of it."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import OffsetSpec

from churnstream.redrive.letters import OffsetSet, marked_letters
from contract.errors import UserError
from contract.kafka.clients import admin_client, build_client, client_config
from contract.settings import Settings
from contract.topics import DEAD_LETTERS
from dashboard.following.reader import received
from dashboard.stream.received import Received

_BATCH, _POLL_SECONDS, _FETCH_BYTES = 100, 0.2, 1_000_000
_GONE = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.TOPIC_AUTHORIZATION_FAILED)


class LetterTopic:
    """Reads ``dead-letters`` of a stream, as often as it is asked to, from ``since`` on (Kafka's time in ms).

    Some 20 MB of messages are in memory at once, and more only of what compresses very well. Raises, from every method:
        UserError: the broker does not answer, or the topic is gone or may not be read.
    """

    def __init__(self, settings: Settings, consumer: Consumer, since: int | None) -> None:
        self._name = settings.topic(DEAD_LETTERS)
        self._timeout = settings.request_timeout_ms / 1_000
        # a worker's open transaction ends by then, and what stands behind it can be read
        self._patience = self._timeout + 2 * settings.transaction_timeout_ms / 1_000
        self._admin = admin_client(settings)
        self._consumer = consumer
        self.partitions = self._count()
        self._begin = self._begins(since)

    def ends(self) -> dict[int, int]:
        """Where each partition ends now, with all that stands behind a transaction that is open."""
        return self._offsets(OffsetSpec.latest())  # type: ignore[no-untyped-call]

    def messages(self, ends: Mapping[int, int]) -> Iterator[Received]:
        """What is committed before ``ends``, each partition in its order, and behind open transactions."""
        for message in self._messages(ends):
            yield received(message, DEAD_LETTERS)

    def redriven(self, ends: Mapping[int, int]) -> dict[int, OffsetSet]:
        """By partition, the letters that have been sent again by marks before ``ends``."""
        found = {partition: OffsetSet(begin) for partition, begin in self._begin.items()}
        for message in self._messages(ends):
            # what has a key is no mark, and is most of the topic
            if message.key() is None:
                mark = received(message, DEAD_LETTERS)
                for offset in marked_letters(mark):
                    found[mark.partition].add(offset)
        return found

    def counts(self, topics: Sequence[str]) -> dict[str, int]:
        """How many partitions topics (full names) have; one that is not there is left out."""
        try:
            known = self._admin.list_topics(timeout=self._timeout).topics
        except KafkaException as error:
            raise self._unreadable(error.args[0].str()) from None
        return {name: len(known[name].partitions) for name in topics if name in known}

    def _messages(self, ends: Mapping[int, int]) -> Iterator[Message]:
        """What stands behind a transaction that is open is waited for."""
        waiting = {partition for partition, end in ends.items() if self._begin[partition] < end}
        if not waiting:
            return
        self._consumer.assign([TopicPartition(self._name, number, self._begin[number]) for number in waiting])
        deadline = time.monotonic() + self._patience
        try:
            while waiting:
                read = False
                first = self._consumer.poll(_POLL_SECONDS)
                # what is there already: letters of the largest size would fill the memory while more is waited for
                for message in () if first is None else (first, *self._consumer.consume(_BATCH, 0)):
                    partition, offset, error = message.partition() or 0, message.offset() or 0, message.error()
                    if error is not None:
                        if error.code() == KafkaError._PARTITION_EOF:
                            if offset >= ends[partition]:
                                waiting.discard(partition)
                        elif error.fatal() or error.code() in _GONE:
                            raise self._unreadable(error.str())
                        continue
                    read = True
                    if offset < ends[partition]:
                        yield message
                    if offset + 1 >= ends[partition]:
                        waiting.discard(partition)
                if read:
                    deadline = time.monotonic() + self._patience
                elif time.monotonic() > deadline:
                    raise self._unreadable(
                        f"no more messages came within {self._patience:.0f} s; a stopped worker may have left a "
                        f"transaction open, so try again in a minute"
                    )
        finally:
            self._consumer.unassign()

    def _count(self) -> range:
        found = self.counts([self._name]).get(self._name)
        if found is None:
            raise UserError(
                f"topic {self._name} does not exist or may not be read; check --stream and --topic-prefix, or run "
                f"`churnstream doctor` to see what is missing"
            )
        return range(found)

    def _begins(self, since: int | None) -> dict[int, int]:
        firsts = self._offsets(OffsetSpec.earliest())  # type: ignore[no-untyped-call]
        if since is None:
            return firsts
        ends = self.ends()
        asked = [TopicPartition(self._name, number, max(since, 0)) for number in self.partitions]
        try:
            found = self._consumer.offsets_for_times(asked, self._timeout)
        except KafkaException as error:
            raise self._unreadable(error.args[0].str()) from None
        return {
            one.partition: max(firsts[one.partition], one.offset if one.offset >= 0 else ends[one.partition])
            for one in found
        }

    def _offsets(self, which: OffsetSpec) -> dict[int, int]:
        asked = {TopicPartition(self._name, number): which for number in self.partitions}
        try:
            answers = self._admin.list_offsets(asked, request_timeout=self._timeout)
            return {place.partition: answer.result(self._timeout).offset for place, answer in answers.items()}
        except KafkaException as error:
            raise self._unreadable(error.args[0].str()) from None

    def _unreadable(self, why: str) -> UserError:
        return UserError(f"topic {self._name} cannot be read: {why}; check KAFKA_BOOTSTRAP_SERVERS")


@contextmanager
def letter_topic(settings: Settings, since: int | None = None) -> Iterator[LetterTopic]:
    """The topic, opened for the block. Raises what ``LetterTopic`` raises."""
    guarantees = {
        "group.id": settings.topic("redrive"),
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "earliest",
    }
    defaults = {
        # a larger letter comes all the same, alone
        "fetch.message.max.bytes": _FETCH_BYTES,
        "fetch.max.bytes": 4 * _FETCH_BYTES,
        "queued.max.messages.kbytes": 16_384,
        # or a partition whose fetch is full waits a second
        "fetch.queue.backoff.ms": 5,
        "fetch.wait.max.ms": 100,
    }
    consumer = build_client(Consumer, defaults | client_config(settings) | guarantees)
    try:
        yield LetterTopic(settings, consumer, since)
    finally:
        consumer.close()
