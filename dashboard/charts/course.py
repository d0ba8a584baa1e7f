"""The metric over time as series of ECharts: realised, nowcast, estimated, training's level, intervals and marks."""

from collections.abc import Iterator, Sequence
from typing import Any

from dashboard.charts.palette import colour
from dashboard.charts.slots import LATE
from dashboard.view.model import Level, Mark, MetricCourse, Point, Series, SeriesKind

Options = dict[str, Any]
SIGNS = {"swap": "⇄", "opened": "▲", "closed": "✓", "retracted": "↩"}
_COLOURS: dict[SeriesKind, str] = {
    "final": "realised",
    "provisional": "realised",
    "nowcast": "nowcast",
    "estimated": "estimated",
}
_SMALLEST, _LARGEST = 4.0, 11.0
"""Diameters, in pixels, of a provisional dot without labels and of one that has nearly all."""
_MANY = 120
"""From so many points on, dots of final windows are left out; the line has them all."""


def course_series(course: MetricCourse, slide: int, until: int) -> list[Options]:
    """All series of the first chart, each with an id of its own, so that ECharts can merge changes into it. The axis
    ends at ``until``.
    """
    drawn = [*_levels(course.levels)]
    for kind in ("estimated", "nowcast", "final", "provisional"):
        points = [series for series in course.series if series.kind == kind]
        if kind in ("estimated", "nowcast"):
            drawn += _band(kind, [part for series in points for part in _parts(series, slide)], _COLOURS[kind])
        else:
            drawn.append(_whiskers(kind, points))
        drawn.append(_line(kind, points, slide))
    return [*drawn, _marks(course.marks, until)]


def _parts(series: Series, slide: int) -> Iterator[list[Point]]:
    """Points that a line joins: of one version, without a missing window or value between them."""
    part: list[Point] = []
    for point in series.points:
        if part and (point.value is None or point.version != part[-1].version or point.at - part[-1].at > LATE * slide):
            yield part
            part = []
        if point.value is not None:
            part.append(point)
    if part:
        yield part


def _line(kind: SeriesKind, series: Sequence[Series], slide: int) -> Options:
    rows: list[Any] = []
    for part in (part for one in series for part in _parts(one, slide)):
        if rows:
            rows.append([part[0].at - 1, None])
        rows.extend(_item(kind, point) for point in part)
    name = next((one.name for one in series), kind)
    shade = colour(_COLOURS[kind])
    dashed = kind in ("nowcast", "estimated")
    hollow = kind == "provisional"
    return {
        "id": kind,
        "name": name,
        "type": "line",
        "xAxisIndex": 0,
        "yAxisIndex": 0,
        "data": rows,
        "z": {"estimated": 3, "nowcast": 4, "provisional": 5, "final": 6}[kind],
        "symbol": "circle",
        "showSymbol": hollow or (kind == "final" and len(rows) <= _MANY) or len(rows) == 1,
        "symbolSize": 6,
        "connectNulls": False,
        "silent": True,
        "lineStyle": {
            "color": shade,
            "width": 1 if hollow else 2,
            "type": [6, 4] if kind == "estimated" else [2, 3] if dashed or hollow else "solid",
        },
        # ECharts fills its own empty circle with white, on dark ground, too
        "itemStyle": {"color": colour("surface") if hollow else shade, "borderColor": shade, "borderWidth": 1.5},
        "emphasis": {"disabled": True},
    }


def _item(kind: SeriesKind, point: Point) -> Any:
    if kind != "provisional":
        return [point.at, point.value]
    size = _SMALLEST + (_LARGEST - _SMALLEST) * min(1.0, max(0.0, point.coverage or 0.0))
    return {"value": [point.at, point.value], "symbolSize": round(size, 1)}


def _band(name: str, parts: Sequence[Sequence[Point]], shade: str) -> list[Options]:
    """The 95 % interval as an area: its low end, unseen, and the distance to the high end stacked on it."""
    low: list[Any] = []
    width: list[Any] = []
    for part in parts:
        if low:
            low.append([part[0].at - 1, None])
            width.append([part[0].at - 1, None])
        for point in part:
            known = point.low is not None and point.high is not None
            low.append([point.at, point.low if known else None])
            width.append([point.at, round(point.high - point.low, 6) if point.high and point.low is not None else None])
    return _stacked(name, low, width, shade, 0.2)


def _whiskers(kind: SeriesKind, series: Sequence[Series]) -> Options:
    """The 95 % intervals of measured values, as upright lines; ``whisker`` is drawn by the browser's part."""
    rows = [
        [point.at, point.low, point.high]
        for one in series
        for point in one.points
        if point.value is not None and point.low is not None and point.high is not None
    ]
    return {
        "id": f"{kind}-whiskers",
        "type": "custom",
        "renderItem": "whisker",
        "xAxisIndex": 0,
        "yAxisIndex": 0,
        "data": rows,
        "encode": {"x": 0, "y": [1, 2]},
        "itemStyle": {"color": colour(_COLOURS[kind]), "opacity": 0.45 if kind == "final" else 0.25},
        "silent": True,
        "clip": True,
        "z": 5,
    }


def _stacked(name: str, low: list[Any], width: list[Any], shade: str, opacity: float) -> list[Options]:
    common: Options = {
        "type": "line",
        "xAxisIndex": 0,
        "yAxisIndex": 0,
        "stack": f"{name}-band",
        "stackStrategy": "all",
        "showSymbol": False,
        "silent": True,
        "lineStyle": {"opacity": 0},
        "emphasis": {"disabled": True},
        "z": 1,
    }
    area = {"areaStyle": {"color": colour(shade), "opacity": opacity}}
    return [
        {**common, "id": f"{name}-low", "data": low},
        {**common, "id": f"{name}-width", "data": width, **area},
    ]


def _levels(levels: Sequence[Level]) -> list[Options]:
    """What each version had in training, as a line with a band while the version was at work."""
    line: list[Any] = []
    low: list[Any] = []
    width: list[Any] = []
    for level in levels:
        for rows in (line, low, width) if line else ():
            rows.append([level.since - 1, None])
        banded = level.low is not None and level.high is not None
        for at in (level.since, level.until):
            line.append([at, level.value])
            low.append([at, level.low if banded else None])
            width.append([at, round(level.high - level.low, 6) if level.high and level.low is not None else None])
    return [
        *_stacked("level", low, width, "level", 0.16),
        {
            "id": "level",
            "type": "line",
            "xAxisIndex": 0,
            "yAxisIndex": 0,
            "data": line,
            "z": 2,
            "showSymbol": False,
            "silent": True,
            "lineStyle": {"color": colour("level"), "width": 1.5, "type": "solid"},
            "emphasis": {"disabled": True},
        },
    ]


def _marks(marks: Sequence[Mark], until: int) -> Options:
    """Swaps and incidents as upright lines, each with its sign on top; shaded while an incident goes on."""
    return {
        "id": "marks",
        "type": "line",
        "xAxisIndex": 0,
        "yAxisIndex": 0,
        "data": [],
        "silent": True,
        "z": 7,
        "markLine": {
            "silent": True,
            "symbol": "none",
            "animation": False,
            "data": [
                {
                    "xAxis": mark.at,
                    "label": {"formatter": SIGNS[mark.kind], "color": colour("ink"), "fontSize": 12, "distance": 3},
                    "lineStyle": {
                        "color": colour("mark" if mark.kind == "opened" else "level"),
                        "type": "solid" if mark.kind == "swap" else [3, 3],
                        "width": 1,
                    },
                }
                for mark in marks
            ],
        },
        "markArea": {
            "silent": True,
            "animation": False,
            "itemStyle": {"color": colour("mark"), "opacity": 0.07},
            "data": [[{"xAxis": begin}, {"xAxis": end}] for begin, end in _troubled(marks, until)],
        },
    }


def _troubled(marks: Sequence[Mark], until: int) -> Iterator[tuple[int, int]]:
    """Spans in which at least one incident goes on, apart from each other."""
    closed = {mark.since: mark.at for mark in marks if mark.kind == "closed"}
    opened = sorted((mark for mark in marks if mark.kind == "opened"), key=lambda mark: mark.at)
    begin = end = None
    for mark in opened:
        over = until if mark.standing else closed.get(mark.since, mark.at)
        if begin is None or end is None or mark.at > end:
            if begin is not None and end is not None:
                yield begin, end
            begin, end = mark.at, over
        else:
            end = max(end, over)
    if begin is not None and end is not None:
        yield begin, end
