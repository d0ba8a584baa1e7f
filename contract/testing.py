"""Fakes of the contract's adapters, for tests of churnstream and of what is built on it."""

from dataclasses import dataclass


@dataclass
class ManualClock:
    """A clock that stands still until it is told to move; milliseconds since the epoch."""

    time: int = 0

    def now(self) -> int:
        return self.time

    def advance(self, milliseconds: int) -> None:
        self.time += milliseconds
