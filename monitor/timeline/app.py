"""The timeline: merges panes into windows on the event-time watermark, and hands closed windows on.

Guarantee: what has been read and what has been emitted is on the topics themselves, so a worker that starts, or gets
the partition, takes up from ``panes``, ``windows``, ``alerts`` and ``versions`` (``monitor.timeline.state``), and goes
on from there (``monitor.timeline.emission``). One worker is at work at a time, because a window needs the panes of all
partitions; others stand by. One that stood still while another took over cannot write any more
(``monitor.timeline.fenced_writer``): it reads the topics again if the partition is still its own, and stands by if not.

The event loop only listens. Whatever computes or waits runs in one thread beside it, one step after the other.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import faust
from aiokafka.errors import KafkaError
from faust.tables.recovery import RebalanceAgain, ServiceStopped
from faust.types import TP

from contract.alert_rules import DEFAULT_RULES, AlertRules
from contract.alerts import Alert
from contract.kafka.rereading import NothingCameError
from contract.kafka.transactions import Checkpoint, no_checkpoint
from contract.messages import ModelRef
from contract.panes import JoinProgress, Pane, PaneSample
from contract.settings import Settings
from contract.signals import LAG, REBALANCES, RECORDS
from contract.topics import PANES
from contract.versions import VersionMessage
from contract.worker.outage import Outage
from monitor.health import show_no_model
from monitor.signals import KEPT, tell_watermark
from monitor.timeline.emission import ClosedWindows, Emission
from monitor.timeline.faust_app import CommittedConsumer, InterruptedWaitError
from monitor.timeline.fenced_writer import FencedWriter, TakenOverError
from monitor.timeline.outbox import MOST_VERSIONS_WAITING, StreamAlerts, Turn, VersionFacts
from monitor.timeline.own_messages import PaneMessages, StandingVersion
from monitor.timeline.preparation import ModelReferences, Preparation
from monitor.timeline.state import TimelineState, read_state
from monitor.timeline.windows import WindowBook

_RETRY_SECONDS = 1.0
_LOOK_SECONDS = 0.1
_log = logging.getLogger("churnstream.timeline")


class Timeline:
    """Follows ``panes`` on a Faust application."""

    def __init__(
        self,
        app: faust.App,
        settings: Settings,
        stream: str,
        make_book: Callable[[], WindowBook],
        references: ModelReferences,
        sink: ClosedWindows,
        checkpoint: Checkpoint = no_checkpoint,
        rules: AlertRules = DEFAULT_RULES,
        on_turn: Callable[[bool], None] = lambda _at_work: None,
    ) -> None:
        """``make_book`` gives an empty book; it is called at each start and rebalance, and filled from the topics.

        ``stream`` is the stream's name, which everything written carries; ``checkpoint`` is the writer's. ``on_turn``
        is told whether this one is at work now, or stands by.
        """
        self._app = app
        self._settings = settings
        self._stream = stream
        self._make_book = make_book
        self._rules = rules
        self._on_turn = on_turn
        self._state: TimelineState | None = None
        self._position = 0
        self._writer = FencedWriter(settings, stream, self._pause, checkpoint)
        self._stream_alerts = StreamAlerts()
        self._version_facts = VersionFacts(MOST_VERSIONS_WAITING)
        self._emission = Emission(settings, self._writer, sink, self._pause, self._stream_alerts, self._version_facts)
        self._preparation = Preparation(references, self._model_is_ready)
        self._messages = PaneMessages(settings.topic(PANES))
        # one step at a time: a rebalance can come, or a model get ready, while windows are being emitted
        self._working = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="timeline")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._revoked = False
        app.on_partitions_revoked.connect(self._give_up)
        app.on_rebalance_complete.connect(self._assigned)
        app.agent(self._panes_topic(), name="follow")(self._follow)

    @property
    def waits_for_room(self) -> bool:
        """Whether a window cannot be handed on, because the spool or the disk is full. Then nothing goes on."""
        return self._emission.waits_for_room

    @property
    def turn(self) -> Turn[Alert] | None:
        """The present time of being at work, for who watches the stream itself; None: another monitor is, or nobody."""
        return self._stream_alerts.turn

    def tell(self, turn: int, alerts: Sequence[Alert]) -> None:
        """Take alerts that follow from no window, to publish them in the thread. From any thread; never blocks."""
        self._stream_alerts.put(turn, alerts)
        if alerts:
            self._soon(self._tell)

    @property
    def versions_turn(self) -> Turn[StandingVersion] | None:
        """As ``turn``, with what stands on ``versions``."""
        return self._version_facts.turn

    def tell_versions(self, turn: int, messages: Sequence[VersionMessage]) -> bool:
        """As ``tell``, for ``versions``; False: not all were taken."""
        taken = self._version_facts.put(turn, messages)
        if messages:
            self._soon(self._tell_versions)
        return taken

    def expect(self, models: Sequence[ModelRef]) -> None:
        """Get models ready of which panes are to come. From any thread; never blocks."""
        self._preparation.want(models)

    def close(self) -> None:
        """Let go of the producer and the threads, once the application has stopped."""
        self._preparation.close()
        self._thread.shutdown(wait=False)
        self._writer.close()

    async def _give_up(self, *_sender: Any, **_signal: Any) -> None:
        # what waits in the thread gives up, or the partition's next assignment would wait for it
        self._revoked = True

    async def _assigned(self, *_sender: Any, **_signal: Any) -> None:
        consumer = self._app.consumer
        if not isinstance(consumer, CommittedConsumer):
            raise TypeError(f"the app reads with a {type(consumer).__name__}, not with a CommittedConsumer")
        ours = [partition for partition in consumer.assignment() if partition.topic == self._settings.topic(PANES)]
        async with self._working:
            self._loop = asyncio.get_running_loop()
            self._revoked = False
            self._forget()
            REBALANCES.inc()
            if not ours:
                await self._in_thread(self._writer.close)
                self._on_turn(False)
                return
            try:
                await self._in_thread(lambda: self._at_work(self._take_up))
            except InterruptedWaitError:
                # Faust's recovery would begin to fetch: another one follows, or none
                raise (ServiceStopped if self._app.should_stop else RebalanceAgain) from None
            consumer.begin_at = dict.fromkeys(ours, self._position)
            self._on_turn(True)

    async def _follow(self, stream: "faust.StreamT[Any]") -> None:
        async for event in stream.events():
            # what a worker that stops leaves undone, the next one takes up from the topics
            with contextlib.suppress(InterruptedWaitError):
                async with self._working:
                    if not self._app.should_stop:
                        await self._take(event.message.offset, event.value)

    async def _take(self, offset: int, value: bytes | None) -> None:
        state = self._state
        if state is None or offset < state.position:
            return
        state.position = offset + 1
        RECORDS.labels(self._settings.topic(PANES)).inc()
        message = self._messages.read(value, offset)
        # what monitors write here themselves follows from what is known already
        if not isinstance(message, Pane | PaneSample | JoinProgress):
            return
        if isinstance(message, Pane):
            self._preparation.want([message.model])
        state.book.update(message)
        if isinstance(message, JoinProgress):
            # a progress stands behind the panes it covers, so only then is there something to decide
            await self._emit(state)
            self._measure(state)

    def _measure(self, state: TimelineState) -> None:
        """For Prometheus."""
        if state.book.watermark is not None:
            tell_watermark(state.book.watermark)
        for what, count in zip(("windows", "panes"), state.book.held, strict=True):
            KEPT.labels(what).set(count)

    def _lag(self) -> int:
        """Messages of ``panes`` that are not read yet. Behind the last one stands the end of its transaction."""
        consumer, state = self._app.consumer, self._state
        try:
            end = consumer.highwater(TP(self._settings.topic(PANES), 0))
        except (AssertionError, KafkaError):
            end = None
        return 0 if state is None or not end else max(end - state.position - 1, 0)

    async def _emit(self, state: TimelineState) -> None:
        await self._in_thread(lambda: self._at_work(lambda: self._emission.run(state)))

    def _model_is_ready(self) -> None:
        self._soon(self._emit)

    async def _tell(self, state: TimelineState) -> None:
        await self._in_thread(lambda: self._at_work(lambda: self._emission.tell(state)))

    async def _tell_versions(self, _state: TimelineState) -> None:
        await self._in_thread(lambda: self._at_work(self._emission.tell_versions))

    def _soon(self, step: Callable[[TimelineState], Coroutine[Any, Any, None]]) -> None:
        """Do a step when its turn has come, called from any thread."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            asyncio.run_coroutine_threadsafe(self._in_turn(step), loop)

    async def _in_turn(self, step: Callable[[TimelineState], Coroutine[Any, Any, None]]) -> None:
        try:
            async with self._working:
                if self._state is not None and not self._app.should_stop:
                    await step(self._state)
        except InterruptedWaitError:
            pass
        except Exception as error:
            await self._app.crash(error)

    def _at_work(self, step: Callable[[], None]) -> None:
        """Do a step, in the thread. Where another monitor may have been at work meanwhile, begin anew with the topics.

        Raises:
            InterruptedWaitError: the application stops, or has lost the partition.
            UserError: it cannot go on. What was known is forgotten in either case.
        """
        try:
            while True:
                try:
                    step()
                    return
                except TakenOverError as error:
                    self._forget()
                    _log.warning("this monitor or Kafka stalled (%s); the monitor reads its topics again", error)
                # long enough to hear that the partition is another's by now
                self._pause(self._settings.session_timeout_ms / 2_000)
                step = self._take_up
        except BaseException:
            self._forget()
            raise

    def _forget(self) -> None:
        self._state = None
        show_no_model()
        with contextlib.suppress(KeyError):
            LAG.remove(self._settings.topic(PANES), "0")
        self._stream_alerts.end()
        self._version_facts.end()

    def _take_up(self) -> None:
        """Read the topics, once nobody else can write to them any more, and emit what is due."""
        self._writer.take_over()
        outage = Outage(_log)
        while True:
            try:
                state = read_state(self._settings, self._stream, self._make_book, self._rules)
                break
            except NothingCameError as error:
                outage.begin("the topics cannot be read yet (%s); trying again", error)
                self._pause(_RETRY_SECONDS)
        outage.end("the topics can be read again")
        self._preparation.want(sorted(state.models))
        self._emission.begin(state)
        self._position = state.position
        self._state = state
        self._measure(state)
        # at a scrape: a monitor that waits for room falls behind, and that must be seen
        LAG.labels(self._settings.topic(PANES), "0").set_function(self._lag)
        self._stream_alerts.begin(state.of_stream)
        self._version_facts.begin(list(state.versions.values()))

    def _pause(self, seconds: float) -> None:
        """Wait before a further attempt, in the thread.

        Raises:
            InterruptedWaitError: the application has been told to stop, or has lost the partition.
        """
        until = time.monotonic() + seconds
        while not self._app.should_stop and not self._revoked:
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, _LOOK_SECONDS))
        raise InterruptedWaitError

    def _in_thread(self, call: Callable[[], None]) -> "asyncio.Future[None]":
        return asyncio.get_running_loop().run_in_executor(self._thread, call)

    def _panes_topic(self) -> Any:
        return self._app.topic(
            self._settings.topic(PANES),
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
            partitions=1,
        )
