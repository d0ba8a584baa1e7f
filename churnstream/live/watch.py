"""What a stream shows from outside: counts, lag, panes, windows, alerts and dead letters, read from Kafka alone."""

import time
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec
from confluent_kafka import Consumer, Message, TopicPartition

from contract.alerts import Alert, ModelVerdict, alert_message_type
from contract.kafka.clients import client_config
from contract.kafka.dead_letters import ORIGIN_TOPIC, is_mark
from contract.messages import ModelRef
from contract.settings import Settings
from contract.topics import ALERTS, CUSTOMERS, DEAD_LETTERS, LABELS, PANES, WINDOWS
from contract.windows import Window, window_message_type

_TIMEOUT = 10.0
_REFRESH_SECONDS = 1.0
_BATCH = 1_000
MOST_WINDOWS = 2_000
"""Of all models, that a snapshot keeps; a stream that never ends has ever more. It keeps as many alerts."""


_SAMPLE = b"/sample"


class _Counted(msgspec.Struct):
    records: int


class _PanesMessage(msgspec.Struct):
    """Of the messages on ``panes``, what is looked at here: of panes and folds, and of the join's progress."""

    type: str
    model: ModelRef | None = None
    start: int = 0
    summary: _Counted = msgspec.field(default_factory=lambda: _Counted(0))
    partition: int = 0
    ended: bool = False
    ahead: int = 0
    inferred: int = 0


@dataclass
class Snapshot:
    """The stream as it stands. ``records`` and ``labels`` are on their topics, ``scored`` and ``joined`` done with.

    ``ended``: the join has met the end of the stream in every partition. ``panes`` are the champion's records in each
    pane, and in those that were folded into one sum, every record counted once however often it was sent; ``newest`` is
    the start of its last pane (event time in ms). ``ahead`` are records dated far ahead of their partition, and
    ``inferred`` those whose silence counts as a label of 0. Of more than ``MOST_WINDOWS`` windows the oldest are
    let go of; ``settled`` are the records that ``measured`` had counted in them.
    """

    records: int = 0
    scored: int = 0
    labels: int = 0
    joined: int = 0
    dead_records: int = 0
    dead_labels: int = 0
    ended: bool = False
    ahead: int = 0
    inferred: int = 0
    newest: int | None = None
    settled: int = 0
    panes: dict[bytes, int] = field(default_factory=dict)
    windows: dict[str, Window] = field(default_factory=dict)
    alerts: dict[str, Alert] = field(default_factory=dict)
    verdicts: dict[str, ModelVerdict] = field(default_factory=dict)

    @property
    def lag(self) -> int:
        """Records and labels that are waiting for the scorer and the join."""
        return self.records - self.scored + self.labels - self.joined

    @property
    def predictions(self) -> int:
        """Records that were scored and not dead-lettered."""
        return self.scored - self.dead_records

    @property
    def dead_letters(self) -> int:
        """Records and labels that could not be used."""
        return self.dead_records + self.dead_labels

    @property
    def distinct(self) -> int:
        """Records that the champion has scored and the join has seen, each counted once."""
        return sum(self.panes.values())

    @property
    def measured(self) -> int:
        """Records in final windows, each counted once."""
        return self.settled + sum(window.records for window in self.tiles())

    def ordered(self) -> list[Window]:
        """The windows in order of end."""
        return sorted(self.windows.values(), key=lambda window: (window.end, window.model))

    def tiles(self) -> list[Window]:
        """Final windows of the champion that do not overlap and leave no gap: every record is in one of them."""
        return [window for window in self.ordered() if _is_tile(window)]

    @property
    def complete(self) -> bool:
        """Whether the stream has ended, and everything on it has been scored, joined and measured in final windows.

        The window that begins with the newest pane is the last; some before it may be final later.
        """
        measured = 0 < self.distinct == self.measured
        return self.ended and self.lag == 0 and measured and self._all_are_final

    @property
    def _all_are_final(self) -> bool:
        windows = [window for window in self.windows.values() if window.model.role == "champion"]
        last_is_there = any(window.start == self.newest for window in windows)
        return last_is_there and all(window.status == "final" for window in windows)


def _is_tile(window: Window) -> bool:
    """Whether a window is one of the champion's final ones that do not overlap."""
    length = window.end - window.start
    return window.status == "final" and window.model.role == "champion" and window.start % length == 0


class SnapshotReader:
    """Takes what is on ``panes``, ``windows`` and ``alerts`` into a snapshot; what it does not know is passed over."""

    def __init__(self, snapshot: Snapshot, most_windows: int = MOST_WINDOWS) -> None:
        self._snapshot = snapshot
        self._most_windows = most_windows
        self._progress: dict[int, _PanesMessage] = {}
        self._let_go: int | None = None
        self._decode_pane = msgspec.json.Decoder(_PanesMessage).decode
        self._decode_window = msgspec.json.Decoder(Window).decode
        self._decode_alert = msgspec.json.Decoder(Alert).decode
        self._decode_verdict = msgspec.json.Decoder(ModelVerdict).decode

    @property
    def ended(self) -> int:
        """In how many partitions the stream has ended."""
        return sum(progress.ended for progress in self._progress.values())

    def take(self, topic: str, key: bytes, value: bytes | None) -> None:
        """Take a message; ``topic`` is its name without a prefix. One without a value deletes what its key names."""
        with suppress(msgspec.DecodeError, UnicodeDecodeError):
            if topic == PANES:
                self._take_pane(key, value)
            elif topic == ALERTS and value and alert_message_type(key) is ModelVerdict:
                verdict = self._decode_verdict(value)
                self._snapshot.verdicts[verdict.key] = verdict
                if len(self._snapshot.verdicts) > self._most_windows:
                    del self._snapshot.verdicts[next(iter(self._snapshot.verdicts))]
            elif topic == ALERTS and value:
                alert = self._decode_alert(value)
                self._snapshot.alerts[alert.key] = alert
                if len(self._snapshot.alerts) > self._most_windows:
                    del self._snapshot.alerts[next(iter(self._snapshot.alerts))]
            elif topic == WINDOWS and value and window_message_type(key) is Window:
                window = self._decode_window(value)
                if self._let_go is None or window.end > self._let_go:
                    self._snapshot.windows[window.key] = window
                if len(self._snapshot.windows) > self._most_windows:
                    self._let_go_of_old()

    def _let_go_of_old(self) -> None:
        """Keep nine tenths; the records of the others are counted for good."""
        now = self._snapshot
        ordered = now.ordered()
        self._let_go = ordered[len(ordered) - self._most_windows * 9 // 10].end
        for window in ordered:
            if window.end <= self._let_go:
                now.settled += window.records if _is_tile(window) else 0
                del now.windows[window.key]

    def _take_pane(self, key: bytes, value: bytes | None) -> None:
        # nothing here is told of samples, which are most of the topic
        if key.endswith(_SAMPLE):
            return
        now = self._snapshot
        if not value:
            now.panes.pop(key, None)
            return
        message = self._decode_pane(value)
        if message.type == "progress":
            self._progress[message.partition] = message
            now.ahead = sum(progress.ahead for progress in self._progress.values())
            now.inferred = sum(progress.inferred for progress in self._progress.values())
        elif message.type in ("pane", "fold") and message.model is not None and message.model.role == "champion":
            now.panes[key] = message.summary.records
            now.newest = max(message.start, now.newest or 0)


class StreamWatch:
    """Keeps a ``Snapshot`` up to date. Takes part in no consumer group and changes nothing."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._reader = Consumer(
            client_config(settings)
            | {"group.id": settings.topic("watch"), "isolation.level": "read_committed", "enable.auto.commit": False}
        )
        # as read_committed, the broker answers only once no transaction is open: a killed worker's is for 25 s
        asking = client_config(settings) | {"isolation.level": "read_uncommitted"}
        self._groups = {group: Consumer(asking | {"group.id": settings.topic(group)}) for group in ("scorer", "join")}
        partitions = range(settings.partitions)
        self._customers = [TopicPartition(settings.topic(CUSTOMERS), partition) for partition in partitions]
        self._labels = [TopicPartition(settings.topic(LABELS), partition) for partition in partitions]
        self._reader.assign(
            [TopicPartition(settings.topic(topic), 0, 0) for topic in (PANES, WINDOWS, ALERTS)]
            + [TopicPartition(settings.topic(DEAD_LETTERS), partition, 0) for partition in partitions]
        )
        self._read = {settings.topic(name): name for name in (PANES, WINDOWS, ALERTS)}
        self.snapshot = Snapshot()
        self._snapshot_reader = SnapshotReader(self.snapshot)

    def refresh(self) -> Snapshot:
        """Read what is new; takes some milliseconds, and a second where much is.

        Raises:
            confluent_kafka.KafkaException: the broker does not answer; the next call may find it again.
        """
        now = self.snapshot
        deadline = time.monotonic() + _REFRESH_SECONDS
        while messages := self._reader.consume(_BATCH, 0.05):
            for message in messages:
                if message.error() is None:
                    self._take(message)
            if len(messages) < _BATCH or time.monotonic() > deadline:
                break
        now.ended = self._snapshot_reader.ended == self._settings.partitions
        controls = self._settings.partitions if now.ended else 0
        now.records, now.scored = self._position("scorer", self._customers, controls)
        now.labels, now.joined = self._position("join", self._labels, controls)
        return now

    def close(self) -> None:
        """Let go of the connections."""
        for consumer in (self._reader, *self._groups.values()):
            consumer.close()

    def _position(self, group: str, partitions: list[TopicPartition], controls: int) -> tuple[int, int]:
        """Messages on the partitions, and how many of them the group is done with."""
        # the ends after the committed offsets, or the group could seem to be ahead
        committed = [max(found.offset, 0) for found in self._groups[group].committed(partitions, _TIMEOUT)]
        ends = [self._reader.get_watermark_offsets(partition, _TIMEOUT)[1] for partition in partitions]
        messages = max(sum(ends) - controls, 0)
        return messages, messages - (sum(ends) - sum(committed))

    def _take(self, message: Message) -> None:
        name = self._read.get(message.topic() or "")
        if name is not None:
            self._snapshot_reader.take(name, message.key() or b"", message.value())
        elif (ORIGIN_TOPIC, self._settings.topic(CUSTOMERS).encode()) in (message.headers() or ()):
            self.snapshot.dead_records += 1
        elif not is_mark(message.headers()):
            self.snapshot.dead_labels += 1
