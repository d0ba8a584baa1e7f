"""One step of the timeline: what is due goes to Kafka, then to the spool; what nobody needs any more is deleted.

Windows and their alerts are committed to Kafka first, in transactions of a bounded size, and handed on with their
offsets afterwards; so what is spooled is on ``windows``, and what a crash leaves unspooled is read from there again
(``monitor.mlflow_sink``). Then, in one transaction, come folds, the deletion of what they stand for, and the progress
that the next start begins from; so a crash between any two steps is made good by doing the next step again.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from contract.alerts import NO_PREDICTIONS, Alert, ModelVerdict
from contract.messages import ModelRef, encode
from contract.panes import TimelineProgress
from contract.settings import Settings
from contract.signals import STAGE
from contract.topics import ALERTS, PANES, VERSIONS, WINDOWS
from contract.windows import Cumulative, Window
from contract.worker.outage import Outage
from contract.worker.room import NoRoomError
from monitor.naming import iso_time, model_title
from monitor.signals import ALERTS_SENT, WINDOWS_SENT
from monitor.timeline.fenced_writer import FencedWriter, TopicMessage
from monitor.timeline.outbox import StreamAlerts, VersionFacts
from monitor.timeline.samples import Sample
from monitor.timeline.state import TimelineState
from monitor.timeline.windows import Due

MOST_WINDOWS, MOST_BYTES = 200, 8_000_000
"""Bounds of one transaction: it ends well within its time-out, and its messages fit into memory many times over."""
_RETRY_SECONDS = 1.0
_SECONDS_BETWEEN_LINES = 10.0
_MOST_TOLD = 1_000
_CLOSING = STAGE.labels("close")
_log = logging.getLogger("churnstream.timeline")

ReadSample = Callable[[], Sample | None]
"""Reads a window's merged sample; None where not all of it is there."""


class ClosedWindows(Protocol):
    """Where windows and verdicts go besides Kafka. Called in the thread of the step, one call at a time."""

    @property
    def full(self) -> bool:
        """Whether no further window can be taken for now."""
        ...

    def take_up(self, end: int) -> None:
        """``windows`` has been read up to the offset ``end``; what is put from here on stands behind it."""
        ...

    def put(self, message: Window | Cumulative, offset: int, sample: ReadSample | None = None) -> bool:
        """Take a message that is on ``windows`` at ``offset``, durably; False if none can be taken for now.

        ``sample`` reads the sample that a window was judged by. A message can be put again.

        Raises:
            NoRoomError: the disk is full.
        """
        ...

    def tell(self, verdicts: Sequence[ModelVerdict]) -> None:
        """Take verdicts that are on ``alerts``; of each model the last counts. They are told again at each start."""
        ...


class Emission:
    """Publishes what a state's book has to say. Every call blocks; one thread at a time.

    ``pause`` is called with the seconds to wait before a further attempt; what it raises ends the step.
    ``stream_alerts`` are published between windows, also while these wait for room, ``version_facts`` between steps.
    """

    def __init__(
        self,
        settings: Settings,
        writer: FencedWriter,
        sink: ClosedWindows,
        pause: Callable[[float], None],
        stream_alerts: StreamAlerts | None = None,
        version_facts: VersionFacts | None = None,
    ) -> None:
        self._settings = settings
        self._writer = writer
        self._sink = sink
        self._pause = pause
        self._stream_alerts = stream_alerts or StreamAlerts()
        self._version_facts = version_facts or VersionFacts()
        names = (PANES, WINDOWS, ALERTS, VERSIONS)
        self._panes, self._windows, self._alerts, self._versions = map(settings.topic, names)
        self._told_of_loss: set[ModelRef] = set()
        self._passed_over, self._quiet_until = 0, 0.0
        self.waits_for_room = False
        """Whether a window cannot be handed on, because the spool or the disk is full. Then nothing goes on."""

    def begin(self, state: TimelineState) -> None:
        """Go on from a state that has just been read, and say what its predecessor has left unsaid.

        Raises: as ``run``.
        """
        self._passed_over = 0
        self._sink.take_up(state.windows_end)
        state.health.begin([*state.board.standing, *state.of_stream], state.board.verdicts)
        if state.windows_from > state.windows_end:
            # the topic has been made anew since, and its first windows must not be left out next time
            self._writer.publish([self._progress(0)])
            state.windows_from = 0
        # another release, or other settings, may see other incidents in the same windows
        unsaid = state.board.unsaid()
        for first in range(0, len(unsaid), MOST_WINDOWS):
            self._publish(state, [], unsaid[first : first + MOST_WINDOWS])
        verdicts = state.board.verdicts_due()
        for first in range(0, len(verdicts), MOST_WINDOWS):
            self._publish(state, [], [], verdicts[first : first + MOST_WINDOWS])
        self._sink.tell(state.board.verdicts)
        _withdraw(state, state.board.models)
        self.run(state)

    def run(self, state: TimelineState) -> None:
        """Publish, hand on and fold until nothing is due.

        Raises:
            TakenOverError: another monitor may have published; the state is no longer true.
            UserError: Kafka refuses a message, and will again.
            Exception: what ``pause`` raises. The state is no longer true then, either.
        """
        while True:
            with _CLOSING.time():
                due = state.book.due(MOST_WINDOWS)
            self._tell_of_loss(state)
            for part in _in_parts([self._messages_of(state, one) for one in due]):
                self._emit(state, part)
            _withdraw(state, {one.window.model for one in due})
            for one in due:
                state.rhythms.after(one.window)
            points = state.book.cumulative_due(MOST_WINDOWS)
            if points:
                self._emit(state, [_Emitted(self._on_windows(point), point) for point in points])
            if not self._fold(state) and not due and not points:
                return

    def tell(self, state: TimelineState) -> None:
        """Publish what is to be told of the stream itself, and the verdicts that follow.

        Raises: as ``run``.
        """
        self._tell(state, self._stream_alerts.waiting())

    def tell_versions(self) -> None:
        """Publish what is to be told of versions, each by itself, because a message can be large.

        Raises: as ``run``.
        """
        for message in self._version_facts.waiting():
            self._writer.publish([TopicMessage(self._versions, message.key, encode(message))])
            self._version_facts.published([message])
            _log.info("published on topic %s: %s", self._versions, message.key)

    def _tell(self, state: TimelineState, waiting: Sequence[Alert]) -> None:
        for first in range(0, len(waiting), MOST_WINDOWS):
            part = waiting[first : first + MOST_WINDOWS]
            verdicts = [verdict for alert in part for verdict in state.board.of_stream(alert)]
            self._publish(state, [], part, verdicts)
            self._stream_alerts.published(part)
            if verdicts:
                self._sink.tell(verdicts)

    def _messages_of(self, state: TimelineState, due: Due) -> "_Emitted":
        window = due.window
        alerts = state.board.after(window)
        verdicts = state.board.verdicts_due(window.model)
        return _Emitted(self._on_windows(window), window, due.sample, alerts, verdicts)

    def _on_windows(self, message: Window | Cumulative) -> TopicMessage:
        return TopicMessage(self._windows, message.key, encode(message))

    def _emit(self, state: TimelineState, part: "Sequence[_Emitted]") -> None:
        self._wait_for_room(state)
        alerts = [alert for one in part for alert in one.alerts]
        verdicts = [verdict for one in part for verdict in one.verdicts]
        offsets = self._publish(state, [one.message for one in part], alerts, verdicts)
        for one, offset in zip(part, offsets, strict=False):
            state.windows_end = offset + 1
            state.book.wrote(one.of, offset)
            if isinstance(one.of, Window):
                WINDOWS_SENT.labels(one.of.status).inc()
                state.health.take(one.of)
                _log.info(
                    "%s window %s, revision %d: %d records", one.of.status, one.of.key, one.of.revision, one.of.records
                )
            self._hand_on(state, one, offset)
        if verdicts:
            self._sink.tell(verdicts)

    def _publish(
        self,
        state: TimelineState,
        messages: Sequence[TopicMessage],
        alerts: Sequence[Alert],
        verdicts: Sequence[ModelVerdict] = (),
    ) -> list[int]:
        """In one transaction; returns the offsets of all, those of the messages first."""
        offsets = self._writer.publish(
            [
                *messages,
                *(TopicMessage(self._alerts, alert.key, encode(alert)) for alert in alerts),
                *(TopicMessage(self._alerts, verdict.key, encode(verdict)) for verdict in verdicts),
            ]
        )
        state.health.tell(alerts, verdicts)
        for alert in alerts:
            ALERTS_SENT.labels(alert.kind, alert.state).inc()
            _log.info("alert %s: %s", alert.state, alert.message)
        for verdict in verdicts:
            _log.info("verdict %s: %s", verdict.title, verdict.message)
        return offsets

    def _wait_for_room(self, state: TimelineState) -> None:
        outage = Outage(_log)
        while self._sink.full:
            self._told_full(state, outage)
        self._has_room(outage)

    def _hand_on(self, state: TimelineState, emitted: "_Emitted", offset: int) -> None:
        outage = Outage(_log)
        while True:
            try:
                if self._sink.put(emitted.of, offset, emitted.sample):
                    break
                self._told_full(state, outage)
            except NoRoomError as error:
                outage.begin("%s", error)
                self._wait(state)
        self._has_room(outage)

    def _told_full(self, state: TimelineState, outage: Outage) -> None:
        outage.begin(
            "no more windows may wait for MLflow (CHURNSTREAM_SPOOL_LIMIT, %d), so the monitor waits, too; "
            "repair what keeps MLflow from accepting them",
            self._settings.spool_limit,
        )
        self._wait(state)

    def _wait(self, state: TimelineState) -> None:
        self.waits_for_room = True
        # a verdict that follows from one of them must not come before those of the windows that wait
        self._tell(state, [one for one in self._stream_alerts.waiting() if not one.key.startswith(NO_PREDICTIONS)])
        self._pause(_RETRY_SECONDS)

    def _has_room(self, outage: Outage) -> None:
        self.waits_for_room = False
        outage.end("there is room for windows again")

    def _fold(self, state: TimelineState) -> bool:
        """Delete what is of no use any more; whether there was any."""
        folding = state.book.foldable()
        spent = state.book.spent_samples()
        if not folding.folds and not folding.keys and not spent:
            return False
        # if this cannot be written, the state is no longer used
        state.book.folded(folding)
        state.book.dropped(spent)
        state.forget_folded(folding.folds)
        windows_from = state.book.windows_from
        state.windows_from = state.windows_end if windows_from is None else windows_from
        deleted = dict.fromkeys([*folding.keys, *spent])
        self._writer.publish(
            [
                *(TopicMessage(self._panes, fold.key, encode(fold)) for fold in folding.folds),
                *(TopicMessage(self._panes, key, None) for key in deleted),
                self._progress(state.windows_from),
            ]
        )
        return True

    def _progress(self, windows_from: int) -> TopicMessage:
        progress = TimelineProgress(windows_from=windows_from)
        return TopicMessage(self._panes, progress.key, encode(progress))

    def _tell_of_loss(self, state: TimelineState) -> None:
        for model, lost in state.book.lost.items():
            if model in self._told_of_loss or len(self._told_of_loss) >= _MOST_TOLD:
                continue
            self._told_of_loss.add(model)
            _log.warning(
                "topic %s has lost panes: %d windows of %s on topic %s, from %s to %s, count more records than "
                "their panes; they are not changed any more and no others are published there. If the join still holds "
                "these days: delete %s and restart the join and the monitor; the join then publishes the panes again",
                self._panes,
                lost.windows,
                model_title(model),
                self._windows,
                iso_time(lost.start),
                iso_time(lost.end),
                self._panes,
            )
        new, now = state.book.passed_over - self._passed_over, time.monotonic()
        if new > 0 and now >= self._quiet_until:
            self._passed_over, self._quiet_until = state.book.passed_over, now + _SECONDS_BETWEEN_LINES
            _log.warning("topic %s: %d panes came after all their windows were closed for good", self._panes, new)


class _Emitted:
    """A window or point on its way: the message on ``windows``, what it is of, its sample, the alerts and verdicts
    that it leads to.
    """

    def __init__(
        self,
        message: TopicMessage,
        of: Window | Cumulative,
        sample: ReadSample | None = None,
        alerts: Sequence[Alert] = (),
        verdicts: Sequence[ModelVerdict] = (),
    ) -> None:
        self.message = message
        self.of = of
        self.sample = sample
        self.alerts = alerts
        self.verdicts = verdicts


def _withdraw(state: TimelineState, models: Iterable[ModelRef]) -> None:
    """Tell the book which estimates the windows of these models have shown to be wrong."""
    for model in models:
        state.book.distrust(model, state.board.distrust(model))


def _in_parts(emitted: Sequence[_Emitted]) -> Iterator[list[_Emitted]]:
    """In their order, in parts that a transaction takes."""
    part: list[_Emitted] = []
    size = 0
    for one in emitted:
        more = len(one.message.value or b"")
        if part and size + more > MOST_BYTES:
            yield part
            part, size = [], 0
        part.append(one)
        size += more
    if part:
        yield part
