"""What a stream shows from outside: counts, lag, panes, windows, alerts and dead letters, read from Kafka alone."""

import time
from dataclasses import dataclass, field

import msgspec
from confluent_kafka import Consumer, Message, TopicPartition

from contract.kafka.clients import client_config
from contract.kafka.dead_letters import ORIGIN_TOPIC
from contract.messages import ModelRef
from contract.panes import JoinProgress
from contract.settings import Settings
from contract.topics import ALERTS, CUSTOMERS, DEAD_LETTERS, LABELS, PANES, WINDOWS
from contract.windows import Alert, Window

_TIMEOUT = 10.0
_REFRESH_SECONDS = 1.0
_BATCH = 1_000


class _PaneSummary(msgspec.Struct):
    records: int


class _PaneHead(msgspec.Struct):
    """Of a pane, what is looked at here."""

    model: ModelRef
    start: int
    summary: _PaneSummary


@dataclass
class Snapshot:
    """The stream as it stands. ``records`` and ``labels`` are on their topics, ``scored`` and ``joined`` done with.

    ``ended``: the join has met the end of the stream in every partition. ``panes`` are the champion's records in each
    pane, every record counted once however often it was sent; ``newest`` is the start of its last pane (event time in
    ms).
    """

    records: int = 0
    scored: int = 0
    labels: int = 0
    joined: int = 0
    dead_records: int = 0
    dead_labels: int = 0
    ended: bool = False
    newest: int | None = None
    panes: dict[bytes, int] = field(default_factory=dict)
    windows: dict[str, Window] = field(default_factory=dict)
    alerts: dict[str, Alert] = field(default_factory=dict)

    @property
    def lag(self) -> int:
        """Records and labels that are waiting for the scorer and the join."""
        return self.records - self.scored + self.labels - self.joined

    @property
    def predictions(self) -> int:
        """Records that were scored and not dead-lettered."""
        return self.scored - self.dead_records

    @property
    def distinct(self) -> int:
        """Records that the champion has scored and the join has seen, each counted once."""
        return sum(self.panes.values())

    @property
    def measured(self) -> int:
        """Records in final windows, each counted once."""
        return sum(window.records for window in self.tiles())

    def ordered(self) -> list[Window]:
        """The windows in order of end."""
        return sorted(self.windows.values(), key=lambda window: (window.end, window.model))

    def tiles(self) -> list[Window]:
        """Final windows of the champion that do not overlap and leave no gap: every record is in one of them."""
        return [
            window
            for window in self.ordered()
            if window.status == "final"
            and window.model.role == "champion"
            and window.start % (window.end - window.start) == 0
        ]

    @property
    def complete(self) -> bool:
        """Whether the stream has ended, and everything on it has been scored, joined and measured in final windows.

        Windows come in order of their ends, so the one that begins with the newest pane is the last.
        """
        measured = 0 < self.distinct == self.measured
        return self.ended and self.lag == 0 and measured and self._last_is_final

    @property
    def _last_is_final(self) -> bool:
        return any(
            window.start == self.newest and window.status == "final" and window.model.role == "champion"
            for window in self.windows.values()
        )


class StreamWatch:
    """Keeps a ``Snapshot`` up to date. Takes part in no consumer group and changes nothing."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._reader = Consumer(
            client_config(settings)
            | {"group.id": settings.topic("watch"), "isolation.level": "read_committed", "enable.auto.commit": False}
        )
        self._groups = {
            group: Consumer(client_config(settings) | {"group.id": settings.topic(group)})
            for group in ("scorer", "join")
        }
        partitions = range(settings.partitions)
        self._customers = [TopicPartition(settings.topic(CUSTOMERS), partition) for partition in partitions]
        self._labels = [TopicPartition(settings.topic(LABELS), partition) for partition in partitions]
        self._reader.assign(
            [TopicPartition(settings.topic(topic), 0, 0) for topic in (PANES, WINDOWS, ALERTS)]
            + [TopicPartition(settings.topic(DEAD_LETTERS), partition, 0) for partition in partitions]
        )
        self._ended: dict[int, bool] = {}
        self._decode_progress = msgspec.json.Decoder(JoinProgress).decode
        self._decode_pane = msgspec.json.Decoder(_PaneHead).decode
        self._decode_window = msgspec.json.Decoder(Window).decode
        self._decode_alert = msgspec.json.Decoder(Alert).decode
        self.snapshot = Snapshot()

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
        now.ended = len(self._ended) == self._settings.partitions and all(self._ended.values())
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
        topic, value = message.topic(), message.value() or b""
        if topic == self._settings.topic(PANES):
            self._take_pane(message.key() or b"", value)
        elif topic == self._settings.topic(WINDOWS):
            window = self._decode_window(value)
            self.snapshot.windows[window.key] = window
        elif topic == self._settings.topic(ALERTS):
            alert = self._decode_alert(value)
            self.snapshot.alerts[alert.key] = alert
        elif (ORIGIN_TOPIC, self._settings.topic(CUSTOMERS).encode()) in (message.headers() or ()):
            self.snapshot.dead_records += 1
        else:
            self.snapshot.dead_labels += 1

    def _take_pane(self, key: bytes, value: bytes) -> None:
        if key.startswith(b"progress/"):
            progress = self._decode_progress(value)
            self._ended[progress.partition] = progress.ended
            return
        pane = self._decode_pane(value)
        if pane.model.role == "champion":
            self.snapshot.panes[key] = pane.summary.records
            self.snapshot.newest = max(pane.start, self.snapshot.newest or 0)
