"""Merged samples are the records of smallest hash of the union, and lying packed loses nothing."""

import math

import numpy as np
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
