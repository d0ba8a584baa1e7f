"""Reference and window drawn over each other, in two colours of which one has a pattern."""

from dashboard.charts.course import Options
from dashboard.charts.palette import colour
from dashboard.charts.panels import value_axis
from dashboard.view.model import ColumnDetail

HEIGHT = 170
"""In px."""
_PATTERN = {
    "symbol": "rect",
    "dashArrayX": [1, 0],
    "dashArrayY": [2, 4],
    "rotation": -0.785,
    "color": "rgba(0,0,0,0.5)",
}


def histogram_of(column: ColumnDetail) -> Options:
    """Shares of rows in each cell, training's as broad bars behind those of the window."""
    bars: Options = {"type": "bar", "silent": True, "emphasis": {"disabled": True}}
    return {
        "animation": False,
        "aria": {"enabled": True, "label": {"description": f"{column.column}: training and window. {column.text}"}},
        "grid": {"left": 44, "right": 8, "top": 10, "bottom": 42},
        # an axis each, because bars of two widths on one axis do not have their middles in one place
        "xAxis": [_cells(column, seen=True), _cells(column, seen=False)],
        "yAxis": value_axis(min=0, axisLabel={"formatter": "percent", "color": colour("muted"), "fontSize": 10}),
        "series": [
            {
                **bars,
                "id": "then",
                "name": "training",
                "data": [bar.then for bar in column.bars],
                "barWidth": "78%",
                "itemStyle": {"color": colour("then"), "opacity": 0.55},
            },
            {
                **bars,
                "id": "now",
                "xAxisIndex": 1,
                "name": "this window",
                "data": [bar.now for bar in column.bars],
                "barWidth": "44%",
                "itemStyle": {"color": colour("now"), "decal": _PATTERN},
            },
        ],
    }


def _cells(column: ColumnDetail, *, seen: bool) -> Options:
    return {
        "type": "category",
        "show": seen,
        "position": "bottom",
        "data": [bar.label for bar in column.bars],
        "axisLine": {"lineStyle": {"color": colour("rule")}},
        "axisTick": {"show": False},
        "axisLabel": {
            "color": colour("muted"),
            "fontSize": 10,
            "hideOverlap": True,
            "width": 76,
            "overflow": "truncate",
        },
    }
