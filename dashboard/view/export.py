"""What is shown as files: the windows as CSV, the page as JSON."""

import csv
import io
from collections.abc import Callable, Iterable

import msgspec

from contract.windows import Window
from dashboard.stream.state import StreamState
from dashboard.view.chosen import chosen
from dashboard.view.metrics import MetricValue, estimated, nowcast, realised
from dashboard.view.model import Page
from dashboard.view.selected import METRICS, Metric, Selected
from dashboard.view.words import iso_time, sane

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_Measure = Callable[[Window, Metric], MetricValue | None]
_KINDS: dict[str, _Measure] = {
    "realised": realised,
    "nowcast": nowcast,
    "estimated": estimated,
}
_Cell = str | int | float | None


def json_of(page: Page) -> bytes:
    """The page, all of it, in UTF-8."""
    return msgspec.json.encode(page)


def csv_of(known: StreamState, selected: Selected) -> str:
    """A row for each window of what is shown, with all metrics and their intervals; times are ISO 8601 in UTC."""
    windows = [
        window
        for window in chosen(known, selected).windows
        if (selected.since is None or window.end >= selected.since)
        and (selected.until is None or window.start <= selected.until)
    ]
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\r\n")
    writer.writerow([name for name, _ in _COLUMNS])
    writer.writerows([_safe(value(window)) for _, value in _COLUMNS] for window in windows)
    return lines.getvalue()


def _safe(value: _Cell) -> _Cell:
    """A text that a spreadsheet would take for a formula stays a text."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _columns() -> Iterable[tuple[str, Callable[[Window], _Cell]]]:
    yield "model", lambda window: window.model.name
    yield "version", lambda window: window.model.version
    yield "role", lambda window: window.model.role
    yield "start", lambda window: iso_time(window.start)
    yield "end", lambda window: iso_time(window.end)
    yield "status", lambda window: window.status
    yield "revision", lambda window: window.revision
    yield "records", lambda window: window.records
    yield "labelled", lambda window: window.labelled
    yield "coverage", lambda window: window.coverage
    yield "delay_p50_hours", lambda window: sane(window.delay_p50_hours)
    yield "dead_letters", lambda window: sum(window.dead_letters.values())
    for kind, measure in _KINDS.items():
        for metric in METRICS:
            for end in ("value", "low", "high"):
                name = f"{metric}_{kind}" if end == "value" else f"{metric}_{kind}_{end}"
                yield name, _part(measure, metric, end)
    yield "drift_judged", lambda window: window.drift.judged
    yield "drifted_columns", lambda window: "; ".join(window.drift.drifted_columns)


def _part(
    measure: Callable[[Window, Metric], MetricValue | None], metric: Metric, end: str
) -> Callable[[Window], _Cell]:
    def part(window: Window) -> _Cell:
        found = measure(window, metric)
        value: float | None = None if found is None else getattr(found, end)
        return value

    return part


_COLUMNS = tuple(_columns())
