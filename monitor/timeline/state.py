"""What the timeline knows when it starts: all of it is on ``panes``, ``windows`` and ``alerts``, and nowhere else.

The three are compacted, so they hold the newest message of each key. A monitor reads them from their beginning to the
end that it finds, and then follows ``panes`` from there. So no copy of them can be lost, be too small, or be of another
stream: ``windows`` and ``alerts`` say in a header which stream they belong to.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from confluent_kafka import Message

from contract.kafka.rereading import read_whole
from contract.messages import ModelRef
from contract.panes import JoinProgress, Pane, PaneSample
from contract.settings import Settings
from contract.topics import ALERTS, PANES, WINDOWS
from contract.windows import Alert, Cumulative, Window
from monitor.timeline.own_messages import AlertMessages, PaneMessages, WindowMessages
from monitor.timeline.windows import WindowBook

STREAM_HEADER = "churnstream-stream"
"""On ``windows`` and ``alerts``: the stream that they were computed from (``contract.kafka.stream_identity``)."""
_log = logging.getLogger("churnstream.timeline")


@dataclass
class TimelineState:
    """A filled book; ``alerts`` by key, the last of each; the models of all panes; where to read ``panes`` on."""

    book: WindowBook
    alerts: dict[str, Alert] = field(default_factory=dict)
    models: set[ModelRef] = field(default_factory=set)
    position: int = 0


def read_state(settings: Settings, stream: str, make_book: Callable[[], WindowBook]) -> TimelineState:
    """Read the three topics of the stream named ``stream`` into a new book. Blocks.

    Raises:
        NothingCameError: the broker has not answered in time; try again.
        UserError: a topic cannot be read, or holds panes of other settings.
    """
    reader = _StateReader(settings, stream, make_book())
    return reader.read()


class _StateReader:
    def __init__(self, settings: Settings, stream: str, book: WindowBook) -> None:
        self._settings = settings
        self._stream = stream
        self._state = TimelineState(book)
        self._panes, self._windows, self._alerts = (settings.topic(name) for name in (PANES, WINDOWS, ALERTS))
        self._pane_messages = PaneMessages(self._panes)
        self._window_messages = WindowMessages(self._windows)
        self._alert_messages = AlertMessages(self._alerts)
        self._progress: dict[int, JoinProgress] = {}
        self._emitted: dict[str, Window] = {}
        self._earlier: dict[str, Window] = {}
        self._points: dict[str, Cumulative] = {}
        self._earlier_points: dict[str, Cumulative] = {}
        self._pane_keys: set[str] = set()

    def read(self) -> TimelineState:
        ends = read_whole(self._settings, [self._panes, self._windows, self._alerts], self._take)
        state = self._state
        state.position = ends[self._panes]
        if self._earlier:
            _log.log(
                logging.INFO if self._emitted else logging.WARNING,
                "topics were made anew: %d windows on %s are of an earlier stream and are forgotten",
                len(self._earlier),
                self._windows,
            )
        for progress in self._progress.values():
            state.book.update(progress)
        state.book.restore(
            self._emitted.values(),
            cumulative=self._points.values(),
            earlier=self._earlier.values(),
            earlier_cumulative=self._earlier_points.values(),
        )
        _log.info("took up %d panes and %d windows", len(self._pane_keys), len(self._emitted))
        return state

    def _take(self, message: Message) -> None:
        topic, value, offset = message.topic(), message.value(), message.offset() or 0
        if topic == self._panes:
            self._take_pane(value, offset)
        elif topic == self._windows:
            window = self._window_messages.read(value, offset, message.key())
            if isinstance(window, Cumulative):
                kept_points = self._points if self._is_ours(message) else self._earlier_points
                kept_points[window.key] = window
            elif window is not None:
                kept = self._emitted if self._is_ours(message) else self._earlier
                kept[window.key] = _newer(kept.get(window.key), window)
        else:
            alert = self._alert_messages.read(value, offset)
            if alert is not None and self._is_ours(message):
                self._state.alerts[alert.key] = alert

    def _take_pane(self, value: bytes | None, offset: int) -> None:
        message = self._pane_messages.read(value, offset)
        if isinstance(message, Pane):
            self._pane_keys.add(message.key)
            self._state.models.add(message.model)
            self._state.book.update(message)
        elif isinstance(message, PaneSample):
            self._state.book.update(message)
        elif isinstance(message, JoinProgress):
            # the newest alone: what compaction has removed must make no difference
            self._progress[message.partition] = message

    def _is_ours(self, message: Message) -> bool:
        """Whether a message says that it is of this stream, or says nothing, as an earlier release's does."""
        headers = message.headers() or []
        pairs = headers.items() if isinstance(headers, dict) else headers
        found = [value for name, value in pairs if name == STREAM_HEADER]
        return not found or found[-1] == self._stream.encode()


def _newer(known: Window | None, window: Window) -> Window:
    """Of two windows of one key the one that counts: final before provisional, then the higher revision."""
    if known is None:
        return window
    return max(known, window, key=lambda one: (one.status == "final", one.revision))
