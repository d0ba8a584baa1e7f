"""The stream's own alerts, which follow from no window, on their way to the one writer. Safe between threads."""

import threading
from collections.abc import Sequence
from typing import NamedTuple

from contract.alerts import Alert

MOST_WAITING = 1_000


class Turn(NamedTuple):
    """One time of being at work: its number, and the stream's own alerts that stood when it began."""

    number: int
    standing: Sequence[Alert]


class StreamAlerts:
    """What is to be told of the stream, by key; of one key the newest alone.

    What waits when a turn ends is dropped: another monitor may have told the same under another key. The next turn
    begins with what stands on the topic, and whoever watches the stream finds the rest again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns = 0
        self._turn: Turn | None = None
        self._waiting: dict[str, Alert] = {}

    @property
    def turn(self) -> Turn | None:
        """The present one; None: this monitor is not at work."""
        with self._lock:
            return self._turn

    def begin(self, standing: Sequence[Alert]) -> None:
        """The topics have been read; these of the stream's own alerts stand."""
        with self._lock:
            self._turns += 1
            self._turn = Turn(self._turns, tuple(standing))
            self._waiting.clear()

    def end(self) -> None:
        """What is known is no longer true, or another monitor is at work."""
        with self._lock:
            self._turn = None
            self._waiting.clear()

    def put(self, turn: int, alerts: Sequence[Alert]) -> bool:
        """Take what is to be told in a turn; False: that turn is over, and they are dropped."""
        with self._lock:
            if self._turn is None or self._turn.number != turn:
                return False
            for alert in alerts:
                if alert.key in self._waiting or len(self._waiting) < MOST_WAITING:
                    self._waiting[alert.key] = alert
            return True

    def waiting(self) -> list[Alert]:
        """What has not been published yet."""
        with self._lock:
            return list(self._waiting.values())

    def published(self, alerts: Sequence[Alert]) -> None:
        """These are on the topic; what has come for their keys meanwhile still waits."""
        with self._lock:
            for alert in alerts:
                if self._waiting.get(alert.key) is alert:
                    del self._waiting[alert.key]
