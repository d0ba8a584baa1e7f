"""The heat map feature × window: distances as colours, drifted cells with a mark, so that it is read without colour."""

from typing import Any

from dashboard.charts.palette import STEPS
from dashboard.view.model import HeatMap, HeatRow

QUIET = -1
"""Instead of a distance: judged, and less than what counts."""
Cell = list[int]
"""First and last window, row from the top, distance in thousandths, 1 if drifted. Windows have their axis' numbers."""


def steps_of(heat: HeatMap) -> tuple[float, ...]:
    """Distances at which colours change, all above the least that counts."""
    return tuple(step for step in STEPS if step > heat.least)


def cells_of(heat: HeatMap) -> list[Cell]:
    """Loud cells one by one, quiet ones as runs; where nothing was judged there is none."""
    return [cell for number, row in enumerate(heat.rows) for cell in _row_cells(number, row, heat)]


def _row_cells(number: int, row: HeatRow, heat: HeatMap) -> list[Cell]:
    cells: list[Cell] = []
    for window, (distance, drifted) in enumerate(zip(row.distances, row.drifted, strict=True)):
        if distance is None:
            continue
        if drifted or distance >= heat.least:
            cells.append([window, window, number, round(1000 * distance), int(drifted)])
        elif cells and cells[-1][3] == QUIET and cells[-1][1] == window - 1:
            cells[-1][1] = window
        else:
            cells.append([window, window, number, QUIET, 0])
    return cells


def drifted_last(heat: HeatMap) -> bool:
    """Whether any column has drifted in the last window that was judged."""
    judged = max((place for row in heat.rows for place, one in enumerate(row.distances) if one is not None), default=-1)
    return judged >= 0 and any(row.drifted[judged] for row in heat.rows)


def legend_of(heat: HeatMap) -> list[tuple[str, str]]:
    """Colours and the distances that they stand for, as (name of a colour, text)."""
    edges = (heat.least, *steps_of(heat))
    named: list[tuple[str, str]] = [("quiet", f"below {heat.least:g}")]
    for step, edge in enumerate(edges):
        after: Any = edges[step + 1] if step + 1 < len(edges) else None
        named.append((f"heat-{step}", f"{edge:g}–{after:g}" if after is not None else f"{edge:g} and more"))
    if any(distance is None for row in heat.rows for distance in row.distances):
        named.append(("unjudged", "blank: too few customers to judge"))
    return named
