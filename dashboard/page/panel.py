"""Beside the whole: an opened window, or a column's history."""

from collections.abc import Mapping

from dashboard.charts.feature import history_of
from dashboard.charts.histogram import HEIGHT, histogram_of
from dashboard.charts.tables import feature_table
from dashboard.page.nodes import Node, local_link, node
from dashboard.page.parts import address, chip, fact_list, link, table, why
from dashboard.page.timeline import number_table
from dashboard.view.model import ColumnDetail, FeatureHistory, Page, SegmentDetail, WindowDetail
from dashboard.view.selected import Selected

TITLE = "panel-title"
"""The id of the panel's heading, which gets the focus when it opens."""
COLUMN = "column"
"""What is sent of a column that is opened or closed begins with this word."""
_OPENED_COLUMNS = 3
"""Columns whose histograms are drawn at once; the others when they are opened."""


def panel(page: Page, selected: Selected, opened: Mapping[str, bool]) -> Node | None:
    """What is open beside the whole, None where nothing is."""
    if page.window is not None:
        parts = _window(page.window, page, selected, opened)
    elif page.feature is not None:
        parts = _feature(page.feature, page, selected, opened)
    else:
        return None
    return node("section", parts, class_="panel", key="panel", aria_labelledby=TITLE)


def _head(title: str, over: str, selected: Selected, moves: list[Node | None]) -> Node:
    close = local_link("Close", address(selected, window=None, feature=None), class_="button", key="close")
    said = node("div", [node("p", over, class_="quiet over"), node("h2", title, id=TITLE, tabindex="-1")])
    return node("div", [said, node("div", [*moves, close], class_="moves")], class_="panel-head", key="head")


def _window(window: WindowDetail, page: Page, selected: Selected, opened: Mapping[str, bool]) -> list[Node | None]:
    moves: list[Node | None] = [
        _move("← Earlier", window.before, selected, "before"),
        _move("Later →", window.after, selected, "after"),
    ]
    columns = [_column(one, number, selected, opened) for number, one in enumerate(window.columns)]
    numbers = [(one.title, one.realised, one.nowcast, one.estimated, one.training) for one in window.numbers]
    names = ("metric", "realised", "nowcast", "estimated", "training")
    return [
        _head(window.title, f"Window · {window.status}", selected, moves),
        fact_list(window.facts, page.terms, "window") if window.facts else None,
        _section("Numbers", [table("Metrics of this window, with 95 % intervals", names, numbers)] if numbers else []),
        _section("Confusion matrix", _confusion(window)),
        _section("Columns: training and this window", columns),
        _section("Segments", [_segments(window.segments)] if window.segments else []),
        _section("More", [node("p", [link(one) for one in window.links], class_="links")] if window.links else []),
        node("p", [node("span", "On the topic: ", class_="quiet"), node("code", window.position)], class_="position"),
    ]


def _move(text: str, start: int | None, selected: Selected, key: str) -> Node:
    if start is None:
        return node("span", text, class_="button off", key=key, aria_disabled="true")
    return local_link(text, address(selected, window=start), class_="button", key=key)


def _section(title: str, parts: list[Node]) -> Node | None:
    return node("section", [node("h3", title), *parts], key=title, aria_label=title) if parts else None


def _confusion(window: WindowDetail) -> list[Node]:
    if window.confusion is None and window.expected is None:
        return []
    tn, fp, fn, tp = window.confusion or (None, None, None, None)
    expected = window.expected

    def cell(count: int | None, place: int) -> str:
        known = "–" if count is None else f"{count:,}"
        return known if expected is None else f"{known} (expected {expected[place]:,.0f})"

    rows = [
        ("churned", cell(fn, 2), cell(tp, 3)),
        ("stayed", cell(tn, 0), cell(fp, 1)),
    ]
    matrix = table("Labels by prediction", ("label ↓ prediction →", "to stay", "to churn"), rows)
    note = "Expected: computed from the scores alone, for all records of the window."
    return [matrix] if expected is None else [matrix, node("p", note, class_="quiet when")]


def _column(column: ColumnDetail, number: int, selected: Selected, opened: Mapping[str, bool]) -> Node:
    mark = chip("●", "bad") if column.drifted else None
    distance = "not judged" if column.distance is None else f"distance {column.distance:.3f}"
    said = f"{distance}, drifted" if column.drifted else distance
    head = [mark, node("strong", column.column), node("span", said, class_="quiet when")]
    history = local_link("History", address(selected, feature=column.column, window=None))
    told: list[Node] = [node("p", column.text)] if column.text else []
    told.append(node("p", history, class_="links"))
    is_open = opened.get(f"{COLUMN} {column.column}", column.drifted and number < _OPENED_COLUMNS)
    if column.bars and is_open:
        legend = [
            node("li", [node("span", None, class_="swatch cell then", aria_hidden="true"), node("span", "training")]),
            node("li", [node("span", None, class_="swatch cell now", aria_hidden="true"), node("span", "this window")]),
        ]
        rows = [(bar.label, f"{bar.then:.1%}", f"{bar.now:.1%}") for bar in column.bars]
        numbers = table(f"{column.column}: share of rows", ("value", "training", "this window"), rows)
        told += [
            node("ul", legend, class_="legend"),
            node("column-bars", None, options=histogram_of(column), height=HEIGHT),
            node("details", [node("summary", "The same as a table"), numbers], class_="data-table"),
        ]
    elif column.bars:
        told.append(node("p", "…", class_="quiet"))
    turn = f"(e) => emit('{COLUMN}' + ' ' + e.target.open + ' ' + e.currentTarget.dataset.column)"
    return node(
        "details",
        [node("summary", head), *told],
        class_="one-column",
        key=column.column,
        open=is_open,
        data_column=column.column,
        on=(("toggle", turn),),
    )


def _segments(segments: tuple[SegmentDetail, ...]) -> Node:
    rows = [
        (
            f"{one.name}{' ● changed' if one.changed else ''}",
            f"{one.labelled:,} of {one.records:,}",
            one.f1,
            one.churn,
            one.lost,
        )
        for one in segments
    ]
    names = ("segment", "labelled", "F1", "churn", "adds to Brier score")
    return table("Segments of this window, the largest loss first", names, rows)


def _feature(feature: FeatureHistory, page: Page, selected: Selected, opened: Mapping[str, bool]) -> list[Node | None]:
    parts: list[Node | None] = [
        _head(feature.column, "History of a column", selected, []),
        node("p", [node("span", feature.text), why(page.terms, "drift", "feature")]),
    ]
    if page.axis.ends:
        overview = history_of(page.axis, feature)
        label = f"Windows of {feature.column}: arrow keys move, Enter opens one"
        charts = node(
            "time-charts",
            None,
            key=f"history {feature.column}",
            overview=overview,
            label=label,
            on=(("pick", "(text) => emit('pick ' + text)"),),
        )
        parts += [charts, number_table(feature_table(page.axis, feature), opened)]
    return parts
