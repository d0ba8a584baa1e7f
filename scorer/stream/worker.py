"""The scorer's worker: reads customer records, applies the model, publishes predictions exactly once.

Guarantees, for every crash, rebalance and lost reply: each record on ``customers`` leads to one prediction or to one
dead letter, as a ``read_committed`` reader sees it; predictions of a partition stand in the order of their records.
Predictions, dead letters and consumer offsets are one Kafka transaction per batch. There is no state but the loaded
model. Each record's prediction goes to the partition the record came from; behind it stands that of the challenger,
where there is one and it has answered in time.

A batch is committed on a thread of its own while the next one is read and scored (``contract.kafka.pipeline``).
"""

import logging
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

from confluent_kafka import Message, Producer, TopicPartition

from contract.kafka.clients import committed_consumer, second_id, transactional_id, transactional_producer
from contract.kafka.consuming import BatchConsumer
from contract.kafka.control import END_OF_STREAM, HEADER
from contract.kafka.dead_letters import Header, produce_dead_letter, resent_headers
from contract.kafka.forgotten import scored_until
from contract.kafka.log_throttle import LogThrottle
from contract.kafka.pipeline import Submitted, TransactionPipeline, is_worth_overlapping, pause_before_reading
from contract.kafka.timestamps import sent_at
from contract.kafka.transactions import BatchAbortedError, Checkpoint, Transactions, no_checkpoint, produce_all
from contract.rejection import Reason
from contract.schema import Schema
from contract.settings import Settings
from contract.signals import BATCHES, BATCHES_ABORTED, DEAD_LETTERS_SENT, RECORDS, STAGE
from contract.topics import CUSTOMERS, DEAD_LETTERS, PREDICTIONS
from contract.worker.clock import Clock, SystemClock
from contract.worker.heartbeat import Heartbeat
from contract.worker.loop import POLL_SECONDS, WorkerLoop
from contract.worker.news import stream_place
from contract.worker.outage import Outage
from scorer.models.challenger import Challenger
from scorer.models.challenger_signals import CHALLENGER_PREDICTIONS
from scorer.models.isolation import BrokenModelError
from scorer.models.scores import Scores
from scorer.signals import PREDICTION_LATENCY, PREDICTIONS_SENT
from scorer.stream.batch import MOST_FAILED_IN_A_ROW, BatchScorer, ScoredBatch, Sent
from scorer.stream.reading import by_partition, split_controls

GROUP = "scorer"
_BROKEN_SECONDS = 1.0
"""Between two tries with a model that scores nothing."""
_SCORING, _CHALLENGING, _COMMITTING = (STAGE.labels(stage) for stage in ("score", "challenge", "commit"))
_log = logging.getLogger("churnstream.scorer")
_failures_log = logging.getLogger("churnstream.scorer.failures")
# a stream may have many records that a model fails on
_failures_log.addFilter(LogThrottle(seconds=10))


@dataclass
class ScorerStats:
    """What this worker has committed since it started."""

    predictions: int = 0
    dead_letters: int = 0
    batches: int = 0


@dataclass(frozen=True)
class _Share:
    """One partition's part of a batch, scored. ``controls`` are its control messages, passed on.

    ``predictions`` are what is published, and ``offsets`` those of their records, where there are control messages to
    put among them. ``resent`` is what the rejected records say of being sent again, by offset.
    """

    partition: int
    next_offset: int
    scored: ScoredBatch
    controls: list[Message]
    predictions: Sequence[Sent]
    offsets: Sequence[int]
    resent: dict[int, tuple[Header, ...]]


class ScorerWorker:
    """Scores ``customers`` until it is told to stop.

    ``champion`` is called once per batch and gives the model that scores it, so that a swap falls between two batches.
    ``challenger`` scores the same records beside it, as far as its budget goes.
    """

    def __init__(
        self,
        settings: Settings,
        schema: Schema,
        champion: Callable[[], Scores],
        *,
        challenger: Challenger | None = None,
        group: str = GROUP,
        clock: Clock | None = None,
        checkpoint: Checkpoint = no_checkpoint,
    ) -> None:
        timeout = settings.request_timeout_ms / 1_000
        first = transactional_id(settings, group)
        self.stats = ScorerStats()
        self._champion = champion
        self._challenger = challenger
        self._clock = clock or SystemClock()
        self._checkpoint = checkpoint
        self._settings = settings
        self._batch = BatchScorer(schema)
        self._overlaps = False
        self._began = float("-inf")
        self._broken = Outage(_log)
        self._failed_in_a_row = self._failed_as_committed = 0
        self._customers = settings.topic(CUSTOMERS)
        self._predictions = settings.topic(PREDICTIONS)
        self._dead_letters = settings.topic(DEAD_LETTERS)
        self._transactions = TransactionPipeline(
            [
                Transactions(
                    partial(transactional_producer, settings, producer_id),
                    timeout,
                    named=settings.instance is not None,
                    checkpoint=checkpoint,
                )
                for producer_id in (first, second_id(first))
            ]
        )
        self._reader = BatchConsumer(
            committed_consumer(settings, group),
            [self._customers],
            batch_size=settings.batch_size,
            linger=settings.linger_ms / 1_000,
            timeout=timeout,
            recover=lambda found: scored_until(settings, found.partition, timeout),
            on_revoke=lambda _: self._transactions.wait(),
            settle=self._transactions.settle,
        )
        self._loop = WorkerLoop(
            self._transactions,
            self._reader,
            Heartbeat(settings.heartbeat),
            _log,
            self._doing,
            lambda: {"records scored": self.stats.predictions, "dead letters": self.stats.dead_letters},
            self._forget_failures,
        )

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set; what was read is finished first.

        Raises:
            FencedError: another worker took over under this one's name.
            UserError: a topic is gone or may not be read.
        """
        try:
            while not stop.is_set():
                self._loop.turn(lambda: self._process(stop), stop)
            self._finish()
        finally:
            # the partitions are given back by then, so nothing of them may be under way
            self._transactions.wait()
            self._loop.close()

    def _finish(self) -> None:
        try:
            self._transactions.settle()
        except BatchAbortedError as error:
            _log.info("batch aborted: %s", error)
            BATCHES_ABORTED.inc()

    def _doing(self) -> str:
        """What it does, and with which model."""
        ref = self._champion().ref
        version = None if self._challenger is None else self._challenger.version
        beside = "" if version is None else f" and, as challenger, v{version}"
        where = f"into {self._predictions}, {stream_place(self._settings)}"
        return f"scores {self._customers} with {ref.name} v{ref.version}{beside} {where}"

    def _process(self, stop: threading.Event) -> None:
        if not self._overlaps:
            self._transactions.settle()
            stop.wait(pause_before_reading(self._began, time.perf_counter()))
        messages = self._reader.poll(POLL_SECONDS)
        if not messages:
            return
        began = self._began = time.perf_counter()
        self._checkpoint("after-poll")
        now = self._clock.now()
        model = self._champion()
        try:
            shares = self._score(by_partition(messages), model)
        except BrokenModelError as error:
            self._broken.begin(
                "%s. The model counts as broken, so none of these records becomes a dead letter. The scorer waits, "
                "and tries again with new records and with each version that gets @%s; promote another one, or go "
                "back with `churnstream rollback`",
                error,
                self._settings.model_alias,
            )
            stop.wait(_BROKEN_SECONDS)
            raise BatchAbortedError(str(error)) from error
        scored = time.perf_counter()
        _SCORING.observe(scored - began)
        shares = self._challenge(shares, model, scored - began)
        _CHALLENGING.observe(time.perf_counter() - scored)
        self._checkpoint("after-scoring")
        self._broken.end("the model scores again")
        self._failed_in_a_row = failed_in_a_row = self._failures_until(shares)
        handed_over = time.perf_counter()
        # the messages themselves are let go of while the batch is committed
        read, ends = len(messages), [sent_at(messages[0]), sent_at(messages[-1])]

        def fill(producer: Producer) -> None:
            nonlocal handed_over
            handed_over = time.perf_counter()
            self._publish(producer, shares, now)

        def committed() -> None:
            _COMMITTING.observe(time.perf_counter() - handed_over)
            self._failed_as_committed = failed_in_a_row
            self._count(read, ends, shares, model)

        offsets = [TopicPartition(self._customers, share.partition, share.next_offset) for share in shares]
        working = time.perf_counter() - began
        self._transactions.submit(Submitted(fill, offsets, self._reader.membership, committed))
        committing = self._transactions.seconds
        self._overlaps = is_worth_overlapping(read, self._settings.batch_size, working, committing)

    def _count(self, read: int, ends: Sequence[int | None], shares: Sequence[_Share], model: Scores) -> None:
        """What was committed; it runs beside scoring. ``ends``: when the first and the last record were sent."""
        self.stats.batches += 1
        for share in shares:
            self.stats.predictions += len(share.scored.predictions)
            self.stats.dead_letters += len(share.scored.rejected)
        failures = sum(share.scored.failures for share in shares)
        if failures:
            _log.warning("the model failed on %d records, now dead letters (%s)", failures, Reason.NOT_SCORABLE)
        BATCHES.inc()
        RECORDS.labels(self._customers).inc(read)
        committed = self._clock.now()
        for sent in ends:
            if sent is not None:
                PREDICTION_LATENCY.observe(max(committed - sent, 0) / 1_000)
        predictions = sum(len(share.scored.predictions) for share in shares)
        PREDICTIONS_SENT.labels(str(model.ref.version)).inc(predictions)
        CHALLENGER_PREDICTIONS.inc(sum(len(share.predictions) for share in shares) - predictions)
        for share in shares:
            for _, rejection in share.scored.rejected:
                DEAD_LETTERS_SENT.labels(rejection.reason.value).inc()

    def _challenge(self, shares: list[_Share], champion: Scores, seconds: float) -> list[_Share]:
        """``seconds``: what the champion has taken."""
        answers = None
        if self._challenger is not None:
            answers = self._challenger.answer([share.scored.beside for share in shares], champion, seconds)
        for share in shares:
            share.scored.let_go()
        if answers is None:
            return shares
        return [
            replace(share, predictions=predictions, offsets=offsets)
            for share, beside in zip(shares, answers, strict=True)
            for predictions, offsets in [interleaved(share.predictions, beside, share.offsets)]
        ]

    def _score(self, parts: Mapping[int, Sequence[Message]], model: Scores) -> list[_Share]:
        """Raises:
        BrokenModelError: no record of any partition can be scored, and these are too many to be at fault themselves.
        """
        allowed = MOST_FAILED_IN_A_ROW - self._failed_in_a_row
        shares: dict[int, _Share] = {}
        broken: BrokenModelError | None = None
        for partition, messages in parts.items():
            try:
                shares[partition] = self._share(partition, messages, model, allowed)
            except BrokenModelError as error:
                broken = error
        if not any(share.scored.predictions for share in shares.values()):
            failures = sum(share.scored.failures for share in shares.values())
            if broken is not None or failures > allowed:
                raise broken or BrokenModelError(f"the model has scored none of the last {failures:,} records")
        # a model that scores some records works, whatever it makes of the others
        return [
            shares.get(partition) or self._share(partition, messages, model, None)
            for partition, messages in parts.items()
        ]

    def _share(self, partition: int, messages: Sequence[Message], model: Scores, most_failed: int | None) -> _Share:
        records, controls = split_controls(messages)
        scored = self._batch.score(records, partition, model, most_failed=most_failed)
        rejected = {raw.offset for raw, _ in scored.rejected}
        offsets = [offset for offset in records.offsets if offset not in rejected] if controls else []
        refused = [message for message in messages if _offset(message) in rejected] if rejected else []
        resent = {_offset(message): resent_headers(message.headers()) for message in refused}
        return _Share(partition, _offset(messages[-1]) + 1, scored, controls, scored.predictions, offsets, resent)

    def _failures_until(self, shares: Sequence[_Share]) -> int:
        """On how many records the models have failed in a row at the end of this batch."""
        if any(share.scored.predictions for share in shares):
            return 0
        return self._failed_in_a_row + sum(share.scored.failures for share in shares)

    def _forget_failures(self) -> None:
        """The batches after the last commit are read again, and so are the records in them that a model fails on."""
        self._transactions.wait()
        self._failed_in_a_row = self._failed_as_committed

    def _publish(self, producer: Producer, shares: Sequence[_Share], now: int) -> None:
        for share in shares:
            for predictions, control in in_order(share.predictions, share.offsets, share.controls):
                produce_all(producer, self._predictions, predictions, share.partition)
                if control is not None:
                    producer.produce(
                        self._predictions,
                        value=control.value(),
                        headers=[(HEADER, END_OF_STREAM)],
                        partition=share.partition,
                    )
            for raw, rejection in share.scored.rejected:
                produce_dead_letter(
                    producer,
                    self._dead_letters,
                    rejection,
                    key=raw.key,
                    value=raw.value,
                    origin=(self._customers, share.partition, raw.offset),
                    time=now,
                    sent=raw.sent,
                    resent=share.resent[raw.offset],
                )


def interleaved(
    predictions: Sequence[Sent], beside: Sequence[Sent | None], offsets: Sequence[int]
) -> tuple[list[Sent], list[int]]:
    """Each prediction, and behind it the challenger's of the same record; the records' offsets likewise, if given.

    So the challenger's are no further behind the newest event time than the champion's.
    """
    both = [sent for pair in zip(predictions, beside, strict=True) for sent in pair if sent is not None]
    twice = [offset for offset, sent in zip(offsets, beside, strict=False) for _ in range(1 if sent is None else 2)]
    return both, twice


def in_order(
    predictions: Sequence[Sent], offsets: Sequence[int], controls: Sequence[Message]
) -> Iterator[tuple[Sequence[Sent], Message | None]]:
    """Predictions, each time with the control message that follows them, in the order of ``offsets``.

    A record that came after an end of the stream opens it again, so its prediction must not stand before that end.
    """
    if not controls:
        yield predictions, None
        return
    start = 0
    for control in [*controls, None]:
        end = len(offsets) if control is None else bisect_left(offsets, _offset(control), start)
        yield predictions[start:end], control
        start = end


def _offset(message: Message) -> int:
    return cast(int, message.offset())  # a consumed message has one
