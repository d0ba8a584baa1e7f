"""The incidents of the stream itself: opened, updated at most once a day, closed when all has been well for a while.

What stands is on the topic ``alerts``, so an incident has one key from its opening to its end, whoever is at work.
Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from contract.alert_rules import AlertRules
from contract.alerts import Alert, Severity
from monitor.naming import iso_time
from monitor.watch.findings import StreamFinding

MOST_STANDING = 100
"""Incidents that stand at once; further ones wait until one of them is closed."""
_DAY = 86_400.0


@dataclass
class _Standing:
    """One that goes on; the last time it was told of, and since when all has been well (watched time)."""

    alert: Alert
    told: float
    well_since: float | None = None


class StreamIncidents:
    """Follows findings.

    Args:
        rules: which kinds are told of, how severe they are, and when they are over.
        standing: the stream's own alerts that stand.
        now: watched time, seconds.
    """

    def __init__(self, rules: AlertRules, standing: Iterable[Alert], now: float) -> None:
        self._rules = rules
        self._standing = {_subject_of(alert): _Standing(alert, now) for alert in standing}

    @property
    def standing(self) -> frozenset[tuple[str, str]]:
        """Kind and subject of each incident that stands."""
        return frozenset(self._standing)

    def switched_off(self, wall: int) -> list[Alert]:
        """The ends of those that stand of kinds that the rules switch off."""
        over = [(key, one) for key, one in self._standing.items() if not self._rules.of(one.alert.kind).enabled]
        for key, _ in over:
            del self._standing[key]
        return [
            _closed(one.alert, wall, f"no longer looked for, because the alert rules switch off kinds.{one.alert.kind}")
            for _, one in over
        ]

    def after(self, findings: Iterable[StreamFinding], now: float, wall: int) -> list[Alert]:
        """What is to be told; ``now`` is watched time in seconds, ``wall`` wall time in ms."""
        said = [self._next(found, now, wall) for found in findings if self._rules.of(found.kind).enabled]
        return [alert for alert in said if alert is not None]

    def _next(self, found: StreamFinding, now: float, wall: int) -> Alert | None:
        key = (found.kind, found.subject)
        known = self._standing.get(key)
        if known is None:
            if not found.wrong or len(self._standing) >= MOST_STANDING:
                return None
            opened = self._opened(found, wall)
            self._standing[key] = _Standing(opened, now)
            return opened
        if found.wrong:
            known.well_since = None
            return self._goes_on(known, found, now, wall)
        if known.well_since is None:
            known.well_since = now
        if now - known.well_since < self._rules.stream.clean_seconds:
            return None
        del self._standing[key]
        return _closed(known.alert, wall, "no longer seen")

    def _goes_on(self, known: _Standing, found: StreamFinding, now: float, wall: int) -> Alert | None:
        before = known.alert
        severity = self._severity(found)
        worst: Severity = "critical" if before.severity == "critical" and severity == found.severity else severity
        seen = msgspec.structs.replace(
            before,
            state="updated",
            end=max(wall, before.start),
            at=max(wall, before.start),
            title=found.title,
            features=list(found.features),
            message=_message(found, before.start),
            severity=worst,
        )
        news = (before.title, before.features, before.severity) != (seen.title, seen.features, seen.severity)
        if not news or now - known.told < _DAY:
            # when it was last seen is what its end will say
            known.alert = msgspec.structs.replace(before, end=seen.end, at=seen.at)
            return None
        known.alert, known.told = seen, now
        return seen

    def _opened(self, found: StreamFinding, wall: int) -> Alert:
        start = wall - round(1_000 * found.lasts)
        return Alert(
            key=f"{found.kind}/{found.subject}/{wall}",
            state="opened",
            kind=found.kind,
            model=None,
            start=start,
            end=wall,
            features=list(found.features),
            message=_message(found, start),
            severity=self._severity(found),
            at=wall,
            title=found.title,
        )

    def _severity(self, found: StreamFinding) -> Severity:
        return self._rules.of(found.kind).severity or found.severity


def _subject_of(alert: Alert) -> tuple[str, str]:
    return alert.kind, alert.key.removeprefix(f"{alert.kind}/").rpartition("/")[0]


def _message(found: StreamFinding, start: int) -> str:
    return f"{found.title} since {iso_time(start)}: {found.message}"


def _closed(alert: Alert, wall: int, why: str) -> Alert:
    message = f"{alert.title}: {why}; from {iso_time(alert.start)}, last seen {iso_time(alert.end)}"
    title = f"{alert.title}, over"
    return msgspec.structs.replace(alert, state="closed", at=max(wall, alert.end), message=message, title=title)
