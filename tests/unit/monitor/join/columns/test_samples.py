"""Samples: the records of smallest hash that fit into a message, however they came."""

import numpy as np
import pytest

from contract.messages import ModelRef, encode
from contract.panes import PaneSample
from contract.records import features_type
from contract.schema import Schema, parse_schema
from monitor.join.columns.features import FeatureReader
from monitor.join.columns.hashing import record_hashes
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


def sampled(schema: Schema, size: int, cuts: list[int], long: int = 1) -> PaneSample:
    """The sample of 400 records that come in batches of ``cuts``, and of which half goes through a store."""
    limits = PaneLimits.of(schema, size, 60 * DAY)
    reader, make = FeatureReader(schema), features_type(schema)
    texts = len(schema.categorical)
    sample = BottomK(limits, reader.numeric, reader.categorical)
    for first, end in zip([0, *cuts], [*cuts, 400], strict=True):
        rows = [
            make(
                **dict.fromkeys(schema.numeric, None if i % 7 == 0 else 0.1 + i),
                **{name: ["a", None, str(i) * long][i % 3] for name in schema.categorical},
            )
            for i in range(first, end)
        ]
        hashes = record_hashes([f"r{i}" for i in range(first, end)])
        probabilities = np.arange(first, end) / 400
        candidates = Candidates(hashes, probabilities, reader.columns(rows), reader.categorical)
        sample.add(candidates, np.arange(len(rows)))
        if first > 200:
            again = BottomK(limits, reader.numeric, reader.categorical)
            again.restore(published(sample, end))
            sample = again
    assert texts == len(reader.categorical)
    return published(sample, 400)


def published(sample: BottomK, records: int) -> PaneSample:
    hashes, probabilities, columns = sample.columns()
    return PaneSample(
        partition=0,
        start=0,
        slide=1,
        model=ModelRef("m", 1),
        records=records,
        hashes=hashes,
        probabilities=probabilities,
        columns=columns,
    )


@pytest.mark.parametrize(
    ("numbers", "texts", "size", "long"),
    [(3, 2, 20, 1), (3, 2, 1_000, 1), (300, 0, 5_000, 1), (1_000, 0, 5_000, 1), (0, 40, 5_000, 300), (2, 2, 50, 300)],
)
def test_a_sample_depends_on_its_records_alone_and_fits(numbers: int, texts: int, size: int, long: int) -> None:
    schema = schema_of(numbers, texts)
    first = sampled(schema, size, [1, 5, 399], long)
    for cuts in ([], [100, 210, 220, 390], [250]):
        assert sampled(schema, size, cuts, long) == first
    assert len(encode(first)) <= MAX_SAMPLE_BYTES
    expected = sorted(record_hash(f"r{i}") for i in range(400))
    assert first.hashes == expected[: len(first.hashes)]
    assert len(first.hashes) == min(size, 400) or len(encode(first)) > 0.9 * MAX_SAMPLE_BYTES
    assert all(len(column) == len(first.hashes) for column in first.columns)
    longest = max((len(value) for column in first.columns for value in column if isinstance(value, str)), default=0)
    assert longest <= LONGEST_TEXT
