"""The timeline: merges panes into windows on the event-time watermark, and hands closed windows on.

Guarantee: at least once, with outputs whose keys and values depend on the panes alone, so that doing it again changes
nothing. What has been read and what has been emitted is on the topics themselves: a worker that starts, or gets the
partition, takes up from ``panes``, ``windows`` and ``alerts`` (``monitor.timeline.state``). A window goes to the spool
first, then its alert to ``alerts``, then the window to ``windows``, each when the one before is safe there; so a window
that is on ``windows`` is complete. One worker is at work at a time, because a window needs the panes of all partitions;
others stand by.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any, Protocol

import faust
import msgspec
from aiokafka.errors import KafkaError
from faust.tables.recovery import ServiceStopped

from contract.errors import UserError
from contract.kafka.rereading import NothingCameError
from contract.messages import ModelRef, encode
from contract.panes import JoinProgress, Pane, PaneSample
from contract.settings import Settings
from contract.topics import ALERTS, PANES, WINDOWS
from contract.windows import Window
from contract.worker.outage import Outage
from contract.worker.room import NoRoomError
from monitor.naming import iso_time, model_title
from monitor.timeline.alerts import alert_for
from monitor.timeline.faust_app import CommittedConsumer, InterruptedWaitError
from monitor.timeline.own_messages import PaneMessages
from monitor.timeline.samples import Sample
from monitor.timeline.state import STREAM_HEADER, TimelineState, read_state
from monitor.timeline.windows import Due, WindowBook

_RETRY_SECONDS = 1.0
_log = logging.getLogger("churnstream.timeline")


class ClosedWindows(Protocol):
    """Where a closed window goes besides Kafka. Called on the event loop's thread: must not block for long."""

    @property
    def full(self) -> bool:
        """Whether no further window can be taken for now."""
        ...

    def put(self, window: Window, sample: Callable[[], Sample | None]) -> None:
        """Take a window, durably, and what reads its merged sample.

        Raises:
            NoRoomError: the disk is full; the window can be put again.
        """
        ...


Prepare = Callable[[ModelRef], None]
"""Makes a model's reference available to the book's judge; blocks, and raises where it cannot be had now."""


class Timeline:
    """Follows ``panes`` on a Faust application."""

    def __init__(
        self,
        app: faust.App,
        settings: Settings,
        stream: str,
        make_book: Callable[[], WindowBook],
        prepare: Prepare,
        sink: ClosedWindows,
    ) -> None:
        """``make_book`` gives an empty book; it is called at each start and rebalance, and filled from the topics.

        ``stream`` is the stream's name, which every window and alert carries.
        """
        self._app = app
        self._settings = settings
        self._stream = stream
        self._make_book = make_book
        self._prepare = prepare
        self._sink = sink
        self._state = TimelineState(make_book())
        self._prepared: set[ModelRef] = set()
        self._told_of_loss: set[ModelRef] = set()
        self._messages = PaneMessages(settings.topic(PANES))
        self._panes_topic = self._topic(settings.topic(PANES))
        self._windows_topic = self._topic(settings.topic(WINDOWS))
        self._alerts_topic = self._topic(settings.topic(ALERTS))
        # one message, or one start, at a time: a rebalance can come while a window is being emitted
        self._working = asyncio.Lock()
        self.waits_for_room = False
        """Whether a window cannot be handed on, because the spool or the disk is full. Then nothing goes on."""
        app.on_rebalance_complete.connect(self._assigned)
        app.agent(self._panes_topic, name="follow")(self._follow)

    async def _assigned(self, *_sender: Any, **_signal: Any) -> None:
        consumer = self._app.consumer
        if not isinstance(consumer, CommittedConsumer):
            raise TypeError(f"the app reads with a {type(consumer).__name__}, not with a CommittedConsumer")
        ours = [partition for partition in consumer.assignment() if partition.topic == self._settings.topic(PANES)]
        if not ours:
            _log.info("another monitor is at work; standing by")
            return
        async with self._working:
            try:
                await self._take_up()
            except InterruptedWaitError:
                # ends Faust's recovery, which would begin to fetch again
                raise ServiceStopped from None
            consumer.begin_at = dict.fromkeys(ours, self._state.position)

    async def _take_up(self) -> None:
        outage = Outage(_log)
        while True:
            try:
                self._state = await asyncio.to_thread(read_state, self._settings, self._stream, self._make_book)
                break
            except NothingCameError as error:
                outage.begin("the topics cannot be read yet (%s); trying again", error)
                await self._pause()
        outage.end("the topics can be read again")
        for model in sorted(self._state.models):
            await self._prepare_model(model)
        # what the last monitor had read, but not emitted yet
        await self._emit_due()

    async def _follow(self, stream: "faust.StreamT[Any]") -> None:
        async for event in stream.events():
            # what a worker that stops leaves undone, the next one takes up from the topics
            with contextlib.suppress(InterruptedWaitError):
                async with self._working:
                    if not self._app.should_stop:
                        await self._take(event.message.offset, event.value)

    async def _take(self, offset: int, value: bytes | None) -> None:
        if offset < self._state.position:
            return
        self._state.position = offset + 1
        message = self._messages.read(value, offset)
        if not isinstance(message, Pane | PaneSample | JoinProgress):
            return
        if isinstance(message, Pane):
            await self._prepare_model(message.model)
        self._state.book.update(message)
        if isinstance(message, JoinProgress):
            # a progress stands behind the panes it covers, so only then is there something to decide
            await self._emit_due()

    async def _emit_due(self) -> None:
        due = self._state.book.due()
        self._tell_of_loss()
        for one in due:
            await self._emit(one)
        for point in self._state.book.cumulative_due():
            await self._publish(self._windows_topic, point.key, point)

    async def _emit(self, due: Due) -> None:
        window = due.window
        await self._hand_on(due)
        alert = alert_for(window, self._state.alerts.get(f"drift/{window.key}"))
        if alert is not None:
            await self._publish(self._alerts_topic, alert.key, alert)
            self._state.alerts[alert.key] = alert
            _log.info("alert %s: %s", alert.state, alert.message)
        await self._publish(self._windows_topic, window.key, window)
        _log.info("%s window %s, revision %d: %d records", window.status, window.key, window.revision, window.records)

    async def _hand_on(self, due: Due) -> None:
        outage = Outage(_log)
        while True:
            try:
                if not self._sink.full:
                    self._sink.put(due.window, due.sample)
                    break
                outage.begin(
                    "as many windows wait for MLflow as may (CHURNSTREAM_SPOOL_LIMIT, %d), so the monitor waits, too; "
                    "mend what keeps MLflow from taking them",
                    self._settings.spool_limit,
                )
            except NoRoomError as error:
                outage.begin("%s", error)
            self.waits_for_room = True
            await self._pause()
        self.waits_for_room = False
        outage.end("there is room for windows again")

    async def _publish(self, topic: Any, key: str, message: msgspec.Struct) -> None:
        """Send a message and wait until the broker has it, through outages; sending it twice changes nothing.

        Raises:
            UserError: the broker refuses the message for good.
        """
        outage = Outage(_log)
        while True:
            try:
                sent = await topic.send(
                    key=key.encode(),
                    value=encode(message),
                    partition=0,
                    headers={STREAM_HEADER: self._stream.encode()},
                )
                await sent
                break
            except KafkaError as error:
                if not error.retriable:
                    raise UserError(
                        f"topic {topic.get_topic_name()} takes no message ({error}); check its access and "
                        f"max.message.bytes"
                    ) from None
                outage.begin("topic %s takes no message yet (%s); trying again", topic.get_topic_name(), error)
                await self._pause()
        outage.end(f"topic {topic.get_topic_name()} takes messages again")

    def _tell_of_loss(self) -> None:
        for model, lost in self._state.book.lost.items():
            if model not in self._told_of_loss:
                self._told_of_loss.add(model)
                _log.warning(
                    "topic %s has lost panes: %d windows of %s on topic %s, from %s to %s, count more records than "
                    "their panes; they stay as they are and none is published there. If the join still holds these "
                    "days: delete %s and start the join and the monitor again, then it publishes them again",
                    self._settings.topic(PANES),
                    lost.windows,
                    model_title(model),
                    self._settings.topic(WINDOWS),
                    iso_time(lost.start),
                    iso_time(lost.end),
                    self._settings.topic(PANES),
                )

    async def _prepare_model(self, model: ModelRef) -> None:
        outage = Outage(_log)
        while model not in self._prepared:
            try:
                await asyncio.to_thread(self._prepare, model)
                self._prepared.add(model)
            except Exception as error:  # whatever keeps MLflow from answering may pass
                outage.begin("no reference of %s v%d yet (%s); trying again", model.name, model.version, error)
                await self._pause()
        outage.end(f"the reference of {model_title(model)} is there")

    async def _pause(self) -> None:
        """Wait before a further attempt.

        Raises:
            InterruptedWaitError: the worker has been told to stop.
        """
        await asyncio.sleep(_RETRY_SECONDS)
        if self._app.should_stop:
            raise InterruptedWaitError

    def _topic(self, name: str) -> Any:
        return self._app.topic(
            name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw", partitions=1
        )
