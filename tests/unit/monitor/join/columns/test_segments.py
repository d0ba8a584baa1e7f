"""The segments of a batch are those that the schema's own rule gives each value."""

import math

from hypothesis import given
from hypothesis import strategies as st

from contract.records import features_type
from contract.schema import parse_schema
from contract.segments import MOST_SEGMENT_FEATURES, MOST_SEGMENTS
from monitor.join.columns.features import FeatureReader
from monitor.join.columns.segments import RecordSegments

SCHEMA = parse_schema(
    {
        "name": "segmented",
        "id": "Id",
        "label": {"column": "y"},
        "features": {
            "Income": {"kind": "numeric"},
            "Country": {"kind": "categorical", "categories": ["FR", "DE"]},
            "Age": {"kind": "numeric"},
            "Active": {"kind": "flag"},
            "Plan": {"kind": "categorical", "categories": ["a"]},
        },
        # in another order than the features, and not all of them
        "segments": {"Plan": {}, "Age": {"bands": [-1.5, 0, 30, 1e300]}, "Active": {}, "Country": {}},
    }
)
_Features = features_type(SCHEMA)
_records = st.builds(
    _Features,
    Income=st.none() | st.floats(allow_nan=False),
    Country=st.sampled_from([None, "FR", "DE", "IT", ""]),
    Age=st.none() | st.sampled_from([-1.5, 0, 0.0, -0.0, 30, 29.999, 1e300, -1e308, 31]) | st.floats(allow_nan=False),
    Active=st.sampled_from([None, 0, 1, 0.0, 1.0]),
    Plan=st.sampled_from([None, "a", "b"]),
)


@given(st.lists(_records, max_size=8))
def test_each_record_is_in_the_segments_that_the_schema_says(records: list[object]) -> None:
    segments = RecordSegments(SCHEMA)
    numbers = segments.of(FeatureReader(SCHEMA).columns(records))  # type: ignore[arg-type]
    assert all(0 <= number < segments.combinations for number in numbers.tolist())
    found = [[segments.names[place] for place in places] for places in segments.places(numbers).T.tolist()]
    assert found == [[one.name_of(getattr(record, one.feature)) for one in SCHEMA.segments] for record in records]


def test_a_schema_without_segments_has_one_combination_and_no_places() -> None:
    schema = parse_schema(
        {"name": "plain", "id": "Id", "label": {"column": "y"}, "features": {"Age": {"kind": "numeric"}}}
    )
    segments = RecordSegments(schema)
    columns = FeatureReader(schema).columns([features_type(schema)(Age=3.0)] * 4)
    assert segments.combinations == 1
    assert segments.of(columns).tolist() == [0] * 4
    assert segments.places(segments.of(columns)).shape == (0, 4)


def test_the_most_segments_that_a_schema_may_have_fit_into_a_row() -> None:
    each = MOST_SEGMENTS // MOST_SEGMENT_FEATURES
    names = [f"f{number}" for number in range(MOST_SEGMENT_FEATURES)]
    schema = parse_schema(
        {
            "name": "most",
            "id": "Id",
            "label": {"column": "y"},
            "features": {name: {"kind": "numeric"} for name in names},
            "segments": {name: {"bands": list(range(each - 2))} for name in names},
        }
    )
    segments = RecordSegments(schema)
    assert len(segments.names) == MOST_SEGMENTS
    assert segments.combinations == 2**24
    last = FeatureReader(schema).columns([features_type(schema)(**dict.fromkeys(names, None))])
    assert segments.of(last).tolist() == [2**24 - 1]
    assert segments.places(segments.of(last))[:, 0].tolist() == [each * (at + 1) - 1 for at in range(len(names))]
    assert math.prod([each] * MOST_SEGMENT_FEATURES) == segments.combinations
