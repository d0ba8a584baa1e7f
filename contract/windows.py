"""The messages on ``windows``: metrics, drift and verdicts.

All times are event time in milliseconds since the epoch, UTC.
"""

from typing import Literal

import msgspec

from contract.messages import ModelRef

CUMULATIVE = "cumulative"
"""Last part of the keys of cumulative metrics on ``windows``, where a window's key has its start."""


class Performance(msgspec.Struct, frozen=True, kw_only=True):
    """Classification metrics over labelled predictions; one is None where it is undefined (e.g. one class only).

    ``intervals`` has low and high end, at 95 %, of those of the metrics that have one.
    """

    labelled: int
    tn: int
    fp: int
    fn: int
    tp: int
    accuracy: float | None = None
    precision: float | None = None
    recall: float | None = None
    f1: float | None = None
    roc_auc: float | None = None
    brier: float | None = None
    log_loss: float | None = None
    intervals: dict[str, tuple[float, float]] = {}


class Estimate(msgspec.Struct, frozen=True):
    """An estimated metric with its interval: value, low, high."""

    value: float
    low: float
    high: float


class Estimated(msgspec.Struct, frozen=True, kw_only=True):
    """Label-free performance: expected confusion counts and metrics with intervals, over ``records`` predictions."""

    records: int
    tn: float
    fp: float
    fn: float
    tp: float
    accuracy: Estimate | None = None
    precision: Estimate | None = None
    recall: Estimate | None = None
    f1: Estimate | None = None
    roc_auc: Estimate | None = None
    brier: Estimate | None = None


class Nowcast(msgspec.Struct, frozen=True, kw_only=True):
    """What a window's metrics will be when all of its labels are in, told from those that have come.

    ``coverage_negative`` and ``coverage_positive`` are the shares of the labels of either class that have come, of
    those expected; None where none is expected. ``silent`` names the classes of which none can have come yet, because
    it is too early.
    """

    performance: Estimated
    coverage_negative: float | None = None
    coverage_positive: float | None = None
    silent: tuple[Literal["negative", "positive"], ...] = ()


class FeatureDrift(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One column's drift against the reference.

    ``distance`` in [0, 1] (Kolmogorov-Smirnov statistic, or total variation distance for shares of values), freed of
    what chance adds to it; ``p_value`` raw, ``p_adjusted`` after Holm's correction; ``drifted`` iff the adjusted p is
    below the level and the difference is not surely too small to count. ``windows``: p-values and verdict are those of
    that many windows pooled, this one the last. ``counts`` are the window's own rows in the cells of the reference's
    column, by which later windows pool it (``monitor.inputs``); not if it drifted in this window ``alone``, without any
    pooled with it. ``attribution``: by how much this column by itself moves the mean log-odds of the score, all others
    as in the reference. ``mean`` and ``median`` are those of the window's rows; None where they are no numbers,
    or of an earlier release.
    """

    test: Literal["ks", "chi2"]
    distance: float
    p_value: float
    p_adjusted: float
    drifted: bool
    windows: int = 1
    counts: tuple[int, ...] = ()
    attribution: float | None = None
    alone: bool = False
    mean: float | None = None
    median: float | None = None


class DependenceDrift(msgspec.Struct, frozen=True, kw_only=True):
    """The two columns whose dependence on each other has changed most plainly.

    ``then`` and ``now``, in the reference and in the window, are their correlation, or the share of rows with two
    values that the reference never has ``together``.
    """

    columns: tuple[str, str]
    kind: Literal["correlation", "together"]
    then: float
    now: float
    p_value: float
    p_adjusted: float
    drifted: bool

    @property
    def title(self) -> str:
        """How the pair is called beside columns."""
        return " × ".join(sorted(self.columns))


class Drift(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A window's verdict. ``judged`` is False below ``min_records``; then nothing is called drifted.

    ``features`` maps each feature, and ``score`` for the model's output, to its drift; ``share`` is the share of the
    features (not the score) that drifted. ``dependence`` is there where two features can be related. ``customers`` are
    the smallest hashes of the window's customers: what two windows have in common tells how far they can be pooled.
    ``outdated``: the window has got predictions since, and no sample holds them. ``pooled``: digests of the disjoint
    windows before it as they were when it was judged with them, the nearest first; 0 where there was none.
    """

    judged: bool
    drifted: bool
    share: float
    features: dict[str, FeatureDrift] = {}
    dependence: DependenceDrift | None = None
    customers: tuple[int, ...] = ()
    outdated: bool = False
    pooled: tuple[int, ...] = ()

    @property
    def drifted_columns(self) -> list[str]:
        """The columns that drifted, and ``dependence`` by its title if it did."""
        columns = [name for name, feature in self.features.items() if feature.drifted]
        return [*columns, self.dependence.title] if self.dependence is not None and self.dependence.drifted else columns


class Relation(msgspec.Struct, frozen=True, kw_only=True):
    """Whether labels go with scores as they did when the model was made, over ``labelled`` records of a window.

    ``observed`` churners beside those ``expected`` of these scores; ``level`` and ``slope``: by how much log-odds of
    churning differ from the calibration's, and per log-odds of the score (a slope of -1: scores say nothing any more;
    None: they are all the same).
    ``p_value`` after correction for two tests; ``evidence``: natural logarithms of the e-values in the labels of the
    window's last slide, one for each change that is looked for (``monitor.verdicts.evidence``).
    """

    labelled: int
    observed: int
    expected: Estimate
    level: Estimate
    slope: Estimate | None
    p_value: float
    changed: bool
    evidence: tuple[float, ...] = ()


class SegmentMetrics(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a window says of one segment (``contract.segments``), and whether it has changed against its own reference.

    ``observed`` churners of ``labelled`` beside those ``expected`` of their scores as the reference's of this segment
    went with labels. Metrics with their intervals; one is None where it is undefined. ``p_value`` raw, ``p_adjusted``
    after Holm's correction over all segments, by which ``changed`` is said and an alert is made; ``q_value`` after
    Benjamini's and Hochberg's, for looking at. ``judged`` is False where it has too few records or churners: it counts
    with the whole. ``excess_loss``: what its Brier score above its reference's adds to that of all.
    """

    name: str
    records: int
    labelled: int
    judged: bool
    changed: bool = False
    observed: int = 0
    expected: Estimate | None = None
    selection_rate: Estimate | None = None
    precision: Estimate | None = None
    recall: Estimate | None = None
    f1: Estimate | None = None
    excess_loss: float | None = None
    p_value: float | None = None
    p_adjusted: float | None = None
    q_value: float | None = None
    protected: bool = False


class Worsening(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the Brier score is worse than on the rows held out in training.

    ``reference`` is theirs, ``excess`` the window's less theirs; ``worse`` iff that is beyond the margin and noise.
    ``evidence``: natural logarithms of the e-values in the labels of the window's last slide
    (``monitor.verdicts.worsening``).
    """

    reference: float
    excess: Estimate
    p_value: float
    worse: bool
    evidence: tuple[float, ...] = ()


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the Brier score will be worse than on held-out rows, as nowcast or estimate expect it of labels to come.

    ``reference`` is that of the rows held out in training, ``excess`` the expected one less theirs; ``worse`` iff that
    is beyond the margin and noise.
    """

    basis: Literal["nowcast", "estimate"]
    reference: float
    excess: Estimate
    p_value: float
    worse: bool


Status = Literal["provisional", "final"]


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """On ``windows``: one model's metrics and drift over records with ``start <= event_time < end``.

    ``revision`` starts at 0 and rises through the window's whole life, provisional and final, with each change of a
    published value. ``nowcast`` is there in provisional windows only, and not before delays are known; ``outlook``
    where labels are too few to judge performance. ``inferred`` of the labels are silence that counts as 0.
    ``customers``: how many different ones the records are of, estimated from the sample (None: not known);
    ``design_effect``: by how much their coming again makes variances larger. ``untrusted_since``: labels have shown
    that from this event time on scores mean something else; then ``estimated`` has no metrics, and no counts.
    ``dead_letters``: records of this time that could not be scored, by reason, and field where one is named
    (``violation/Age``). ``slide``: ms from one window's start to the next's; ``slide_records``: those of the last of
    them.
    """

    model: ModelRef
    start: int
    end: int
    status: Status
    revision: int
    records: int
    labelled: int
    threshold: float
    performance: Performance
    estimated: Estimated
    drift: Drift
    nowcast: Nowcast | None = None
    inferred: int = 0
    customers: int | None = None
    design_effect: float = 1.0
    relation: Relation | None = None
    worsening: Worsening | None = None
    outlook: Outlook | None = None
    segments: tuple[SegmentMetrics, ...] = ()
    untrusted_since: int | None = None
    dead_letters: dict[str, int] = {}
    slide: int | None = None
    slide_records: int | None = None
    delay_p50_hours: float | None = None
    violations: dict[str, int] = {}
    missing: dict[str, int] = {}

    @property
    def key(self) -> str:
        return f"{self.model.key}/{self.start}"

    @property
    def coverage(self) -> float:
        """Share of the window's predictions that have their label."""
        return self.labelled / self.records if self.records else 0.0


class Cumulative(msgspec.Struct, frozen=True, kw_only=True):
    """On ``windows``: one model's metrics over all records before ``end`` since its first, once all of these are final.

    There is one for each slide; the newest alone is revised, and the topic keeps the newest alone. ``performance`` has
    no intervals, because it is not known how often the same customers have come since the beginning.
    """

    model: ModelRef
    end: int
    revision: int
    performance: Performance

    @property
    def key(self) -> str:
        return f"{self.model.key}/{CUMULATIVE}"


WindowMessage = Window | Cumulative


def window_message_type(key: bytes | None) -> type[Window] | type[Cumulative]:
    """Which of the two kinds of messages on ``windows`` stands under a key."""
    return Cumulative if key is not None and key.endswith(f"/{CUMULATIVE}".encode()) else Window


class _Told(msgspec.Struct):
    inferred: int | msgspec.UnsetType = msgspec.UNSET


def is_of_release_before(value: bytes) -> bool:
    """Whether a window's message is of the release whose final windows were numbered anew, from their first revision.

    Raises:
        msgspec.DecodeError: it is no window.
    """
    return msgspec.json.decode(value, type=_Told).inferred is msgspec.UNSET


def decode_window(value: bytes) -> Window:
    """A window from its message. One of the release before gets the revision that this release would have given it.

    Raises:
        msgspec.DecodeError: it is no window.
    """
    window = msgspec.json.decode(value, type=Window)
    if window.status == "final" and is_of_release_before(value):
        # there it was provisional once, under the number that its final revisions began with
        return msgspec.structs.replace(window, revision=window.revision + 1)
    return window
