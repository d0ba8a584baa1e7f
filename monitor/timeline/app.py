"""The timeline: merges panes into windows on the event-time watermark, and hands closed windows on.

Guarantee: at least once, with outputs whose keys and values depend on the panes alone, so that doing it again changes
nothing. What has been read and what has been emitted are tables (their changelogs are in Kafka); a worker that starts
takes up from them. A window counts as emitted only once it is in the spool, on ``windows`` and, if it raises one, its
alert on ``alerts``. One worker is at work at a time, for a window needs the panes of all partitions; others stand by.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any, Protocol

import faust
import msgspec

from contract.messages import Alert, JoinProgress, ModelRef, Pane, PaneMessage, Summary, Window, encode
from contract.settings import Settings
from contract.topics import ALERTS, PANES, WINDOWS
from contract.worker.heartbeat import SECONDS_BETWEEN_BEATS, Heartbeat
from monitor.timeline.alerts import alert_for
from monitor.timeline.windows import Due, WindowBook

_RETRY_SECONDS = 1.0
_log = logging.getLogger("churnstream.timeline")


class ClosedWindows(Protocol):
    """Where a closed window goes besides Kafka. Called on the event loop's thread: must not block for long."""

    @property
    def full(self) -> bool:
        """Whether no further window can be taken for now."""
        ...

    def put(self, window: Window, summary: Summary) -> None:
        """Take a window, durably, and the merged summary it was computed from."""
        ...


Prepare = Callable[[ModelRef], None]
"""Makes a model's reference available to the book's judge; blocks, and raises where it cannot be had now."""


class Timeline:
    """Follows ``panes`` on a Faust application."""

    def __init__(
        self,
        app: faust.App,
        settings: Settings,
        make_book: Callable[[], WindowBook],
        prepare: Prepare,
        sink: ClosedWindows,
    ) -> None:
        """``make_book`` gives an empty book; it is called at each start and rebalance, and filled from the tables."""
        self._app = app
        self._make_book = make_book
        self._prepare = prepare
        self._sink = sink
        self._book = make_book()
        self._prepared: set[ModelRef] = set()
        self._decode_pane = msgspec.json.Decoder(PaneMessage).decode
        self._panes_topic = self._topic(settings.topic(PANES))
        self._windows_topic = self._topic(settings.topic(WINDOWS))
        self._alerts_topic = self._topic(settings.topic(ALERTS))
        self._read = self._table("panes", "panes and progress read so far")
        self._emitted = self._table("windows", "the last window emitted of each key")
        self._alerts = self._table("alerts", "the last alert of each key")
        self._read.on_recover(self._recover)
        app.agent(self._panes_topic, name="follow")(self._follow)

    async def _recover(self) -> None:
        self._book = self._make_book()
        messages: list[Pane | JoinProgress] = [self._decode_pane(value) for value in self._read.values()]
        panes = [message for message in messages if isinstance(message, Pane)]
        for model in {pane.model for pane in panes}:
            await self._prepare_model(model)
        self._book.restore(
            windows=[msgspec.json.decode(value, type=Window) for value in self._emitted.values()],
            panes=panes,
            progress=[message for message in messages if isinstance(message, JoinProgress)],
        )
        _log.info("took up %d panes and %d windows", len(panes), len(self._emitted))

    async def _follow(self, stream: "faust.StreamT[Any]") -> None:
        async for key, value in stream.items():
            message = self._decode_pane(value)
            if isinstance(message, Pane):
                await self._prepare_model(message.model)
            self._book.update(message)
            self._read[key] = value
            if isinstance(message, JoinProgress):
                # a progress stands behind the panes it covers, so only then is there something to decide
                for due in self._book.due():
                    await self._emit(due)

    async def _emit(self, due: Due) -> None:
        window = due.window
        while self._sink.full:
            _log.warning("MLflow has fallen behind and the spool is full; waiting")
            await asyncio.sleep(_RETRY_SECONDS)
        self._sink.put(window, due.summary)
        key = window.key.encode()
        await self._windows_topic.send(key=key, value=encode(window), partition=0)
        previous = self._alerts.get(key)
        alert = alert_for(window, msgspec.json.decode(previous, type=Alert) if previous else None)
        if alert is not None:
            _log.info("alert %s: %s", alert.state, alert.message)
            await self._alerts_topic.send(key=alert.key.encode(), value=encode(alert), partition=0)
            self._alerts[key] = encode(alert)
        self._emitted[key] = encode(window)
        _log.info("%s window %s, revision %d: %d records", window.status, window.key, window.revision, window.records)

    async def _prepare_model(self, model: ModelRef) -> None:
        while model not in self._prepared:
            try:
                await asyncio.to_thread(self._prepare, model)
                self._prepared.add(model)
            except Exception as error:  # whatever keeps MLflow from answering may pass
                _log.warning("no reference of %s v%d yet (%s); trying again", model.name, model.version, error)
                await asyncio.sleep(_RETRY_SECONDS)

    def _topic(self, name: str) -> Any:
        return self._app.topic(
            name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw", partitions=1
        )

    def _table(self, name: str, purpose: str) -> Any:
        return self._app.Table(name, help=purpose, partitions=1, key_type=bytes, value_type=bytes)


async def run_timeline(app: faust.App, stop: asyncio.Event, heartbeat: Heartbeat) -> None:
    """Run the application until ``stop`` is set, then let it commit and go.

    Raises whatever ended an agent.
    """
    await app.start()
    try:
        await app.wait(_beating(stop, heartbeat))
    finally:
        await app.stop()


async def _beating(stop: asyncio.Event, heartbeat: Heartbeat) -> None:
    while not stop.is_set():
        heartbeat.beat()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), SECONDS_BETWEEN_BEATS)
