"""The facts of a model review: what the page shows and what MLflow keeps as JSON.

Each list has a bound, and each number is finite or None.
"""

import msgspec

FACTS_FORMAT = 1
MOST_FEATURES_DESCRIBED = 200
MOST_FEATURES_EXPLAINED = 12
MOST_CANDIDATES = 40
MOST_REASONS = 30
MOST_NOTES = 40
LONGEST_NOTE = 600
FEWEST_ROWS = 30
FEWEST_OF_LABEL = 10
"""Below so many rows, or of one label so many, a group's or a period's rates are not told."""


class RateFacts(msgspec.Struct, frozen=True):
    """A share or mean over ``rows`` rows, with its 95 % interval."""

    value: float
    low: float
    high: float
    rows: int


class FeatureFacts(msgspec.Struct, frozen=True):
    """A feature in the rows that the model learned from.

    Of numbers 1 %, 50 % and 99 % quantiles; of names the commonest with their shares. ``shift`` is the population
    stability index of the held-out rows against the training rows.
    """

    name: str
    kind: str
    missing: float
    quantiles: tuple[float, float, float] | None = None
    commonest: tuple[tuple[str, float], ...] = ()
    shift: float | None = None


class SideFacts(msgspec.Struct, frozen=True):
    """One side of the split."""

    rows: int
    customers: int
    churn: float


class LeftOut(msgspec.Struct, frozen=True):
    """Rows that were left out for one reason."""

    column: str
    reason: str
    rows: int


class DataFacts(msgspec.Struct, frozen=True):
    """The table: what was read, what was left out and why, and how the rows are divided."""

    rows_read: int
    learned: SideFacts
    held_out: SideFacts
    left_out: tuple[LeftOut, ...]
    repeated: int
    repairs: tuple[str, ...]
    features: tuple[FeatureFacts, ...]
    features_left: int = 0


class CandidateFacts(msgspec.Struct, frozen=True):
    """A candidate on validation folds: metrics with intervals by name, and how many points were tried, as ``20 of 96``.

    ``tried`` is empty where only the defaults were.
    """

    name: str
    metrics: dict[str, tuple[float, float, float]]
    chosen: bool = False
    tried: str = ""


class Tenth(msgspec.Struct, frozen=True):
    """A tenth of the held-out rows by probability: what the model says, what came, and what it is worth.

    ``lift`` is the churn rate over that of all rows; ``captured`` the share of all churners in this tenth and those of
    higher probability.
    """

    rows: int
    predicted: float
    churned: RateFacts
    lift: float
    captured: float


class CalibrationFacts(msgspec.Struct, frozen=True):
    """How far probabilities are what they say.

    ``slope`` and ``intercept`` are of the labels' logistic regression on the probabilities' logits: 1 and 0 where they
    are right; None where every row has one probability. ``tried`` are Brier scores on validation folds by calibration.
    """

    method: str
    tried: dict[str, float]
    predicted: float
    churned: RateFacts
    slope: tuple[float, float, float] | None
    intercept: tuple[float, float, float] | None
    tenths: tuple[Tenth, ...]


class CostRow(msgspec.Struct, frozen=True):
    """The held-out rows at the threshold that a pair of costs asks for; money per 1,000 rows.

    ``lowest`` is the threshold that costs least on the held-out rows themselves, which chance has a part in.
    """

    missed: float
    needless: float
    threshold: float
    called: float
    cost: float
    over_nothing: RateFacts
    over_all: RateFacts
    lowest: float
    given: bool = False


class CostFacts(msgspec.Struct, frozen=True):
    """Costs that were given, or else some ratios; ``grid`` and ``curves`` are each row's cost by threshold."""

    rows: tuple[CostRow, ...]
    grid: tuple[float, ...]
    curves: tuple[tuple[float, ...], ...]


class GroupFacts(msgspec.Struct, frozen=True):
    """Held-out rows of one group; None where the group is too small to say.

    ``called`` is the selection rate, ``missed`` the share of churners not called (false negatives), ``needless`` the
    share of those who stayed that are called (false positives).
    """

    name: str
    rows: int
    churned: int
    rate: RateFacts | None = None
    predicted: float | None = None
    called: RateFacts | None = None
    missed: RateFacts | None = None
    needless: RateFacts | None = None
    auc: tuple[float, float, float] | None = None


class Gap(msgspec.Struct, frozen=True):
    """The largest difference of a rate between two groups of a feature, with its interval."""

    what: str
    higher: str
    lower: str
    difference: tuple[float, float, float]


class SegmentFacts(msgspec.Struct, frozen=True):
    """The groups of one feature. ``least_selected`` is the lowest selection rate over the highest."""

    feature: str
    protected: bool
    groups: tuple[GroupFacts, ...]
    gaps: tuple[Gap, ...]
    least_selected: float | None


class PeriodFacts(msgspec.Struct, frozen=True):
    """Held-out rows of one period; ``shift`` is the population stability index of the scores against all periods."""

    start: int
    end: int
    rows: int
    churned: RateFacts
    predicted: float
    called: RateFacts
    shift: float
    brier: RateFacts
    auc: tuple[float, float, float] | None


class Explained(msgspec.Struct, frozen=True):
    """A feature's importance and partial dependence.

    ``importance`` is the mean fall of ROC AUC when its values are shuffled, and the standard deviation. The values
    that are tried are ``numbers`` or ``names``; ``mean``, ``low`` and ``high`` are mean and quartiles of the sampled
    customers' probabilities with each.
    """

    feature: str
    importance: tuple[float, float]
    numbers: tuple[float, ...]
    names: tuple[str, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


class ModelFacts(msgspec.Struct, frozen=True):
    """What was made, and how it decides."""

    name: str
    kind: str
    sampling: str
    parameters: dict[str, str]
    chosen: str
    threshold: float
    threshold_rule: str


class ReviewFacts(msgspec.Struct, frozen=True):
    """All that is known of a version when it is registered; ``divided`` says how its rows were divided."""

    model: ModelFacts
    divided: str
    label: str
    data: DataFacts
    candidates: tuple[CandidateFacts, ...]
    candidates_left: int
    metrics: dict[str, tuple[float, float, float]]
    counts: dict[str, int]
    calibration: CalibrationFacts
    costs: CostFacts
    segments: tuple[SegmentFacts, ...]
    segments_from: str
    periods: tuple[PeriodFacts, ...]
    periods_note: str
    explained: tuple[Explained, ...]
    explained_note: str
    notes: tuple[str, ...]
    lineage: dict[str, str]
    libraries: dict[str, str]
    format: int = FACTS_FORMAT


def noted(texts: tuple[str, ...]) -> tuple[str, ...]:
    """The first ``MOST_NOTES``, each cut to ``LONGEST_NOTE`` characters."""
    return tuple(text if len(text) <= LONGEST_NOTE else text[: LONGEST_NOTE - 1] + "…" for text in texts[:MOST_NOTES])
