"""Segments: what a schema can say of them, what it cannot and how that is told, and which values are in which."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import UserError
from contract.schema import Schema, load_schema, parse_schema
from contract.segments import MOST_SEGMENT_FEATURES, MOST_SEGMENTS, segments_fingerprint

FEATURES: dict[str, dict[str, Any]] = {
    "Country": {"kind": "categorical", "categories": ["FR", "DE"]},
    "Answer": {"kind": "categorical", "categories": ["missing", "other", "(other)"]},
    "Age": {"kind": "numeric", "min": 18, "max": 100, "missing": True},
    "Products": {"kind": "ordinal", "min": 1},
    "Active": {"kind": "flag"},
}


def schema_of(segments: dict[str, Any], features: dict[str, dict[str, Any]] | None = None) -> Schema:
    return parse_schema(
        {
            "name": "test",
            "id": "Id",
            "label": {"column": "y"},
            "features": FEATURES if features is None else features,
            "segments": segments,
        },
        "test",
    )


def names_of(**table: Any) -> tuple[str, ...]:
    (feature,) = table
    (found,) = schema_of({feature: table[feature]}).segments
    return found.names


def test_the_shipped_schema_follows_countries_genders_and_ages() -> None:
    found = {one.feature: one for one in load_schema("bank_churn").segments}
    assert list(found) == ["Geography", "Gender", "Age"]
    assert found["Age"].names == (
        "Age: below 30",
        "Age: 30 to below 45",
        "Age: 45 to below 60",
        "Age: 60 and above",
        "Age: missing",
    )
    assert [one.protected for one in found.values()] == [False, True, False]


def test_a_schema_without_segments_has_none() -> None:
    assert schema_of({}).segments == ()


def test_each_part_of_a_feature_has_a_name_of_its_own() -> None:
    assert names_of(Country={}) == ("Country: FR", "Country: DE", "Country: other", "Country: missing")
    assert names_of(Active={}) == ("Active: 0", "Active: 1", "Active: missing")
    assert names_of(Products={"bands": [2]}) == ("Products: below 2", "Products: 2 and above", "Products: missing")
    assert names_of(Age={"bands": [-0.1, 1e21]})[1] == "Age: -0.1 to below 1e+21"


def test_what_is_no_category_is_told_from_a_category_of_that_name() -> None:
    names = names_of(Answer={})
    assert names[:3] == ("Answer: missing", "Answer: other", "Answer: (other)")
    assert names[3:] == ("Answer: ((other))", "Answer: (missing)")


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20, unique=True), st.data())
def test_every_number_is_in_the_one_band_that_holds_it_and_names_differ(
    bands: list[float], data: st.DataObject
) -> None:
    (found,) = schema_of({"Age": {"bands": sorted(bands)}}).segments
    assert len(set(found.names)) == len(found.names) == len(bands) + 2
    value = data.draw(st.sampled_from(bands) | st.floats(allow_nan=False))
    place = found.names.index(found.name_of(value))
    bounds = [-math.inf, *sorted(bands), math.inf]
    assert bounds[place] <= value
    assert value < bounds[place + 1] or (value == math.inf and place == len(bands))


@pytest.mark.parametrize(
    ("feature", "value", "name"),
    [
        ("Country", "DE", "Country: DE"),
        ("Country", "IT", "Country: other"),
        ("Country", "other", "Country: other"),
        ("Country", None, "Country: missing"),
        ("Active", 0, "Active: 0"),
        ("Active", 1, "Active: 1"),
        ("Active", None, "Active: missing"),
        ("Active", math.nan, "Active: missing"),
    ],
)
def test_the_segment_of_a_value(feature: str, value: float | str | None, name: str) -> None:
    (found,) = schema_of({feature: {}}).segments
    assert found.name_of(value) == name


@pytest.mark.parametrize(
    ("segments", "told"),
    [
        ({"Agee": {}}, r"segments 'Agee': no feature has this name; use one of Active, Age, Answer"),
        ({"Age": {}}, r"a numeric feature needs the bounds of its bands, such as bands = \[30, 45, 60\]"),
        ({"Products": {"bands": []}}, "needs the bounds of its bands"),
        ({"Country": {"bands": [1]}}, "bands make no sense for a categorical feature; remove them"),
        ({"Active": {"bands": [1]}}, "a flag is 0 or 1, and bands make no sense for it; remove them"),
        ({"Age": {"bands": [30, 30]}}, r"bands must be finite and ascending; they are \[30.0, 30.0\]"),
        ({"Age": {"bands": [45, 30]}}, "finite and ascending"),
        ({"Age": {"bands": [30, math.inf]}}, "finite and ascending"),
        ({"Age": {"bands": [math.nan]}}, "finite and ascending"),
        ({"Age": {"bands": ["30"]}}, r"\$.segments\[...\].bands"),
        ({"Age": {"bounds": [30]}}, "unknown field `bounds`"),
        ({"Age": [30]}, r"Expected `object`, got `array`"),
        (
            {"Age": {"bands": list(range(MOST_SEGMENTS))}},
            "there are 66 segments, but at most 64 are allowed; 'Age' alone",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_by_name_and_with_a_remedy(segments: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told) as refused:
        schema_of(segments)
    assert str(refused.value).startswith("schema test")


def test_no_more_features_than_one_number_can_tell_have_segments() -> None:
    names = [f"f{number}" for number in range(MOST_SEGMENT_FEATURES + 1)]
    features = {name: {"kind": "flag"} for name in names}
    assert len(schema_of({name: {} for name in names[:-1]}, features).segments) == MOST_SEGMENT_FEATURES
    with pytest.raises(UserError, match=r"9 features have segments, but at most 8 are allowed; remove \[segments.f8\]"):
        schema_of({name: {} for name in names}, features)


def test_the_fingerprint_of_a_schema_leaves_segments_out_and_theirs_is_of_what_a_record_is_in() -> None:
    plain, other = schema_of({"Age": {"bands": [30]}}), schema_of({"Age": {"bands": [31]}})
    assert plain.fingerprint == other.fingerprint == schema_of({}).fingerprint
    guarded = schema_of({"Age": {"bands": [30], "protected": True}})
    assert segments_fingerprint(guarded.segments) == segments_fingerprint(plain.segments)
    tables = [{}, {"Age": {"bands": [30]}}, {"Age": {"bands": [31]}}, {"Age": {"bands": [30]}, "Country": {}}]
    tables += [{"Country": {}, "Age": {"bands": [30]}}, {"Products": {"bands": [30]}}]
    assert len({segments_fingerprint(schema_of(table).segments) for table in tables}) == len(tables)
