"""Over time: the charts, what their colours mean, the choice of the metric, and the same numbers as tables."""

from collections.abc import Mapping

from dashboard.charts.heat import legend_of
from dashboard.charts.overview import overview_of
from dashboard.charts.palette import REASONS
from dashboard.charts.tables import TableTexts, course_table, flow_table, heat_table
from dashboard.page.nodes import Node, local_link, node
from dashboard.page.parts import address, why
from dashboard.view.metrics import TITLES
from dashboard.view.model import Page
from dashboard.view.selected import METRICS, Selected

Zoom = tuple[int | None, int | None, int]
"""From when until when the charts are to be shown (ms), and how often this was asked for."""
PICK, ZOOMED, ASKED = "pick", "zoomed", "table"
"""What charts and tables send begins with these words."""


def timeline(page: Page, selected: Selected, opened: Mapping[str, bool], zoom: Zoom) -> Node:
    """The section of the charts; where there is no window yet, what will be here."""
    switch = _metrics(page, selected) if page.axis.ends else None
    head = node("div", [_heading(page), switch], class_="section-head")
    if not page.axis.ends:
        return node("section", [head, _nothing_yet(page)], class_="card", key="timeline", aria_labelledby="over-time")
    charts = node(
        "time-charts",
        None,
        key="charts",
        overview=overview_of(page),
        zoom=zoom,
        label="Windows of the charts: arrow keys move, Enter opens one",
        on=(("pick", f"(text) => emit('{PICK} ' + text)"), ("zoomed", f"(text) => emit('{ZOOMED} ' + text)")),
    )
    parts = [head, _legend(page), charts, _below(page, selected), tables_of(page, opened)]
    return node("section", parts, class_="card", key="timeline", aria_labelledby="over-time")


def _heading(page: Page) -> Node:
    return node("h2", [node("span", "Over time"), why(page.terms, "window", "over-time")], id="over-time")


def _metrics(page: Page, selected: Selected) -> Node:
    choices = [
        local_link(
            TITLES[metric],
            address(selected, metric=metric),
            key=metric,
            aria_current="true" if metric == page.course.metric else None,
        )
        for metric in METRICS
    ]
    return node("nav", choices, class_="switch", aria_label="Metric")


def _nothing_yet(page: Page) -> Node:
    said = {
        "unreachable": "The charts come back as soon as the broker answers.",
        "no_stream": "The charts begin here as soon as the stream does.",
        "no_model": "The charts begin here as soon as a version of a model scores.",
    }.get(page.stage, "The charts begin here with the first window that is measured.")
    sketch = node(
        "div", [node("span", None, style=f"height:{tall}%") for tall in _SKETCH], class_="sketch", aria_hidden="true"
    )
    return node("div", [sketch, node("p", said)], class_="nothing-yet")


_SKETCH = (34, 40, 38, 46, 44, 52, 48, 57, 55, 62, 58, 66)


def _legend(page: Page) -> Node:
    kinds = {series.kind: series.name for series in page.course.series if series.points}
    items = [(f"line {kind}", name) for kind, name in kinds.items()]
    if page.course.levels:
        items.append(("line level", "held out in training, with its 95 % interval"))
    signs = {
        "swap": "⇄ version took over",
        "opened": "▲ alert began",
        "closed": "✓ alert ended",
        "retracted": "↩ taken back",
    }
    marks = [signs[kind] for kind in signs if any(mark.kind == kind for mark in page.course.marks)]
    lines = [_item(kind, name) for kind, name in items]
    lines += [node("li", mark, key=mark) for mark in marks]
    parts = [node("ul", lines, class_="legend", aria_label="Signs of the metric")]
    if page.heat.rows:
        cells = [_item(f"cell {name}", text) for name, text in legend_of(page.heat)]
        cells.append(_item("cell drifted-mark", "drifted"))
        title = node("li", [node("span", "drift distance"), why(page.terms, "distance", "legend")], class_="quiet")
        parts.append(node("ul", [title, *cells], class_="legend", aria_label="Colours of the heat map"))
    if page.flow.letters:
        reasons = [
            _item(f"cell reason-{number % REASONS} hatch-{number % REASONS}", name)
            for number, name in enumerate(sorted(page.flow.letters))
        ]
        title = node("li", "dead letters", class_="quiet")
        parts.append(node("ul", [title, *reasons], class_="legend", aria_label="Colours of dead letters"))
    return node("div", parts, class_="legends")


def _item(kind: str, text: str) -> Node:
    return node(
        "li",
        [node("span", None, class_=f"swatch {kind}", aria_hidden="true"), node("span", text)],
        key=f"{kind}-{text}",
    )


def _below(page: Page, selected: Selected) -> Node:
    newest = page.axis.starts[-1]
    links = [local_link("Open the newest window", address(selected, window=newest, feature=None), key="newest")]
    if selected.since is not None or selected.until is not None:
        links.append(local_link("Show all windows", address(selected, since=None, until=None), key="whole"))
    hint = (
        "Click a window to open it, or a column’s name for its history. To zoom, drag the bar or hold Ctrl and scroll."
    )
    return node("p", [*links, node("span", hint, class_="quiet")], class_="below")


def tables_of(page: Page, opened: Mapping[str, bool]) -> Node:
    """The numbers of the charts; rows are made and sent for those that are open."""
    made = [course_table, flow_table] if not page.heat.rows else [course_table, heat_table, flow_table]
    return node("div", [number_table(one(page), opened) for one in made], class_="tables")


def number_table(texts: TableTexts, opened: Mapping[str, bool]) -> Node:
    """A table that is opened by its title."""
    is_open = opened.get(texts.name, False)
    rows = texts.rows if is_open else ()
    return node(
        "number-table",
        None,
        key=texts.name,
        table={"name": texts.name, "caption": texts.caption, "columns": texts.columns, "rows": rows},
        open=is_open,
        on=(("asked", f"(text) => emit('{ASKED} ' + text)"),),
    )
