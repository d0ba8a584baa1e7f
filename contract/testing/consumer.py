"""A consumer of the log in memory, with the methods of confluent_kafka's that churnstream calls."""

import time
from collections.abc import Callable, Sequence

from confluent_kafka import Message, TopicPartition

from contract.testing.broker import MemoryBroker

OnAssignment = Callable[["MemoryConsumer", list[TopicPartition]], None]


def _nothing(_consumer: "MemoryConsumer", _partitions: list[TopicPartition]) -> None:
    pass


class MemoryConsumer:
    """The only member of its group: the first ``poll`` assigns all partitions of its topics to it."""

    def __init__(self, broker: MemoryBroker, group: str) -> None:
        self._broker = broker
        self._group = group
        self._topics: list[str] = []
        self._on_assign: OnAssignment = _nothing
        self._on_revoke: OnAssignment = _nothing
        self._next: dict[tuple[str, int], int] = {}

    def subscribe(
        self,
        topics: Sequence[str],
        on_assign: OnAssignment = _nothing,
        on_revoke: OnAssignment = _nothing,
        on_lost: OnAssignment = _nothing,  # noqa: ARG002
    ) -> None:
        self._topics = list(topics)
        self._on_assign, self._on_revoke = on_assign, on_revoke

    def assignment(self) -> list[TopicPartition]:
        return [TopicPartition(topic, partition) for topic, partition in self._next]

    def seek(self, position: TopicPartition) -> None:
        self._next[position.topic, position.partition] = max(position.offset, 0)

    def committed(self, partitions: Sequence[TopicPartition], timeout: float = -1) -> list[TopicPartition]:  # noqa: ARG002
        with self._broker.faults.during("committed"):
            self._broker.require_broker()
            return [self._broker.committed(self._group, one.topic, one.partition) for one in partitions]

    def poll(self, timeout: float = -1) -> Message | None:
        deadline = None if timeout < 0 else time.monotonic() + timeout
        with self._broker.changed:
            while True:
                self._join()
                error = self._broker.faults.error("poll")
                if error is not None:
                    return Message(error=error)
                message = self._read()
                left = None if deadline is None else deadline - time.monotonic()
                if message is not None or (left is not None and left <= 0):
                    return message
                self._broker.changed.wait(left)

    def consume(self, num_messages: int = 1, timeout: float = -1) -> list[Message]:
        """As many as come within ``timeout`` seconds."""
        deadline = None if timeout < 0 else time.monotonic() + timeout
        found: list[Message] = []
        while len(found) < num_messages:
            message = self.poll(-1 if deadline is None else max(deadline - time.monotonic(), 0))
            if message is None:
                break
            found.append(message)
        return found

    def consumer_group_metadata(self) -> str:
        """What ``send_offsets_to_transaction`` takes."""
        return self._group

    def close(self) -> None:
        partitions = self.assignment()
        if partitions:
            self._on_revoke(self, partitions)
        self._next.clear()
        self._topics = []

    def _join(self) -> None:
        if self._next or not self._topics or not self._broker.reachable:
            return
        given = [TopicPartition(topic, n) for topic in self._topics for n in range(self._broker.partitions(topic))]
        for one in given:
            self.seek(self._broker.committed(self._group, one.topic, one.partition))
        self._on_assign(self, given)

    def _read(self) -> Message | None:
        if not self._broker.reachable:
            return None
        for (topic, partition), offset in self._next.items():
            message, self._next[topic, partition] = self._broker.read(topic, partition, offset)
            if message is not None:
                return message
        return None
