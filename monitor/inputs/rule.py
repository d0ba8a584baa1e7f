"""The rule: which columns of a window have drifted, given the windows before it.

Each column is compared with the reference over the window alone and over the last 2, 4 and 16 disjoint windows pooled,
because a small shift shows in many rows only. A share of the level goes to each of these spans. A column has drifted
iff, over one of them, its p-value after Holm's correction over all columns is below its share of the level, and the
difference is not surely too small to count.

A window in which a column has drifted by itself is pooled with no later one, nor is any before it: what it shows needs
no pooling, and once it is over it must not be seen for as long as the longest span.

Pooled windows share the reference, and often customers. The first is why counts are added, and not p-values joined: the
reference's own noise stays in. For the second, pooled counts are divided by the design effect of repeated customers
(Kish, Survey Sampling, 1965), estimated from the hashes that the windows have in common.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import NamedTuple

import numpy as np
import pandas as pd

from contract.arrays import Floats
from contract.errors import UserError
from contract.models.bundle import SCORE_COLUMN
from contract.schema import Feature, FeatureKind, Schema
from contract.settings import Settings
from contract.windows import DependenceDrift, Drift, FeatureDrift
from monitor.budget import levels
from monitor.inputs.attribution import attribution, cell_effects
from monitor.inputs.cells import ReferenceColumn, column_of
from monitor.inputs.dependence import Dependence, DependenceChange, dependence_of
from monitor.inputs.middle import NO_MIDDLE, Middle, middle_of
from monitor.inputs.two_samples import NOTHING, TwoSamples, compare

SPANS: Mapping[int, float] = {1: 0.4, 2: 0.3, 4: 0.15, 16: 0.15}
"""Windows that are pooled, and the share of the level that each span has."""
LONGEST_SPAN = max(SPANS)
_DEPENDENCE = ""
"""Beside the columns' names in the family of tests; no column is called so."""
SKETCH = 32
"""Hashes of customers that are kept of a window."""
LEAST_HELLINGER = 0.0025
"""Smallest squared Hellinger distance that counts, freed of chance: what rare values need."""
LEAST_UNSEEN = 0.005
"""Smallest share of rows with values that the reference lacks that counts."""


@dataclass(frozen=True)
class InputRule:
    """``level``: how probable any alarm in an undrifted window may be; a window needs ``min_records`` to be judged."""

    level: float = 0.01
    min_distance: float = 0.05
    min_records: int = 200

    @classmethod
    def of(cls, settings: Settings) -> "InputRule":
        """The rule that gives no more false alerts a month than the settings allow, or has the level that they set."""
        level = settings.alpha or levels(settings.false_alerts_per_month, settings.slide).inputs
        return cls(level, settings.min_distance, settings.min_records)


@dataclass(frozen=True)
class InputReference:
    """A reference sample, ready to compare with: made once for a model version.

    ``effects``: of each feature's cells on the log-odds of the score (``monitor.inputs.attribution``). ``middles``:
    mean and median of the columns that hold numbers.
    """

    names: tuple[str, ...]
    columns: Mapping[str, ReferenceColumn]
    dependence: Dependence
    rows: int
    effects: Mapping[str, Floats]
    middles: Mapping[str, Middle]

    @classmethod
    def of(cls, frame: pd.DataFrame, schema: Schema) -> "InputReference":
        """Of a frame with the schema's columns and ``score``, one row a record.

        Raises:
            UserError: it lacks a column.
        """
        features = {feature.name: feature for feature in schema.features} | {
            SCORE_COLUMN: Feature(kind=FeatureKind.NUMERIC)
        }
        lacking = [name for name in features if name not in frame.columns]
        if lacking:
            raise UserError(
                f"the model's reference sample has no column {lacking[0]!r}; train and register the model with this "
                f"schema"
            )
        columns = {
            name: column_of(frame[name], feature, between=name == SCORE_COLUMN) for name, feature in features.items()
        }
        inputs = {name: columns[name] for name in schema.names}
        cells = {name: column.cells(frame[name]) for name, column in inputs.items()}
        effects = cell_effects(inputs, cells, frame[SCORE_COLUMN].to_numpy(np.float64))
        middles = _middles(frame, columns)
        return cls(schema.names, columns, dependence_of(inputs, cells), len(frame), effects, middles)


class _RowsCounted(NamedTuple):
    """A window's rows: their counts in each column's cells, means and medians, dependence, smallest hashes."""

    counts: Mapping[str, Floats]
    middles: Mapping[str, Middle]
    change: DependenceChange | None
    sketch: tuple[int, ...]


class _Span(NamedTuple):
    """``windows`` pooled: those before the window itself that there are, and by what pooled counts are divided."""

    windows: int
    share: float
    members: tuple[Drift, ...]
    effect: float


class _Found(NamedTuple):
    """The best of a column's spans: its p-value divided by the span's share of the level."""

    windows: int
    p_value: float
    counts: bool


def judge(
    current: pd.DataFrame,
    reference: InputReference,
    previous: Sequence[Drift | None] = (),
    *,
    rule: InputRule,
    customers: Sequence[int] | None = None,
) -> Drift:
    """Compare a window's records, or a uniform sample of its customers, with the reference.

    ``current`` has the schema's columns and ``score``, a row a record, the newest of a customer last; ``customers`` are
    the 53-bit hashes of their customers, and only the newest row of each counts. ``previous`` are the verdicts on the
    disjoint windows before this one, the nearest first, None where there is no window: of model versions with this same
    reference. They alone decide what is pooled, so the same windows always give the same answer.

    With fewer than ``min_records`` rows, or an empty reference, nothing is judged. A column that says nothing (no value
    on either side, or the same one throughout) has distance 0 and p-value 1.
    """
    sketch: tuple[int, ...] = ()
    if customers is not None:
        hashes = np.asarray(customers, dtype=np.int64)
        newest = ~pd.Series(hashes).duplicated(keep="last").to_numpy()
        current = current[newest]
        sketch = tuple(int(each) for each in np.sort(hashes[newest])[:SKETCH])
    if not 0 < len(current) >= rule.min_records or not reference.rows:
        return Drift(judged=False, drifted=False, share=0.0)
    cells = {name: column.cells(current[name]) for name, column in reference.columns.items()}
    counts = {name: column.count(cells[name]) for name, column in reference.columns.items()}
    middles = _middles(current, reference.columns)
    change = reference.dependence.change({name: cells[name] for name in reference.names})
    return _verdict(_RowsCounted(counts, middles, change, sketch), reference, previous, rule)


def judge_again(drift: Drift, reference: InputReference, previous: Sequence[Drift | None], *, rule: InputRule) -> Drift:
    """What ``judge`` says of the same window when windows before it have changed; its records are not needed."""
    if not drift.judged or any(
        len(drift.features[name].counts) != len(column.counts) for name, column in reference.columns.items()
    ):
        return drift
    counts = {name: np.array(drift.features[name].counts, dtype=np.float64) for name in reference.columns}
    dependence = drift.dependence
    change = None
    if dependence is not None:
        change = DependenceChange(
            dependence.columns, dependence.kind, dependence.then, dependence.now, dependence.p_value
        )
    middles = {name: Middle(feature.mean, feature.median) for name, feature in drift.features.items()}
    return _verdict(_RowsCounted(counts, middles, change, drift.customers), reference, previous, rule)


def _middles(frame: pd.DataFrame, columns: Mapping[str, ReferenceColumn]) -> dict[str, Middle]:
    return {name: middle_of(frame[name]) for name, column in columns.items() if column.has_numbers}


def _verdict(
    counted: _RowsCounted, reference: InputReference, previous: Sequence[Drift | None], rule: InputRule
) -> Drift:
    counts, middles, change, sketch = counted
    spans = _spans(sketch, previous)
    own: dict[str, TwoSamples] = {}
    alone: dict[str, _Found] = {}
    found: dict[str, _Found] = {}
    for name, column in reference.columns.items():
        own[name], by_span = _compare(column, name, counts[name], spans, rule)
        alone[name], found[name] = by_span[0], max(by_span, key=lambda each: (each.counts, -each.p_value))
    adjusted, adjusted_alone = _adjusted(found, change), _adjusted(alone, change)
    features = {
        name: FeatureDrift(
            test="chi2" if own[name].shares else "ks",
            distance=own[name].distance,
            p_value=each.p_value,
            p_adjusted=adjusted[name],
            drifted=each.counts and adjusted[name] < rule.level,
            windows=each.windows,
            counts=tuple(int(count) for count in counts[name]),
            attribution=attribution(counts[name], reference.effects[name]) if name in reference.effects else None,
            alone=alone[name].counts and adjusted_alone[name] < rule.level,
            **middles.get(name, NO_MIDDLE)._asdict(),
        )
        for name, each in found.items()
    }
    dependence = None
    if change is not None:
        dependence = DependenceDrift(
            columns=change.columns,
            kind=change.kind,
            then=change.then,
            now=change.now,
            p_value=change.p_value,
            p_adjusted=adjusted[_DEPENDENCE],
            drifted=change.counts and adjusted[_DEPENDENCE] < rule.level,
        )
    return Drift(
        judged=True,
        drifted=any(each.drifted for each in features.values()) or (dependence is not None and dependence.drifted),
        share=sum(features[name].drifted for name in reference.names) / len(reference.names),
        features=features,
        dependence=dependence,
        customers=sketch,
    )


def _adjusted(found: Mapping[str, _Found], change: DependenceChange | None) -> dict[str, float]:
    p_values = {name: each.p_value for name, each in found.items()}
    return holm(p_values if change is None else p_values | {_DEPENDENCE: change.p_value})


def _spans(sketch: tuple[int, ...], previous: Sequence[Drift | None]) -> list[_Span]:
    """The window alone, and each longer span that has windows which a shorter one has not."""
    spans: list[_Span] = []
    for windows, share in SPANS.items():
        members = tuple(one for one in previous[: windows - 1] if one is not None and one.judged)
        if not spans or len(members) > len(spans[-1].members):
            effect = design_effect([sketch, *(one.customers for one in members)])
            spans.append(_Span(windows, share, members, effect))
    return spans


def _compare(
    column: ReferenceColumn, name: str, counts: Floats, spans: Sequence[_Span], rule: InputRule
) -> tuple[TwoSamples, list[_Found]]:
    """The window's own comparison, and what each span finds, the window alone first."""
    own = NOTHING
    found: list[_Found] = []
    for span in spans:
        told = (one.features[name] for one in span.members if name in one.features)
        earlier = [one.counts for one in takewhile(lambda one: not one.alone, told)]
        pooled = counts + sum(np.array(each, dtype=np.float64) for each in earlier if len(each) == len(counts))
        compared = compare(column, pooled / span.effect)
        own = compared if span.windows == 1 else own
        most = max(compared.distance, abs(compared.shift)) + 2 * compared.noise
        large = most >= rule.min_distance or compared.hellinger >= LEAST_HELLINGER or compared.unseen >= LEAST_UNSEEN
        found.append(_Found(span.windows, min(compared.p_value / span.share, 1.0), large))
    return own, found


def design_effect(sketches: Sequence[tuple[int, ...]]) -> float:
    """By what the rows of pooled windows are to be divided, given the smallest hashes of each window's customers.

    With m the number of windows that a customer is in: the sum of m² over that of m, over the customers with hashes
    that would be among the kept ones of every window. It is 1 where no customer comes twice, or hashes are not kept.
    """
    if not all(sketches):
        return 1.0
    until = min((sketch[-1] for sketch in sketches if len(sketch) == SKETCH), default=None)
    seen = Counter(each for sketch in sketches for each in sketch if until is None or each <= until)
    return sum(m**2 for m in seen.values()) / sum(seen.values())


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's step-down correction: the family's chance of any false alarm stays below the level."""
    adjusted: dict[str, float] = {}
    largest = 0.0
    for rank, (name, p_value) in enumerate(sorted(p_values.items(), key=lambda item: (item[1], item[0]))):
        largest = max(largest, min((len(p_values) - rank) * p_value, 1.0))
        adjusted[name] = largest
    return adjusted
