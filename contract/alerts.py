"""The messages on ``alerts``: incidents, and the verdict on each model that follows from all that is known of it.

What a window shows is dated by event time. What is wrong with the stream itself (lag, silence, dead letters, MLflow) is
dated by wall time. Both are milliseconds since the epoch, UTC.
"""

from typing import Literal, get_args

import msgspec

from contract.messages import ModelRef

AlertKind = Literal[
    "drift",
    "relation",
    "performance",
    "segment",
    "coverage",
    "delay",
    "volume",
    "dead_letters",
    "silence",
    "lag",
    "mlflow",
]
ALERT_KINDS: tuple[AlertKind, ...] = get_args(AlertKind)
BY_WALL_TIME: frozenset[AlertKind] = frozenset({"dead_letters", "silence", "lag", "mlflow"})
"""Kinds of alerts whose times are wall time; those of the others are event time."""
AlertState = Literal["opened", "updated", "closed", "retracted", "raised"]
Severity = Literal["warning", "critical"]
NO_PREDICTIONS = "silence/predictions"
"""What the keys of alerts begin with that say that no predictions come; labels can fall silent, too."""
VERDICT = "verdict"
"""Last part of the keys of verdicts on ``alerts``."""


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One incident under one key, from its opening to its end.

    ``model`` is None where the incident is the stream's and no model's. ``start`` of the first window that shows it,
    ``end`` of the last; ``at`` is the end of the newest window that has been looked at. ``features`` are all columns
    that drifted since it opened, ``segments`` those that changed, the newest and most plain first. ``title`` says what
    is wrong in a few words, ``message`` all of it: what, since when, how sure, what to do. It is opened, updated when
    there is more to say, and closed when windows have been clean for long enough; or retracted, when late labels or
    records take back what was believed. ``raised`` was the word of an earlier release for opened, when each window had
    an alert of its own.
    """

    key: str
    state: AlertState
    kind: AlertKind
    model: ModelRef | None
    start: int
    end: int
    features: list[str]
    message: str
    severity: Severity = "warning"
    at: int | None = None
    segments: list[str] = []
    title: str = ""

    @property
    def standing(self) -> bool:
        """Whether the incident goes on."""
        return self.state in ("opened", "updated", "raised")


VerdictState = Literal[
    "silent", "worse", "probably_worse", "relation_changed", "customers_changed", "unjudged", "healthy"
]
"""What can be said of a model, the gravest first: the first that applies is its verdict.

``unjudged``: nothing is known against it, but not enough has been looked at to call it healthy.
"""


class ModelVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """How a model is, in one word and one sentence. Under a key of its own; the newest is true.

    ``since``: from when on, event time, for ``silent`` wall time; None: since its first window. ``until``: the end of
    the newest window that it rests on. ``title`` is the verdict in capitals with its date, ``message`` says why, and
    ``remedy`` what to do, empty where nothing is. ``untrusted_since``: estimates of windows that end after it (event
    time) are withdrawn, because labels have shown that scores mean something else; None: none is now.
    """

    model: ModelRef
    state: VerdictState
    since: int | None
    until: int | None
    title: str
    message: str
    remedy: str = ""
    untrusted_since: int | None = None
    kind: Literal["verdict"] = "verdict"

    @property
    def key(self) -> str:
        return f"{self.model.key}/{VERDICT}"


AlertMessage = Alert | ModelVerdict


def alert_message_type(key: bytes | None) -> type[Alert] | type[ModelVerdict]:
    """Which of the two kinds of messages on ``alerts`` stands under a key."""
    return ModelVerdict if key is not None and key.endswith(f"/{VERDICT}".encode()) else Alert
