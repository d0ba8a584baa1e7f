"""Kafka in memory: topics, transactions and committed offsets, as far as churnstream uses a client of them.

What holds as at a broker: offsets count from 0 and the end of a transaction takes one in each partition that it wrote
to; a key has the partition that our producers give it; a reader sees committed transactions only and waits where one
is open; a transaction's offsets are committed with it or not at all; ``init_transactions`` ends what an earlier
producer of the same name has left open, and fences that one.

What it has not: time-outs, retention, compaction, more than one member in a group, rebalances.
"""

import threading
from collections.abc import Mapping
from typing import cast

from confluent_kafka import Consumer, Message, Producer, TopicPartition

from contract.testing.broker import MemoryBroker
from contract.testing.consumer import MemoryConsumer
from contract.testing.faults import Failure
from contract.testing.producer import MemoryProducer
from contract.worker.clock import Clock, SystemClock


class MemoryLog:
    """A broker in memory; ``producer`` and ``consumer`` give clients of it. May be used from several threads."""

    def __init__(self, topics: Mapping[str, int], clock: Clock | None = None) -> None:
        """``topics`` gives each topic's number of partitions; ``clock`` the time of messages that bring none."""
        self._broker = MemoryBroker(topics, clock or SystemClock())

    @property
    def reachable(self) -> bool:
        """While False, clients keep what they are to send, and each call to the broker fails with ``_TRANSPORT``."""
        return self._broker.reachable

    @reachable.setter
    def reachable(self, value: bool) -> None:
        self._broker.reachable = value

    def producer(self, transactional_id: str | None = None) -> Producer:
        """An idempotent producer, or a transactional one where it has a name."""
        return cast(Producer, MemoryProducer(self._broker, transactional_id))

    def consumer(self, group: str) -> Consumer:
        """A ``read_committed`` consumer, the only member of its group; it begins where nothing is committed yet."""
        return cast(Consumer, MemoryConsumer(self._broker, group))

    def fail(self, call: str, failure: Failure, *, at: int = 1, applied: bool = False) -> None:
        """Let the ``at``-th call from now of a client's method fail, once, whichever client makes it.

        ``delivery`` is a call, too: the message is reported as undelivered. Where ``applied`` is set, the call has
        its effect all the same, as if the broker's reply were lost.
        """
        self._broker.faults.add(call, failure, at, applied=applied)

    def hang(self, call: str, *, at: int = 1) -> threading.Event:
        """Let the ``at``-th call from now not return before the event is set; then it goes on as if nothing were."""
        return self._broker.faults.add(call, None, at)

    def messages(self, topic: str) -> list[Message]:
        """All that a ``read_committed`` reader finds, partition by partition, in order.

        Raises:
            KafkaException: there is no such topic.
        """
        return self._broker.messages(topic)

    def committed(self, group: str, topic: str, partition: int) -> TopicPartition:
        """A group's committed offset, with its metadata; ``OFFSET_INVALID`` where there is none."""
        return self._broker.committed(group, topic, partition)
