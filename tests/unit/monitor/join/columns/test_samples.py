"""Samples: the customers of smallest hash that fit into a message, with their newest records, however these came."""

import random
from dataclasses import replace
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.messages import ModelRef, encode
from contract.panes import PaneSample
from contract.records import features_type
from contract.schema import Schema, parse_schema
from monitor.join.columns.features import FeatureReader
from monitor.join.columns.hashing import customer_hashes
from monitor.join.columns.samples import BottomK, Candidates
from monitor.join.pane_limits import MAX_SAMPLE_BYTES, PaneLimits
from monitor.panes import LONGEST_TEXT, record_hash

DAY = 86_400_000


def schema_of(numbers: int, texts: int) -> Schema:
    features = {f"c{i}": {"kind": "categorical", "categories": ["a"], "missing": True} for i in range(texts)}
    numeric = {f"n{i}": {"kind": "numeric", "missing": True} for i in range(numbers)}
    return parse_schema(
        {"name": "w", "id": "id", "label": {"column": "y"}, "on_violation": "score", "features": features | numeric}
    )


class SampledRecord(NamedTuple):
    """A record of one customer: event time in ms after the pane's start, score, and a text and a number."""

    customer: str
    time: int
    probability: float
    text: str | None
    number: float | None


class OneSample:
    """A sample that is filled batch by batch, and can go through a message in between."""

    def __init__(self, schema: Schema, limits: PaneLimits) -> None:
        self._limits = limits
        self._reader, self._make = FeatureReader(schema), features_type(schema)
        self._names = schema.names
        self._sample = BottomK(limits, self._reader.numeric, self._reader.categorical)
        self._records = 0

    def add(self, records: list[SampledRecord]) -> None:
        rows = [
            self._make(**{name: one.text if name.startswith("c") else one.number for name in self._names})
            for one in records
        ]
        candidates = Candidates(
            customer_hashes([one.customer.encode() for one in records]),
            np.array([DAY + one.time for one in records], np.int64),
            np.array([one.probability for one in records], np.float64),
            self._reader.columns(rows),
            self._reader.categorical,
        )
        self._sample.add(candidates, np.arange(len(records)))
        self._records += len(records)

    def message(self) -> PaneSample:
        return PaneSample(
            partition=0,
            start=DAY,
            slide=DAY,
            model=ModelRef("m", 1),
            records=self._records,
            **self._sample.columns(DAY)._asdict(),
        )

    def restart(self) -> None:
        """Go on from what a store would have."""
        message = msgspec.json.decode(encode(self.message()), type=PaneSample)
        self._sample = BottomK(self._limits, self._reader.numeric, self._reader.categorical)
        self._sample.restore(message)


def sampled(schema: Schema, limits: PaneLimits, batches: list[list[SampledRecord]], restarts: bool) -> PaneSample:
    sample = OneSample(schema, limits)
    for batch in batches:
        sample.add(batch)
        if restarts:
            sample.restart()
    return sample.message()


def as_oracle(records: list[SampledRecord], limits: PaneLimits, columns: tuple[int, int]) -> list[tuple[Any, ...]]:
    """Hash, records, time, score, text and number of each customer that is to be in the sample."""
    numbers, texts = columns

    def content(one: SampledRecord) -> list[Any]:
        return [one.number] * numbers + [limits.shown(one.text)] * texts

    groups: dict[str, list[SampledRecord]] = {}
    for one in records:
        groups.setdefault(one.customer, []).append(one)
    found: list[tuple[Any, ...]] = []
    total = 0
    for customer in sorted(groups, key=record_hash)[: limits.sample_size]:
        mine = groups[customer]
        newest = max(mine, key=lambda one: (one.time, one.probability, msgspec.json.encode(content(one))))
        text = limits.shown(newest.text)
        found.append((record_hash(customer), len(mine), newest.time, newest.probability, text, newest.number))
        total += max(limits.row_bytes(content(one)) for one in mine)
        if total > limits.sample_bytes - limits.largest_row:
            break
    return found


def rows_of(sample: PaneSample) -> list[tuple[Any, ...]]:
    text, number = sample.columns[0], sample.columns[-1]
    return list(zip(sample.hashes, sample.rows, sample.times, sample.probabilities, text, number, strict=True))


records = st.builds(
    SampledRecord,
    st.integers(0, 9).map("customer {}".format),
    st.integers(0, 3),
    st.sampled_from([0.0, 0.25, 0.5]),
    st.sampled_from(["a", "b", None, "long" * 30, "ß" * 200]),
    st.sampled_from([None, 0.0, -0.0, 1.5, 1.2345678901234567e-300]),
)


@given(
    st.lists(records, max_size=60),
    st.integers(1, 12),
    st.sampled_from([400, 1_000, 1_700, 100_000]),
    st.randoms(use_true_random=False),
    st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_a_sample_is_that_of_a_plain_oracle_in_any_order_cut_and_restart(
    records: list[SampledRecord], most: int, room: int, shuffle: random.Random, restarts: bool
) -> None:
    schema = schema_of(1, 1)
    limits = PaneLimits.of(schema, most, 60 * DAY)
    # little room, so that bytes decide, too
    limits = replace(limits, sample_bytes=max(room, limits.largest_row))
    expected = as_oracle(records, limits, (1, 1))
    for _ in range(2):
        shuffle.shuffle(records)
        size = shuffle.randint(1, 10)
        batches = [records[at : at + size] for at in range(0, len(records), size)]
        found = sampled(schema, limits, batches, restarts)
        # -0.0 and 0.0 differ
        assert repr(rows_of(found)) == repr(expected)
        assert len(encode(found)) <= limits.sample_bytes + 2_000


@pytest.mark.parametrize(
    ("numbers", "texts", "size", "long"),
    [(3, 2, 20, 1), (3, 2, 1_000, 1), (300, 0, 5_000, 1), (1_000, 0, 5_000, 1), (0, 40, 5_000, 300), (2, 2, 50, 300)],
)
@pytest.mark.parametrize("times", [1, 7])
def test_a_sample_of_any_width_fits_and_fills_its_message(
    numbers: int, texts: int, size: int, long: int, times: int
) -> None:
    schema = schema_of(numbers, texts)
    limits = PaneLimits.of(schema, size, 60 * DAY)
    records = [
        SampledRecord(
            f"c{i}", DAY - 1 - time, i / 400, ["a", None, str(i) * long][i % 3], None if i % 7 == 0 else 0.1 + i
        )
        for time in range(times)
        for i in range(400)
    ]
    first = sampled(schema, limits, [records], restarts=False)
    for width in (1, 390):
        batches = [records[::-1][at : at + width] for at in range(0, len(records), width)]
        assert sampled(schema, limits, batches, restarts=width > 1) == first
    assert len(encode(first)) <= MAX_SAMPLE_BYTES
    expected = sorted(record_hash(f"c{i}") for i in range(400))
    assert first.hashes == expected[: len(first.hashes)]
    assert set(first.rows) == {times}
    assert len(first.hashes) == min(size, 400) or len(encode(first)) > 0.9 * MAX_SAMPLE_BYTES
    assert all(len(column) == len(first.hashes) for column in first.columns)
    longest = max((len(value) for column in first.columns for value in column if isinstance(value, str)), default=0)
    assert longest <= LONGEST_TEXT


def test_one_customer_with_a_million_records_takes_the_room_of_one() -> None:
    schema = schema_of(1, 1)
    limits = PaneLimits.of(schema, 50, 60 * DAY)
    sample = OneSample(schema, limits)
    for batch in range(100):
        sample.add([SampledRecord("busy", batch, 0.5, "a", 1.0)] * 10_000)
    found = sample.message()
    assert rows_of(found) == [(record_hash("busy"), 1_000_000, 99, 0.5, "a", 1.0)]
    assert sample._sample.nbytes < 200


def test_a_flood_of_customers_whose_ids_were_chosen_for_their_hash_takes_no_more_room() -> None:
    schema = schema_of(1, 1)
    limits = PaneLimits.of(schema, 50, 60 * DAY)
    reader, make = FeatureReader(schema), features_type(schema)
    sample = BottomK(limits, reader.numeric, reader.categorical)
    columns = reader.columns([make(c0="a", n0=1.0)] * 1_000)
    most = 0
    for batch in range(100, 0, -1):
        # each pushes out all that came before
        hashes = np.arange(batch * 1_000, batch * 1_000 - 1_000, -1).astype(np.uint64) << np.uint64(11)
        times = np.full(1_000, DAY, np.int64)
        candidates = Candidates(hashes, times, np.zeros(1_000), columns, reader.categorical)
        sample.add(candidates, np.arange(1_000))
        most = max(most, sample.nbytes)
    assert sample.columns(DAY).hashes == list(range(1, 51))
    assert most <= 100 * (40 + 8 + 8)
