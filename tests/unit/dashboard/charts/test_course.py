from typing import Any, Literal

import msgspec

from dashboard.charts.course import course_series
from dashboard.view.model import Mark, Point, Series
from tests.support.dashboard.pages import DAY, shown_page


def _by_id(page: Any) -> dict[str, Any]:
    return {one["id"]: one for one in course_series(page.course, DAY, 20 * DAY)}


def _values(data: list[Any]) -> list[Any]:
    return [row["value"][1] if isinstance(row, dict) else row[1] for row in data]


def test_a_line_breaks_where_the_version_changes() -> None:
    final = _by_id(shown_page(10))["final"]
    assert _values(final["data"]) == [0.6] * 5 + [None] + [0.6] * 3


def test_a_line_breaks_where_a_window_is_missing_or_has_no_value() -> None:
    def point(day: int, value: float | None = 0.5) -> Point:
        return Point(at=day * DAY, start=0, version=1, value=value)

    points = (point(1), point(2), point(4), point(5, None), point(6))
    page = shown_page(10)
    course = msgspec.structs.replace(page.course, series=(Series(kind="final", name="", points=points),))
    assert _values(_by_id(msgspec.structs.replace(page, course=course))["final"]["data"]) == [
        0.5,
        0.5,
        None,
        0.5,
        None,
        0.5,
    ]


def test_a_band_is_its_low_end_and_the_distance_to_its_high_end() -> None:
    series = _by_id(shown_page(10))
    low, width = series["estimated-low"], series["estimated-width"]
    assert low["stack"] == width["stack"]
    assert _values(low["data"])[0] == 0.55
    assert _values(width["data"])[0] == 0.1


def test_provisional_dots_are_hollow_and_grow_with_coverage() -> None:
    series = _by_id(shown_page(10))
    assert series["final"]["itemStyle"]["color"] == series["provisional"]["itemStyle"]["borderColor"]
    assert series["provisional"]["itemStyle"]["color"] == "var(--surface)"
    assert [row["symbolSize"] for row in series["provisional"]["data"]] == [7.5, 7.5]


def test_training_is_a_line_as_long_as_its_version_was_at_work() -> None:
    page = shown_page(10)
    level = page.course.levels[0]
    assert _by_id(page)["level"]["data"] == [[level.since, 0.61], [level.until, 0.61]]


def test_marks_stand_where_things_happened_and_quote_nothing() -> None:
    page = shown_page(10)
    marks = _by_id(page)["marks"]["markLine"]["data"]
    assert [(mark["xAxis"], mark["label"]["formatter"]) for mark in marks] == [(page.course.marks[0].at, "⇄")]


def test_it_is_shaded_while_an_incident_goes_on() -> None:
    def mark(
        day: int, kind: Literal["swap", "opened", "closed", "retracted"], since: int, *, standing: bool = False
    ) -> Mark:
        return Mark(at=day * DAY, kind=kind, text="", since=since, standing=standing)

    page = shown_page(10)
    marks = (
        mark(1, "opened", 0),
        mark(2, "opened", 1),
        mark(3, "closed", 1),
        mark(4, "swap", 4),
        mark(5, "closed", 0),
        # what has been taken back never was
        mark(7, "retracted", 6),
        mark(9, "opened", 8, standing=True),
        mark(11, "retracted", 10),
    )
    page = msgspec.structs.replace(page, course=msgspec.structs.replace(page.course, marks=marks))
    spans = [(begin["xAxis"], end["xAxis"]) for begin, end in _by_id(page)["marks"]["markArea"]["data"]]
    assert spans == [(DAY, 5 * DAY), (9 * DAY, 20 * DAY)]
