"""The overview: metric, heat map, records, labels and dead letters below each other, on one axis with one zoom."""

from typing import Any

import msgspec

from dashboard.charts.course import Options, course_series
from dashboard.charts.flow import label_series, letter_series, record_series
from dashboard.charts.heat import Cell, cells_of, drifted_last, steps_of
from dashboard.charts.palette import colour
from dashboard.charts.panels import Panel, frame_of, height_of, narrow_of, value_axis
from dashboard.charts.slots import Slot, slide_of, slots_of
from dashboard.charts.told import Told, told_of
from dashboard.view.model import Page

_ROW = 19
"""Height of a row of the heat map, in px."""
_FEWEST_ROWS = 2


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """What the browser needs to draw the overview, and to say what is under the pointer.

    ``frame`` are options without series, ``narrow`` what is different on a phone. ``heat`` is the number of the heat
    map's panel, whose ``cells`` are drawn by hand: from ``least`` on, and from each of ``steps`` on in the next
    colour. ``opened`` is the number of the open window.
    """

    frame: Options
    narrow: Options
    height: int
    series: tuple[Options, ...]
    slots: tuple[Slot, ...]
    told: tuple[Told, ...]
    cells: tuple[Cell, ...]
    columns: tuple[str, ...]
    heat: int | None
    least: float = 0.0
    steps: tuple[float, ...] = ()
    opened: int | None = None


def overview_of(page: Page) -> Overview:
    """The overview of a page that has at least one window."""
    axis, flow, rows = page.axis, page.flow, page.heat.rows
    panels = _panels(page)
    numbers = {panel.name: number for number, panel in enumerate(panels)}
    slots = slots_of(axis)
    series = [*course_series(page.course, slide_of(axis), slots[-1][1]), *record_series(axis, flow, numbers["records"])]
    series += label_series(axis, flow, numbers["labels"], len(panels))
    if "letters" in numbers:
        series += letter_series(axis, flow, numbers["letters"])
    opened = _opened(page)
    series += [_opened_series(number, None if opened is None else slots[opened]) for number in range(len(panels))]
    return Overview(
        frame=frame_of(panels, described(page)),
        narrow=narrow_of(panels),
        height=height_of(panels),
        series=tuple(series),
        slots=slots,
        told=tuple(told_of(page)),
        cells=tuple(cells_of(page.heat)),
        columns=tuple(row.column for row in rows),
        heat=numbers.get("heat"),
        least=page.heat.least,
        steps=steps_of(page.heat),
        opened=opened,
    )


def described(page: Page) -> str:
    """The overview in a sentence, for a screen reader."""
    windows = len(page.axis.ends)
    drifted = [row.column for row in page.heat.rows if row.drifted and row.drifted[-1]]
    last = f"; drifted in the last one: {', '.join(drifted)}" if drifted else ""
    return (
        f"{page.course.title} over time, drift distances by feature, records, labels and dead letters "
        f"of {windows:,} windows{last}. The same numbers are in tables below the chart."
    )


def _panels(page: Page) -> list[Panel]:
    rows = page.heat.rows
    panels = [
        Panel(
            name="course",
            title=f"{page.course.title} · {page.course.better} is better",
            height=230,
            axis=value_axis(scale=True, splitNumber=4),
            dates=True,
        )
    ]
    if rows:
        hidden = f" · {page.heat.hidden} more not shown" if page.heat.hidden else ""
        labels = {"interval": 0, "color": colour("ink"), "fontSize": 12}
        axis: Options = {
            "type": "category",
            "inverse": True,
            "data": [row.column for row in rows],
            "axisLine": {"show": False},
            "axisTick": {"show": False},
            "axisLabel": labels,
        }
        height = _ROW * max(_FEWEST_ROWS, len(rows))
        none = "" if drifted_last(page.heat) else ": none now"
        panels.append(Panel(name="heat", title=f"Drift of each column{none}{hidden}", height=height, axis=axis))
    panels.append(Panel(name="records", title="Records", height=56, axis=value_axis(splitNumber=2)))
    share = value_axis(min=0, max=1, interval=0.5, axisLabel={"formatter": "percent"})
    hours = value_axis(min=0, splitNumber=1, splitLine={"show": False}, axisLabel={"formatter": "{value} h"})
    delayed = any(delay is not None for delay in page.flow.delays)
    title = "Labels that have come, and their median delay (dotted)" if delayed else "Labels that have come"
    short = "Labels, median delay (dotted)" if delayed else title
    panels.append(Panel(name="labels", title=title, short=short, height=56, axis=share, right=hours))
    if page.flow.letters:
        axis = value_axis(splitNumber=2, minInterval=1)
        panels.append(Panel(name="letters", title="Dead letters by reason", height=56, axis=axis))
    return panels


def _opened(page: Page) -> int | None:
    """Which window of the axis is the open one."""
    if page.window is None:
        return None
    wanted = (page.window.start, page.window.version)
    for number, found in enumerate(zip(page.axis.starts, page.axis.versions, strict=True)):
        if found == wanted:
            return number
    return None


def _opened_series(panel: int, slot: Slot | None) -> Options:
    area: list[Any] = [] if slot is None else [[{"xAxis": slot[0]}, {"xAxis": slot[1]}]]
    style = {"color": colour("focus"), "opacity": 0.16}
    return {
        "id": f"opened-{panel}",
        "type": "line",
        "xAxisIndex": panel,
        "yAxisIndex": panel,
        "data": [],
        "silent": True,
        "markArea": {"silent": True, "animation": False, "itemStyle": style, "data": area},
    }


def changes(old: Overview, new: Overview) -> dict[str, Any]:
    """What of ``new`` the browser does not have yet: ``told`` from the first that is different, series by their ids."""
    changed: dict[str, Any] = {
        name: getattr(new, name)
        for name in ("slots", "cells", "columns", "heat", "least", "steps", "opened", "height")
        if getattr(old, name) != getattr(new, name)
    }
    if old.told != new.told:
        pairs = zip(old.told, new.told, strict=False)
        same = next(
            (number for number, (was, now) in enumerate(pairs) if was != now), min(len(old.told), len(new.told))
        )
        changed["told"] = {"from": same, "items": new.told[same:]}
    had = {one["id"]: one for one in old.series}
    structure = _structure(old) != _structure(new)
    if structure:
        changed["frame"], changed["narrow"], changed["series"] = new.frame, new.narrow, new.series
    else:
        if old.frame["aria"] != new.frame["aria"]:
            changed["aria"] = new.frame["aria"]
        series = [one for one in new.series if had.get(one["id"]) != one]
        if series:
            changed["merged"] = series
    return changed


def _structure(overview: Overview) -> tuple[Any, ...]:
    frame = {name: value for name, value in overview.frame.items() if name != "aria"}
    return frame, [one["id"] for one in overview.series]
