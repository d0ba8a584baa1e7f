"""The join's worker: reads predictions and labels, publishes outcomes, panes and dead letters.

Guarantees, for every crash, rebalance and lost reply: each labelled record leads to an outcome with the newest revision
of its label, no revision comes twice, and each label leads to an outcome or a dead letter, as a ``read_committed``
reader sees it. An earlier revision may be left out, where two labels are read together. Outcomes, dead letters, panes
and the consumer group's offsets (*published*) are one Kafka transaction; after it, state and offsets (*absorbed*) are
one transaction of the store. So the store is never ahead of Kafka. Where it is behind, the worker reads what is between
again, in silence. A store that is lost or damaged is rebuilt from the log, from the origin in the metadata of the
committed offsets. Where Kafka has forgotten these, the store or the last progress on ``panes`` says where to go on.
"""

import logging
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from confluent_kafka import Message, Producer, TopicPartition

from contract.errors import UserError
from contract.kafka.clients import committed_consumer, transactional_id, transactional_producer
from contract.kafka.consuming import BatchConsumer
from contract.kafka.dead_letters import produce_dead_letter
from contract.kafka.transactions import Checkpoint, Transactions, no_checkpoint, produce_all
from contract.messages import encode
from contract.panes import JoinProgress
from contract.schema import Schema
from contract.settings import Settings
from contract.topics import DEAD_LETTERS, LABELS, OUTCOMES, PANES, PREDICTIONS
from contract.worker.clock import Clock, SystemClock
from contract.worker.heartbeat import Heartbeat
from contract.worker.loop import POLL_SECONDS, WorkerLoop
from monitor.join.catch_up import CatchUp
from monitor.join.effects import Effects
from monitor.join.incoming import Incoming, IncomingReader
from monitor.join.opening import GROUP, PartitionOpener, store_identity
from monitor.join.pane_limits import PaneLimits
from monitor.join.partition import PartitionJoin
from monitor.join.store import PaneId
from monitor.slot import Slot

_PANE_BYTES_AT_ONCE = 100_000_000
"""Of changed panes in one transaction, which the producer's queue holds; what is left follows in the next one."""
_log = logging.getLogger("churnstream.join")


@dataclass
class JoinStats:
    """What this worker has published since it started."""

    outcomes: int = 0
    dead_letters: int = 0
    panes: int = 0
    batches: int = 0


@dataclass
class _Part:
    """One assigned partition: its join, its way to the published offsets, when it last had a message (wall ms).

    ``uncommitted``: Kafka does not know these offsets, and is to be told.
    """

    join: PartitionJoin
    catch_up: CatchUp
    last_message: int
    progress: JoinProgress | None = None
    uncommitted: bool = False


class _Encoded(NamedTuple):
    """A message on ``panes``."""

    key: str
    value: bytes


@dataclass(frozen=True)
class _Publication:
    """What one partition publishes in a transaction."""

    partition: int
    effects: Effects
    panes: Mapping[PaneId, _Encoded]
    progress: JoinProgress | None


class JoinWorker:
    """Joins the partitions that the consumer group gives it until it is told to stop."""

    def __init__(
        self,
        settings: Settings,
        schema: Schema,
        *,
        clock: Clock | None = None,
        checkpoint: Checkpoint = no_checkpoint,
    ) -> None:
        self._timeout = settings.request_timeout_ms / 1_000
        producer_id = transactional_id(settings, GROUP)
        self.stats = JoinStats()
        self._settings = settings
        self._schema = schema
        self._clock = clock or SystemClock()
        self._checkpoint = checkpoint
        self._incoming = IncomingReader(schema)
        self._predictions = settings.topic(PREDICTIONS)
        self._labels = settings.topic(LABELS)
        self._panes = settings.topic(PANES)
        self._parts: dict[int, _Part] = {}
        self._last_flush = 0
        limits = PaneLimits.of(schema, settings.sample_size, settings.label_lateness)
        identity = store_identity(settings, schema)
        self._slot = Slot(settings.state_dir / "join", settings.instance)
        self._opener = PartitionOpener(settings, schema, limits, self._slot.path, identity)
        if limits.most_rows < settings.sample_size:
            _log.warning(
                "schema %s is wide: the sample of a pane, on which drift is judged, holds about %d records of the "
                "%d of CHURNSTREAM_SAMPLE_SIZE, so that it fits into a Kafka message",
                schema.name,
                limits.most_rows,
                settings.sample_size,
            )
        self._transactions = Transactions(
            lambda on_failure: transactional_producer(settings, producer_id, on_failure),
            self._timeout,
            named=settings.instance is not None,
            checkpoint=checkpoint,
        )
        self._reader = BatchConsumer(
            committed_consumer(settings, GROUP),
            [self._predictions, self._labels],
            batch_size=settings.batch_size,
            linger=settings.linger_ms / 1_000,
            timeout=self._timeout,
            start=self._positions,
            on_revoke=self._revoked,
        )
        self._loop = WorkerLoop(
            self._transactions,
            self._reader,
            Heartbeat(settings.heartbeat),
            _log,
            lambda: self._close_parts(list(self._parts)),
        )

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set; the batch at hand is finished first, and changed panes are published.

        Raises:
            FencedError: another worker took over under this one's name.
            UserError: a topic is gone or may not be read, or the state folder cannot be used.
        """
        try:
            while not stop.is_set():
                self._loop.turn(lambda: self._process(self._reader.poll(POLL_SECONDS), flush=False), stop)
            self._loop.turn(lambda: self._process([], flush=True), stop)
        finally:
            self._loop.close()
            self._close_parts(list(self._parts))
            self._slot.close()

    def _process(self, messages: Sequence[Message], flush: bool) -> None:
        now = self._clock.now()
        if messages:
            self._checkpoint("after-poll")
        flush = flush or now - self._last_flush >= self._settings.publish_interval_ms
        touched: dict[int, Effects] = {}
        for partition, (predictions, labels) in self._by_partition(messages).items():
            part = self._parts[partition]
            part.last_message = now
            split = part.catch_up.split(predictions, labels)
            if split.silent_predictions or split.silent_labels:
                part.join.absorb(split.silent_predictions, split.silent_labels)
                part.join.commit()
            if split.predictions or split.labels:
                touched[partition] = part.join.absorb(split.predictions, split.labels)
        for partition, part in self._parts.items():
            if part.uncommitted and part.catch_up.done:
                touched.setdefault(partition, Effects())
                part.uncommitted = False
        if messages:
            self._checkpoint("after-absorbing")
        more = True
        while more:
            publications, more = self._publications(touched, flush, now)
            if publications:
                self._publish(publications, touched, now)
            touched = {}
        if flush:
            self._last_flush = now

    def _publications(self, touched: Mapping[int, Effects], flush: bool, now: int) -> tuple[list[_Publication], bool]:
        """What goes into the next transaction, and whether changed panes are left for a further one."""
        publications = []
        room, left = _PANE_BYTES_AT_ONCE, 0
        for partition, part in self._parts.items():
            if not part.catch_up.done or not (flush or partition in touched):
                continue
            panes = self._encoded_panes(part, room) if flush else {}
            room -= sum(len(pane.value) for pane in panes.values())
            waiting = part.join.dirty - len(panes) if flush else 0
            left += waiting
            progress = None
            if flush and not waiting:
                # progress stands behind all panes that it covers
                progress = part.join.progress(idle=now - part.last_message >= self._settings.idle_timeout_ms)
                progress = progress if panes or progress != part.progress else None
            if partition in touched or panes or progress:
                publications.append(_Publication(partition, touched.get(partition, Effects()), panes, progress))
        return publications, left > 0

    def _encoded_panes(self, part: _Part, room: int) -> dict[PaneId, _Encoded]:
        """Changed panes until they take ``room`` bytes or more."""
        found = {}
        panes = part.join.dirty_panes()
        while room > 0 and (pane := next(panes, None)) is not None:
            value = encode(pane)
            found[PaneId(pane.start, pane.model)] = _Encoded(pane.key, value)
            room -= len(value)
        return found

    def _publish(self, publications: Sequence[_Publication], touched: dict[int, Effects], now: int) -> None:
        offsets = [position for partition in touched for position in self._committable(partition)]
        self._transactions.run(
            lambda producer: self._produce(producer, publications, now), offsets, self._reader.consumer
        )
        self._checkpoint("before-store-commit")
        for item in publications:
            part = self._parts[item.partition]
            if item.progress is not None:
                part.progress = item.progress
            if item.panes or item.progress is not None:
                part.join.published(item.panes)
            part.join.commit()
            self.stats.outcomes += len(item.effects.outcomes)
            self.stats.dead_letters += len(item.effects.dead_letters)
            self.stats.panes += len(item.panes)
        self.stats.batches += 1
        self._checkpoint("after-store-commit")

    def _produce(self, producer: Producer, publications: Sequence[_Publication], now: int) -> None:
        for item in publications:
            outcomes = [
                {"key": outcome.customer_id.encode(), "value": encode(outcome)} for outcome in item.effects.outcomes
            ]
            produce_all(producer, self._settings.topic(OUTCOMES), outcomes, item.partition)
            for letter in item.effects.dead_letters:
                produce_dead_letter(
                    producer,
                    self._settings.topic(DEAD_LETTERS),
                    letter.rejection,
                    key=letter.key,
                    value=letter.value,
                    origin=(self._settings.topic(letter.topic), item.partition, letter.offset),
                    time=now,
                )
            for pane in item.panes.values():
                producer.produce(self._settings.topic(PANES), key=pane.key, value=pane.value, partition=0)
            if item.progress is not None:
                value = encode(item.progress)
                producer.produce(self._settings.topic(PANES), key=item.progress.key, value=value, partition=0)

    def _committable(self, partition: int) -> list[TopicPartition]:
        join = self._parts[partition].join
        origins = join.origins()
        return [
            TopicPartition(topic, partition, progress.offset, metadata=encode(origin).decode())
            for topic, progress, origin in (
                (self._predictions, join.state.predictions, origins[0]),
                (self._labels, join.state.labels, origins[1]),
            )
        ]

    def _by_partition(self, messages: Sequence[Message]) -> dict[int, tuple[list[Incoming], list[Incoming]]]:
        parts: dict[int, tuple[list[Incoming], list[Incoming]]] = {}
        for message in messages:
            predictions, labels = parts.setdefault(message.partition() or 0, ([], []))
            if message.topic() == self._predictions:
                predictions.append(self._incoming.prediction(message))
            else:
                labels.append(self._incoming.label(message))
        return parts

    def _positions(self, assigned: list[TopicPartition]) -> list[TopicPartition]:
        committed = {
            (found.topic, found.partition): found for found in self._reader.consumer.committed(assigned, self._timeout)
        }
        panes_topic = self._opener.panes_topic()
        positions = []
        for partition in sorted({found.partition for found in assigned}):
            try:
                pair = committed[self._predictions, partition], committed[self._labels, partition]
            except KeyError:
                raise UserError(
                    f"partition {partition} of {self._predictions} and {self._labels} went to different workers; "
                    f"both topics need the same number of partitions"
                ) from None
            self._close_parts([partition])
            opened = self._opener.open(partition, *pair, panes_topic)
            self._parts[partition] = _Part(
                opened.join, opened.catch_up, self._clock.now(), uncommitted=opened.uncommitted
            )
            state = opened.join.state
            positions.append(TopicPartition(self._predictions, partition, state.predictions.offset))
            positions.append(TopicPartition(self._labels, partition, state.labels.offset))
        return positions

    def _revoked(self, partitions: list[TopicPartition]) -> None:
        self._close_parts({found.partition for found in partitions})

    def _close_parts(self, partitions: Iterable[int]) -> None:
        """Let go of partitions; what their stores have not committed is dropped and read again."""
        for partition in partitions:
            part = self._parts.pop(partition, None)
            if part is not None:
                part.join.close()
