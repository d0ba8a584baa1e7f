"""The broker behind the log in memory: partitions, open transactions, committed offsets."""

import threading
from collections.abc import Mapping
from types import SimpleNamespace

from confluent_kafka import OFFSET_INVALID, TIMESTAMP_CREATE_TIME, KafkaError, KafkaException, Message, TopicPartition

from contract.testing.faults import Faults
from contract.testing.partitions import Partition, Transaction, partition_of
from contract.worker.clock import Clock

Headers = list[tuple[str, str | bytes | None]]


class MemoryBroker:
    """Its methods may be called from several threads; ``changed`` is the lock, and tells waiting readers of news."""

    def __init__(self, topics: Mapping[str, int], clock: Clock) -> None:
        self.reachable = True
        self.faults = Faults()
        self.changed = threading.Condition(threading.RLock())
        self._partitions = {(topic, number): Partition() for topic, count in topics.items() for number in range(count)}
        self._counts = dict(topics)
        self._clock = clock
        self._offsets: dict[tuple[str, str, int], TopicPartition] = {}
        self._owners: dict[str, object] = {}
        self._open: dict[str, Transaction] = {}

    def messages(self, topic: str) -> list[Message]:
        """All that a ``read_committed`` reader finds, partition by partition, in order."""
        with self.changed:
            return [
                message
                for number in range(self.partitions(topic))
                for message in self._partitions[topic, number].committed()
            ]

    def committed(self, group: str, topic: str, partition: int) -> TopicPartition:
        """A group's committed offset, with its metadata; ``OFFSET_INVALID`` where there is none."""
        with self.changed:
            found = self._offsets.get((group, topic, partition))
            return found or TopicPartition(topic, partition, OFFSET_INVALID)

    def require_broker(self) -> None:
        """Raises:
        KafkaException: the broker is out of reach.
        """
        if not self.reachable:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT, "Broker transport failure", retriable=True))

    def metadata(self, topic: str | None) -> SimpleNamespace:
        """What ``list_topics`` tells: ``topics``, each with its ``partitions``."""
        names = [topic] if topic else list(self._counts)
        return SimpleNamespace(
            topics={
                name: SimpleNamespace(topic=name, partitions=dict.fromkeys(range(self._counts[name])))
                for name in names
                if name in self._counts
            }
        )

    def partitions(self, topic: str) -> int:
        """How many a topic has.

        Raises:
            KafkaException: there is no such topic.
        """
        if topic not in self._counts:
            raise KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART))
        return self._counts[topic]

    def write(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: Headers | None,
        timestamp: int,
        transaction: Transaction | None,
    ) -> Message:
        """Append one message; ``partition`` -1 leaves the choice to the key."""
        with self.changed:
            number = partition if partition >= 0 else partition_of(key, self.partitions(topic))
            written = self._partitions[topic, number].append(
                lambda offset: Message(
                    topic=topic,
                    partition=number,
                    offset=offset,
                    key=key,
                    value=value,
                    headers=headers,
                    timestamp=(TIMESTAMP_CREATE_TIME, timestamp or self._clock.now()),
                ),
                transaction,
            )
            self.changed.notify_all()
            return written

    def read(self, topic: str, partition: int, offset: int) -> tuple[Message | None, int]:
        """The first committed message from ``offset`` on, if there is one, and the offset to read next."""
        with self.changed:
            return self._partitions[topic, partition].read(offset)

    def take_over(self, name: str, owner: object) -> None:
        """From now on ``owner`` is the producer of this name; what the last one has left open is aborted."""
        with self.changed:
            self._owners[name] = owner
            self._end(name, committed=False)

    def begin(self, name: str, owner: object) -> Transaction:
        """Open a transaction."""
        with self.changed:
            self._require_owner(name, owner)
            return self._open.setdefault(name, Transaction())

    def end(self, name: str, owner: object, *, committed: bool) -> None:
        """End the open transaction of this name.

        Raises:
            KafkaException: another producer has taken over the name.
        """
        with self.changed:
            self._require_owner(name, owner)
            self._end(name, committed=committed)

    def _end(self, name: str, *, committed: bool) -> None:
        transaction = self._open.pop(name, None)
        if transaction is None:
            return
        for partition in self._partitions.values():
            partition.end(transaction)
        transaction.outcome = committed
        if committed:
            for group, position in transaction.offsets:
                self._offsets[group, position.topic, position.partition] = position
        self.changed.notify_all()

    def _require_owner(self, name: str, owner: object) -> None:
        if self._owners.get(name) is not owner:
            raise KafkaException(KafkaError(KafkaError._FENCED, "fenced by a newer producer", fatal=True))
