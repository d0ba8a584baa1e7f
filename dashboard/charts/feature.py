"""A column's history: its distance, its mean and median beside the reference's, and the share that is missing."""

from typing import Any

from dashboard.charts.course import Options
from dashboard.charts.overview import Overview
from dashboard.charts.palette import colour
from dashboard.charts.panels import Panel, frame_of, height_of, narrow_of, value_axis
from dashboard.charts.slots import slots_of
from dashboard.charts.words import date_of, number_of, share_of
from dashboard.view.model import FeatureHistory, TimeAxis


def history_of(axis: TimeAxis, feature: FeatureHistory) -> Overview:
    """The column over the windows of the axis."""
    panels = [Panel(name="distance", title="Drift distance", height=110, axis=value_axis(min=0))]
    series: list[Options] = [_values("distance", 0, axis, feature.distances, "estimated")]
    dots = {"symbol": "circle", "symbolSize": 7, "showSymbol": True, "lineStyle": {"opacity": 0}}
    drifted = [distance if is_so else None for distance, is_so in zip(feature.distances, feature.drifted, strict=True)]
    series.append({**_values("drifted", 0, axis, drifted, "mark"), **dots})
    if any(value is not None for value in (*feature.means, *feature.medians)):
        number = len(panels)
        title = "Median (solid) and mean (dotted); horizontal lines: training"
        panels.append(Panel(name="centre", title=title, height=120, axis=value_axis(scale=True)))
        series.append(_values("median", number, axis, feature.medians, "realised"))
        series.append(_values("mean", number, axis, feature.means, "estimated", [2, 3]))
        series.append(_then("median-then", number, axis, feature.median_then, "solid"))
        series.append(_then("mean-then", number, axis, feature.mean_then, [2, 3]))
    if any(feature.missing):
        number = len(panels)
        title = "Missing values"
        share = value_axis(min=0, splitNumber=2, axisLabel={"formatter": "percent"})
        panels.append(Panel(name="missing", title=title, height=56, axis=share))
        series.append(_values("missing", number, axis, feature.missing, "delay"))
        series.append(_then("missing-then", number, axis, feature.missing_then, "solid"))
    return Overview(
        frame=frame_of(panels, f"{feature.column} over time. {feature.text}"),
        narrow=narrow_of(panels),
        height=height_of(panels),
        series=tuple(series),
        slots=slots_of(axis),
        told=tuple(_told(axis, feature)),
        cells=(),
        columns=(),
        heat=None,
    )


def _values(
    name: str, panel: int, axis: TimeAxis, values: Any, shade: str, dashes: str | list[int] = "solid"
) -> Options:
    return {
        "id": name,
        "type": "line",
        "xAxisIndex": panel,
        "yAxisIndex": panel,
        "data": [[end, value] for end, value in zip(axis.ends, values, strict=True)],
        "showSymbol": len(axis.ends) == 1,
        "silent": True,
        "lineStyle": {"color": colour(shade), "width": 1.75, "type": dashes},
        "itemStyle": {"color": colour(shade)},
        "emphasis": {"disabled": True},
    }


def _then(name: str, panel: int, axis: TimeAxis, value: float | None, dashes: str | list[int]) -> Options:
    ends = (min(axis.ends), max(axis.ends)) if axis.ends and value is not None else ()
    return {
        "id": name,
        "type": "line",
        "xAxisIndex": panel,
        "yAxisIndex": panel,
        "data": [[end, value] for end in ends],
        "showSymbol": False,
        "silent": True,
        "lineStyle": {"color": colour("level"), "width": 1.25, "type": dashes},
        "emphasis": {"disabled": True},
    }


def _told(axis: TimeAxis, feature: FeatureHistory) -> list[list[str]]:
    told = []
    for number, (start, end) in enumerate(zip(axis.starts, axis.ends, strict=True)):
        drifted = " · drifted" if feature.drifted[number] else ""
        rows = [f"{date_of(start)} – {date_of(end)}", "distance", number_of(feature.distances[number]) + drifted]
        if feature.medians[number] is not None:
            rows += ["median", f"{feature.medians[number]:,.4g}"]
        if feature.means[number] is not None:
            rows += ["mean", f"{feature.means[number]:,.4g}"]
        if feature.missing[number]:
            rows += ["missing", share_of(feature.missing[number])]
        told.append(rows)
    return told
