"""What was read, as a batch takes it: by column, because a step over all records costs less than one for each."""

from collections.abc import Iterable, Sequence
from itertools import compress, groupby
from typing import NamedTuple, cast, overload

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message

from contract.kafka.control import is_control


class Raw(NamedTuple):
    """One message as it was read: where it stands in its partition, its bytes, and when it was sent (ms), if known."""

    offset: int
    key: bytes | None
    value: bytes | None
    sent: int | None = None


class Raws(Sequence[Raw]):
    """Messages of one partition, in order: offsets, keys, values and times as ``Raw`` has them."""

    def __init__(
        self,
        offsets: Sequence[int],
        keys: Sequence[bytes | None],
        values: Sequence[bytes | None],
        sent: Sequence[int | None],
    ) -> None:
        self.offsets = offsets
        self.keys = keys
        self.values = values
        self.sent = sent

    @classmethod
    def of(cls, messages: Iterable[Raw]) -> "Raws":
        """The same messages by column."""
        if isinstance(messages, Raws):
            return messages
        columns = list(zip(*messages, strict=True))
        return cls(*columns) if columns else cls((), (), (), ())

    @classmethod
    def read(cls, messages: Sequence[Message]) -> "Raws":
        """Consumed messages."""
        times = map(Message.timestamp, messages)
        return cls(
            # a consumed message has one
            cast(list[int], list(map(Message.offset, messages))),
            list(map(Message.key, messages)),
            list(map(Message.value, messages)),
            [None if kind == TIMESTAMP_NOT_AVAILABLE else time for kind, time in times],
        )

    def __len__(self) -> int:
        return len(self.offsets)

    @overload
    def __getitem__(self, place: int) -> Raw: ...

    @overload
    def __getitem__(self, place: slice) -> "Raws": ...

    def __getitem__(self, place: int | slice) -> "Raw | Raws":
        if isinstance(place, slice):
            return Raws(self.offsets[place], self.keys[place], self.values[place], self.sent[place])
        return Raw(self.offsets[place], self.keys[place], self.values[place], self.sent[place])

    def at(self, places: Sequence[int]) -> "Raws":
        """The messages in these places."""
        columns = (self.offsets, self.keys, self.values, self.sent)
        return Raws(*([column[place] for place in places] for column in columns))  # type: ignore[arg-type]


def split_controls(messages: Sequence[Message]) -> tuple[Raws, list[Message]]:
    """The records among ``messages``, and the control messages."""
    read = Raws.read(messages)
    if None not in read.keys:
        return read, []
    control = [key is None and is_control(message) for key, message in zip(read.keys, messages, strict=True)]
    records = read.at([place for place, one in enumerate(control) if not one])
    return records, list(compress(messages, control))


def by_partition(messages: Sequence[Message]) -> dict[int, list[Message]]:
    """The messages of each partition, in order."""
    parts: dict[int, list[Message]] = {}
    start = 0
    # runs are long, so that a step for each costs nothing, and one for each message does
    for partition, run in groupby(map(Message.partition, messages)):
        end = start + len(list(run))
        parts.setdefault(cast(int, partition), []).extend(messages[start:end])
        start = end
    return parts
