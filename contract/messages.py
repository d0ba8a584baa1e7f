"""The messages on every topic but ``customers``, whose type is made from the schema (``contract.records``).

All times are event time in milliseconds since the epoch, UTC. Sums are integers in fixed-point units (``UNIT``), for
integer addition gives the same total in whatever order crashes and rebalances make it happen; floats do not.
"""

from typing import TYPE_CHECKING, Annotated, Literal, cast

import msgspec

from contract.records import Identifier, Record, WholeNumber, features_type, make_whole
from contract.schema import Schema

UNIT = 1_000_000_000
"""Fixed-point units in 1.0 for sums of probabilities, squared errors and log losses."""
FEATURE_UNIT = 1_000_000
"""Fixed-point units in 1.0 for sums of a numeric feature's values."""
SCORE_BINS = 1_000
"""Bins of equal width over [0, 1] in a score histogram; bin ``min(int(p * SCORE_BINS), SCORE_BINS - 1)``."""

Role = Literal["champion", "challenger"]
Probability = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Binary = Annotated[int, msgspec.Meta(ge=0, le=1)]

if TYPE_CHECKING:
    LabelValue = int
else:
    LabelValue = Binary | Annotated[float, msgspec.Meta(multiple_of=1, ge=0, le=1)]
    """A label as others write it: 0 or 1, also as ``0.0`` or ``1e0``. A type that has one makes it an int at once."""


class ModelRef(msgspec.Struct, frozen=True, order=True):
    """A registered model's name, version (MLflow's number) and role when it scored."""

    name: Annotated[str, msgspec.Meta(max_length=256)]
    version: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
    role: Role = "champion"


class RecordPosition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the scored record stands on ``customers``."""

    partition: int
    offset: int


class Label(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """On ``labels``: what became of the customer, known at ``event_time``. ``label`` is 1 (churned) or 0."""

    record_id: Identifier
    customer_id: Identifier
    event_time: WholeNumber
    label: LabelValue

    def __post_init__(self) -> None:
        make_whole(self, "event_time")
        make_whole(self, "label")


class Prediction(Record, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """On ``predictions``: the record with the model's answer. ``predicted`` is 1 iff ``probability >= threshold``.

    ``source`` is null where the record came over HTTP and stands on no topic.
    """

    probability: Probability
    predicted: Binary
    threshold: Probability
    model: ModelRef
    source: RecordPosition | None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """On ``outcomes``: a prediction with its label. ``event_time`` is the record's, ``label_time`` the label's.

    ``revision`` starts at 1 and rises by one with each label that contradicts the one before; the highest is true.
    """

    record_id: str
    customer_id: str
    event_time: int
    label_time: int
    label: int
    revision: int
    probability: float
    predicted: int
    threshold: float
    model: ModelRef


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


class Summary(msgspec.Struct, kw_only=True):
    """What is kept of a set of predictions and their labels: sums that merge by adding (``monitor.panes``).

    ``records`` predictions, ``labelled`` of them with a label; confusion counts at the model's threshold; ``scores``
    maps a score bin to its counts; ``delay_hours`` maps whole hours from record to label to labels; ``sample`` holds
    the records with the smallest hashes, in ascending order of hash.
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
    numeric: dict[str, NumericSummary] = {}
    categorical: dict[str, CategorySummary] = {}
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
        return f"{self.model.name}/{self.model.version}/{self.model.role}/{self.start}/{self.partition}"


class JoinProgress(msgspec.Struct, frozen=True, kw_only=True, tag="progress", tag_field="type"):
    """On ``panes`` under ``progress/<partition>``, after the panes it covers, in the same transaction.

    ``watermark`` and ``label_watermark``: no further prediction or label earlier than that is expected in this
    partition (None: none seen yet). ``ended``: the stream has said so. ``idle``: silent for longer than the idle time
    with nothing left to read, so it must not hold others back. ``next_prediction`` and ``next_label`` are the offsets
    to go on from, and panes that end before ``forgotten`` are no longer kept (None: written before there were any). The
    rest counts what the join dropped or refused.
    """

    partition: int
    watermark: int | None
    label_watermark: int | None
    ended: bool
    idle: bool = False
    next_prediction: int | None = None
    next_label: int | None = None
    forgotten: int | None = None
    duplicate_predictions: int = 0
    repeated_labels: int = 0
    contradicting_labels: int = 0
    dead_letters: int = 0

    @property
    def key(self) -> str:
        return f"progress/{self.partition}"


PaneMessage = Pane | JoinProgress


class Performance(msgspec.Struct, frozen=True, kw_only=True):
    """Classification metrics over labelled predictions; one is None where it is undefined (e.g. one class only)."""

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


class FeatureDrift(msgspec.Struct, frozen=True, kw_only=True):
    """One column's drift against the reference.

    ``distance`` in [0, 1] (Kolmogorov-Smirnov statistic, or total variation distance for categories), ``p_value`` raw,
    ``p_adjusted`` after Holm's correction, ``drifted`` iff adjusted p < alpha and distance >= the smallest that counts.
    """

    test: Literal["ks", "chi2"]
    distance: float
    p_value: float
    p_adjusted: float
    drifted: bool


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """A window's verdict. ``judged`` is False below ``min_records``; then nothing is called drifted.

    ``features`` maps each feature, and ``score`` for the model's output, to its drift; ``share`` is the share of the
    features (not the score) that drifted.
    """

    judged: bool
    drifted: bool
    share: float
    features: dict[str, FeatureDrift] = {}

    @property
    def drifted_columns(self) -> list[str]:
        return [name for name, feature in self.features.items() if feature.drifted]


Status = Literal["provisional", "final"]


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """On ``windows``: one model's metrics and drift over records with ``start <= event_time < end``.

    ``revision`` starts at 0 for each status and rises with each change of a published value. ``cumulative`` covers
    everything before ``end`` since the model's first record, and is there in final windows only.
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
    cumulative: Performance | None = None
    delay_p50_hours: float | None = None
    violations: dict[str, int] = {}
    missing: dict[str, int] = {}

    @property
    def key(self) -> str:
        return f"{self.model.name}/{self.model.version}/{self.model.role}/{self.start}"

    @property
    def coverage(self) -> float:
        """Share of the window's predictions that have their label."""
        return self.labelled / self.records if self.records else 0.0


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """On ``alerts``, under one key through its life: raised, updated when what it says changes, or retracted."""

    key: str
    state: Literal["raised", "updated", "retracted"]
    kind: Literal["drift"]
    model: ModelRef
    start: int
    end: int
    features: list[str]
    message: str


def prediction_type(schema: Schema) -> type[Prediction]:
    """``Prediction`` with ``features`` typed by the schema."""
    made = msgspec.defstruct(
        "Prediction",
        [("features", features_type(schema))],
        bases=(Prediction,),
        frozen=True,
        gc=False,  # a tree, and frozen
        forbid_unknown_fields=True,
        kw_only=True,
    )
    return cast(type[Prediction], made)


def encode(message: msgspec.Struct) -> bytes:
    """UTF-8 JSON, fields in the order of the type."""
    return msgspec.json.encode(message)
