"""Time, behind a protocol so that tests can set it. It decides when things happen, never a value."""

import time
from typing import Protocol


class Clock(Protocol):
    def now(self) -> int:
        """Wall time: milliseconds since the epoch, UTC. It can be set, so it measures nothing."""
        ...

    def monotonic(self) -> int:
        """Milliseconds since some moment, which nobody can set: what intervals are measured with."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> int:
        return time.monotonic_ns() // 1_000_000
