"""Whether a topic has fallen silent: nothing has come for much longer than it has been quiet before. Pure."""

from collections import deque
from collections.abc import Iterator

from contract.alert_rules import StreamRules
from contract.alerts import Severity
from monitor.watch.findings import StreamFinding, in_words

LEAST_SECONDS = 3_600.0
_TIMES = 5.0
_WEEK = 7 * 86_400.0


class QuietTopic:
    """Follows how far a topic has got.

    Args:
        subject: the topic as it is called.
        what: what comes there.
        remedy: what to do when nothing does.
        pause: the longest one of the last week before the first look, seconds.
    """

    def __init__(
        self, subject: str, what: str, remedy: str, severity: Severity, rules: StreamRules, pause: float = 0.0
    ) -> None:
        self.subject = subject
        self._what, self._remedy, self._severity = what, remedy, severity
        self._given = rules.silence_seconds
        # when pauses ended, and how long they were, each longer than all that follow
        self._pauses: deque[tuple[float, float]] = deque([(0.0, pause)] if pause else [])
        self._at: int | None = None
        self._since = 0.0
        self._has_grown = False

    @property
    def limit(self) -> float:
        """Seconds of silence that are told."""
        if self._given is not None:
            return self._given
        return max(LEAST_SECONDS, _TIMES * (self._pauses[0][1] if self._pauses else 0.0))

    def look(self, now: float, at: int, others: int = 0) -> None:
        """The topic has got to ``at``, all partitions together; ``others`` is how far those have that lead to it."""
        reached = at + others
        if self._at is None or reached < self._at:
            self._at, self._since = reached, now
        elif reached > self._at:
            self._ended(now, now - self._since)
            self._at, self._since, self._has_grown = reached, now, True
        while self._pauses and self._pauses[0][0] < now - _WEEK:
            self._pauses.popleft()

    def is_silent(self, now: float) -> bool:
        return bool(self._at) and now - self._since > self.limit

    def findings(self, now: float, ended: bool) -> Iterator[StreamFinding]:
        """``ended``: its last message says that nothing is to come."""
        quiet = now - self._since
        if ended or (self._has_grown and not self.is_silent(now)):
            yield StreamFinding("silence", self.subject, False)
        elif self.is_silent(now):
            longest = self._pauses[0][1] if self._pauses else 0.0
            usual = f"; the longest pause of the last week was {in_words(longest)}" if longest else ""
            yield StreamFinding(
                "silence",
                self.subject,
                True,
                f"no {self._what}",
                f"nothing has come on {self.subject} for {in_words(quiet)}{usual}; {self._remedy}",
                severity=self._severity,
                lasts=quiet,
            )

    def _ended(self, now: float, pause: float) -> None:
        while self._pauses and self._pauses[-1][1] <= pause:
            self._pauses.pop()
        self._pauses.append((now, pause))
