"""Whether a worker is behind, with no end in sight, and whether windows wait for MLflow. Pure."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from contract.alert_rules import StreamRules
from contract.alerts import Severity
from monitor.watch.findings import StreamFinding, in_words

_SAMPLES = 32
Place = tuple[str, int]
"""A topic's full name, and a partition."""


class ReadUntil(NamedTuple):
    """Where a partition ends, and up to where a worker has read it."""

    end: int
    done: int


@dataclass
class _Target:
    """Where the partition ended at a moment: how long ago that is, is how old the oldest unread message is at least."""

    end: int
    since: float


class WorkerLag:
    """Follows one consumer group.

    A position that is not reached tells how long a message has waited, without any clock in messages. Ends of
    transactions are no messages, though they have offsets: ``nothing_left`` takes note of them.
    """

    def __init__(self, group: str, worker: str, rules: StreamRules) -> None:
        self.group = group
        self._worker = worker
        self._limit = rules.lag_seconds
        self._targets: dict[Place, _Target] = {}
        self._reached: dict[Place, ReadUntil] = {}
        self._once: set[Place] = set()
        self._empty: dict[Place, ReadUntil] = {}
        self._lags: deque[tuple[float, int]] = deque()

    def look(self, now: float, reached: Mapping[Place, ReadUntil]) -> None:
        """By partition, where it ends and what is done."""
        self._reached = dict(reached)
        for place, found in reached.items():
            target = self._targets.get(place)
            if found.done >= found.end or self._empty.get(place) == found:
                self._targets.pop(place, None)
                self._once.add(place)
            elif target is None:
                self._targets[place] = _Target(found.end, now)
            elif found.done >= target.end:
                self._targets[place] = _Target(found.end, now)
                self._once.add(place)
        if not self._lags or now - self._lags[-1][0] >= self._limit / _SAMPLES:
            self._lags.append((now, self.lag))
        while len(self._lags) > 1 and self._lags[0][0] < now - self._limit:
            self._lags.popleft()

    @property
    def lag(self) -> int:
        """Messages that are not done."""
        return sum(max(self._reached[place].end - self._reached[place].done, 0) for place in self._targets)

    def suspects(self, now: float) -> dict[Place, ReadUntil]:
        """The partitions that look as if somebody were far behind, for a closer look; empty: none is."""
        if not self._is_slow(now):
            return {}
        return {
            place: self._reached[place] for place, target in self._targets.items() if now - target.since > self._limit
        }

    def nothing_left(self, place: Place) -> None:
        """There are no messages between what is done and the end."""
        self._empty[place] = self._reached[place]
        self._targets.pop(place, None)
        self._once.add(place)

    def findings(self, now: float, members: int | None) -> Iterator[StreamFinding]:
        """``members``: how many workers are in the group, None where that is not known."""
        age = self._age(now)
        if age <= self._limit:
            if self._once >= self._reached.keys():
                yield StreamFinding("lag", self.group, False)
            return
        if not self._is_slow(now):
            return
        topics = ", ".join(sorted({topic for topic, _ in self._targets}))
        waiting = f"{self.lag:,} messages of {topics} wait, some for {in_words(age)} or longer"
        nobody = members == 0
        severity: Severity = "critical" if nobody else "warning"
        yield StreamFinding(
            "lag",
            self.group,
            True,
            f"no {self._worker} is running" if nobody else f"the {self._worker} is behind",
            f"{waiting}; start one with `churnstream {self._worker}`"
            if nobody
            else f"{waiting}, and it is not catching up; check its log, and start more of them, up to one per "
            "partition",
            severity=severity,
            lasts=age,
        )

    def _age(self, now: float) -> float:
        return max((now - target.since for target in self._targets.values()), default=0.0)

    def _is_slow(self, now: float) -> bool:
        """Whether it has been behind for too long, and will not have caught up soon."""
        if self._age(now) <= self._limit:
            return False
        then, lag = self._lags[0]
        done = lag - self.lag
        return done <= 0 or self.lag * (now - then) > self._limit * done


class SpooledWindows(Protocol):
    """The windows that wait for MLflow."""

    def __len__(self) -> int: ...

    @property
    def first_offset(self) -> int | None:
        """That of the oldest; None: none waits."""
        ...

    @property
    def full(self) -> bool: ...


class MlflowLag:
    """Follows the windows that wait for MLflow: the oldest of them must go some time."""

    SUBJECT = "mlflow"

    def __init__(self, waiting: SpooledWindows, rules: StreamRules) -> None:
        self._waiting = waiting
        self._limit = rules.mlflow_seconds
        self._first: int | None = None
        self._since = 0.0
        self._has_moved = False

    def look(self, now: float) -> None:
        first = self._waiting.first_offset
        if first is None:
            self._has_moved = True
        if first != self._first:
            self._has_moved = self._has_moved or self._first is not None
            self._first, self._since = first, now

    def findings(self, now: float) -> Iterator[StreamFinding]:
        age = now - self._since
        if self._first is None or age <= self._limit:
            if self._has_moved:
                yield StreamFinding("mlflow", self.SUBJECT, False)
            return
        full = self._waiting.full
        yield StreamFinding(
            "mlflow",
            self.SUBJECT,
            True,
            "windows wait for MLflow" + (", and the monitor with them" if full else ""),
            f"{len(self._waiting):,} windows wait, the oldest for {in_words(age)} or longer; check MLflow, and "
            f"the monitor's log, which says why MLflow accepts none",
            severity="critical" if full else "warning",
            lasts=age,
        )
