"""A worker's sign of life for health checks: a file that is touched with each turn of its loop."""

import time
from pathlib import Path

from contract.worker.room import is_no_room

SECONDS_BETWEEN_BEATS = 1.0


class Heartbeat:
    """Touches ``path`` at most once a second; does nothing where it is None.

    A worker that waits for what it needs to begin (model, broker, reference) has no heartbeat yet, one that hangs none
    any more.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._next = 0.0

    def beat(self) -> None:
        """The loop has turned once more."""
        now = time.monotonic()
        if self._path is not None and now >= self._next:
            try:
                self._path.touch()
            except OSError as error:
                # the health check notices a file that is not touched
                if not is_no_room(error):
                    raise
            self._next = now + SECONDS_BETWEEN_BEATS
