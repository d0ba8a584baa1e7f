"""The view model: all that the page says, as plain data. Whoever draws it adds no number and no word of judgement.

All texts are plain text, never markup, whatever they quote. Times are milliseconds since the epoch, UTC: event time,
unless a field says wall time. A number that is not known is None.
"""

from typing import Literal

import msgspec

Tone = Literal["good", "notice", "bad", "unknown"]
"""How a thing is, told by sign and word as well as by colour."""
Stage = Literal["unreachable", "no_stream", "no_model", "no_windows", "young", "alive"]
"""How far the stream is: the broker was never reached; there are no topics; no version has the alias; nothing has been
measured yet; windows are there but no labels yet; all is there.
"""


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One short statement: ``label``, ``value``, more in ``detail``. ``term`` is what explains it (``Page.terms``)."""

    label: str
    value: str
    tone: Tone = "unknown"
    detail: str = ""
    term: str = ""


class Headline(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict. ``subject``: of which model; ``word``: HEALTHY, WORSE, …; ``since`` is the date as a text, empty
    where there is none; ``why`` and ``remedy`` one or two sentences each. ``evidence`` has the figures behind it, and
    ``links`` lead to where one sees more.
    """

    subject: str
    word: str
    tone: Tone
    sign: str
    since: str = ""
    why: str = ""
    remedy: str = ""
    evidence: str = ""
    links: "tuple[Link, ...]" = ()


class Banner(msgspec.Struct, frozen=True, kw_only=True):
    """What must be said above all else, such as that the broker does not answer; with what to do."""

    text: str
    tone: Tone
    remedy: str = ""


class Tile(msgspec.Struct, frozen=True, kw_only=True):
    """``now`` beside ``then`` (in training), both as texts; ``detail`` says of when and of how many."""

    name: str
    now: str
    then: str = ""
    detail: str = ""
    tone: Tone = "unknown"
    sign: str = ""
    term: str = ""


class ColumnChange(msgspec.Struct, frozen=True, kw_only=True):
    """What changed, in plain words, such as ``Age: median 37 → 45``."""

    column: str
    text: str


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One window's value of a metric, at its end ``at``; ``start`` names the window. ``coverage`` in [0, 1]."""

    at: int
    start: int
    version: int
    value: float | None
    low: float | None = None
    high: float | None = None
    coverage: float | None = None
    revision: int = 0


SeriesKind = Literal["final", "provisional", "nowcast", "estimated"]


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """Points of one kind, in order of time; where the version changes, or a window is missing, a line is broken."""

    kind: SeriesKind
    name: str
    points: tuple[Point, ...]


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """What a version had on held-out rows in training: a line with its band, from ``since`` to ``until``."""

    version: int
    value: float
    low: float | None
    high: float | None
    since: int
    until: int


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """An event on the time axis: a version took over, an incident begins or ends.

    An incident is drawn ``at`` the end of the first window that shows it, or of the last; ``since`` is where the first
    one starts. ``standing``: it goes on.
    """

    at: int
    kind: Literal["swap", "opened", "closed", "retracted"]
    text: str
    since: int | None = None
    standing: bool = False


class MetricCourse(msgspec.Struct, frozen=True, kw_only=True):
    """The metric over time. ``title`` is its name; ``better``: whether more or less of it is better."""

    metric: str
    title: str
    better: Literal["more", "less"]
    series: tuple[Series, ...]
    levels: tuple[Level, ...] = ()
    marks: tuple[Mark, ...] = ()


class TimeAxis(msgspec.Struct, frozen=True, kw_only=True):
    """The windows that all charts share, in order: where each starts and ends, and its version."""

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    versions: tuple[int, ...]


class HeatRow(msgspec.Struct, frozen=True, kw_only=True):
    """One column's drift distances, one for each window of the axis, None where not judged; ``drifted`` likewise."""

    column: str
    distances: tuple[float | None, ...]
    drifted: tuple[bool, ...]


class HeatMap(msgspec.Struct, frozen=True, kw_only=True):
    """Feature × window. Rows are in the order of what drifted last and most; ``hidden`` more are left out."""

    rows: tuple[HeatRow, ...]
    least: float
    hidden: int = 0


class StreamFlow(msgspec.Struct, frozen=True, kw_only=True):
    """What came, one value for each window of the axis: records, share of labels in [0, 1], their median delay in
    hours, dead letters by reason.
    """

    records: tuple[int, ...]
    coverage: tuple[float, ...]
    delays: tuple[float | None, ...]
    letters: dict[str, tuple[int, ...]] = {}


class Number(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the table of an opened window: texts for realised, nowcast, estimated and training, with intervals."""

    metric: str
    title: str
    realised: str = "–"
    nowcast: str = "–"
    estimated: str = "–"
    training: str = "–"


class HistogramBar(msgspec.Struct, frozen=True, kw_only=True):
    """A cell of two histograms drawn over each other; ``then`` and ``now`` are shares of rows in [0, 1]. ``low`` and
    ``high`` are there where it is a range or a value of a numeric column.
    """

    label: str
    then: float
    now: float
    low: float | None = None
    high: float | None = None


class ColumnDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One column of an opened window: what changed in words, and both histograms where they are known."""

    column: str
    drifted: bool
    distance: float | None
    text: str
    bars: tuple[HistogramBar, ...] = ()


class SegmentDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A segment of an opened window, those that lost most first; metrics as texts with intervals."""

    name: str
    records: int
    labelled: int
    changed: bool
    f1: str = "–"
    churn: str = "–"
    lost: str = "–"


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """``address`` is this page's own or an http(s) one; ``text`` says what is there."""

    text: str
    address: str
    note: str = ""


class WindowDetail(msgspec.Struct, frozen=True, kw_only=True):
    """An opened window. ``columns`` are drawn; ``others`` are for who takes the page as JSON.

    ``confusion`` is tn, fp, fn, tp; ``expected`` the same by the estimate. ``position`` is where
    its newest message stands. ``before`` and ``after`` are the starts of its neighbours.
    """

    start: int
    end: int
    version: int
    title: str
    status: str
    facts: tuple[Fact, ...]
    numbers: tuple[Number, ...]
    confusion: tuple[int, int, int, int] | None
    expected: tuple[float, float, float, float] | None
    columns: tuple[ColumnDetail, ...]
    segments: tuple[SegmentDetail, ...]
    links: tuple[Link, ...]
    position: str
    before: int | None = None
    after: int | None = None
    others: tuple[ColumnDetail, ...] = ()


class FeatureHistory(msgspec.Struct, frozen=True, kw_only=True):
    """A column over the windows of the axis; ``*_then`` are the reference's. ``missing`` are shares in [0, 1]."""

    column: str
    text: str
    distances: tuple[float | None, ...]
    drifted: tuple[bool, ...]
    means: tuple[float | None, ...]
    medians: tuple[float | None, ...]
    missing: tuple[float | None, ...]
    mean_then: float | None = None
    median_then: float | None = None
    missing_then: float | None = None


class IncidentLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line for each incident; ``history`` are its messages, oldest first, as far as the topic still has them."""

    key: str
    state: Literal["standing", "closed", "retracted"]
    kind: str
    severity: str
    tone: Tone
    sign: str
    title: str
    message: str
    since: str
    until: str
    windows: str = ""
    history: tuple[Fact, ...] = ()


class LetterExample(msgspec.Struct, frozen=True, kw_only=True):
    """Where a dead letter came from; nothing of what stands in it."""

    origin: str
    came: str
    field: str
    detail: str


class LetterReason(msgspec.Struct, frozen=True, kw_only=True):
    """Dead letters of one reason, of those that were looked at; ``meaning`` in plain words, ``remedy`` what to do."""

    reason: str
    field: str
    count: int
    last: str
    meaning: str
    remedy: str
    examples: tuple[LetterExample, ...] = ()


class VersionChoice(msgspec.Struct, frozen=True, kw_only=True):
    """What can be chosen to be shown. ``version`` None: all champions in turn."""

    model: str
    version: int | None
    role: str
    text: str


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """All that is shown. ``title`` is the browser's, with the verdict in it. ``revision`` rises with what is known.

    ``terms`` explains in one sentence each word that a newcomer may not know.
    """

    title: str
    revision: int
    stage: Stage
    banners: tuple[Banner, ...]
    headline: Headline
    facts: tuple[Fact, ...]
    tiles: tuple[Tile, ...]
    changes: tuple[ColumnChange, ...]
    axis: TimeAxis
    course: MetricCourse
    heat: HeatMap
    flow: StreamFlow
    incidents: tuple[IncidentLine, ...]
    letters: tuple[LetterReason, ...]
    choices: tuple[VersionChoice, ...]
    terms: dict[str, str]
    links: tuple[Link, ...] = ()
    window: WindowDetail | None = None
    feature: FeatureHistory | None = None
