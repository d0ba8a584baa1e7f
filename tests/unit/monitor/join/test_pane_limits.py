"""No pane is larger than a Kafka message, whatever a schema admits; what is cut stays exact and mergeable."""

import dataclasses
from bisect import bisect_left
from itertools import pairwise
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.bounds import LARGEST_NUMBER
from contract.errors import UserError
from contract.messages import Prediction, RecordPosition, encode
from contract.panes import CategorySummary, Pane, PaneSample, SampleRow, SegmentSums, Summary
from contract.records import features_type
from contract.schema import Schema, parse_schema
from contract.segments import SegmentTable, read_segments
from monitor import panes
from monitor.join.pane_limits import MAX_PANE_BYTES, MAX_SAMPLE_BYTES, PaneLimits
from tests.support import one_by_one
from tests.support.join.log import CHAMPION, RULES, LoggedWorker, PartitionLog
from tests.support.messages import START

HOUR = 3_600_000
DAY = 24 * HOUR
LONGEST_ID = "\x01" * 250


def schema_of(features: dict[str, dict[str, object]]) -> Schema:
    return parse_schema(
        {"name": "wide", "id": "id", "label": {"column": "y"}, "on_violation": "score", "features": features}
    )


def numeric(count: int) -> dict[str, dict[str, object]]:
    return {f"f{number}": {"kind": "numeric"} for number in range(count)}


def categorical(count: int, categories: list[str]) -> dict[str, dict[str, object]]:
    return {f"c{number}": {"kind": "categorical", "categories": categories} for number in range(count)}


def largest_pane(
    schema: Schema, records: int, values: list[list[float | str | None]], tmp_path: Path
) -> tuple[Pane, PaneSample]:
    """Sums and sample of a join that has taken in ``records`` records, with the features of ``values`` in turn."""
    features = features_type(schema)
    partition = PartitionLog()
    for number in range(records):
        made = Prediction(
            record_id=f"{number:06}{LONGEST_ID}",
            customer_id=f"{number:06}{LONGEST_ID}",
            event_time=START,
            features=features(**dict(zip(schema.names, values[number % len(values)], strict=True))),
            probability=2.2250738585072014e-308,
            predicted=0,
            threshold=0.5,
            model=CHAMPION,
            source=RecordPosition(0, number),
        )
        partition.predictions.append(made)
    worker = LoggedWorker(partition, tmp_path, schema=schema, limits=PaneLimits.of(schema, 20_000, RULES.lateness))
    partition.end()
    worker.drain()
    worker.close()
    (pane,), (sample,) = partition.panes.values(), partition.samples.values()
    assert pane.summary.records == sample.records == records
    return pane, sample


def test_the_shipped_sample_size_is_held_in_full_by_a_schema_of_usual_width() -> None:
    assert PaneLimits.of(schema_of(numeric(12)), 5_000, 60 * DAY).most_rows == 5_000
    assert PaneLimits.of(schema_of(numeric(300)), 5_000, 60 * DAY).most_rows < 500


@pytest.mark.parametrize("features", [300, 1_000])
def test_no_message_of_a_wide_table_of_numbers_takes_a_megabyte(features: int, tmp_path: Path) -> None:
    schema = schema_of(numeric(features))
    values: list[list[float | str | None]] = [
        [-LARGEST_NUMBER / 3] * features,
        [-2.2250738585072014e-308] * features,
    ]
    pane, sample = largest_pane(schema, 300, values, tmp_path)
    assert len(encode(pane)) < 1_000_000
    assert 0.9 * MAX_SAMPLE_BYTES < len(encode(sample)) <= MAX_SAMPLE_BYTES
    assert pane.summary.numeric[f"f{features - 1}"].count == 300
    expected = sorted(panes.record_hash(f"{number:06}{LONGEST_ID}") for number in range(300))
    assert sample.hashes == expected[: len(sample.hashes)]


def test_the_widest_table_of_texts_fits_too(tmp_path: Path) -> None:
    listed = ["\x02" * 200, "b"]
    schema = schema_of(categorical(500, listed))
    values: list[list[float | str | None]] = [["\x01" * 128 + str(number)] * 500 for number in range(20)]
    values.append(["\x02" * 200] * 500)
    pane, sample = largest_pane(schema, 42, values, tmp_path)
    assert len(encode(pane)) <= MAX_PANE_BYTES
    assert len(encode(sample)) <= MAX_SAMPLE_BYTES
    for summary in pane.summary.categorical.values():
        assert sum(summary.unlisted.values()) + summary.other == summary.violations == 40
        assert summary.counts == {"\x02" * 200: 2}


def test_huge_categories_are_counted_apart_and_shown_cut(tmp_path: Path) -> None:
    schema = schema_of({"Plan": {"kind": "categorical", "categories": ["a"]}})
    values: list[list[float | str | None]] = [[str(number) * 900_000] for number in range(10)]
    pane, sample = largest_pane(schema, 12, values, tmp_path)
    assert len(encode(pane)) < 100_000
    plan = pane.summary.categorical["Plan"]
    assert sorted(plan.unlisted.values()) == [1] * 8 + [2] * 2
    assert len(sample.hashes) == 12
    assert set(sample.columns[0]) == set(plan.unlisted)
    assert all(len(value) <= panes.LONGEST_TEXT for value in plan.unlisted)


def test_a_listed_category_is_never_cut(tmp_path: Path) -> None:
    long = "x" * 1_000
    schema = schema_of({"Plan": {"kind": "categorical", "categories": [long]}})
    pane, sample = largest_pane(schema, 1, [[long]], tmp_path)
    assert pane.summary.categorical["Plan"].counts == {long: 1}
    assert sample.columns[0] == [long]


def test_segments_take_their_part_of_the_largest_message() -> None:
    plain = schema_of(categorical(1, ["\x01" * 950 + f"{number:02}" for number in range(62)]))
    (segments,) = read_segments({"c0": SegmentTable()}, {"c0": plain.features[0].categories}, "test")
    segmented = dataclasses.replace(plain, segments=(segments,))

    def is_refused(schema: Schema, hours: int) -> bool:
        try:
            PaneLimits.of(schema, 5_000, hours * HOUR)
        except UserError:
            return True
        return False

    most, with_segments = (
        bisect_left(range(10**6), True, key=lambda hours: is_refused(schema, hours)) for schema in (plain, segmented)
    )
    largest = {name: SegmentSums(*[2**63 - 1] * 10) for name in segments.names}
    of_an_hour = 70  # bytes that the limits reckon for one hour of delays
    assert (most - with_segments) * of_an_hour >= len(encode(largest)) > 350_000


@pytest.mark.parametrize(
    ("schema", "lateness"),
    [
        (schema_of(categorical(1, [f"{number:04}" + "\x01" * 900 for number in range(4_000)])), 60 * DAY),
        (schema_of(numeric(1)), 40_000 * DAY),
    ],
    ids=["categories", "lateness"],
)
def test_a_schema_whose_panes_cannot_fit_is_refused_with_the_remedy(schema: Schema, lateness: int) -> None:
    with pytest.raises(UserError, match=r"schema wide: the sums .* but a Kafka message holds .*; use fewer features"):
        PaneLimits.of(schema, 5_000, lateness)


PLAN = schema_of({"Plan": {"kind": "categorical", "categories": ["a"], "missing": True}})


def counted(values: list[str | None], most: int) -> Summary:
    summary = one_by_one.empty()
    for value in values:
        one_by_one.add_prediction(summary, PLAN, 0.5, 1, (value,), most)
    return summary


def plan(summary: Summary) -> CategorySummary:
    return summary.categorical.get("Plan", CategorySummary())


_values = st.lists(st.one_of(st.none(), st.sampled_from("abcdefghijklmnop")), max_size=60)


@given(_values, st.integers(1, 20), st.randoms(use_true_random=False))
def test_countless_values_are_counted_alike_in_any_order(values: list[str | None], most: int, random: Random) -> None:
    first = plan(counted(values, most))
    random.shuffle(values)
    assert plan(counted(values, most)) == first
    kept = {value: values.count(value) for value in first.unlisted}
    assert first.unlisted == kept
    assert first.other + sum(kept.values()) == first.violations
    assert len(first.unlisted) == min(most, len({value for value in values if value not in (None, "a")}))
    assert first.counts.get("a", 0) == values.count("a")


@given(
    st.lists(st.tuples(_values, st.integers(1, 20)), max_size=5),
    st.integers(1, 20),
    st.randoms(use_true_random=False),
)
def test_merged_counts_of_countless_values_are_exact_in_any_order_and_grouping(
    parts: list[tuple[list[str | None], int]], most: int, random: Random
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(one_by_one, "MOST_UNLISTED", most)
        summaries = [counted(values, limit) for values, limit in parts]
        flat = one_by_one.merge(summaries, 0)
        random.shuffle(summaries)
        middle = len(summaries) // 2
        nested = one_by_one.merge([one_by_one.merge(summaries[middle:], 0), one_by_one.merge(summaries[:middle], 0)], 0)
    assert msgspec.json.encode(nested) == msgspec.json.encode(flat)
    everything = [value for values, _ in parts for value in values]
    merged = plan(flat)
    assert merged.unlisted == {value: everything.count(value) for value in merged.unlisted}
    assert merged.other + sum(merged.unlisted.values()) == merged.violations
    assert len(merged.unlisted) <= most


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 12)), min_size=1, max_size=5),
    st.integers(0, 12),
    st.randoms(use_true_random=False),
)
def test_a_merged_sample_ends_where_the_shortest_of_its_parts_does(
    parts: list[tuple[int, int]], sample_size: int, random: Random
) -> None:
    edges = [0]
    for records, _ in parts:
        edges.append(edges[-1] + records)
    rows = [
        [SampleRow(panes.record_hash(f"r{n}"), f"r{n}", 0.5, 1, None, ()) for n in range(low, high)]
        for low, high in pairwise(edges)
    ]
    summaries = [
        Summary(records=len(some), sample=sorted(some, key=lambda row: row.hash)[:kept])
        for some, (_, kept) in zip(rows, parts, strict=True)
    ]
    merged = one_by_one.merge(summaries, sample_size)
    everything = sorted((row for some in rows for row in some), key=lambda row: row.hash)
    assert merged.sample == everything[: len(merged.sample)]
    whole = all(len(summary.sample) == summary.records for summary in summaries)
    assert not whole or len(merged.sample) == min(sample_size, len(everything))
    random.shuffle(summaries)
    assert (
        one_by_one.merge([one_by_one.merge(summaries[1:], sample_size), summaries[0]], sample_size).sample
        == merged.sample
    )
