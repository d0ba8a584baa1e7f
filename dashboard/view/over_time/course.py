"""The chosen metric over time: what labels show, what is expected, what training had, and what happened when."""

from collections.abc import Callable, Iterator

from contract.alerts import BY_WALL_TIME, Alert
from contract.windows import Window
from dashboard.view.chosen import Chosen
from dashboard.view.incident_state import incidents_of
from dashboard.view.metrics import TITLES, MetricValue, better, estimated, held_out, nowcast, realised
from dashboard.view.model import Level, Mark, MetricCourse, Point, Series, SeriesKind
from dashboard.view.selected import Metric
from dashboard.view.words import EARLIEST, LATEST, named, short_moment

_MOST_MARKS = 200
_NAMES: dict[SeriesKind, str] = {
    "final": "realised, final",
    "provisional": "realised so far, provisional",
    "nowcast": "nowcast",
    "estimated": "estimated without labels",
}


def course_of(choice: Chosen, metric: Metric) -> MetricCourse:
    """All series, also those without a point."""
    kinds: dict[SeriesKind, Callable[[Window], MetricValue | None]] = {
        "final": lambda window: realised(window, metric) if window.status == "final" else None,
        "provisional": lambda window: realised(window, metric) if window.status == "provisional" else None,
        "nowcast": lambda window: nowcast(window, metric),
        "estimated": lambda window: estimated(window, metric),
    }
    return MetricCourse(
        metric=metric,
        title=TITLES[metric],
        better=better(metric),
        series=tuple(
            Series(kind=kind, name=_NAMES[kind], points=tuple(_points(choice, taken))) for kind, taken in kinds.items()
        ),
        levels=tuple(_levels(choice, metric)),
        marks=tuple(sorted([*_swaps(choice), *_incidents(choice)], key=lambda mark: mark.at)[-_MOST_MARKS:]),
    )


def _points(choice: Chosen, taken: Callable[[Window], MetricValue | None]) -> Iterator[Point]:
    for window in choice.windows:
        found = taken(window)
        if found is not None:
            yield Point(
                at=window.end,
                start=window.start,
                version=window.model.version,
                value=found.value,
                low=found.low,
                high=found.high,
                coverage=window.coverage,
                revision=window.revision,
            )


def _reigns(choice: Chosen) -> Iterator[list[Window]]:
    """Windows in a row of the same version."""
    row: list[Window] = []
    for window in choice.windows:
        if row and row[-1].model != window.model:
            yield row
            row = []
        row.append(window)
    if row:
        yield row


def _levels(choice: Chosen, metric: Metric) -> Iterator[Level]:
    """Each from where the one before it ends, so that no gap and no overlap is between them."""
    until = None
    for row in _reigns(choice):
        first, last = row[0], row[-1]
        since = first.end - (first.slide or first.end - first.start) if until is None else until
        until = last.end
        found = held_out(choice.trained(first.model.version), metric)
        if found is not None:
            yield Level(
                version=first.model.version,
                value=found.value,
                low=found.low,
                high=found.high,
                since=since,
                until=until,
            )


def _swaps(choice: Chosen) -> Iterator[Mark]:
    before = None
    for row in _reigns(choice):
        version = row[0].model.version
        if before is not None:
            yield Mark(at=row[0].end, kind="swap", text=f"v{version} takes over from v{before}")
        before = version


def _incidents(choice: Chosen) -> Iterator[Mark]:
    """Of the versions shown. Those dated by the clock have no place on an axis of event time."""
    shown = {window.model for window in choice.windows}
    for told in incidents_of(choice.known, choice.name):
        alert = told[-1].alert
        dated = EARLIEST <= alert.start <= LATEST and EARLIEST <= alert.end <= LATEST
        if alert.kind in BY_WALL_TIME or not dated or (alert.model is not None and alert.model not in shown):
            continue
        title = named(alert.title or alert.kind, 120)
        begins = _first_end(choice, alert)
        seen = f" (drawn where the first window that shows it ends, {short_moment(begins)})"
        if alert.state == "retracted":
            yield Mark(at=begins, kind="retracted", text=title, since=alert.start)
            continue
        yield Mark(at=begins, kind="opened", text=f"{title}{seen}", since=alert.start, standing=alert.standing)
        if not alert.standing:
            yield Mark(at=alert.end, kind="closed", text=title, since=alert.start)


def _first_end(choice: Chosen, alert: Alert) -> int:
    """The end of the first window that shows it, where its point is drawn."""
    place = choice.by_start.get(alert.start)
    return alert.start if place is None else choice.windows[place].end
