"""What ``churnstream status`` says, as data: with ``--json`` it is this (docs/status.md).

Times are milliseconds since the epoch, UTC: event time where a stream's records say it, wall time where a field says
so. None: not known. Texts are plain text, whatever they quote.
"""

from typing import Literal

import msgspec

from contract.alerts import Alert, ModelVerdict
from contract.messages import ModelRef
from contract.windows import Status

FORM = 1
"""Rises when a field changes its meaning or goes; fields that are added do not raise it."""
ProblemKind = Literal[
    "broker", "refused", "no_stream", "unread", "topics", "worker", "model", "monitor", "verdict", "incident"
]
WorkerName = Literal["scorer", "join", "monitor"]
Gravity = Literal["critical", "warning", "unknown"]
"""``unknown``: because of it, it cannot be told whether the stream is well."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One reason why a stream is not well, or why that cannot be told; ``remedy`` is what to do."""

    kind: ProblemKind
    severity: Gravity
    text: str
    remedy: str = ""


class PartitionLag(msgspec.Struct, frozen=True, kw_only=True):
    """Messages of one partition that a worker has not read; ``topic`` is a short name (``contract.topics``)."""

    topic: str
    partition: int
    lag: int


class WorkerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of worker: its consumer group (full name), how many are at work, and what waits for them."""

    name: WorkerName
    group: str
    members: int | None
    lag: int | None
    partitions: tuple[PartitionLag, ...] = ()


class WindowStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The newest window. ``coverage`` in [0, 1]; ``estimated_f1`` with ``_low`` and ``_high`` is expected without
    labels. ``changed``: what it shows, the gravest first. ``told_at`` (wall time): when Kafka took its newest revision;
    ``ends_ago_ms`` is wall time less its end in event time, which of a replay says nothing.
    """

    model: ModelRef
    start: int
    end: int
    status: Status
    revision: int
    records: int
    labelled: int
    coverage: float
    f1: float | None
    estimated_f1: float | None
    estimated_f1_low: float | None
    estimated_f1_high: float | None
    brier: float | None
    accuracy: float | None
    changed: tuple[str, ...]
    told_at: int | None
    told_ago_ms: int | None
    ends_ago_ms: int


class LettersOfReason(msgspec.Struct, frozen=True, kw_only=True):
    """Dead letters of one reason and field (empty: none is named); ``last_at`` is wall time."""

    reason: str
    field: str
    count: int
    last_at: int | None
    meaning: str
    remedy: str


class LettersStatus(msgspec.Struct, frozen=True, kw_only=True):
    """``ever`` have been on the topic, ``today`` have come since midnight UTC (wall time); ``by_reason`` counts the
    newest ``looked_at`` of them.
    """

    ever: int | None
    today: int
    looked_at: int
    by_reason: tuple[LettersOfReason, ...] = ()


class ModelServing(msgspec.Struct, frozen=True, kw_only=True):
    """A registered model: the version that has ``alias``, since when (wall time), and its challengers. The version is
    None where none has the alias.
    """

    name: str
    alias: str | None
    version: int | None
    since: int | None
    challengers: tuple[int, ...] = ()


class StreamStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A stream at ``at`` (wall time). ``well``: whether it is; None: it cannot be told, and ``problems`` say why.

    ``stream`` is its name in the topic ``format``. ``away_since`` (wall time): the broker has not answered since.
    ``data_until`` and ``labels_until``: up to when, in event time, records and labels of all partitions have come.
    ``ended``: the stream has said that nothing more comes; ``idle``: nothing comes at present. ``incidents`` are those
    that stand, as on ``alerts``; ``verdicts`` those on the champions.
    """

    form: int = FORM
    at: int
    well: bool | None
    problems: tuple[Problem, ...]
    remarks: tuple[str, ...]
    servers: str
    topic_prefix: str
    stream: str | None
    away_since: int | None
    missing_topics: tuple[str, ...]
    ended: bool
    idle: bool
    data_until: int | None
    labels_until: int | None
    workers: tuple[WorkerStatus, ...]
    models: tuple[ModelServing, ...]
    windows: int
    provisional_windows: int
    newest_window: WindowStatus | None
    verdicts: tuple[ModelVerdict, ...]
    incidents: tuple[Alert, ...]
    dead_letters: LettersStatus

    @property
    def exit_code(self) -> int:
        """0: it is well; 1: it is not; 2: it cannot be told."""
        return 2 if self.well is None else 0 if self.well else 1


def as_json(status: StreamStatus, *, indented: bool = True) -> str:
    """The status as JSON; not ``indented`` it is one line."""
    encoded = msgspec.json.encode(status)
    return (msgspec.json.format(encoded, indent=2) if indented else encoded).decode()
