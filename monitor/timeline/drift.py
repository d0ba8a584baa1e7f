"""Has a window's data drifted from the reference? One test per column, one verdict per window.

- *numeric*: two-sample Kolmogorov-Smirnov, distance = its statistic. Where values are missing on either side, the
  share of missing ones is a second question with a chi-square test of its own: both p-values are doubled (Bonferroni),
  and the column shows the answer that counts: one with a distance worth acting on first, then the smaller p-value.
- *categorical*, *flag*: chi-square over the values, missing and unknown ones among them; distance = total variation.
- *ordinal*: as a flag while the reference has at most ``FEW_LEVELS`` values, else as numeric. The p-value of
  Kolmogorov-Smirnov takes values to be continuous; ties make it too large, so on a handful of levels it would
  find less than its level allows. Chi-square keeps its level there; on many levels the ties hardly matter.
- *score*, the model's probability: as numeric. It counts for the verdict, for a model that answers differently matters
  although no single feature stands out, but not for the share of features.

A column has drifted iff its p-value, after Holm's correction over all columns judged, is below ``alpha`` and its
distance is at least ``min_distance``; a window has iff a column has.
"""

from collections import Counter
from collections.abc import Hashable, Mapping
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from contract.arrays import Floats
from contract.errors import UserError
from contract.records import columns_frame
from contract.schema import FeatureKind, Schema
from contract.windows import Drift, FeatureDrift
from monitor.timeline.samples import Sample, objects

SCORE = "score"
"""The column of the model's probability, beside the schema's."""
FEW_LEVELS = 20
"""Values in the reference up to which an ordinal feature is compared value by value."""
_LEAST_EXPECTED = 5.0
_LEAST_VALUES = 5


class _Test(NamedTuple):
    test: Literal["ks", "chi2"]
    distance: float
    p_value: float


def sample_frame(schema: Schema, sample: Sample) -> pd.DataFrame:
    """A sample as a table, one row per record: the schema's columns as ``feature_frame`` has them, and ``score``."""
    columns = sample.columns if len(sample) else (np.empty(0),) * len(schema.features)
    typed = [
        objects(column) if feature.is_categorical else column
        for feature, column in zip(schema.features, columns, strict=True)
    ]
    frame = columns_frame(schema, typed)
    frame[SCORE] = sample.probabilities
    return frame


def judge(
    current: pd.DataFrame,
    reference: pd.DataFrame,
    schema: Schema,
    *,
    alpha: float = 0.01,
    min_distance: float = 0.05,
    min_records: int = 200,
) -> Drift:
    """Compare a window's records (or a uniform sample of them, see ``sample_frame``) with the reference.

    Both hold the schema's columns and ``score``, one row per record. With fewer than ``min_records`` rows in the
    window, or none in the reference, nothing is judged. A column that says nothing (no value on either side, or the
    same one throughout) has distance 0 and p-value 1.

    Raises:
        UserError: the reference lacks a column.
    """
    kinds = {feature.name: feature.kind for feature in schema.features} | {SCORE: FeatureKind.NUMERIC}
    lacking = [name for name in kinds if name not in reference.columns]
    if lacking:
        raise UserError(
            f"the model's reference sample has no column {lacking[0]!r}; train and register the model with this schema"
        )
    if len(current) < min_records or reference.empty:
        return Drift(judged=False, drifted=False, share=0.0)
    tests = {name: _compare(current[name], reference[name], kind, min_distance) for name, kind in kinds.items()}
    adjusted = _holm({name: test.p_value for name, test in tests.items()})
    columns = {
        name: FeatureDrift(
            test=test.test,
            distance=test.distance,
            p_value=test.p_value,
            p_adjusted=adjusted[name],
            drifted=adjusted[name] < alpha and test.distance >= min_distance,
        )
        for name, test in tests.items()
    }
    return Drift(
        judged=True,
        drifted=any(column.drifted for column in columns.values()),
        share=sum(columns[name].drifted for name in schema.names) / len(schema.names),
        features=columns,
    )


def _compare(current: pd.Series, reference: pd.Series, kind: FeatureKind, min_distance: float) -> _Test:
    if kind is FeatureKind.CATEGORICAL:
        return _compare_values(_counts(current), _counts(reference))
    now, then = _numbers(current), _numbers(reference)
    few_levels = kind is FeatureKind.ORDINAL and len(np.unique(then[~np.isnan(then)])) <= FEW_LEVELS
    if kind is FeatureKind.FLAG or few_levels:
        return _compare_values(_counts(pd.Series(now)), _counts(pd.Series(then)))
    return _compare_numbers(now, then, min_distance)


def _compare_numbers(current: Floats, reference: Floats, min_distance: float) -> _Test:
    missing_now, missing_then = np.isnan(current), np.isnan(reference)
    values = _kolmogorov_smirnov(current[~missing_now], reference[~missing_then])
    if not missing_now.any() and not missing_then.any():
        return values
    presence = _compare_values(Counter(missing_now.tolist()), Counter(missing_then.tolist()))
    both = [test._replace(p_value=min(2 * test.p_value, 1.0)) for test in (values, presence)]
    return max(both, key=lambda test: (test.distance >= min_distance, -test.p_value))


def _kolmogorov_smirnov(current: Floats, reference: Floats) -> _Test:
    # of so few the p-value's approximation says nothing, down to dividing by zero
    if min(len(current), len(reference)) < _LEAST_VALUES:
        return _Test("ks", 0.0, 1.0)
    result = stats.ks_2samp(current, reference, method="asymp")
    return _Test("ks", float(result.statistic), float(result.pvalue))


def _compare_values(current: Mapping[Hashable, int], reference: Mapping[Hashable, int]) -> _Test:
    # the order of a set of strings differs from process to process, and with it the last bit of a sum
    values = sorted({*current, *reference}, key=repr)
    table = np.array([[side.get(value, 0) for value in values] for side in (current, reference)], dtype=np.float64)
    shares = table / table.sum(axis=1, keepdims=True)
    distance = min(float(np.abs(shares[0] - shares[1]).sum()) / 2, 1.0)
    pooled = _pool_rare(table)
    if pooled.shape[1] < 2:
        return _Test("chi2", distance, 1.0)
    return _Test("chi2", distance, float(stats.chi2_contingency(pooled, correction=False).pvalue))


def _pool_rare(table: Floats) -> Floats:
    """Pool rare values, rarest first, until each has an expected count of 5 in both rows (Cochran's rule).

    Fewer make the chi-square approximation raise false alarms.
    """
    table = table[:, np.argsort(table.sum(axis=0), kind="stable")]
    scale = table.sum(axis=1).min() / table.sum()
    expected = np.cumsum(table.sum(axis=0)) * scale
    rare = int((table.sum(axis=0) * scale < _LEAST_EXPECTED).sum())
    if not rare:
        return table
    if expected[rare - 1] < _LEAST_EXPECTED:
        rare += 1
    return np.column_stack([table[:, :rare].sum(axis=1), table[:, rare:]])


def _holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's step-down correction: the family's chance of any false alarm stays below the level."""
    adjusted: dict[str, float] = {}
    largest = 0.0
    for rank, (name, p_value) in enumerate(sorted(p_values.items(), key=lambda item: (item[1], item[0]))):
        largest = max(largest, min((len(p_values) - rank) * p_value, 1.0))
        adjusted[name] = largest
    return adjusted


def _numbers(column: pd.Series) -> Floats:
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _counts(column: pd.Series) -> Counter[Hashable]:
    values = column.astype(object)
    return Counter(values.where(values.notna(), None).tolist())
