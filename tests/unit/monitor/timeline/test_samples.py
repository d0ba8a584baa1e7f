"""Merged samples are the customers of smallest hash of the union, and lying packed loses nothing."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.messages import ModelRef
from contract.panes import PaneSample, SampleRow
from monitor.timeline.samples import MemorySamples, Sample, merge_samples, pack_sample, unpack_sample

MODEL = ModelRef("churn", 1)
Row = tuple[int, float, str | None, float | None]

_rows = st.lists(
    st.tuples(
        st.integers(0, 2**53 - 1),
        st.floats(0, 1),
        st.sampled_from(["a", "ß", "\ud800", None]),
        st.sampled_from([-1.5, 0.0, 3.4e38, None]),
    ),
    max_size=30,
    unique_by=lambda row: row[0],
)


def drawn(rows: list[Row], most: int) -> Sample:
    """The sample of one pane of these records."""
    kept = sorted(rows)[:most]
    return Sample.of(
        PaneSample(
            partition=0,
            start=0,
            slide=10,
            model=MODEL,
            records=len(rows),
            hashes=[row[0] for row in kept],
            probabilities=[row[1] for row in kept],
            columns=[[row[2] for row in kept], [row[3] for row in kept]],
        )
    )


def rows_of(sample: Sample) -> list[Row]:
    columns = [[None if _is_nan(value) else value for value in column.tolist()] for column in sample.columns]
    return (
        list(zip(sample.hashes.tolist(), sample.probabilities.tolist(), *columns, strict=True)) if len(sample) else []
    )


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


@given(_rows, st.integers(1, 5), st.integers(0, 20))
def test_a_merged_sample_is_that_of_all_records(rows: list[Row], parts: int, most: int) -> None:
    merged = merge_samples([drawn(rows[part::parts], most) for part in range(parts)], most)
    assert merged.records == len(rows)
    assert rows_of(merged) == sorted(rows)[:most]


@given(_rows, st.integers(1, 20), st.integers(1, 20))
def test_a_sample_that_ends_before_its_set_does_cuts_the_merged_one(rows: list[Row], short: int, most: int) -> None:
    middle = len(rows) // 2
    merged = merge_samples([drawn(rows[:middle], short), drawn(rows[middle:], 100)], most)
    whole = sorted(rows)[:most]
    assert rows_of(merged) == whole[: len(merged)], "nothing is missing between those that are there"
    assert len(merged) >= min(short, len(whole))


@given(_rows)
def test_a_packed_sample_comes_back_as_it_was(rows: list[Row]) -> None:
    sample = drawn(rows, 100)
    back = unpack_sample(pack_sample(sample))
    assert rows_of(back) == rows_of(sample) == sorted(rows)
    assert [column.dtype for column in back.columns] == [column.dtype for column in sample.columns]


def test_the_sample_of_a_pane_of_the_release_before_is_read() -> None:
    rows = [SampleRow(3, "x", 0.25, 0, None, ("a", 3.0)), SampleRow(7, "y", 0.75, 1, 1, (None, None))]
    sample = Sample.of_rows(rows, 5)
    assert (sample.records, rows_of(sample)) == (5, [(3, 0.25, "a", 3.0), (7, 0.75, None, None)])
    assert len(Sample.of_rows([], 0)) == 0


def test_the_first_rows_of_a_sample() -> None:
    sample = drawn([(1, 0.1, "a", 1.0), (2, 0.2, None, None)], 10)
    assert rows_of(sample.first(1)) == [(1, 0.1, "a", 1.0)]
    assert sample.first(1).records == 2


visits = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1), st.integers(0, 12), st.floats(0, 1)), max_size=80)
"""Records: number of the pane, its partition, the customer's hash, and the score."""


@given(visits, st.integers(1, 14), st.integers(1, 14))
def test_a_windows_sample_has_each_customers_row_of_the_newest_pane_and_counts_all_records(
    visits: list[tuple[int, int, int, float]], kept: int, most: int
) -> None:
    panes = []
    for key in sorted({(pane, partition) for pane, partition, _, _ in visits}):
        mine = [(one[2], one[3]) for one in visits if one[:2] == key]
        customers = sorted({customer for customer, _ in mine})[:kept]
        shown = [max(score for other, score in mine if other == customer) for customer in customers]
        panes.append(
            PaneSample(
                partition=key[1],
                start=key[0] * 10,
                slide=10,
                model=MODEL,
                records=len(mine),
                hashes=customers,
                probabilities=shown,
                columns=[],
                rows=[sum(other == customer for other, _ in mine) for customer in customers],
            )
        )
    merged = merge_samples([unpack_sample(pack_sample(Sample.of(pane))) for pane in panes], most)
    until = min((pane.hashes[-1] for pane in panes if sum(pane.rows) < pane.records), default=2**53)
    expected = []
    for customer in sorted({one[2] for one in visits if one[2] <= until})[:most]:
        newest = max(one[:2] for one in visits if one[2] == customer)
        score = max(one[3] for one in visits if one[:3] == (*newest, customer))
        expected.append((customer, sum(one[2] == customer for one in visits), score))
    assert (
        list(zip(merged.hashes.tolist(), merged.rows.tolist(), merged.probabilities.tolist(), strict=True)) == expected
    )
    assert merged.records == len(visits)
    assert merged.is_whole == (len(expected) == len({one[2] for one in visits}))
    first = merged.first(3)
    assert (first.rows.tolist(), first.records) == (merged.rows.tolist()[:3], len(visits))


def of_customers(rows: np.ndarray, kept: int) -> Sample:
    """The sample, of so many customers, of a set in which each customer has so many records."""
    hashes = np.sort(np.random.default_rng(5).choice(2**53, len(rows), replace=False)).astype(np.int64)
    return Sample(int(rows.sum()), hashes[:kept], rows[:kept].astype(np.int64), np.zeros(min(kept, len(rows))), ())


def test_a_sample_of_all_customers_knows_how_many_there_are_and_what_their_coming_again_costs() -> None:
    assert of_customers(np.full(1_000, 7), 5_000).repeats == (1_000, 7.0)
    assert of_customers(np.array([1, 1, 2]), 5_000).repeats == (3, 1.5)
    assert of_customers(np.ones(0), 5_000).repeats == (0, 1.0)
    # one customer with half of all records: these are worth four
    found = of_customers(np.append(np.ones(1_000), 1_000), 5_000).repeats
    assert found == (1_001, (1_000 + 1_000**2) / 2_000)


@pytest.mark.parametrize("seed", range(5))
def test_a_sample_of_some_customers_estimates_both(seed: int) -> None:
    rows = np.random.default_rng(seed).integers(1, 8, 60_000)
    found = of_customers(rows, 5_000).repeats
    assert found.customers == pytest.approx(60_000, rel=0.03)
    assert found.effect == pytest.approx((rows**2).sum() / rows.sum(), rel=0.03)
    assert of_customers(np.ones(60_000), 5_000).repeats == (60_000, 1.0), "nobody twice is known for sure"


def test_one_customer_with_half_of_all_records_is_noticed_in_a_sample_that_lacks_it() -> None:
    rows = np.append(np.ones(60_000), 60_000)
    found = of_customers(rows, 5_000).repeats
    assert found.customers == pytest.approx(60_000, rel=0.05)
    assert found.effect == pytest.approx((rows**2).sum() / rows.sum(), rel=0.15)


def test_a_sample_without_a_row_knows_nothing() -> None:
    assert merge_samples([], 5).repeats == (0, 1.0)
    nothing = Sample(9, np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), ())
    assert nothing.repeats == (None, 1.0)


def test_in_a_sample_of_records_each_counts_as_a_customer() -> None:
    sample = drawn([(hash_, 0.5, None, None) for hash_ in range(5)], 10)
    assert sample.repeats == (5, 1.0)
    newer = Sample.of(
        PaneSample(
            partition=0,
            start=10,
            slide=10,
            model=MODEL,
            records=21,
            hashes=[7, 9],
            probabilities=[0.1, 0.2],
            columns=[[None, None], [None, None]],
            rows=[20, 1],
        )
    )
    merged = merge_samples([sample, newer], 10)
    assert (merged.records, merged.rows.tolist()) == (26, [1, 1, 1, 1, 1, 20, 1])


def test_samples_in_memory_keep_to_their_bound_and_the_oldest_makes_room() -> None:
    samples = MemorySamples(most_bytes=10)
    samples.put("a", b"1234")
    samples.put("b", b"1234")
    samples.put("a", b"12345")
    assert (samples.get("a"), samples.get("b")) == (b"12345", b"1234")
    samples.put("c", b"12345")
    assert (samples.get("a"), samples.get("b"), samples.get("c")) == (b"12345", None, b"12345")
    samples.drop("nobody")
    samples.put("large", bytes(11))
    assert [samples.get(key) for key in "ac"] == [None, None]
    assert samples.get("large") is None
    assert np.dtype("int64") == drawn([], 3).hashes.dtype
