"""A table of windows that fits into a terminal of any width, with or without colour."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial as partial_of

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from churnstream.live.periods import partial, period, year_of
from contract.windows import Estimate, Window
from dashboard.view.words import NOTHING, metric, named, percent, sane, version_title, whole

PARTIAL = "*"
"""Behind the days of a window that the stream begins or ends within."""
_LEAST_CHANGED = 14
_MOST_NAME = 40
_MOST_NAMES = 100
_ENOUGH = 24
"""Cells that are left for what changed, before a column that one can do without is shown."""
_WIDE = 100
_NARROW = 70
_ORDER = (
    "model",
    "records",
    "labels",
    "F1",
    "nowcast",
    "estimated",
    "Brier",
    "Brier est.",
    "accuracy",
    "ROC AUC",
    "precision",
    "recall",
)
"""From left to right; the days stand before them."""


@dataclass(frozen=True)
class _TableColumn:
    """``cell`` gives a window's text. ``room``: what must be left for what changed once this column is there; None: it
    is always there.
    """

    name: str
    cell: Callable[[Window], Text]
    left: bool = False
    room: int | None = _LEAST_CHANGED


def windows_table(windows: Sequence[Window], among: Sequence[Window] | None = None) -> "WindowsTable":
    """One row per window. ``among``: all windows that are known, by which partial ones are told."""
    return WindowsTable(tuple(windows), tuple(windows if among is None else among))


class WindowsTable:
    """Rows of windows; the narrower it is drawn, the fewer columns it has. Days, labels and what changed are always
    there, then F1 and its estimate, Brier score, nowcast, records, and so on, as far as there is room.
    """

    def __init__(self, windows: Sequence[Window], among: Sequence[Window]) -> None:
        self._windows = windows
        self._partial = partial(among)

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        columns = self._columns(options.max_width)
        cells = {one.name: [one.cell(window) for window in self._windows] for one in columns}
        wide = {name: max(map(cell_len, [name, *(text.plain for text in texts)])) for name, texts in cells.items()}
        shown, left = set(), options.max_width
        for column in sorted(columns, key=lambda one: one.room is not None):
            needs = wide[column.name] + 1
            if column.room is None or left - needs >= column.room:
                shown.add(column.name)
                left -= needs
        ordered = [one for one in columns if one.name in shown]
        ordered.sort(key=lambda one: _ORDER.index(one.name) if one.name in _ORDER else -1)
        table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 1, 0, 0))
        for column in ordered:
            table.add_column(column.name, justify="left" if column.left else "right", no_wrap=True)
        table.add_column("changed", no_wrap=True)
        for number, window in enumerate(self._windows):
            table.add_row(*(cells[column.name][number] for column in ordered), changed_cell(window, max(left, 8)))
        yield table
        if told := self._caption([one.name for one in ordered], options.max_width):
            yield Text(told, style="dim")

    def _columns(self, width: int) -> list[_TableColumn]:
        """The most wanted first."""
        year = year_of(self._windows)
        several = len({window.model for window in self._windows}) > 1

        def days(window: Window) -> Text:
            mark = PARTIAL if window.key in self._partial else ""
            return Text(f"{period(window.start, window.end, year)}{mark}")

        return [
            _TableColumn(f"window, {year}" if year is not None else "window", days, left=True, room=None),
            *([_TableColumn("model", _model, left=True, room=None)] if several else []),
            _TableColumn("labels", partial_of(_labels, width), room=None),
            _TableColumn("F1", _f1, room=9),
            _TableColumn("estimated", partial_of(_estimated, width), room=9),
            _TableColumn("Brier", lambda window: Text(metric(window.performance.brier)), room=10),
            _TableColumn("nowcast", _nowcast),
            _TableColumn("records", lambda window: Text(whole(window.records)), room=_ENOUGH),
            _TableColumn("accuracy", lambda window: Text(metric(window.performance.accuracy)), room=_ENOUGH),
            _TableColumn("Brier est.", _brier_estimated, room=_ENOUGH),
            _TableColumn("ROC AUC", lambda window: Text(metric(window.performance.roc_auc)), room=_ENOUGH),
            _TableColumn("precision", lambda window: Text(metric(window.performance.precision)), room=2 * _ENOUGH),
            _TableColumn("recall", lambda window: Text(metric(window.performance.recall)), room=2 * _ENOUGH),
        ]

    def _caption(self, shown: Sequence[str], width: int) -> str:
        """What the table does not say by itself, as far as it is there."""
        told = []
        if width < _WIDE and any(window.status != "final" for window in self._windows):
            told.append("prov.: provisional, labels are still to come")
        of_f1 = [name for name in ("nowcast", "estimated") if name in shown]
        if of_f1:
            told.append(f"{' and '.join(of_f1)} {'refer' if len(of_f1) > 1 else 'refers'} to F1")
        if "F1" in shown and any(_outside(window) for window in self._windows):
            told.append("↓↑ outside the estimated range")
        if any(window.key in self._partial for window in self._windows):
            told.append(f"{PARTIAL} the stream begins or ends within it")
        return "; ".join(told)


def found_in(window: Window) -> list[tuple[str, str]]:
    """What a window shows, the gravest first, each with its style: ``worse``, ``relation``, then columns."""
    found = []
    if window.worsening is not None and window.worsening.worse:
        found.append(("worse", "bold red"))
    if window.relation is not None and window.relation.changed:
        found.append(("relation", "bold red"))
    if not window.worsening and window.outlook is not None and window.outlook.worse:
        found.append(("worse expected", "bold yellow"))
    names = window.drift.drifted_columns[:_MOST_NAMES] if window.drift.judged else []
    features = window.drift.features
    # the one that moved most says most; a pair of columns has no distance, and the score follows from the others
    names.sort(key=lambda name: (name == "score", -features[name].distance if name in features else 0.0))
    return [*found, *((named(name, _MOST_NAME), "bold yellow") for name in names)]


def changed_cell(window: Window, room: int) -> Text:
    """As many of a window's findings as there is room for, in cells of the terminal, and how many more there are."""
    found = found_in(window)
    if not found:
        return Text("too few", style="dim") if not window.drift.judged else Text("nothing", style="green")
    # those beyond the most that are looked at are counted as well
    total = len(found) + max(len(window.drift.drifted_columns) - _MOST_NAMES, 0)
    for shown in range(len(found), 0, -1):
        text = _listed(found[:shown], total - shown)
        if cell_len(text.plain) <= room:
            return text
    more = f" +{total - 1}" if total > 1 else ""
    first, style = found[0]
    text = Text(f"{set_cell_size(first, max(room - cell_len(more) - 1, 1)).rstrip()}…", style=style)
    return text.append(more, style="dim")


def _listed(found: Sequence[tuple[str, str]], more: int) -> Text:
    text = Text()
    for number, (name, style) in enumerate(found):
        text.append(", " if number else "").append(name, style=style)
    return text.append(f" +{more}", style="dim") if more else text


def _model(window: Window) -> Text:
    return Text(version_title(window.model))


def _labels(width: int, window: Window) -> Text:
    """Coverage, and whether it is all that will come."""
    share = percent(window.coverage).replace(" ", "")
    if window.status == "final":
        return Text(f"{share} final")
    return Text(f"{share} {'provisional' if width >= _WIDE else 'prov.'}", style="cyan")


def _f1(window: Window) -> Text:
    where = _outside(window)
    return Text(f"{metric(window.performance.f1)}{where}", style="bold red" if where else "")


def _outside(window: Window) -> str:
    """``↓`` or ``↑`` where F1 is not where the estimate expects it, and labels are enough to say so; else nothing."""
    f1, expected = window.performance.f1, window.estimated.f1
    judged = window.relation is not None or window.worsening is not None
    if f1 is None or expected is None or not judged or window.untrusted_since is not None:
        return ""
    return "↓" if f1 < expected.low else "↑" if f1 > expected.high else ""


def _nowcast(window: Window) -> Text:
    found = None if window.nowcast is None else window.nowcast.performance.f1
    return Text(metric(None if found is None else found.value))


def _estimated(width: int, window: Window) -> Text:
    return _with_band(window, window.estimated.f1, 2 if width < _NARROW else 3)


def _brier_estimated(window: Window) -> Text:
    return _with_band(window, window.estimated.brier)


def _with_band(window: Window, estimate: Estimate | None, digits: int = 3) -> Text:
    if window.untrusted_since is not None:
        return Text("withdrawn", style="yellow")
    value, half = (None, None) if estimate is None else (sane(estimate.value), sane(estimate.high - estimate.low))
    if value is None or half is None:
        return Text(NOTHING)
    return Text(f"{value:.{digits}f}±{half / 2:.{digits}f}")
