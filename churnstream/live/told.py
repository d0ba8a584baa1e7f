"""What has happened to a stream, in lines: for a pipe, a log, or a terminal that cannot be drawn on."""

from collections.abc import Iterator, Mapping, Sequence

from churnstream.live.lines import incident_line
from churnstream.live.periods import period
from churnstream.live.view import champions
from churnstream.live.watch import Snapshot
from churnstream.live.windows import found_in
from contract.alerts import Alert, ModelVerdict
from contract.windows import Estimate, Status, Window
from dashboard.view.words import count, metric, named, percent, sane, version_title
from monitor.naming import model_title

SECONDS_BETWEEN_COUNTS = 5.0
"""Wall time after which counts are told, where they have moved."""
_MOST_SINGLE = 4
"""Windows that change together and are told one by one; of more, one line tells all."""
_MOST_CHANGED = 4
_WORDS: dict[Status, str] = {"provisional": "is measured, labels are still to come", "final": "is final"}


class Teller:
    """Tells what is new in each snapshot. Remembers of windows and alerts only those that the snapshot still has."""

    def __init__(self) -> None:
        self._statuses: dict[str, Status] = {}
        self._alerts: dict[str, tuple[object, ...]] = {}
        self._verdicts: dict[str, str] = {}
        self._state = ""
        self._counts: tuple[int, ...] = ()
        self._counted = 0.0

    def lines(self, snapshot: Snapshot, seconds: float, state: str) -> list[str]:
        """What is new after ``seconds`` of wall time since the beginning, one fact a line."""
        told = self.news(snapshot.ordered(), snapshot.alerts, champions(snapshot))
        if state != self._state or seconds - self._counted >= SECONDS_BETWEEN_COUNTS:
            told += self._count(snapshot, seconds, state)
        return told

    def news(
        self, windows: Sequence[Window], alerts: Mapping[str, Alert], verdicts: Sequence[ModelVerdict]
    ) -> list[str]:
        """What is new of windows, all that are known in order of end, of incidents by key, and of verdicts."""
        return [*self._windows(windows), *self._incidents(alerts, windows), *self._new_verdicts(verdicts)]

    def _windows(self, windows: Sequence[Window]) -> Iterator[str]:
        by_status: dict[Status, list[Window]] = {"final": [], "provisional": []}
        for window in windows:
            if self._statuses.get(window.key) != window.status:
                by_status[window.status].append(window)
        self._statuses = {window.key: window.status for window in windows}
        several = len({window.model for window in windows}) > 1
        for status, changed in by_status.items():
            if len(changed) > _MOST_SINGLE:
                yield _told_together(changed, status)
            else:
                yield from (_told(window, several) for window in changed)

    def _incidents(self, alerts: Mapping[str, Alert], windows: Sequence[Window]) -> Iterator[str]:
        several = len({one.model for one in alerts.values()} - {None}) > 1
        known: dict[str, tuple[object, ...]] = {}
        for key, alert in alerts.items():
            known[key] = (alert.state if not alert.standing else "", tuple(alert.features), tuple(alert.segments))
            if self._alerts.get(key) != known[key]:
                yield incident_line(alert, windows, several).plain
        self._alerts = known

    def _new_verdicts(self, verdicts: Sequence[ModelVerdict]) -> Iterator[str]:
        titles = {one.key: one.title for one in verdicts}
        for one in verdicts:
            if self._verdicts.get(one.key) != one.title:
                yield f"{named(model_title(one.model))}: {named(one.title, 80)}"
        self._verdicts = titles

    def _count(self, snapshot: Snapshot, seconds: float, state: str) -> Iterator[str]:
        dead = snapshot.dead_letters
        counts = snapshot.records, snapshot.scored, snapshot.joined, snapshot.lag, dead
        if state != self._state or counts != self._counts:
            yield (
                f"{state}: {count(snapshot.records, 'record')}, {snapshot.scored:,} scored, {snapshot.joined:,} "
                f"labelled, lag {snapshot.lag:,}, {count(dead, 'dead letter')}"
            )
        self._state, self._counts, self._counted = state, counts, seconds


def _told(window: Window, with_model: bool) -> str:
    """One window with its figures."""
    figures = [count(window.records, "record"), f"{percent(window.coverage)} labelled"]
    if window.performance.f1 is not None:
        figures.append(f"F1 {metric(window.performance.f1)}")
    if window.nowcast is not None and window.nowcast.performance.f1 is not None:
        figures.append(f"nowcast {metric(window.nowcast.performance.f1.value)}")
    if (estimate := _estimate(window)) is not None:
        figures.append(f"estimated {estimate}")
    if window.performance.brier is not None:
        figures.append(f"Brier {metric(window.performance.brier)}")
    if window.performance.accuracy is not None:
        figures.append(f"accuracy {metric(window.performance.accuracy)}")
    found = [name for name, _ in found_in(window)]
    more = f" and {len(found) - _MOST_CHANGED} more" if len(found) > _MOST_CHANGED else ""
    changed = f"; changed: {', '.join(found[:_MOST_CHANGED])}{more}" if found else ""
    model = f"{version_title(window.model)} " if with_model else ""
    return f"{model}{period(window.start, window.end)} {_WORDS[window.status]}: {', '.join(figures)}{changed}"


def _told_together(windows: Sequence[Window], status: Status) -> str:
    first, last = windows[0], windows[-1]
    values = [value for window in windows if (value := sane(window.performance.f1)) is not None]
    f1 = f"; F1 {metric(min(values))} to {metric(max(values))}" if values else ""
    changed = sum(bool(found_in(window)) for window in windows)
    told = f"; {count(changed, 'window')} with a change" if changed else ""
    word = "are final" if status == "final" else "are measured, labels are still to come"
    return f"{count(len(windows), 'window')} {word}: {period(first.start, last.end)}{f1}{told}"


def _estimate(window: Window) -> str | None:
    expected: Estimate | None = window.estimated.f1
    if window.untrusted_since is not None or expected is None:
        return None
    return f"{metric(expected.value)}±{metric((expected.high - expected.low) / 2)}"
