"""``predictions`` and ``outcomes`` of a stream read to where they stand now.

Nothing is written, and no consumer group is joined. Only committed messages are read, so nothing of an aborted batch
counts.
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
"""Some 1 GB while they are gathered, with ten features, and half of that without."""
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
) -> tuple[ScoredRecords, Passage]:
    """The records of a stream with ``since <= event_time < until`` (ms) that were scored, and what was read for it.

    Args:
        maturity: ms from a record to when its label's time is up; by default ``usual_maturity``.
        features: whether they are wanted; without them a reading takes half the memory.
        most: more records than these are refused, because all are in memory.

    Raises:
        UserError: the broker does not answer, there is no such stream, or there are more than ``most`` records.
    """
    stream = _stream(settings)
    # asked before the messages are read, so that all labels up to there are among them
    reached = _reached(settings)
    wanted = usual_maturity(settings, schema) if maturity is None else maturity
    begins = {topic: _begins(settings, topic, since) for topic in (PREDICTIONS, OUTCOMES)}
    read: dict[str, list[Offsets]] = {PREDICTIONS: [], OUTCOMES: []}
    parts: list[ScoredRecords] = []
    left = most
    for partition, come in enumerate(reached):
        rows = PartitionRows(schema, EventSpan(since, until), left, features=features)
        for topic, take in ((PREDICTIONS, rows.prediction), (OUTCOMES, rows.outcome)):
            read[topic].append(_read(settings, topic, partition, begins[topic][partition], take))
        left -= len(rows)
        parts.append(rows.rows(None if come is None else come - wanted))
    passage = Passage(stream, since, until, wanted, tuple(read[PREDICTIONS]), tuple(read[OUTCOMES]), reached)
    return together(parts), passage


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


def _begins(settings: Settings, topic: str, since: int | None) -> dict[int, int]:
    """By partition, an offset before which no message of ``since`` or later stands."""
    name, timeout = settings.topic(topic), settings.request_timeout_ms / 1_000
    with peeking(settings, timeout) as peek:
        there = {partition: peek.offsets(name, partition) for partition in range(_partitions(settings, topic))}
        if since is None:
            return {partition: first for partition, (first, _) in there.items()}
        return peek.at(name, there, max(since - _BEFORE, 0))


def _read(settings: Settings, topic: str, partition: int, begin: int, take: Callable[[bytes | None], None]) -> Offsets:
    name = settings.topic(topic)

    def within(message: Message) -> None:
        if not is_control(message):
            take(message.value())

    try:
        reached = read_whole(settings, [name], within, begin={name: begin}, partition=partition)[name]
    except NothingCameError as error:
        raise UserError(f"{name} cannot be read ({error}); check KAFKA_BOOTSTRAP_SERVERS") from None
    return Offsets(begin, reached)


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
            f"topic {name} does not exist or may not be read ({found.error.str()}); look at --stream and "
            "--topic-prefix, or see what is missing with `churnstream doctor`"
        )
    return len(found.partitions)
