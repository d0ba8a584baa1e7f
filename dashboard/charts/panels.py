"""Charts below each other on one time axis: their places, axes and titles, without their data."""

from collections.abc import Sequence
from typing import Any

import msgspec

from dashboard.charts.course import Options
from dashboard.charts.palette import colour

_GAP, _DATES, _TOP, _BOTTOM = 40, 20, 30, 62
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
_WIDE, _NARROW = (132, 46), (84, 38)
"""Pixels left and right of the charts, for the axes' labels; on phones."""


_DATE_FORMATS = {
    "year": "{yyyy}",
    "month": "{d} {MMM}",
    "day": "{d} {MMM}",
    "hour": "{HH}:{mm}",
    "minute": "{HH}:{mm}",
    "second": "{HH}:{mm}:{ss}",
}


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """One chart: its ``title``, ``height`` in px, and its y axis. ``right`` is a second y axis on the right. ``dates``
    stand below the last chart, and below those that ask for it. ``short`` is the title on a phone.
    """

    name: str
    title: str
    height: int
    axis: Options
    right: Options | None = None
    dates: bool = False
    short: str = ""


def height_of(panels: Sequence[Panel]) -> int:
    """Height of all of it, in px."""
    return _tops(panels)[-1] + panels[-1].height + _BOTTOM


def frame_of(panels: Sequence[Panel], described: str) -> Options:
    """Options without series. ``described`` is what a screen reader says of it."""
    tops = _tops(panels)
    y_axes = [_y_axis(panel.axis, number) for number, panel in enumerate(panels)]
    y_axes += [_y_axis(panel.right, number, right=True) for number, panel in enumerate(panels) if panel.right]
    return {
        "animation": False,
        "useUTC": True,
        "backgroundColor": "transparent",
        "textStyle": {"fontFamily": _FONT},
        "aria": {"enabled": True, "label": {"description": described}},
        "title": [_title(panel.title, top) for panel, top in zip(panels, tops, strict=True)],
        "grid": [
            {"left": _WIDE[0], "right": _WIDE[1], "top": top, "height": panel.height}
            for panel, top in zip(panels, tops, strict=True)
        ],
        "xAxis": [
            _x_axis(number, dates=panel.dates or number == len(panels) - 1) for number, panel in enumerate(panels)
        ],
        "yAxis": y_axes,
        "axisPointer": {"link": [{"xAxisIndex": "all"}], "triggerTooltip": False},
        "dataZoom": _zooms(len(panels)),
    }


def narrow_of(panels: Sequence[Panel]) -> Options:
    """What is different on a phone, merged into the frame."""
    left, right = _NARROW
    return {
        "title": [{"text": panel.short or panel.title, "textStyle": {"fontSize": 11}} for panel in panels],
        "grid": [{"left": left, "right": right} for _ in panels],
        "yAxis": [
            {"axisLabel": {"width": left - 14, "fontSize": 10}}
            for _ in [*panels, *(panel for panel in panels if panel.right)]
        ],
        "xAxis": [{"axisLabel": {"fontSize": 10}, "splitNumber": 3} for _ in panels],
        "dataZoom": [{}, {"left": left, "right": right}],
    }


def _tops(panels: Sequence[Panel]) -> list[int]:
    tops = [_TOP]
    for panel in panels[:-1]:
        tops.append(tops[-1] + panel.height + _GAP + (_DATES if panel.dates else 0))
    return tops


def value_axis(**changes: Any) -> Options:
    """A y axis of numbers, with faint lines."""
    return {
        "type": "value",
        "splitNumber": 3,
        "axisLine": {"show": False},
        "axisTick": {"show": False},
        "splitLine": {"lineStyle": {"color": colour("rule"), "width": 1}},
        **changes,
    }


def _title(text: str, top: int) -> Options:
    style = {"fontSize": 12, "fontWeight": 600, "color": colour("ink")}
    return {"text": text, "left": 0, "top": top - 24, "padding": 0, "textStyle": style}


def _x_axis(number: int, *, dates: bool) -> Options:
    return {
        "type": "time",
        # bars at the edge must not make one axis longer than the others
        "containShape": False,
        "gridIndex": number,
        "axisLine": {"lineStyle": {"color": colour("rule")}, "onZero": False},
        "axisTick": {"show": dates, "lineStyle": {"color": colour("rule")}},
        "axisLabel": {
            "show": dates,
            "color": colour("muted"),
            "fontSize": 11,
            "hideOverlap": True,
            "formatter": _DATE_FORMATS,
        },
        "splitLine": {"show": False},
        "axisPointer": {
            "show": True,
            "snap": False,
            "label": {"show": False},
            "lineStyle": {"color": colour("muted"), "width": 1, "type": "solid"},
            "handle": {"show": False},
        },
    }


def _y_axis(axis: Options | None, number: int, *, right: bool = False) -> Options:
    given = dict(axis or {})
    label = {
        "color": colour("muted"),
        "fontSize": 11,
        "width": _WIDE[0] - 16,
        "overflow": "truncate",
        **given.pop("axisLabel", {}),
    }
    return {
        "gridIndex": number,
        "position": "right" if right else "left",
        "axisLabel": label,
        "axisPointer": {"show": False},
        **given,
    }


def _zooms(panels: int) -> list[Options]:
    every = list(range(panels))
    return [
        {
            "id": "inside",
            "type": "inside",
            "xAxisIndex": every,
            "filterMode": "none",
            # a wheel alone scrolls the page
            "zoomOnMouseWheel": "ctrl",
            "moveOnMouseWheel": False,
            "preventDefaultMouseMove": False,
        },
        {
            "id": "slider",
            "type": "slider",
            "xAxisIndex": every,
            "filterMode": "none",
            "left": _WIDE[0],
            "right": _WIDE[1],
            "bottom": 6,
            "height": 22,
            "brushSelect": True,
            "showDetail": False,
            "showDataShadow": False,
            "borderColor": colour("rule"),
            "backgroundColor": colour("sunken"),
            "fillerColor": "rgba(120,140,170,0.25)",
            "handleStyle": {"color": colour("surface"), "borderColor": colour("muted")},
            "moveHandleStyle": {"color": colour("muted"), "opacity": 0.5},
            "emphasis": {"handleStyle": {"borderColor": colour("focus")}},
        },
    ]
