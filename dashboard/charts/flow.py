"""What came: records, labels with their delay, and dead letters by reason, as series of ECharts."""

from typing import Any

from dashboard.charts.course import Options
from dashboard.charts.palette import REASONS, colour
from dashboard.view.model import StreamFlow, TimeAxis

PATTERNS: tuple[Options | None, ...] = (
    None,
    {"symbol": "rect", "dashArrayX": [1, 0], "dashArrayY": [2, 3], "rotation": 0.785},
    {"symbol": "circle", "symbolSize": 0.7, "dashArrayX": [5, 4], "dashArrayY": [5, 4]},
    {"symbol": "rect", "dashArrayX": [1, 0], "dashArrayY": [2, 3], "rotation": -0.785},
    {"symbol": "rect", "dashArrayX": [1, 0], "dashArrayY": [2, 2]},
)
"""Patterns over the colours, because hues alone do not tell reasons apart for everybody."""


def pattern(number: int) -> Options | None:
    """The pattern of the reason of that number; the first has none."""
    found = PATTERNS[number % len(PATTERNS)]
    return None if found is None else {**found, "color": "rgba(0,0,0,0.55)"}


def record_series(axis: TimeAxis, flow: StreamFlow, grid: int) -> list[Options]:
    """Bars of records, at their windows' ends, on the axes of ``grid``."""
    return [
        {
            "id": "records",
            "type": "bar",
            "xAxisIndex": grid,
            "yAxisIndex": grid,
            "data": _pairs(axis, flow.records),
            "barMaxWidth": 18,
            "silent": True,
            "itemStyle": {"color": colour("bars")},
            "emphasis": {"disabled": True},
        }
    ]


def label_series(axis: TimeAxis, flow: StreamFlow, grid: int, delays: int) -> list[Options]:
    """The labels' share as an area on y axis ``grid``, and their median delay as a dotted line on y axis ``delays``."""
    common: Options = {
        "type": "line",
        "xAxisIndex": grid,
        "showSymbol": False,
        "silent": True,
        "emphasis": {"disabled": True},
    }
    return [
        {
            **common,
            "id": "coverage",
            "yAxisIndex": grid,
            "step": "middle",
            "data": _pairs(axis, [round(share, 4) for share in flow.coverage]),
            "lineStyle": {"color": colour("coverage"), "width": 1.5},
            "areaStyle": {"color": colour("coverage"), "opacity": 0.2},
        },
        {
            **common,
            "id": "delay",
            "yAxisIndex": delays,
            "data": _pairs(axis, flow.delays),
            "lineStyle": {"color": colour("delay"), "width": 1.5, "type": [2, 3]},
        },
    ]


def letter_series(axis: TimeAxis, flow: StreamFlow, grid: int) -> list[Options]:
    """Dead letters by reason, stacked."""
    return [
        {
            "id": f"letters-{number}",
            "name": reason,
            "type": "bar",
            "stack": "letters",
            "xAxisIndex": grid,
            "yAxisIndex": grid,
            "data": [pair for pair in _pairs(axis, counts) if pair[1]],
            "barMaxWidth": 18,
            "silent": True,
            "itemStyle": {"color": colour(f"reason-{number % REASONS}"), "decal": pattern(number)},
            "emphasis": {"disabled": True},
        }
        for number, (reason, counts) in enumerate(sorted(flow.letters.items()))
    ]


def _pairs(axis: TimeAxis, values: Any) -> list[list[Any]]:
    return [[end, value] for end, value in zip(axis.ends, values, strict=True)]
