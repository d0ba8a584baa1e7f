"""Sums in arrays are those that adding one message after the other gives."""

import msgspec
import numpy as np
import pytest

from contract.bounds import LARGEST_INTEGER, LARGEST_NUMBER
from contract.messages import encode
from contract.panes import Summary
from contract.records import features_type
from contract.schema import parse_schema
from monitor.join.columns.features import FeatureReader
from monitor.join.columns.segments import RecordSegments
from monitor.join.columns.sums import PaneSums
from tests.support import one_by_one

HOUR = 3_600_000
SCHEMA = parse_schema(
    {
        "name": "all kinds",
        "id": "Id",
        "on_violation": "score",
        "label": {"column": "y"},
        "segments": {"Age": {"bands": [18, 30.1]}, "Country": {}, "Plan": {"protected": True}},
        "features": {
            "Country": {"kind": "categorical", "categories": ["FR", "DE"], "missing": True},
            "Age": {"kind": "numeric", "min": 18, "max": 100, "missing": True},
            "Since": {"kind": "ordinal"},
            "Plan": {"kind": "categorical", "categories": ["a"]},
            "Income": {"kind": "numeric"},
        },
    }
)
_Features = features_type(SCHEMA)
MOST_UNLISTED = 3


def ordered(summary: Summary) -> bytes:
    return encode(one_by_one.merge([summary], 0))


@pytest.mark.parametrize("seed", range(8))
def test_sums_equal_those_of_single_messages_in_any_cut_and_after_a_restore(seed: int) -> None:
    random = np.random.default_rng(seed)
    sums = PaneSums(SCHEMA, 100 * HOUR, MOST_UNLISTED)
    reader, segmented = FeatureReader(SCHEMA), RecordSegments(SCHEMA)
    # more panes than there are slots at first
    slots = [sums.take() for _ in range(20)]
    expected = [one_by_one.empty() for _ in slots]
    for _ in range(6):
        count = int(random.integers(1, 60))
        where = random.integers(0, len(slots), count)
        rows = [
            _Features(
                Country=[None, "FR", "DE", "IT", "x" * 500][random.integers(5)],
                Age=[None, 17.5, 30.1, 200.0, 0.1][random.integers(5)],
                Since=[3, 3.0, LARGEST_INTEGER, -LARGEST_INTEGER, 1_700_000_000_001][random.integers(5)],
                Plan=["a", *map(str, range(9))][random.integers(10)],
                Income=[0.1, LARGEST_NUMBER, -LARGEST_NUMBER, 1e14, 1e-9][random.integers(5)],
            )
            for _ in range(count)
        ]
        probabilities = random.choice([0.0, 1.0, 0.5, 1 / 3, random.random()], count)
        predicted = (probabilities >= 0.5).astype(np.int64)
        columns = reader.columns(rows)
        segments = segmented.of(columns)
        sums.add_predictions(np.array(slots)[where], probabilities, predicted, segments, columns)
        names = [one_by_one.segments_of(SCHEMA, msgspec.structs.astuple(made)) for made in rows]
        for at, made, probability in zip(where, rows, probabilities.tolist(), strict=True):
            values = msgspec.structs.astuple(made)
            one_by_one.add_prediction(expected[at], SCHEMA, probability, int(probability >= 0.5), values, MOST_UNLISTED)
        labels, delays = random.integers(0, 2, count), random.integers(0, 101 * HOUR, count)
        sign = 1
        sums.add_labels(np.array(slots)[where], probabilities, predicted, segments, labels, delays, sign)
        for at, probability, label, delay, within in zip(
            where, probabilities.tolist(), labels, delays, names, strict=True
        ):
            one_by_one.add_label(
                expected[at], probability, int(probability >= 0.5), int(label), int(delay), segments=within
            )
        undone = slice(0, count // 2)
        sums.add_labels(
            np.array(slots)[where[undone]],
            probabilities[undone],
            predicted[undone],
            segments[undone],
            labels[undone],
            delays[undone],
            sign=-1,
        )
        for at, probability, label, delay, within in zip(
            where[undone], probabilities[undone].tolist(), labels[undone], delays[undone], names[undone], strict=True
        ):
            one_by_one.remove_label(
                expected[at], probability, int(probability >= 0.5), int(label), int(delay), segments=within
            )
        # one pane goes and comes back
        moved = int(random.integers(0, len(slots)))
        if expected[moved].records:
            summary = msgspec.json.decode(encode(sums.summary(slots[moved])), type=Summary)
            sums.give_back(slots[moved])
            slots[moved] = sums.take()
            sums.restore(slots[moved], summary)
    for slot, summary in zip(slots, expected, strict=True):
        if summary.records:
            assert ordered(sums.summary(slot)) == ordered(summary)
