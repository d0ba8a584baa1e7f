"""The join's worker: reads predictions and labels, publishes outcomes, panes and dead letters.

Guarantees, for every crash, rebalance and lost reply: each labelled record leads to an outcome with the newest revision
of its label, no revision comes twice, and each label leads to an outcome or a dead letter, as a ``read_committed``
reader sees it. An earlier revision may be left out, where two labels are read together. Outcomes, dead letters, panes
and the consumer group's offsets (*published*) are one Kafka transaction; after it, with the next publication of panes,
state and offsets (*absorbed*) are one transaction of the store. So the store is never ahead of Kafka. Where it is
behind, by some seconds at most, the worker reads what is between again, in silence. A store that is lost or damaged is
rebuilt from the log, from the origin in the metadata of the committed offsets. Where Kafka has forgotten these, the
store or the last progress on ``panes`` says where to go on.

Publishing panes and writing the store may take a tenth of the time and no more: where many panes change, they go out
less often than ``publish_interval_ms`` says. Intervals are measured by a clock that nobody can set.
"""

import logging
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from confluent_kafka import Message, Producer, TopicPartition

from contract.errors import UserError
from contract.kafka.clients import committed_consumer, transactional_id, transactional_producer
from contract.kafka.consuming import BatchConsumer
from contract.kafka.transactions import Checkpoint, Transactions, no_checkpoint, produce_all
from contract.messages import encode
from contract.panes import JoinProgress
from contract.schema import Schema
from contract.settings import Settings
from contract.signals import BATCHES, DEAD_LETTERS_SENT, RECORDS, STAGE
from contract.topics import LABELS, OUTCOMES, PANES, PREDICTIONS
from contract.worker.clock import Clock, SystemClock
from contract.worker.heartbeat import Heartbeat
from contract.worker.loop import POLL_SECONDS, WorkerLoop
from contract.worker.news import stream_place
from monitor.join.catch_up import CatchUp
from monitor.join.effects import Effects
from monitor.join.open_panes import Publication
from monitor.join.opening import GROUP, PartitionOpener, join_rules, store_identity
from monitor.join.pane_limits import PaneLimits
from monitor.join.partition import PartitionJoin
from monitor.join.reading import BatchReader
from monitor.join.signals import KEPT, OUTCOMES_SENT, PANES_SENT, forget_partition, tell_progress
from monitor.join.turns import HELD_BYTES, Turns
from monitor.slot import Slot

_PANE_BYTES_AT_ONCE = 100_000_000
"""Of changed panes in one transaction, which the producer's queue holds; what is left follows in the next one."""
_MOST_COST = 10
"""A publication of panes is followed by so many times what it took, before the next one."""
_CONSUMER = {
    # so that it is known when there is nothing left to read of one topic
    "enable.partition.eof": True,
    # what is fetched ahead counts as memory of a worker that may hold millions of predictions
    "queued.max.messages.kbytes": 16_384,
    # an answer, which is unpacked as a whole; librdkafka wants it to be no less than what it says a producer sends
    "message.max.bytes": 262_144,
    "fetch.max.bytes": 262_144,
    "fetch.message.max.bytes": 131_072,
}
_JOINING, _COMMITTING, _SAVING = (STAGE.labels(stage) for stage in ("join", "commit", "save"))
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
    """One assigned partition: its join, its way to the published offsets, its turns between topics.

    ``last_message`` and ``last_label``: when it last had one, monotonic ms. ``uncommitted``: Kafka does not know these
    offsets, and is to be told. ``unsaved``: the store lacks something.
    """

    join: PartitionJoin
    catch_up: CatchUp
    turns: Turns
    last_message: int
    last_label: int
    progress: JoinProgress | None = None
    uncommitted: bool = False
    unsaved: bool = True
    paused: set[str] = field(default_factory=set)


class _Item(NamedTuple):
    """What one partition publishes in a transaction."""

    partition: int
    effects: Effects
    panes: list[Publication]
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
        self._clock = clock or SystemClock()
        self._checkpoint = checkpoint
        self._messages = BatchReader(schema)
        self._rules = join_rules(settings, schema)
        self._predictions = settings.topic(PREDICTIONS)
        self._labels = settings.topic(LABELS)
        self._panes = settings.topic(PANES)
        self._parts: dict[int, _Part] = {}
        self._next_flush = self._clock.monotonic()
        self._more = False
        limits = PaneLimits.of(schema, settings.sample_size, settings.label_lateness)
        identity = store_identity(settings, schema)
        self._slot = Slot(settings.state_dir / "join", settings.instance)
        self._opener = PartitionOpener(settings, schema, limits, self._slot.path, identity)
        if limits.most_rows < settings.sample_size:
            _log.warning(
                "schema %s is wide: the sample of a pane, by which drift is judged, holds about %d records instead of "
                "%d (CHURNSTREAM_SAMPLE_SIZE), because it must fit into a Kafka message",
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
            committed_consumer(settings, GROUP, _CONSUMER),
            [self._predictions, self._labels],
            # records, and the labels of as many
            batch_size=2 * settings.batch_size,
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
            doing=lambda: f"joins {self._predictions} with {self._labels}, {stream_place(settings)}",
            totals=lambda: {"outcomes": self.stats.outcomes, "dead letters": self.stats.dead_letters},
            on_abort=lambda: self._close_parts(list(self._parts)),
        )

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set; the batch at hand is finished first, and changed panes are published.

        Raises:
            FencedError: another worker took over under this one's name.
            UserError: a topic is gone or may not be read, or the state folder cannot be used.
        """
        try:
            while not stop.is_set():
                self._loop.turn(lambda: self._process(self._poll(), flush=False), stop)
            self._loop.turn(lambda: self._process([], flush=True), stop)
        finally:
            self._loop.close()
            self._close_parts(list(self._parts))
            self._slot.close()

    def _poll(self) -> list[Message]:
        self._pause()
        return self._reader.poll(0.0 if self._more else POLL_SECONDS)

    def _pause(self) -> None:
        """Read no more of a topic of which too much is held, and go on with it when there is room."""
        for partition, part in self._parts.items():
            for topic, held in ((self._predictions, part.turns.predictions), (self._labels, part.turns.labels)):
                paused = topic in part.paused
                full = part.turns.is_full(held, paused)
                if full and not paused:
                    self._reader.consumer.pause([TopicPartition(topic, partition)])
                    part.paused.add(topic)
                elif paused and not full:
                    self._reader.consumer.resume([TopicPartition(topic, partition)])
                    part.paused.discard(topic)

    def _process(self, messages: Sequence[Message], flush: bool) -> None:
        now = self._clock.monotonic()
        if messages:
            self._checkpoint("after-poll")
        flush = flush or now >= self._next_flush
        self._take_in(messages, now)
        self._more = False
        touched: dict[int, Effects] = {}
        read = {self._predictions: 0, self._labels: 0}
        joining = time.perf_counter()
        for partition, part in self._parts.items():
            taken = part.turns.take()
            self._more = self._more or any(taken)
            split = part.catch_up.split(*taken)
            if split.silent_predictions or split.silent_labels:
                part.join.absorb(split.silent_predictions, split.silent_labels)
                part.unsaved = True
            if split.predictions or split.labels:
                touched[partition] = part.join.absorb(split.predictions, split.labels)
                read[self._predictions] += len(split.predictions)
                read[self._labels] += len(split.labels)
            if part.uncommitted and part.catch_up.done:
                touched.setdefault(partition, Effects())
                part.uncommitted = False
        if touched:
            self._checkpoint("after-absorbing")
            _JOINING.observe(time.perf_counter() - joining)
        began = self._clock.monotonic()
        more = True
        while more:
            items, more = self._items(touched, flush, now)
            if items:
                self._publish(items, touched)
            touched = {}
        for topic, messages_read in read.items():
            RECORDS.labels(topic).inc(messages_read)
        if flush:
            with _SAVING.time():
                self._save()
            ended = self._clock.monotonic()
            self._next_flush = ended + max(self._settings.publish_interval_ms, _MOST_COST * (ended - began))

    def _take_in(self, messages: Sequence[Message], now: int) -> None:
        sorted_out: dict[tuple[str, int], list[Message]] = {}
        for message in messages:
            sorted_out.setdefault((message.topic() or "", message.partition() or 0), []).append(message)
        for (topic, partition), found in sorted_out.items():
            part = self._parts[partition]
            part.last_message = now
            if topic == self._predictions:
                part.turns.predictions.add(self._messages.predictions(found))
            else:
                part.last_label = now
                part.turns.labels.add(self._messages.labels(found))
        for partition, part in self._parts.items():
            part.turns.predictions.at_end = (self._predictions, partition) in self._reader.at_end
            part.turns.labels.at_end = (self._labels, partition) in self._reader.at_end

    def _items(self, touched: dict[int, Effects], flush: bool, now: int) -> tuple[list[_Item], bool]:
        """What goes into the next transaction, and whether changed panes are left for a further one."""
        items = []
        room, left = _PANE_BYTES_AT_ONCE, False
        for partition, part in self._parts.items():
            if not part.catch_up.done or not (flush or partition in touched):
                continue
            panes: list[Publication] = []
            progress = None
            if flush:
                progress = self._progress(part, now)
                waiting = part.join.unpublished(progress)
                publications = part.join.publications(progress)
                while room > 0 and (publication := next(publications, None)) is not None:
                    panes.append(publication)
                    room -= len(publication.value)
                if len(panes) < waiting:
                    # progress stands behind all panes that it covers
                    left, progress = True, None
                elif not panes and progress == part.progress:
                    progress = None
            if partition in touched or panes or progress:
                items.append(_Item(partition, touched.get(partition, Effects()), panes, progress))
        return items, left

    def _progress(self, part: _Part, now: int) -> JoinProgress:
        timeout = self._settings.idle_timeout_ms
        nothing_held = not part.turns.holds
        idle = nothing_held and now - part.last_message >= timeout
        labels_idle = part.turns.labels.at_end and nothing_held and now - part.last_label >= timeout
        return part.join.progress(idle, labels_idle)

    def _publish(self, items: Sequence[_Item], touched: dict[int, Effects]) -> None:
        offsets = [position for partition in touched for position in self._committable(partition)]
        with _COMMITTING.time():
            self._transactions.run(lambda producer: self._produce(producer, items), offsets, self._reader.membership)
        for item in items:
            part = self._parts[item.partition]
            part.unsaved = True
            if item.progress is not None:
                part.progress = item.progress
                tell_progress(item.progress)
            if item.panes or item.progress is not None:
                idle = item.progress is not None and item.progress.labels_idle
                part.join.published(((pane.pane, pane.kind) for pane in item.panes), labels_idle=idle)
            self.stats.outcomes += len(item.effects.outcomes)
            self.stats.dead_letters += len(item.effects.dead_letters)
            self.stats.panes += len(item.panes)
        self.stats.batches += 1
        self._count(items)

    def _count(self, items: Sequence[_Item]) -> None:
        """For Prometheus."""
        BATCHES.inc()
        for item in items:
            OUTCOMES_SENT.inc(len(item.effects.outcomes))
            PANES_SENT.inc(len(item.panes))
            for letter in item.effects.dead_letters:
                DEAD_LETTERS_SENT.labels(letter.rejection.reason.value).inc()
        kept = [part.join.kept for part in self._parts.values()]
        KEPT.labels("predictions").set(sum(len(one.table) for one in kept))
        KEPT.labels("labels").set(sum(len(one.waiting) for one in kept))
        KEPT.labels("panes").set(sum(len(one.panes) for one in kept))

    def _save(self) -> None:
        """Bring the stores up to what was published."""
        parts = [part for part in self._parts.values() if part.unsaved]
        if not parts:
            return
        self._checkpoint("before-store-commit")
        for part in parts:
            part.join.commit()
            part.unsaved = False
        self._checkpoint("after-store-commit")

    def _produce(self, producer: Producer, items: Sequence[_Item]) -> None:
        for item in items:
            produce_all(producer, self._settings.topic(OUTCOMES), item.effects.outcomes, item.partition)
            for letter in item.effects.dead_letters:
                letter.produce(producer, self._settings, item.partition, self._clock.now())
            for pane in item.panes:
                producer.produce(self._panes, key=pane.key, value=pane.value, partition=0)
            if item.progress is not None:
                producer.produce(self._panes, key=item.progress.key, value=encode(item.progress), partition=0)

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

    def _positions(self, assigned: list[TopicPartition]) -> list[TopicPartition]:
        committed = {
            (found.topic, found.partition): found for found in self._reader.consumer.committed(assigned, self._timeout)
        }
        panes_topic = self._opener.panes_topic()
        positions = []
        self._reader.consumer.resume(assigned)
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
            now = self._clock.monotonic()
            turns = Turns(self._rules, self._settings.batch_size, HELD_BYTES // len(assigned))
            self._parts[partition] = _Part(
                opened.join, opened.catch_up, turns, now, now, uncommitted=opened.uncommitted
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
                forget_partition(partition)
                part.join.close()
