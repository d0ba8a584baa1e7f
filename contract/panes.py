"""The messages on ``panes``: what one partition knows of a slide of event time, as sums that merge by adding.

Sums are integers in fixed-point units (``UNIT``), because integer addition gives the same total in whatever order
crashes and rebalances make it happen; floats do not. All times are event time in milliseconds since the epoch, UTC.
"""

import msgspec

from contract.messages import ModelRef

UNIT = 1_000_000_000
"""Fixed-point units in 1.0 for sums of probabilities, squared errors and log losses."""
FEATURE_UNIT = 1_000_000
"""Fixed-point units in 1.0 for sums of a numeric feature's values."""
SCORE_BINS = 1_000
"""Bins of equal width over [0, 1] in a score histogram; bin ``min(int(p * SCORE_BINS), SCORE_BINS - 1)``."""


class NumericSummary(msgspec.Struct):
    """A numeric, ordinal or flag feature: present, null and out-of-range values, sum in 1/FEATURE_UNIT, extremes."""

    count: int = 0
    missing: int = 0
    violations: int = 0
    total: int = 0
    minimum: float | None = None
    maximum: float | None = None


class CategorySummary(msgspec.Struct, omit_defaults=True):
    """A categorical feature: occurrences of each of the schema's categories, nulls, and values outside of them.

    ``unlisted`` has occurrences of values outside the categories: all of them, or, where there are too many to name,
    those of smallest hash (``monitor.panes``); ``other`` counts the rest. A long text stands there cut, with a hash.
    """

    counts: dict[str, int] = {}
    missing: int = 0
    violations: int = 0
    unlisted: dict[str, int] = {}
    other: int = 0


class ScoreBin(msgspec.Struct, array_like=True):
    """One bin of the score histogram: all predictions, those labelled 0, those labelled 1."""

    records: int = 0
    negatives: int = 0
    positives: int = 0


class Expected(msgspec.Struct, array_like=True):
    """Predictions with one ``predicted`` value: their number, sum of probabilities and of their squares, in 1/UNIT."""

    records: int = 0
    probability: int = 0
    probability_squared: int = 0


class SampleRow(msgspec.Struct, array_like=True, frozen=True):
    """One record of a pane's bottom-k sample.

    ``hash`` is the unsigned 53-bit hash of ``record_id`` (so that it is exact as a JSON number everywhere), ``label``
    is None while unknown, ``features`` are in schema order.
    """

    hash: int
    record_id: str
    probability: float
    predicted: int
    label: int | None
    features: tuple[float | str | None, ...]


class SegmentSums(msgspec.Struct, array_like=True):
    """One segment's part of a summary: all predictions, those with ``predicted`` 1, their sum of probabilities; the
    labelled ones: confusion counts, sums of their probabilities, of the squares of these, and of squared errors.

    Sums are in 1/UNIT.
    """

    records: int = 0
    predicted: int = 0
    probability: int = 0
    tn: int = 0
    fp: int = 0
    fn: int = 0
    tp: int = 0
    expected: int = 0
    expected_squared: int = 0
    squared_error: int = 0

    @property
    def labelled(self) -> int:
        return self.tn + self.fp + self.fn + self.tp


class Summary(msgspec.Struct, kw_only=True):
    """What is kept of a set of predictions and their labels: sums that merge by adding.

    ``records`` predictions, ``labelled`` of them with a label; confusion counts at the model's threshold; ``scores``
    maps a score bin to its counts; ``delay_hours`` maps whole hours from record to label to labels, and
    ``delay_hours_positive`` to those that are 1; ``inferred`` of the labels are silence that counts as 0. ``segments``
    maps a segment's name (``contract.segments``) to its part. ``sample`` is empty in the panes of this release: it is a
    message of its own (``PaneSample``).
    """

    records: int = 0
    labelled: int = 0
    tn: int = 0
    fp: int = 0
    fn: int = 0
    tp: int = 0
    squared_error: int = 0
    log_loss: int = 0
    expected_negative: Expected = msgspec.field(default_factory=Expected)
    expected_positive: Expected = msgspec.field(default_factory=Expected)
    scores: dict[int, ScoreBin] = {}
    delay_hours: dict[int, int] = {}
    delay_hours_positive: dict[int, int] = {}
    inferred: int = 0
    numeric: dict[str, NumericSummary] = {}
    categorical: dict[str, CategorySummary] = {}
    segments: dict[str, SegmentSums] = {}
    sample: list[SampleRow] = []


class Pane(msgspec.Struct, kw_only=True, tag="pane", tag_field="type"):
    """On ``panes``: all that one partition knows of one model's records with ``start <= event_time < start + slide``.

    Cumulative and published whole: the newest pane of a key wins, and reading it twice changes nothing.
    """

    partition: int
    start: int
    slide: int
    model: ModelRef
    threshold: float
    summary: Summary

    @property
    def key(self) -> str:
        return f"{self.model.key}/{self.start}/{self.partition}"


class PaneSample(msgspec.Struct, kw_only=True, tag="sample", tag_field="type"):
    """On ``panes``: a uniform sample of a pane's customers, those of smallest hash, in ascending order of hash, with
    the newest record of each.

    It is published when its pane has closed or changed since, not with every label. ``records`` is the pane's number of
    records when it was drawn. ``hashes`` are the unsigned 53-bit hashes of the customer ids, ``columns`` the features
    in schema order, each as long as ``hashes``. ``rows``: how many records of the pane each customer has; in a message
    of an earlier release it is empty, and the sample is one of records, ``hashes`` those of their ids. ``times``: event
    times of the records shown, ms after ``start``, by which a join that goes on from here tells which record is newer.
    ``sizes``: for the same purpose, bytes of the largest record of customers that have several, 0 for others; empty
    where no size matters.
    """

    partition: int
    start: int
    slide: int
    model: ModelRef
    records: int
    hashes: list[int]
    probabilities: list[float]
    columns: list[list[float | str | None]]
    rows: list[int] = []
    times: list[int] = []
    sizes: list[int] = []

    @property
    def key(self) -> str:
        return f"{self.model.key}/{self.start}/{self.partition}/sample"


class JoinProgress(msgspec.Struct, frozen=True, kw_only=True, tag="progress", tag_field="type"):
    """On ``panes`` under ``progress/<partition>``, after the panes it covers, in the same transaction.

    ``watermark`` and ``label_watermark``: no further prediction or label earlier than that is expected in this
    partition (None: none seen yet). ``ended``: the stream has said so. ``idle``: silent for longer than the idle time
    with nothing left to read, so it must not hold others back. ``next_prediction`` and ``next_label`` are the offsets
    to go on from, and panes that end before ``forgotten`` are no longer kept (None: written before there were any).
    ``labels_idle``: all labels that there are have been read, and none has come for the idle time, so that their
    watermark must not hold others back. ``ahead`` counts records far ahead of the watermark, which are scored and
    counted but move nothing; ``inferred`` counts records whose silence counts as 0. The rest counts what the join
    dropped or refused.
    """

    partition: int
    watermark: int | None
    label_watermark: int | None
    ended: bool
    idle: bool = False
    labels_idle: bool = False
    next_prediction: int | None = None
    next_label: int | None = None
    forgotten: int | None = None
    duplicate_predictions: int = 0
    repeated_labels: int = 0
    contradicting_labels: int = 0
    dead_letters: int = 0
    ahead: int = 0
    inferred: int = 0

    @property
    def key(self) -> str:
        return f"progress/{self.partition}"


class Fold(msgspec.Struct, frozen=True, kw_only=True, tag="fold", tag_field="type"):
    """On ``panes``, written by the monitor: the sums of one model's panes that begin before ``until``.

    Nothing can change these panes any more, so they are deleted from the topic. ``summary`` has no features and no
    sample.
    """

    model: ModelRef
    until: int
    summary: Summary

    @property
    def key(self) -> str:
        return f"fold/{self.model.key}"


class TimelineProgress(msgspec.Struct, frozen=True, kw_only=True, tag="timeline", tag_field="type"):
    """On ``panes`` under ``timeline``, written by the monitor: where its start may begin to read ``windows``.

    All windows before the offset ``windows_from`` are final, and their panes are folded.
    """

    windows_from: int

    @property
    def key(self) -> str:
        return "timeline"


PaneMessage = Pane | PaneSample | JoinProgress | Fold | TimelineProgress
