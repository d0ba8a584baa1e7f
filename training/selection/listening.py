"""Who is told how a search goes, and how far anything is that takes its time."""

from collections.abc import Sequence
from typing import Protocol

from training.kinds.sampling import Sampling
from training.selection.measure import Candidate


class Listener(Protocol):
    """Who is told how the search goes, as it goes."""

    def started(self, kind: str, sampling: Sampling) -> None:
        """A pair's turn has come for the first time."""
        ...

    def tried(self, trial: Candidate) -> None:
        """A trial was measured on the search's folds."""
        ...

    def finished(self, candidate: Candidate, trials: int) -> None:
        """What stands for the pair after so many trials."""
        ...

    def progress(self, done: float, doing: str) -> None:
        """The share of the work that is done, and what comes next."""
        ...


class Listeners:
    """Several listeners as one."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._listeners = listeners

    def started(self, kind: str, sampling: Sampling) -> None:
        for each in self._listeners:
            each.started(kind, sampling)

    def tried(self, trial: Candidate) -> None:
        for each in self._listeners:
            each.tried(trial)

    def finished(self, candidate: Candidate, trials: int) -> None:
        for each in self._listeners:
            each.finished(candidate, trials)

    def progress(self, done: float, doing: str) -> None:
        for each in self._listeners:
            each.progress(done, doing)
