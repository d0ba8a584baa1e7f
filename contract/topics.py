"""Our topics: which there are, and the configuration that our guarantees rest on."""

from dataclasses import dataclass, field

from contract.durations import DAY, HOUR
from contract.settings import Settings

CUSTOMERS = "customers"
LABELS = "labels"
PREDICTIONS = "predictions"
OUTCOMES = "outcomes"
DEAD_LETTERS = "dead-letters"
PANES = "panes"
WINDOWS = "windows"
ALERTS = "alerts"
VERSIONS = "versions"
FORMAT = "format"

GROUPS = ("scorer", "join", "timeline")
"""Consumer groups of a stream's workers; each alert sink has one besides."""

MAX_VALUE_BYTES = 1_000_000
"""A customer or label value above this size is dead-lettered as ``too-large``."""
MAX_PREDICTION_BYTES = MAX_VALUE_BYTES + 10_000
"""A prediction's value at most: the largest record with the answer, whose only long part is the model's name."""
MAX_MESSAGE_BYTES = 10_000_000
"""What a topic takes, so that an oversized value can reach the scorer and the dead letters instead of vanishing."""
MAX_DEAD_LETTER_BYTES = MAX_MESSAGE_BYTES + 100_000
"""The largest message with the headers that a dead letter adds to it."""


@dataclass(frozen=True)
class TopicSpec:
    """One topic as we need it: full name, partitions, and the configuration that our guarantees rest on."""

    name: str
    partitions: int
    config: dict[str, str] = field(default_factory=dict)


def alerts_group(sink: str) -> str:
    """The consumer group of an alert sink of this name."""
    return f"{ALERTS}-{sink}"


def topic_specs(settings: Settings) -> tuple[TopicSpec, ...]:
    """All topics of a stream.

    Those keyed by customer have the same number of partitions, so that a customer's messages meet. ``panes``,
    ``windows``, ``alerts`` and ``versions`` have one: a window needs the panes of all partitions in one place.
    ``format`` holds one message for good (``contract.kafka.topic_format``).
    """
    # by the broker's clock: an event time is judged by it, and no client's clock must have a say in what is kept, nor
    # in what is taken (a broker refuses a create time more than an hour ahead)
    common = {"max.message.bytes": str(MAX_MESSAGE_BYTES), "message.timestamp.type": "LogAppendTime"}
    stream = {"cleanup.policy": "delete", **common}
    # a join that lost its store reads back three times the label lateness (monitor.join.rules), and what was scored and
    # came of it in this time can be learned from
    joined = {**stream, "retention.ms": str(3 * settings.label_lateness + settings.label_tolerance + 7 * DAY)}
    long = {**stream, "retention.ms": str(365 * DAY), "max.message.bytes": str(MAX_DEAD_LETTER_BYTES)}
    compact = {"cleanup.policy": "compact", **common}
    panes = {
        **compact,
        # Pane after pane comes anew with each label. Only closed segments are compacted, so small ones, closed after an
        # hour at the latest, and cleaned when a tenth is outdated, keep short what a monitor reads at its start.
        "segment.bytes": str(64_000_000),
        "segment.ms": str(HOUR),
        "min.cleanable.dirty.ratio": "0.1",
        # whoever has read a pane and not yet its deletion is done within minutes
        "delete.retention.ms": str(HOUR),
        # a sample that was deleted is customers' data; after a day it leaves the disk, too
        "max.compaction.lag.ms": str(DAY),
    }
    # each state of an incident is there until slow receivers have it, too; later only the last one is
    alerts = {**compact, "min.compaction.lag.ms": str(30 * DAY)}
    kept = {**stream, "retention.ms": "-1"}
    many = settings.partitions
    plan = [
        (FORMAT, 1, kept),
        (CUSTOMERS, many, stream),
        (LABELS, many, joined),
        (PREDICTIONS, many, joined),
        (OUTCOMES, many, joined),
        (DEAD_LETTERS, many, long),
        (PANES, 1, panes),
        (WINDOWS, 1, compact),
        (ALERTS, 1, alerts),
        (VERSIONS, 1, compact),
    ]
    return tuple(TopicSpec(settings.topic(name), count, config) for name, count, config in plan)
