"""What is said of a window at the pointer, or to a screen reader: rows of label and value."""

from collections import defaultdict

from dashboard.charts.course import SIGNS
from dashboard.charts.slots import slots_of
from dashboard.charts.words import date_of, interval_of, share_of
from dashboard.view.model import Page

MOST_NAMED = 6
"""Columns that are named; more are counted."""
Told = list[str]
"""The window's title, then label and value in turn, all in one list, because there may be thousands of them."""


def told_of(page: Page) -> list[Told]:
    """One for each window of the axis."""
    axis, flow = page.axis, page.flow
    values: defaultdict[tuple[int, int], list[tuple[str, str]]] = defaultdict(list)
    for series in page.course.series:
        for point in series.points:
            if point.value is not None:
                said = interval_of(point.value, point.low, point.high)
                values[point.start, point.version].append((series.name, said))
    slots = slots_of(axis)
    several = len(set(axis.versions)) > 1
    told = []
    for window, (start, end, version) in enumerate(zip(axis.starts, axis.ends, axis.versions, strict=True)):
        rows = [(f"{page.course.title} {name}" if name else "", said) for name, said in values[start, version]]
        drifted = [row.column for row in page.heat.rows if row.drifted[window]]
        if drifted:
            more = f" and {len(drifted) - MOST_NAMED} more" if len(drifted) > MOST_NAMED else ""
            rows.append(("drifted", ", ".join(drifted[:MOST_NAMED]) + more))
        rows.append(("records", f"{flow.records[window]:,}"))
        rows.append(("labels", share_of(flow.coverage[window])))
        letters = sum(counts[window] for counts in flow.letters.values())
        if letters:
            rows.append(("dead letters", f"{letters:,}"))
        begin, finish = slots[window]
        marks = [(SIGNS[mark.kind], mark.text) for mark in page.course.marks if begin <= mark.at < finish]
        title = f"{date_of(start)} – {date_of(end)}" + (f" · v{version}" if several else "")
        told.append([title, *(text for row in (*rows, *marks) for text in row)])
    return told
