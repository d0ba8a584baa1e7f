"""Pages as the view gives them to whoever draws them, made by hand."""

from typing import Any

import msgspec

from dashboard.view.model import (
    Banner,
    ColumnChange,
    ColumnDetail,
    Fact,
    FeatureHistory,
    Headline,
    HeatMap,
    HeatRow,
    HistogramBar,
    IncidentLine,
    LetterExample,
    LetterReason,
    Level,
    Link,
    Mark,
    MetricCourse,
    Number,
    Page,
    Point,
    SegmentDetail,
    Series,
    StreamFlow,
    Tile,
    TimeAxis,
    VersionChoice,
    WindowDetail,
)

DAY = 86_400_000
START = 1_735_689_600_000
"""1 January 2025."""


def shown_page(days: int = 10, *, columns: tuple[str, ...] = ("Age", "Balance", "Tenure"), **changes: Any) -> Page:
    """A page of windows of three days, one a day; the first column drifts from the fifth window on, labels of the last
    two have not all come, and v3 takes over from v2 in the middle.
    """
    starts = tuple(START + day * DAY for day in range(days))
    versions = tuple(2 if day < days // 2 else 3 for day in range(days))
    points = [
        Point(at=start + 3 * DAY, start=start, version=version, value=0.6, low=0.55, high=0.65, coverage=1.0)
        for start, version in zip(starts, versions, strict=True)
    ]
    late = [msgspec.structs.replace(point, coverage=0.5) for point in points[-2:]]
    half = starts[days // 2] + 3 * DAY if days else START
    page = Page(
        title="● HEALTHY – churn v3",
        revision=1,
        stage="alive" if days else "no_windows",
        banners=(),
        headline=Headline(
            subject="churn v3 champion",
            word="HEALTHY",
            tone="good",
            sign="●",
            since="1 Jan 2025",
            why="All holds.",
            remedy="Nothing.",
        ),
        facts=(
            Fact(label="Lag", value="0", tone="good", detail="As of now.", term="lag"),
            Fact(label="Dead letters", value="23", tone="notice"),
        ),
        tiles=(
            Tile(name="F1, realised", now="0.600 (0.550–0.650)", then="0.610 (0.580–0.640)", tone="good", term="f1"),
        ),
        changes=(ColumnChange(column=columns[0], text=f"{columns[0]}: median 37 → 45"),),
        axis=TimeAxis(starts=starts, ends=tuple(start + 3 * DAY for start in starts), versions=versions),
        course=MetricCourse(
            metric="f1",
            title="F1",
            better="more",
            series=(
                Series(kind="final", name="realised", points=tuple(points[:-2])),
                Series(kind="provisional", name="so far", points=tuple(late)),
                Series(kind="estimated", name="estimated", points=tuple(points)),
            ),
            levels=(Level(version=2, value=0.61, low=0.58, high=0.64, since=START, until=half),),
            marks=(Mark(at=half, kind="swap", text="v3 took over"),),
        ),
        heat=HeatMap(
            rows=tuple(
                HeatRow(
                    column=column,
                    distances=tuple(0.3 if row == 0 and day >= 4 else 0.01 for day in range(days)),
                    drifted=tuple(row == 0 and day >= 4 for day in range(days)),
                )
                for row, column in enumerate(columns)
            )
            if days
            else (),
            least=0.05,
        ),
        flow=StreamFlow(
            records=(1_500,) * days,
            coverage=tuple(1.0 if day < days - 2 else 0.5 for day in range(days)),
            delays=(12.0,) * days,
            letters={"out-of-range": tuple(day % 2 for day in range(days))} if days else {},
        ),
        incidents=(
            IncidentLine(
                key="churn/3/drift",
                state="standing",
                kind="drift",
                severity="warning",
                tone="notice",
                sign="▲",
                title="Customers changed",
                message="They are older.",
                since="5 Jan 2025",
                until="still going on",
                history=(Fact(label="5 Jan 2025", value="opened"),),
            ),
        ),
        letters=(
            LetterReason(
                reason="out-of-range",
                field="CreditScore",
                count=23,
                last="today",
                meaning="It lies outside.",
                remedy="Mend it.",
                examples=(LetterExample(origin="customers/0 @ 17", came="today", field="CreditScore", detail="> 850"),),
            ),
        ),
        choices=(VersionChoice(model="churn", version=None, role="champion", text="churn: all champions in turn"),),
        terms={"lag": "What waits.", "f1": "Precision and recall in one.", "window": "A span of time."},
        links=(Link(text="CSV", address="/windows.csv"), Link(text="MLflow", address="http://mlflow.example/")),
    )
    return msgspec.structs.replace(page, **changes)


def opened_window(page: Page, number: int = 4, column: str = "Age") -> WindowDetail:
    """A window of the page in all detail."""
    axis = page.axis
    return WindowDetail(
        start=axis.starts[number],
        end=axis.ends[number],
        version=axis.versions[number],
        title="5 – 8 Jan 2025",
        status="final",
        facts=(Fact(label="Records", value="1,500"),),
        numbers=(Number(metric="f1", title="F1", realised="0.600", training="0.610"),),
        confusion=(1_000, 100, 150, 250),
        expected=(990.4, 110.0, 140.0, 260.0),
        columns=(
            ColumnDetail(
                column=column,
                drifted=True,
                distance=0.3,
                text=f"{column}: median 37 → 45",
                bars=(HistogramBar(label="18–30", then=0.4, now=0.1), HistogramBar(label="30–90", then=0.6, now=0.9)),
            ),
        ),
        segments=(SegmentDetail(name="Geography = France", records=700, labelled=690, changed=True, f1="0.5"),),
        links=(Link(text="Drift report", address="/report?start=0"),),
        position="windows/0 @ 12",
        before=axis.starts[number - 1],
        after=axis.starts[number + 1],
    )


def shown_feature(page: Page, column: str = "Age") -> FeatureHistory:
    """A column's history over all windows of the page."""
    windows = len(page.axis.ends)
    return FeatureHistory(
        column=column,
        text=f"{column} is a number.",
        distances=(0.1,) * windows,
        drifted=(False,) * (windows - 1) + (True,),
        means=(38.0,) * windows,
        medians=(37.0,) * windows,
        missing=(0.01,) * windows,
        mean_then=36.0,
        median_then=35.0,
        missing_then=0.0,
    )


def broken_page() -> Page:
    """Nothing is known, because the broker was never reached."""
    return shown_page(
        0,
        stage="unreachable",
        banners=(Banner(text="Kafka does not answer.", tone="bad", remedy="Start it."),),
        changes=(),
        tiles=(),
        choices=(),
        incidents=(),
        letters=(),
    )
