"""``predictions`` and ``outcomes`` of a stream read to where they stand now, or to where they stood once before.

Nothing is written, and no consumer group is joined. Only committed messages are read, so nothing of an aborted batch
counts. A reading can be had again: ``Passage`` says what was read, and whoever reads it again gets the same rows, as
long as Kafka keeps them.
"""

from collections.abc import Callable

import msgspec
from confluent_kafka import KafkaException, Message

from contract.durations import DAY
from contract.errors import UserError
from contract.kafka.clients import admin_client
from contract.kafka.control import is_control
from contract.kafka.forgotten import join_progress
from contract.kafka.peeking import peeking
from contract.kafka.reachability import require_kafka
from contract.kafka.rereading import NothingCameError, read_whole
from contract.kafka.stream_identity import stream_identity
from contract.panes import JoinProgress
from contract.rejection import FUTURE_TOLERANCE_MS
from contract.schema import Schema
from contract.settings import Settings
from contract.topics import OUTCOMES, PREDICTIONS
from training.outcomes.rows import EventSpan, PartitionRows, ScoredRecords, together

MOST_RECORDS = 1_000_000
"""Some 0.6 GB while they are gathered, with ten features."""
_BEFORE = FUTURE_TOLERANCE_MS + DAY
"""A record's time lies at most this far beyond the broker's when its prediction was appended."""
ENDED = 2**62
"""As far as a partition has come whose stream has ended: no label comes any more."""


class Offsets(msgspec.Struct, frozen=True):
    """What was read of one partition of a topic: from ``begin`` to before ``end``."""

    begin: int
    end: int


class Passage(msgspec.Struct, frozen=True):
    """What was read of a stream.

    ``since`` and ``until`` limit event times (ms), ``maturity`` is the time that labels take (ms). By partition:
    offsets on both topics, and how far labels had been joined (event time; ``ENDED``; None: not known).
    """

    stream: str
    since: int | None
    until: int | None
    maturity: int
    predictions: tuple[Offsets, ...]
    outcomes: tuple[Offsets, ...]
    reached: tuple[int | None, ...]

    @property
    def mature_before(self) -> int | None:
        """Records before this time are mature in every partition; None: in some partition none is."""
        known = [reached for reached in self.reached if reached is not None]
        return min(known) - self.maturity if len(known) == len(self.reached) and known else None


def usual_maturity(settings: Settings, schema: Schema) -> int:
    """The time (ms) after which a record's label is there if it ever comes: that from which silence counts, or that for
    which the join waits for labels."""
    horizon = schema.label.horizon_ms
    if schema.label.absent == "negative" and horizon is not None:
        return horizon
    return settings.label_lateness + settings.label_tolerance


def read_scored(
    settings: Settings,
    schema: Schema,
    *,
    since: int | None = None,
    until: int | None = None,
    maturity: int | None = None,
    features: bool = True,
    most: int = MOST_RECORDS,
    again: Passage | None = None,
) -> tuple[ScoredRecords, Passage]:
    """The records of a stream with ``since <= event_time < until`` (ms) that were scored, and what was read for it.

    Args:
        maturity: ms from a record to when its label's time is up; by default ``usual_maturity``.
        features: whether they are wanted; without them a reading takes half the memory.
        most: more records than these are refused, because all are in memory.
        again: read this again, in place of what there is now; ``since``, ``until`` and ``maturity`` are its own.

    Raises:
        UserError: the broker does not answer, there is no such stream, or there are more than ``most`` records.
    """
    stream = _stream(settings)
    if again is None:
        reached = _reached(settings)
        begins = {topic: _begins(settings, topic, since) for topic in (PREDICTIONS, OUTCOMES)}
        wanted = usual_maturity(settings, schema) if maturity is None else maturity
        span = EventSpan(since, until)
    else:
        if again.stream != stream:
            raise UserError("the stream that was read is gone, and another has its topics now; begin a new retraining")
        reached, wanted, span = again.reached, again.maturity, EventSpan(again.since, again.until)
        begins = {PREDICTIONS: _first(again.predictions), OUTCOMES: _first(again.outcomes)}
    parts: list[ScoredRecords] = []
    read: dict[str, list[Offsets]] = {PREDICTIONS: [], OUTCOMES: []}
    left = most
    for partition in range(len(begins[PREDICTIONS])):
        rows = PartitionRows(schema, span, left, features=features)
        for topic, take in ((PREDICTIONS, rows.prediction), (OUTCOMES, rows.outcome)):
            until_offset = None
            if again is not None:
                until_offset = (again.predictions if topic == PREDICTIONS else again.outcomes)[partition].end
            read[topic].append(_read(settings, topic, partition, begins[topic][partition], until_offset, take))
        come = reached[partition] if partition < len(reached) else None
        left -= len(rows)
        parts.append(rows.rows(None if come is None else come - wanted))
    stretch = Passage(
        stream, span.since, span.until, wanted, tuple(read[PREDICTIONS]), tuple(read[OUTCOMES]), tuple(reached)
    )
    return together(parts), stretch


def how_far(progress: dict[int, JoinProgress], partitions: int) -> tuple[int | None, ...]:
    """Up to which event time the join has all labels of each partition that came in time.

    A partition that is silent with nothing left to read stands where the foremost of the others stands.
    """
    found = [_come(progress.get(partition)) for partition in range(partitions)]
    foremost = max((come for come in found if come is not None and come != ENDED), default=None)
    return tuple(
        max(come, foremost) if come is not None and foremost is not None and progress[partition].idle else come
        for partition, come in enumerate(found)
    )


def _come(progress: JoinProgress | None) -> int | None:
    if progress is None:
        return None
    if progress.ended:
        return ENDED
    marks = [progress.watermark, None if progress.labels_idle else progress.label_watermark]
    known = [mark for mark in marks if mark is not None]
    return min(known) if progress.watermark is not None else None


def _reached(settings: Settings) -> tuple[int | None, ...]:
    count = _partitions(settings, PREDICTIONS)
    known = settings.model_copy(update={"partitions": count})
    return how_far(join_progress(known, settings.request_timeout_ms / 1_000), count)


def _first(offsets: tuple[Offsets, ...]) -> dict[int, int]:
    return {partition: one.begin for partition, one in enumerate(offsets)}


def _begins(settings: Settings, topic: str, since: int | None) -> dict[int, int]:
    """By partition, an offset before which no message of ``since`` or later stands."""
    name, timeout = settings.topic(topic), settings.request_timeout_ms / 1_000
    with peeking(settings, timeout) as peek:
        there = {partition: peek.offsets(name, partition) for partition in range(_partitions(settings, topic))}
        if since is None:
            return {partition: first for partition, (first, _) in there.items()}
        return peek.at(name, there, max(since - _BEFORE, 0))


def _read(
    settings: Settings,
    topic: str,
    partition: int,
    begin: int,
    end: int | None,
    take: Callable[[bytes | None], None],
) -> Offsets:
    name = settings.topic(topic)

    def within(message: Message) -> None:
        if (end is None or (message.offset() or 0) < end) and not is_control(message):
            take(message.value())

    try:
        reached = read_whole(settings, [name], within, begin={name: begin}, partition=partition)[name]
    except NothingCameError as error:
        raise UserError(f"{name} cannot be read ({error}); check KAFKA_BOOTSTRAP_SERVERS") from None
    return Offsets(begin, reached if end is None else end)


def _stream(settings: Settings) -> str:
    require_kafka(settings)
    return stream_identity(settings, PREDICTIONS, OUTCOMES)


def _partitions(settings: Settings, topic: str) -> int:
    name = settings.topic(topic)
    try:
        found = admin_client(settings).list_topics(name, timeout=settings.request_timeout_ms / 1_000).topics[name]
    except KafkaException as error:
        raise UserError(f"{name} cannot be read ({error.args[0].str()}); check KAFKA_BOOTSTRAP_SERVERS") from None
    if found.error is not None:
        raise UserError(
            f"topic {name} is not there or may not be read ({found.error.str()}); look at --stream and --topic-prefix, "
            f"or see what is missing with `churnstream doctor`"
        )
    return len(found.partitions)
