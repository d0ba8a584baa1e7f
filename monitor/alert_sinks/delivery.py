"""One sink's alerts: read as a consumer group of its own, sent one by one, committed after each.

The topic is the spool. So nothing is kept on this machine, a monitor that takes over goes on where its predecessor was,
and of several monitors the group decides which one sends.
"""

import logging
import threading
import time
from collections.abc import Callable

from confluent_kafka import OFFSET_BEGINNING, KafkaException, Message, TopicPartition

from contract.alert_rules import SinkRule
from contract.alerts import Alert
from contract.errors import UserError
from contract.kafka.clients import committed_consumer
from contract.kafka.consuming import BatchConsumer
from contract.kafka.transactions import BatchAbortedError, Checkpoint, FencedError, no_checkpoint
from contract.messages import encode
from contract.settings import Settings
from contract.topics import ALERTS, alerts_group
from contract.worker.clock import Clock
from contract.worker.outage import Outage
from monitor.alert_sinks.notices import notice_of
from monitor.alert_sinks.position import SinkProgress, alert_in, alerts_for_position, newest_standing, progress_of
from monitor.alert_sinks.seam import AlertSink, DeliveryError, RefusedDeliveryError
from monitor.alert_sinks.selection import SinkSelection
from monitor.signals import ALERT_SENDINGS, ALERT_SINK_UP

_POLL_SECONDS = 0.2
_BATCH, _LONGEST_BATCH_S = 50, 60.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
_FIRST_PAUSE_REFUSED_S, _LONGEST_PAUSE_REFUSED_S = 30.0, 600.0
_SECONDS_BETWEEN_WARNINGS = 3_600.0
_LAST_SENDS_SECONDS = 5.0
_log = logging.getLogger("churnstream.alerts")

Link = Callable[[Alert], str | None]
"""Where MLflow shows what an alert is about, as people reach it; None where it has no page."""


class SinkDelivery:
    """The loop of one sink, on a thread of its own.

    ``checkpoint`` is called with ``send`` before each notice is sent, ``sent`` behind it and ``committed`` when its
    offset is.
    """

    def __init__(
        self,
        settings: Settings,
        stream: str,
        rule: SinkRule,
        sink: AlertSink,
        clock: Clock,
        link: Link = lambda _alert: None,
        checkpoint: Checkpoint = no_checkpoint,
    ) -> None:
        # a static member that was killed would be waited for; the group must go on at once
        self._settings = settings.model_copy(update={"instance": None})
        self._stream = stream
        self._rule = rule
        self._sink = sink
        self._clock = clock
        self._link = link
        self._checkpoint = checkpoint
        self._topic = settings.topic(ALERTS)
        self._timeout = settings.request_timeout_ms / 1_000
        self._selection = SinkSelection(rule)
        self._progress = SinkProgress()
        self._standing: frozenset[int] = frozenset()
        self._sent_until = 0
        self._failures = 0
        self._next_warning = 0.0
        self._kafka = Outage(_log)

    def run(self, stop: threading.Event) -> None:
        """Deliver until ``stop`` is set, and then what can be delivered at once, for some seconds."""
        while not stop.is_set():
            try:
                self._follow(stop)
            except (UserError, FencedError, KafkaException) as error:
                self._kafka.begin(
                    "alert sink %s cannot read %s (%s); trying again", self._rule.name, self._topic, error
                )
                stop.wait(_LONGEST_PAUSE_S)

    def _follow(self, stop: threading.Event) -> None:
        reader = BatchConsumer(
            committed_consumer(self._settings, alerts_group(self._rule.name)),
            [self._topic],
            batch_size=_BATCH,
            linger=0.0,
            timeout=self._timeout,
            start=lambda partitions: self._begin(reader, partitions),
        )
        deadline = None
        try:
            while deadline is None or time.monotonic() < deadline:
                if stop.is_set() and deadline is None:
                    deadline = time.monotonic() + _LAST_SENDS_SECONDS
                if not self._turn(reader, stop) and stop.is_set():
                    return
        finally:
            reader.close()

    def _turn(self, reader: BatchConsumer, stop: threading.Event) -> bool:
        """Send what comes next; whether there was anything, and all of it was taken."""
        try:
            messages = reader.poll(_POLL_SECONDS)
            if messages:
                self._kafka.end(f"alert sink {self._rule.name} reads {self._topic} again")
            began = time.monotonic()
            for message in messages:
                self._pass_on(reader, message)
                if time.monotonic() - began > _LONGEST_BATCH_S:
                    # or the group would take this member for dead; the rest is read again
                    reader.invalidate()
                    return True
            if messages and (messages[-1].offset() or 0) >= self._sent_until:
                # those that nobody asked for
                self._commit(reader, (messages[-1].offset() or 0) + 1)
            return bool(messages)
        except DeliveryError as error:
            reader.invalidate()
            self._failed(reader, error)
            self._pause(reader, stop, isinstance(error, RefusedDeliveryError))
        except (BatchAbortedError, KafkaException) as error:
            # what was sent and not committed is known here; a successor sends it once more
            reader.invalidate()
            self._kafka.begin("alert sink %s: %s; trying again", self._rule.name, error)
            stop.wait(_FIRST_PAUSE_S)
        return False

    def _begin(self, reader: BatchConsumer, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """Where to go on. What this process has sent is not sent again, also where it could not be committed."""
        positions = []
        for found in reader.consumer.committed(partitions, self._timeout):
            offset = max(found.offset, self._sent_until) if found.offset >= 0 else OFFSET_BEGINNING
            if found.offset >= 0:
                self._progress = progress_of(found.metadata)
            else:
                self._sent_until = 0
                _, end = reader.consumer.get_watermark_offsets(found, self._timeout)
                self._progress = SinkProgress(standing_until=end)
            self._look_back(offset)
            if found.offset < 0:
                # from here on every state counts, even if none has been sent before the next start
                first, _ = reader.consumer.get_watermark_offsets(found, self._timeout)
                self._commit(reader, first)
            positions.append(TopicPartition(found.topic, found.partition, offset))
        return positions

    def _look_back(self, offset: int) -> None:
        """What the sink is to know of alerts before and behind its position."""
        self._selection, self._standing = SinkSelection(self._rule), frozenset()
        until = self._progress.standing_until
        if offset >= until and self._rule.updates:
            return
        alerts = alerts_for_position(self._settings, self._stream)
        self._standing = newest_standing(alerts, until)
        for at, alert in alerts:
            if at < offset:
                self._selection.wants(alert)

    def _pass_on(self, reader: BatchConsumer, message: Message) -> None:
        alert, offset = alert_in(message, self._stream), message.offset() or 0
        if alert is None:
            return
        passed_over = offset < self._progress.standing_until and offset not in self._standing
        if passed_over or not self._selection.wants(alert):
            return
        self._checkpoint("send")
        self._send(alert)
        self._checkpoint("sent")
        self._sent_until = offset + 1
        self._commit(reader, offset + 1)
        self._checkpoint("committed")

    def _send(self, alert: Alert) -> None:
        notice = notice_of(alert, self._settings.topic_prefix, self._link(alert))
        try:
            self._sink.send(notice)
        except DeliveryError:
            raise
        except Exception as error:
            # whoever wrote the sink; its text may hold the URL
            raise DeliveryError(type(error).__name__) from error
        if self._failures:
            _log.warning("alert sink %s accepts alerts again", self._rule.name)
        self._failures = 0
        ALERT_SENDINGS.labels(self._rule.name, "taken").inc()
        ALERT_SINK_UP.labels(self._rule.name).set(1)

    def _failed(self, reader: BatchConsumer, error: DeliveryError) -> None:
        self._failures += 1
        reason, refused = str(error), isinstance(error, RefusedDeliveryError)
        ALERT_SENDINGS.labels(self._rule.name, "refused" if refused else "failed").inc()
        ALERT_SINK_UP.labels(self._rule.name).set(0)
        now = time.monotonic()
        if self._failures > 1 and reason == self._progress.failing and now < self._next_warning:
            return
        self._next_warning = now + _SECONDS_BETWEEN_WARNINGS
        _log.warning(
            "alert sink %s %s (%s); its alerts wait on %s; %s",
            self._rule.name,
            "refuses an alert" if refused else "accepts no alerts",
            reason,
            self._topic,
            f"correct {self._rule.url_variable} and start the monitor again"
            if refused
            else f"`churnstream alerts` shows how many, and `--test-sink {self._rule.name}` sends a test alert",
        )
        since = self._progress.since or self._clock.now()
        self._note(reader, SinkProgress(self._progress.standing_until, reason, since))

    def _note(self, reader: BatchConsumer, progress: SinkProgress) -> None:
        """Say in Kafka that the sink fails, where ``churnstream alerts`` finds it."""
        try:
            for found in reader.consumer.committed(reader.consumer.assignment(), self._timeout):
                if found.offset >= 0:
                    self._progress = progress
                    self._commit_at(reader, max(found.offset, self._sent_until), progress)
        except KafkaException as error:
            _log.info("alert sink %s: its failure could not be noted: %s", self._rule.name, error)

    def _commit(self, reader: BatchConsumer, offset: int) -> None:
        self._progress = SinkProgress(self._progress.standing_until)
        self._commit_at(reader, offset, self._progress)

    def _commit_at(self, reader: BatchConsumer, offset: int, progress: SinkProgress) -> None:
        noted = progress if offset < progress.standing_until else SinkProgress(0, progress.failing, progress.since)
        position = TopicPartition(self._topic, 0, offset, metadata=encode(noted).decode())
        reader.consumer.commit(offsets=[position], asynchronous=False)

    def _pause(self, reader: BatchConsumer, stop: threading.Event, refused: bool) -> None:
        """Wait before a further attempt, and meanwhile let the group go on: others may join it."""
        first, longest = (
            (_FIRST_PAUSE_REFUSED_S, _LONGEST_PAUSE_REFUSED_S) if refused else (_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        )
        until = time.monotonic() + min(first * 2 ** min(self._failures - 1, 16), longest)
        partitions = reader.consumer.assignment()
        reader.consumer.pause(partitions)
        while time.monotonic() < until and not stop.is_set() and reader.consumer.assignment() == partitions:
            # what comes all the same is read again, because the reader returns to its position
            reader.consumer.poll(_POLL_SECONDS)
        still = [one for one in reader.consumer.assignment() if one in partitions]
        if still:
            reader.consumer.resume(still)
