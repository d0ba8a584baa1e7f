"""Clocks for tests, in the place of ``contract.worker.clock.SystemClock``."""

import time
from dataclasses import dataclass


@dataclass
class ManualClock:
    """A clock that stands still until it is told to move; ``time`` is wall time, milliseconds since the epoch.

    ``time`` may be set like a machine's clock; ``elapsed``, the monotonic time, follows ``advance`` only.
    """

    time: int = 0
    elapsed: int = 0

    def now(self) -> int:
        return self.time

    def monotonic(self) -> int:
        return self.elapsed

    def advance(self, milliseconds: int) -> None:
        self.time += milliseconds
        self.elapsed += milliseconds


class RunningClock:
    """A clock that runs as fast as the machine's, from ``start`` (milliseconds since the epoch) on."""

    def __init__(self, start: int) -> None:
        self._start = start
        self._begin = time.monotonic()

    def now(self) -> int:
        return self._start + self.monotonic()

    def monotonic(self) -> int:
        return round((time.monotonic() - self._begin) * 1_000)
