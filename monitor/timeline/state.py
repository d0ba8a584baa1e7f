"""What the timeline knows when it starts: all of it is on the topics that it writes, and nowhere else.

``panes``, ``windows``, ``alerts`` and ``versions`` are compacted, so they hold the newest message of each key. A
monitor reads ``panes`` from its beginning to the end that it finds: only what can still change is there. ``windows`` it
reads from where the progress on ``panes`` says, because all before that is final and folded. Then it follows ``panes``.
So no copy of them can be lost, be too small, or be of another stream: what the monitor writes says in a header which
stream it belongs to.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from confluent_kafka import Message

from contract.alert_rules import DEFAULT_RULES, AlertRules
from contract.alerts import Alert, ModelVerdict
from contract.kafka.rereading import read_whole
from contract.kafka.stream_identity import is_of_stream
from contract.messages import ModelRef
from contract.panes import Fold, JoinProgress, Pane, PaneSample, TimelineProgress
from contract.settings import Settings
from contract.topics import ALERTS, PANES, VERSIONS, WINDOWS
from contract.windows import Cumulative, Window
from monitor.budget import levels
from monitor.health import ModelHealth
from monitor.rhythms import Rhythms
from monitor.timeline.own_messages import AlertMessages, PaneMessages, StandingVersion, VersionMessages, WindowMessages
from monitor.timeline.windows import WindowBook
from monitor.verdicts.board import AlertBoard
from monitor.verdicts.incidents import Detectors

_log = logging.getLogger("churnstream.timeline")
Wrote = Callable[[Window | Cumulative, int], None]


@dataclass
class TimelineState:
    """A filled book and board of alerts, and what goes with them.

    ``models``: those of all panes. ``position``:
    where to read ``panes`` on. ``windows_end``: the offset behind the last message on ``windows``. ``windows_from``:
    where the next monitor will begin to read it, as ``panes`` says. ``of_stream``: the alerts that stand and are no
    model's. ``versions``: what stands on that topic, by key, whatever stream it was written for: it is the registry's.
    """

    book: WindowBook
    board: AlertBoard
    models: set[ModelRef] = field(default_factory=set)
    position: int = 0
    windows_end: int = 0
    windows_from: int = 0
    rhythms: Rhythms = field(default_factory=Rhythms)
    of_stream: list[Alert] = field(default_factory=list)
    versions: dict[str, StandingVersion] = field(default_factory=dict)
    health: ModelHealth = field(default_factory=ModelHealth)

    def forget_folded(self, folds: Iterable[Fold]) -> None:
        """Forget the alerts about windows of which nothing can change any more."""
        for fold in folds:
            self.board.forget(fold.model, fold.until)


def empty_board(
    settings: Settings,
    alerts: Iterable[Alert] = (),
    rules: AlertRules = DEFAULT_RULES,
    verdicts: Iterable[ModelVerdict] = (),
) -> AlertBoard:
    """A board without windows; ``alerts`` are the last of each key, ``verdicts`` of each model."""
    found = levels(settings.false_alerts_per_month, settings.slide)
    return AlertBoard(Detectors(found.detector, found.worsening_detector), alerts, rules, verdicts)


def read_state(
    settings: Settings, stream: str, make_book: Callable[[], WindowBook], rules: AlertRules = DEFAULT_RULES
) -> TimelineState:
    """Read the four topics of the stream named ``stream`` into a new book. Blocks.

    Raises:
        NothingCameError: the broker has not answered in time; try again.
        UserError: a topic cannot be read, or holds panes of other settings.
    """
    return _StateReader(settings, stream, make_book(), rules).read()


class _Kept(NamedTuple):
    """The newest message of a key on ``windows``, not decoded, because there are thousands."""

    rank: tuple[int, int]
    offset: int
    value: bytes


class _StateReader:
    def __init__(self, settings: Settings, stream: str, book: WindowBook, rules: AlertRules) -> None:
        self._settings = settings
        self._rules = rules
        self._stream = stream
        self._state = TimelineState(book, empty_board(settings), rhythms=Rhythms(settings.window, settings.slide))
        self._found_alerts: dict[str, Alert] = {}
        self._found_verdicts: dict[ModelRef, ModelVerdict] = {}
        names = (PANES, WINDOWS, ALERTS, VERSIONS)
        self._panes, self._windows, self._alerts, self._versions = map(settings.topic, names)
        self._pane_messages = PaneMessages(self._panes)
        self._window_messages = WindowMessages(self._windows)
        self._alert_messages = AlertMessages(self._alerts)
        self._version_messages = VersionMessages(self._versions)
        self._pane_keys: set[str] = set()
        self._progress: dict[int, JoinProgress] = {}
        self._folded_until: dict[ModelRef, int] = {}
        self._kept = {ours: _KeptWindows() for ours in (True, False)}

    def read(self) -> TimelineState:
        state = self._state
        state.position = read_whole(self._settings, [self._panes], self._take_pane)[self._panes]
        begin = {self._windows: state.windows_from}
        outputs = [self._windows, self._alerts, self._versions]
        ends = read_whole(self._settings, outputs, self._take_output, begin)
        state.windows_end = ends[self._windows]
        for progress in self._progress.values():
            state.book.update(progress)
        self._restore()
        return state

    def _restore(self) -> None:
        ours, others = self._kept[True], self._kept[False]
        if others.windows:
            _log.log(
                logging.INFO if ours.windows else logging.WARNING,
                "topics were made again: %d windows on %s belong to an earlier stream and are ignored",
                len(others.windows),
                self._windows,
            )
        book = self._state.book
        self._state.of_stream = [alert for alert in self._found_alerts.values() if alert.model is None]
        self._state.board = empty_board(
            self._settings, self._found_alerts.values(), self._rules, self._found_verdicts.values()
        )
        book.restore(
            self._onto_board(self._windows_of(ours, book.wrote)),
            cumulative=self._points_of(ours, book.wrote),
            earlier=self._windows_of(others),
            earlier_cumulative=self._points_of(others),
        )
        _log.info("took up %d panes and %d windows", len(self._pane_keys), len(ours.windows))

    def _take_pane(self, message: Message) -> None:
        key, value, offset = message.key() or b"", message.value(), message.offset() or 0
        if value is None:
            self._pane_keys.discard(key.decode(errors="replace"))
            self._state.book.tombstone(key.decode(errors="replace"))
            return
        read = self._pane_messages.read(value, offset)
        if isinstance(read, Pane):
            self._pane_keys.add(read.key)
            self._state.models.add(read.model)
            self._state.book.update(read)
        elif isinstance(read, PaneSample):
            self._state.book.update(read)
        elif isinstance(read, JoinProgress):
            # the newest alone: what compaction has removed must make no difference
            self._progress[read.partition] = read
        elif isinstance(read, Fold) and is_of_stream(message, self._stream):
            self._folded_until[read.model] = read.until
            self._state.book.update(read)
        elif isinstance(read, TimelineProgress) and is_of_stream(message, self._stream):
            self._state.windows_from = read.windows_from

    def _take_output(self, message: Message) -> None:
        if message.topic() != self._windows:
            (self._take_alert if message.topic() == self._alerts else self._take_version)(message)
            return
        key, value, offset = message.key(), message.value(), message.offset() or 0
        read = self._window_messages.read(value, offset, key)
        if read is None or value is None:
            return
        kept = self._kept[is_of_stream(message, self._stream)]
        if isinstance(read, Cumulative):
            kept.put_point(read, offset, value)
        elif not self._is_folded(read.model, read.end):
            kept.put_window(read, offset, value)

    def _take_version(self, message: Message) -> None:
        key = message.key() or b""
        read = self._version_messages.read(message.value(), message.offset() or 0, key)
        if read is not None and read.key.encode() == key:
            self._state.versions[read.key] = StandingVersion.of(read)
        elif message.value() is None:
            self._state.versions.pop(key.decode(errors="replace"), None)

    def _take_alert(self, message: Message) -> None:
        alert = self._alert_messages.read(message.value(), message.offset() or 0, message.key())
        if alert is None or not is_of_stream(message, self._stream):
            return
        if isinstance(alert, ModelVerdict):
            self._found_verdicts.pop(alert.model, None)
            self._found_verdicts[alert.model] = alert
            return
        if alert.standing or (alert.model is not None and not self._is_folded(alert.model, alert.end)):
            self._found_alerts[alert.key] = alert
        else:
            self._found_alerts.pop(alert.key, None)

    def _is_folded(self, model: ModelRef, end: int) -> bool:
        return end <= self._folded_until.get(model, end - 1)

    def _windows_of(self, kept: "_KeptWindows", wrote: Wrote | None = None) -> Iterator[Window]:
        for key, one in kept.windows.items():
            window = self._window_messages.read(one.value, one.offset, key.encode())
            if isinstance(window, Window):
                if wrote is not None:
                    wrote(window, one.offset)
                yield window

    def _onto_board(self, windows: Iterable[Window]) -> Iterator[Window]:
        for window in windows:
            # windows of another size have had their incidents, which end with those of this one
            if window.end - window.start == self._settings.window:
                self._state.board.restore(window)
                self._state.health.take(window)
                self._state.rhythms.take_up(window)
            yield window

    def _points_of(self, kept: "_KeptWindows", wrote: Wrote | None = None) -> Iterator[Cumulative]:
        for key, one in kept.points.items():
            point = self._window_messages.read(one.value, one.offset, key.encode())
            if isinstance(point, Cumulative):
                if wrote is not None:
                    wrote(point, one.offset)
                yield point


class _KeptWindows:
    """The newest of each key on ``windows``, of one stream."""

    def __init__(self) -> None:
        self.windows: dict[str, _Kept] = {}
        self.points: dict[str, _Kept] = {}

    def put_window(self, window: Window, offset: int, value: bytes) -> None:
        """Of two windows of one key final counts before provisional, then the higher revision."""
        self._put(self.windows, window.key, _Kept((window.status == "final", window.revision), offset, value))

    def put_point(self, point: Cumulative, offset: int, value: bytes) -> None:
        """Of two points of one model the later counts, then the higher revision."""
        self._put(self.points, point.key, _Kept((point.end, point.revision), offset, value))

    def _put(self, kept: dict[str, _Kept], key: str, new: _Kept) -> None:
        known = kept.get(key)
        if known is None or new.rank >= known.rank:
            kept[key] = new
