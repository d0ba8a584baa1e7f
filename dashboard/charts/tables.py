"""What charts show, as tables of texts: for screen readers, and for who wants the numbers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dashboard.charts.words import date_of, interval_of, number_of, share_of
from dashboard.view.model import FeatureHistory, Page, TimeAxis

Rows = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class TableTexts:
    """``rows`` in the order of columns, the newest window first; ``name`` tells tables of a page apart.

    ``make_rows`` is called for a table that is open, because most never are.
    """

    name: str
    caption: str
    columns: tuple[str, ...]
    make_rows: Callable[[], Rows]

    @property
    def rows(self) -> Rows:
        """Made at each call."""
        return self.make_rows()


def course_table(page: Page) -> TableTexts:
    """The metric by window, a column for each series and one for what training had."""
    return TableTexts(
        name="course",
        caption=f"{page.course.title} by window, with 95 % intervals",
        columns=("from", "until", "version", *(one.name for one in page.course.series), "training"),
        make_rows=lambda: _course_rows(page),
    )


def _course_rows(page: Page) -> Rows:
    axis, series = page.axis, page.course.series
    by_window = [
        {
            (point.start, point.version): interval_of(point.value, point.low, point.high)
            for point in one.points
            if point.value is not None
        }
        for one in series
    ]
    rows = []
    for start, end, version in zip(axis.starts, axis.ends, axis.versions, strict=True):
        found = next((level for level in page.course.levels if level.version == version), None)
        level = "–" if found is None else interval_of(found.value, found.low, found.high)
        values = [texts.get((start, version), "–") for texts in by_window]
        rows.append((date_of(start), date_of(end), f"v{version}", *values, level))
    return tuple(reversed(rows))


def heat_table(page: Page) -> TableTexts:
    """Drift distances by window, a column for each feature."""
    return TableTexts(
        name="heat",
        caption="Drift distance of each column by window",
        columns=("window until", *(row.column for row in page.heat.rows)),
        make_rows=lambda: tuple(
            (date_of(end), *(_cell(row.distances[number], row.drifted[number]) for row in page.heat.rows))
            for number, end in _newest_first(page.axis)
        ),
    )


def flow_table(page: Page) -> TableTexts:
    """Records, labels, their delay and dead letters by window."""
    flow = page.flow
    reasons = sorted(flow.letters)
    return TableTexts(
        name="flow",
        caption="Records, labels and dead letters by window",
        columns=("window until", "records", "labelled", "median delay", *(f"dead letters: {name}" for name in reasons)),
        make_rows=lambda: tuple(
            (
                date_of(end),
                f"{flow.records[number]:,}",
                share_of(flow.coverage[number]),
                "–" if flow.delays[number] is None else f"{flow.delays[number]:,.1f} h",
                *(f"{flow.letters[reason][number]:,}" for reason in reasons),
            )
            for number, end in _newest_first(page.axis)
        ),
    )


def feature_table(axis: TimeAxis, feature: FeatureHistory) -> TableTexts:
    """A column's history by window."""
    return TableTexts(
        name="feature",
        caption=f"{feature.column} by window",
        columns=("window until", "distance", "median", "mean", "missing"),
        make_rows=lambda: tuple(
            (
                date_of(end),
                _cell(feature.distances[number], feature.drifted[number]),
                _plain(feature.medians[number]),
                _plain(feature.means[number]),
                share_of(feature.missing[number]),
            )
            for number, end in _newest_first(axis)
        ),
    )


def _newest_first(axis: TimeAxis) -> Iterator[tuple[int, int]]:
    """Number and end of each window."""
    return reversed(list(enumerate(axis.ends)))


def _cell(distance: float | None, drifted: bool) -> str:
    return "not judged" if distance is None else f"{number_of(distance)}{' drifted' if drifted else ''}"


def _plain(value: float | None) -> str:
    return "–" if value is None else f"{value:,.6g}"
