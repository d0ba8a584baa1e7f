"""Tests on counts in cells give what their sources give on the values themselves."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from contract.schema import Feature, FeatureKind
from monitor.inputs import two_samples
from monitor.inputs.cells import FEW_LEVELS, MOST_VALUES, column_of

NUMERIC = Feature(kind=FeatureKind.NUMERIC)


def test_ranks_and_chi_square_equal_scipys_on_few_levels() -> None:
    generator = np.random.default_rng(1)
    then, now = generator.binomial(10, 0.5, 3_000) * 1.0, generator.binomial(10, 0.52, 700) * 1.0
    column = column_of(pd.Series(then), NUMERIC)
    counts = column.count(column.cells(pd.Series(now)))[: column.seen]
    reference = column.counts[: column.seen]
    distance, p_ranks = two_samples._kolmogorov_smirnov(counts, reference)
    expected = stats.ks_2samp(now, then, method="asymp")
    noise = np.pi**2 / 12 * (1 / 700 + 1 / 3_000)
    assert distance == pytest.approx(np.sqrt(max(expected.statistic**2 - noise, 0)))
    assert p_ranks == pytest.approx(expected.pvalue, rel=0.05)
    shift, p_shift = two_samples._mann_whitney(counts, reference)
    whitney = stats.mannwhitneyu(now, then, use_continuity=False, method="asymptotic")
    assert shift == pytest.approx(2 * whitney.statistic / (700 * 3_000) - 1)
    assert p_shift == pytest.approx(whitney.pvalue, rel=0.01)
    kept = reference + counts > 10 * 3_700 / 700
    table = np.column_stack(
        [np.vstack([counts, reference])[:, ~kept].sum(axis=1), np.vstack([counts, reference])[:, kept]]
    )
    assert two_samples._chi_square(counts, reference) == pytest.approx(
        stats.chi2_contingency(table, correction=False).pvalue, rel=1e-6
    )


def test_new_values_have_the_probability_that_all_of_them_fall_to_the_window() -> None:
    feature = Feature(kind=FeatureKind.CATEGORICAL, categories=("a", "b"))
    column = column_of(pd.Series(["a", "b"] * 2_500), feature)
    now = column.count(column.cells(pd.Series(["a"] * 490 + ["b"] * 490 + ["c"] * 20)))
    assert now[column.outside].sum() == 20
    # a, b and c are looked at, in both directions
    exact = stats.hypergeom.sf(19, 6_000, 20, 1_000)
    found = two_samples._cells(column, now)
    assert exact < found / 6 < 3 * exact


def test_values_that_the_reference_has_once_each_make_new_ones_likely() -> None:
    generator = np.random.default_rng(2)
    tail = generator.choice(1_000, 12, replace=False) + 100.0
    then = pd.Series(np.concatenate([np.zeros(3_000), tail]))
    now = pd.Series(np.concatenate([np.zeros(1_000), np.arange(4) + 2_000.0]))
    column = column_of(then, NUMERIC)
    assert column.new == 12
    assert two_samples.compare(column, column.count(column.cells(now))).p_value > 0.01


def test_the_cauchy_combination_is_that_of_its_source() -> None:
    p_values = [0.01, 0.2, 0.6]
    statistic = np.mean([np.tan((0.5 - p) * np.pi) for p in p_values])
    assert two_samples.cauchy(p_values) == pytest.approx(stats.cauchy.sf(statistic))
    assert two_samples.cauchy([1e-12, 0.5]) == pytest.approx(2e-12, rel=1e-3)
    assert two_samples.cauchy([1e-300, 0.5]) == pytest.approx(2e-300)
    assert two_samples.cauchy([0.0, 1.0]) == 0.0
    assert two_samples.cauchy([1.0, 1.0]) <= 1.0
    # a p-value of 1 does not hide a small one
    assert two_samples.cauchy([1e-4, 1.0]) < 3e-4


def test_cells_of_a_continuous_column_are_ranges_and_common_values() -> None:
    generator = np.random.default_rng(3)
    values = pd.Series(np.where(generator.random(2_000) < 0.3, 0.0, generator.uniform(10, 20, 2_000)))
    column = column_of(values, NUMERIC)
    assert column.continuous
    [zero] = column.common
    assert column.counts[zero] == (values == 0.0).sum()
    assert column.counts.sum() == 2_000
    assert column.counts[column.seen :].sum() == 0
    assert column.counts[: column.seen].min() > 0
    shares = np.bincount(column.groups, weights=column.counts[: column.seen]) / 2_000
    assert 0.04 < shares.min() < 0.12
    odd = column.cells(pd.Series([-1.0, 0.0, 5.0, values.max(), 21.0, np.nan, np.inf]))
    below, above, missing = range(column.seen, column.seen + 3)
    assert odd[[0, 4, 5, 6]].tolist() == [below, above, missing, above]
    assert odd[1] == zero
    assert odd[2] == zero + 1
    assert odd[3] == column.seen - 1


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from([0.0, 1.0, 2.0]), max_size=80),
    st.lists(st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from([0.0, 1.0, 2.0]), max_size=80),
)
def test_every_row_has_a_cell_and_every_answer_is_a_probability(then: list[float], now: list[float]) -> None:
    column = column_of(pd.Series(then, dtype=float), NUMERIC)
    assert column.counts.sum() == len(then)
    # what the reference has is neither new nor outside
    assert column.counts[column.outside].sum() == 0
    counts = column.count(column.cells(pd.Series(now, dtype=float)))
    assert counts.sum() == len(now)
    compared = two_samples.compare(column, counts)
    for value in (compared.p_value, compared.distance, compared.hellinger, compared.unseen):
        assert 0 <= value <= 1
    assert -1 <= compared.shift <= 1


def test_the_number_of_cells_is_bounded() -> None:
    generator = np.random.default_rng(4)
    many = pd.Series(generator.integers(0, 40, 5_000) * 1.0)
    assert len(np.unique(many)) > FEW_LEVELS
    assert len(column_of(many, NUMERIC).counts) <= 64
    names = tuple(str(number) for number in range(1_000))
    feature = Feature(kind=FeatureKind.CATEGORICAL, categories=names)
    column = column_of(pd.Series(generator.choice(names, 5_000)).astype(object), feature)
    assert len(column.counts) == MOST_VALUES + 3
    assert column.cells(pd.Series([None, "7", "7", "new"], dtype=object))[0] == column.missing
