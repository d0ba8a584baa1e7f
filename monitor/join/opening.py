"""Where a worker goes on with a partition that it is given: from its store, from Kafka's offsets, or from neither.

A store that is ahead of Kafka belongs to another time and is rebuilt from the log. Where Kafka has forgotten the
group's offsets, the store or the last progress on ``panes`` says how far everything was published.
"""

import logging
from pathlib import Path
from typing import NamedTuple

import msgspec
from confluent_kafka import TopicPartition

from contract.errors import UserError
from contract.kafka.forgotten import joined_until
from contract.kafka.stream_identity import stream_identity
from contract.kafka.transactions import BatchAbortedError
from contract.schema import Schema
from contract.segments import segments_fingerprint
from contract.settings import Settings
from contract.topics import LABELS, PANES, PREDICTIONS
from monitor.join.catch_up import CatchUp
from monitor.join.pane_limits import PaneLimits
from monitor.join.partition import PartitionJoin
from monitor.join.rules import JoinRules, TopicProgress
from monitor.join.store import JoinStore, PartitionState

GROUP = "join"
_log = logging.getLogger("churnstream.join")


class OpenedPartition(NamedTuple):
    """A partition's join and its way to the published offsets.

    ``uncommitted``: Kafka does not know these offsets, and is to be told.
    """

    join: PartitionJoin
    catch_up: CatchUp
    uncommitted: bool


def store_identity(settings: Settings, schema: Schema) -> str:
    """What a store belongs to: another stream, other topics, another schema or pane length make another state.

    So do other segments, which the schema's own fingerprint leaves out: rows remember them by number.

    Raises:
        UserError: the broker does not answer.
    """
    stream = stream_identity(settings, PREDICTIONS, LABELS)
    rules = msgspec.json.encode(join_rules(settings, schema)).decode()
    return (
        f"{stream} {settings.topic(PREDICTIONS)} {schema.fingerprint} {segments_fingerprint(schema.segments)} {rules}"
    )


def join_rules(settings: Settings, schema: Schema) -> JoinRules:
    """The rules that a stream's settings and schema make.

    Raises:
        UserError: silence would count before labels are still taken.
    """
    horizon = schema.label.horizon_ms
    if horizon is not None and horizon > settings.label_lateness:
        raise UserError(
            f"schema {schema.name}: the label's horizon {schema.label.horizon!r} is longer than the label lateness "
            f"(CHURNSTREAM_LABEL_LATENESS); raise that, or shorten the horizon"
        )
    return JoinRules(
        settings.slide,
        settings.out_of_orderness,
        settings.label_lateness,
        settings.label_tolerance,
        settings.partitions,
        horizon,
    )


class PartitionOpener:
    """Opens the stores of one worker's partitions, which lie in ``folder`` and carry ``identity``."""

    def __init__(self, settings: Settings, schema: Schema, limits: PaneLimits, folder: Path, identity: str) -> None:
        self._settings = settings
        self._schema = schema
        self._limits = limits
        self._folder = folder
        self._identity = identity
        self._rules = join_rules(settings, schema)
        self._timeout = settings.request_timeout_ms / 1_000
        self._checked: set[int] = set()

    def panes_topic(self) -> str:
        """Which topic ``panes`` is, for ``open``.

        Raises:
            BatchAbortedError: the broker does not answer.
        """
        try:
            return stream_identity(self._settings, PANES)
        except UserError as error:
            # a broker that is away comes back; one that goes on failing is told of every request_timeout_ms
            _log.warning("no partition can be joined yet: %s", error)
            raise BatchAbortedError(str(error)) from error

    def open(
        self, partition: int, predictions: TopicPartition, labels: TopicPartition, panes_topic: str
    ) -> OpenedPartition:
        """Open a partition whose committed offsets on both topics are given.

        Raises:
            BatchAbortedError: the broker does not answer.
            UserError: Kafka has forgotten the offsets, and nothing says where to go on.
        """
        # a file whose partition went to another worker and came back is the one that was checked before
        identity, trusted = f"{self._identity} {partition}", partition in self._checked
        store = JoinStore(self._folder / f"{partition}.sqlite", identity, trusted=trusted)
        self._checked.add(partition)
        try:
            state = store.state()
            published = max(predictions.offset, 0), max(labels.offset, 0)
            origins = _origin(predictions), _origin(labels)
            if predictions.offset < 0 and labels.offset < 0:
                last = self._recovered(partition, state)
                published = last[0].offset, last[1].offset
                origins = TopicProgress(forgotten=last[0].forgotten), TopicProgress()
            if state.predictions.offset > published[0] or state.labels.offset > published[1]:
                _log.warning("partition %d: the store is ahead of Kafka; it is rebuilt from the log", partition)
                store.reset()
            join = PartitionJoin(partition, store, self._rules, self._schema, self._limits)
            if join.state.predictions.offset == 0 and join.state.labels.offset == 0:
                join.begin_at(*origins)
            if join.publish_on(panes_topic):
                topic = self._settings.topic(PANES)
                _log.warning("partition %d: topic %s is new; every pane is published again", partition, topic)
        except BaseException:
            store.close()
            raise
        absorbed = join.state.predictions.offset, join.state.labels.offset
        uncommitted = predictions.offset < 0 and labels.offset < 0 and published != (0, 0)
        return OpenedPartition(join, CatchUp(absorbed, published), uncommitted)

    def _recovered(self, partition: int, absorbed: PartitionState) -> tuple[TopicProgress, TopicProgress]:
        """Up to where everything was published, for a group whose offsets Kafka has forgotten."""
        try:
            progress = joined_until(self._settings, partition, self._timeout)
        except UserError as error:
            raise BatchAbortedError(str(error)) from error
        predictions, labels = absorbed.predictions.offset, absorbed.labels.offset
        if progress is not None and progress.next_prediction is not None and progress.next_label is not None:
            predictions, labels = max(predictions, progress.next_prediction), max(labels, progress.next_label)
        elif progress is not None and (predictions, labels) == (0, 0):
            raise UserError(
                f"Kafka has forgotten the offsets of group {self._settings.topic(GROUP)}, and what was published of "
                f"partition {partition} does not show how far it came; restore its store in {self._folder}, set the "
                f"offsets with kafka-consumer-groups, or start over with `churnstream reset`"
            )
        if (predictions, labels) != (0, 0):
            _log.warning(
                "Kafka has forgotten the committed offsets of partition %d; continuing at offset %d of predictions "
                "and %d of labels, after what was published last",
                partition,
                predictions,
                labels,
            )
        forgotten = progress.forgotten if progress is not None else None
        return TopicProgress(predictions, forgotten=forgotten), TopicProgress(labels)


def _origin(committed: TopicPartition) -> TopicProgress:
    if committed.offset < 0 or not committed.metadata:
        return TopicProgress()
    return msgspec.json.decode(committed.metadata, type=TopicProgress)
