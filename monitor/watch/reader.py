"""A look at Kafka: how far topics and workers have got, and the dead letters that are new.

Every call blocks, in the thread of the watch, and raises ``KafkaException``, ``TimeoutError`` or ``UserError`` where
Kafka does not answer.
"""

import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import OffsetSpec

from contract.durations import HOUR
from contract.kafka.clients import READ_AHEAD, admin_client, build_client, client_config
from contract.kafka.consuming import arrived
from contract.kafka.control import is_control
from contract.kafka.dead_letters import EVENT_TIME, FIELD, ORIGIN_OFFSET, ORIGIN_PARTITION, ORIGIN_TOPIC, REASON
from contract.kafka.peeking import peeking
from contract.settings import Settings
from contract.topics import CUSTOMERS, DEAD_LETTERS, LABELS, PREDICTIONS
from monitor.watch.behind import Place, ReadUntil
from monitor.watch.letters import Letter, LetterNames

READS: dict[str, tuple[str, ...]] = {"scorer": (CUSTOMERS,), "join": (PREDICTIONS, LABELS)}
"""The consumer groups that are watched, and what they read."""
MOST_BACK = 20_000
"""Dead letters of a partition that are read back at the start."""
MOST_BEHIND = 500_000
"""Of a partition, where dead letters come faster than they are counted; then those between are passed over."""
_READ_SECONDS, _POLL_SECONDS, _BATCH = 1.0, 0.2, 1_000
_HOURS = 7 * 24
_CLOSELY = 1_000


class Look(NamedTuple):
    """What was seen: ends and offsets by topic (its short name) and partition, and the dead letters that are new.

    ``old_letters`` were there before the first look.
    """

    ends: Mapping[str, Mapping[int, int]]
    done: Mapping[tuple[str, str], Mapping[int, int]]
    letters: Sequence[Letter]
    old_letters: Sequence[Letter]
    all_read: bool

    def total(self, topic: str) -> int:
        return sum(self.ends[topic].values())


class StreamReader:
    """Looks at one stream."""

    def __init__(self, settings: Settings, names: LetterNames) -> None:
        self._settings = settings
        self._names = names
        self._timeout = settings.request_timeout_ms / 1_000
        self._admin = admin_client(settings)
        self._partitions = range(settings.partitions)
        self._letters: _LetterFollower | None = None

    def close(self) -> None:
        if self._letters is not None:
            self._letters.close()
            self._letters = None

    def look(self) -> Look:
        """How things are now. What workers have done is read first, so nothing seems to be ahead of its end."""
        done = {(group, topic): self._done(group, topic) for group, topics in READS.items() for topic in topics}
        topics = (CUSTOMERS, LABELS, PREDICTIONS, DEAD_LETTERS)
        latest: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        earliest: OffsetSpec = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
        ends, firsts = self._offsets(topics, latest), self._offsets(topics, earliest)
        if self._letters is None:
            self._letters = _LetterFollower(self._settings, self._names, firsts[DEAD_LETTERS], ends[DEAD_LETTERS])
        new, old = self._letters.read(ends[DEAD_LETTERS])
        # what retention has deleted nobody waits for
        known = {
            (group, topic): {
                partition: max(offsets.get(partition, 0), firsts[topic][partition]) for partition in self._partitions
            }
            for (group, topic), offsets in done.items()
        }
        return Look(ends, known, new, old, self._letters.all_read)

    def reached(self, look: Look, group: str) -> dict[Place, ReadUntil]:
        """By partition of all that a group reads."""
        return {
            (self._settings.topic(topic), partition): ReadUntil(look.ends[topic][partition], done)
            for topic in READS[group]
            for partition, done in look.done[group, topic].items()
        }

    def members(self, group: str) -> int:
        """How many workers are in a group."""
        name = self._settings.topic(group)
        found = self._admin.describe_consumer_groups([name], request_timeout=self._timeout)[name]
        return len(found.result(self._timeout).members)

    def has_messages(self, place: Place, found: ReadUntil) -> bool:
        """Whether there are messages between what is done and the end of a partition, besides ends of transactions."""
        if found.end - found.done > _CLOSELY:
            return True
        topic, partition = place
        with peeking(self._settings, self._timeout) as peek:
            return bool(peek.newest(topic, {partition: (found.done, found.end)}, _CLOSELY))

    def has_ended(self, topic: str) -> bool:
        """Whether each partition that holds anything ends with an end of the stream."""
        name = self._settings.topic(topic)
        with peeking(self._settings, self._timeout) as peek:
            offsets = {partition: peek.offsets(name, partition) for partition in self._partitions}
            last = peek.last(name, offsets)
        filled = sum(first < end for first, end in offsets.values())
        return 0 < filled == len(last) and all(map(is_control, last))

    def longest_pause(self, topic: str) -> float:
        """Of the week before a topic's last message, in whole hours, as seconds: by the broker's own time stamps."""
        name = self._settings.topic(topic)
        with peeking(self._settings, self._timeout) as peek:
            offsets = {partition: peek.offsets(name, partition) for partition in self._partitions}
            last = max((message.timestamp()[1] for message in peek.last(name, offsets)), default=None)
            if last is None:
                return 0.0
            totals = [sum(peek.at(name, offsets, last - hour * HOUR).values()) for hour in range(_HOURS, -1, -1)]
        begin = sum(first for first, _ in offsets.values())
        longest = run = 0
        for before, after in pairwise(totals):
            run = run + 1 if before == after > begin else 0
            longest = max(longest, run)
        return 3_600.0 * longest

    def _offsets(self, topics: Sequence[str], which: OffsetSpec) -> dict[str, dict[int, int]]:
        names = {self._settings.topic(topic): topic for topic in topics}
        asked = {TopicPartition(name, number): which for name in names for number in self._partitions}
        found: dict[str, dict[int, int]] = {topic: {} for topic in topics}
        for place, answer in self._admin.list_offsets(asked, request_timeout=self._timeout).items():
            found[names[place.topic]][place.partition] = answer.result(self._timeout).offset
        return found

    def _done(self, group: str, topic: str) -> dict[int, int]:
        places = [TopicPartition(self._settings.topic(topic), number) for number in self._partitions]
        asked = [ConsumerGroupTopicPartitions(self._settings.topic(group), places)]
        (answer,) = self._admin.list_consumer_group_offsets(asked, request_timeout=self._timeout).values()
        found = answer.result(self._timeout).topic_partitions
        return {place.partition: place.offset for place in found if place.error is None and place.offset >= 0}


class _LetterFollower:
    """Reads ``dead-letters`` as they come, outside any consumer group, from a little before the end on."""

    def __init__(
        self, settings: Settings, names: LetterNames, firsts: Mapping[int, int], ends: Mapping[int, int]
    ) -> None:
        self._names = names
        self._topic = settings.topic(DEAD_LETTERS)
        guarantees = {
            "group.id": settings.topic("watch"),
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        }
        defaults = READ_AHEAD | {"queued.max.messages.kbytes": 16_384}
        self._consumer = build_client(Consumer, defaults | client_config(settings) | guarantees)
        self._old_end = dict(ends)
        self._positions = {number: max(firsts[number], end - MOST_BACK) for number, end in ends.items()}
        self._waiting = set(ends)
        self.all_read = False
        """Whether all that was there before the first look has been read."""
        self._assign(self._positions)

    def close(self) -> None:
        self._consumer.close()

    def read(self, ends: Mapping[int, int]) -> tuple[list[Letter], list[Letter]]:
        """Those that have come since, and those of before the first look; for about a second at most."""
        if jumps := {
            number: max(end - MOST_BACK, 0)
            for number, end in ends.items()
            if end < self._positions[number] or end - self._positions[number] > MOST_BEHIND
        }:
            # the topic was made anew, or letters come faster than they are counted
            self._positions |= jumps
            self._old_end |= dict.fromkeys(jumps, 0)
            self._assign(self._positions)
        new: list[Letter] = []
        old: list[Letter] = []
        until = time.monotonic() + _READ_SECONDS
        while time.monotonic() < until:
            messages = arrived(self._consumer, _BATCH, _POLL_SECONDS)
            for message in messages:
                self._take(message, new, old)
            if not messages:
                break
        return new, old

    def _assign(self, positions: Mapping[int, int]) -> None:
        self._consumer.assign([TopicPartition(self._topic, number, at) for number, at in positions.items()])

    def _take(self, message: Message, new: list[Letter], old: list[Letter]) -> None:
        partition, offset, error = message.partition() or 0, message.offset() or 0, message.error()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:
                self._waiting.discard(partition)
                self.all_read = not self._waiting
            elif error.fatal() or error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise KafkaException(error)
            return
        self._positions[partition] = offset + 1
        letter = self._letter(message, partition, offset)
        if letter is not None:
            (old if offset < self._old_end.get(partition, 0) else new).append(letter)

    def _letter(self, message: Message, partition: int, offset: int) -> Letter | None:
        headers = dict(message.headers() or ())
        texts = {name: _text(headers.get(name)) for name in (REASON, FIELD, ORIGIN_TOPIC)}
        origin = _number(headers.get(ORIGIN_PARTITION)), _number(headers.get(ORIGIN_OFFSET))
        if not texts[REASON] or origin[0] is None or origin[1] is None:
            # somebody else's message
            return None
        return Letter(
            partition,
            offset,
            self._names.of(texts[REASON], texts[FIELD]),
            texts[ORIGIN_TOPIC],
            origin[0],
            origin[1],
            _number(headers.get(EVENT_TIME)),
        )


def _text(value: str | bytes | None) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value or ""


def _number(value: str | bytes | None) -> int | None:
    text = _text(value)
    return int(text) if text.isdecimal() and len(text) < 20 else None
