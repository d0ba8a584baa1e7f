"""What follows from no window, on its way to the one writer: the stream's own alerts, and what versions are like.

Safe between threads.
"""

import threading
from collections.abc import Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from contract.alerts import Alert
from contract.versions import VersionMessage
from monitor.timeline.own_messages import StandingVersion

MOST_WAITING = 1_000
MOST_VERSIONS_WAITING = 20
"""A version's message has megabytes where a schema is wide."""


class _Keyed(Protocol):
    @property
    def key(self) -> str: ...


Told = TypeVar("Told", bound=_Keyed)
Standing = TypeVar("Standing")


class Turn(NamedTuple, Generic[Standing]):
    """One time of being at work: its number, and what stood on the topic when it began."""

    number: int
    standing: Sequence[Standing]


class Outbox(Generic[Told, Standing]):
    """What is to be told, by key; of one key the newest alone.

    What waits when a turn ends is dropped: another monitor may have told the same. The next turn begins with what
    stands on the topic, and whoever watches finds the rest again.
    """

    def __init__(self, most: int = MOST_WAITING) -> None:
        """``most`` keys wait at a time."""
        self._most = most
        self._lock = threading.Lock()
        self._turns = 0
        self._turn: Turn[Standing] | None = None
        self._waiting: dict[str, Told] = {}

    @property
    def turn(self) -> Turn[Standing] | None:
        """The present one; None: this monitor is not at work."""
        with self._lock:
            return self._turn

    def begin(self, standing: Sequence[Standing]) -> None:
        """The topics have been read; this stands."""
        with self._lock:
            self._turns += 1
            self._turn = Turn(self._turns, tuple(standing))
            self._waiting.clear()

    def end(self) -> None:
        """What is known is no longer true, or another monitor is at work."""
        with self._lock:
            self._turn = None
            self._waiting.clear()

    def put(self, turn: int, messages: Sequence[Told]) -> bool:
        """Take what is to be told in a turn, as far as there is room.

        False: that turn is over, or not all had room; what was not taken is dropped.
        """
        with self._lock:
            if self._turn is None or self._turn.number != turn:
                return False
            dropped = 0
            for message in messages:
                if message.key in self._waiting or len(self._waiting) < self._most:
                    self._waiting[message.key] = message
                else:
                    dropped += 1
            return not dropped

    def waiting(self) -> list[Told]:
        """What has not been published yet."""
        with self._lock:
            return list(self._waiting.values())

    def published(self, messages: Sequence[Told]) -> None:
        """These are on the topic; what has come for their keys meanwhile still waits."""
        with self._lock:
            for message in messages:
                if self._waiting.get(message.key) is message:
                    del self._waiting[message.key]


StreamAlerts = Outbox[Alert, Alert]
"""What is to be told of the stream; its own alerts stand."""
VersionFacts = Outbox[VersionMessage, StandingVersion]
"""What is to be told of versions."""
