"""One partition in memory, and the transactions that write to it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from aiokafka.partitioner import murmur2
from confluent_kafka import Message, TopicPartition


@dataclass(eq=False)
class Transaction:
    """``outcome`` is None while it is open, then whether it was committed; ``offsets`` come with their group."""

    outcome: bool | None = None
    offsets: list[tuple[str, TopicPartition]] = field(default_factory=list)


class _LogEntry(NamedTuple):
    """A message, or None where the end of a transaction stands."""

    message: Message | None
    transaction: Transaction | None


class Partition:
    """What was appended, in order; the place in it is the offset."""

    def __init__(self) -> None:
        self._entries: list[_LogEntry] = []

    def append(self, make: Callable[[int], Message], transaction: Transaction | None) -> Message:
        """Append what ``make`` makes of its offset."""
        message = make(len(self._entries))
        self._entries.append(_LogEntry(message, transaction))
        return message

    def end(self, transaction: Transaction) -> None:
        """Mark the transaction's end, if it wrote here."""
        if any(entry.transaction is transaction for entry in self._entries):
            self._entries.append(_LogEntry(None, None))

    def read(self, offset: int) -> tuple[Message | None, int]:
        """The first committed message from ``offset`` on, if there is one, and the offset to read next."""
        for place in range(max(offset, 0), len(self._entries)):
            message, transaction = self._entries[place]
            if transaction is not None and transaction.outcome is None:
                return None, place
            if message is not None and (transaction is None or transaction.outcome):
                return message, place + 1
        return None, len(self._entries)

    def committed(self) -> list[Message]:
        """All that a reader sees."""
        found: list[Message] = []
        message, offset = self.read(0)
        while message is not None:
            found.append(message)
            message, offset = self.read(offset)
        return found


def partition_of(key: bytes | None, partitions: int) -> int:
    """Where librdkafka's ``murmur2_random`` sends a key; one that is null may go anywhere, and goes to 0."""
    return 0 if key is None else int((murmur2(key) & 0x7FFFFFFF) % partitions)
