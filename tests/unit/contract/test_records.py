"""The record type of a schema, and the frame that the model gets."""

from typing import Any

import msgspec
import numpy as np
import pytest

from contract.bounds import LONGEST_CATEGORY, LONGEST_IDENTIFIER
from contract.records import columns_frame, feature_frame, features_type, record_type
from contract.rejection import Reason, RejectionError, check_key, decode
from contract.schema import parse_schema


def schema(**features: dict[str, Any]) -> Any:
    return parse_schema({"name": "t", "id": "Id", "label": {"column": "y"}, "features": features})


SCHEMA = schema(
    Country={"kind": "categorical", "categories": ["FR", "DE"], "missing": True},
    Age={"kind": "numeric", "min": 18, "max": 100, "missing": True},
    Products={"kind": "ordinal", "min": 1},
    Active={"kind": "flag"},
)


def accepts(feature: dict[str, Any], text: str) -> bool:
    """Whether the JSON value is taken for the feature."""
    decoder = msgspec.json.Decoder(features_type(schema(F=feature)))
    try:
        decoder.decode(f'{{"F": {text}}}')
    except msgspec.ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    ("feature", "taken", "refused"),
    [
        (
            {"kind": "numeric", "min": 18, "max": 100},
            ["18", "18.0", "100", "99.9"],
            ["17.999", "100.001", '"18"', "true"],
        ),
        ({"kind": "numeric", "min": 0.5}, ["0.5", "1e38"], ["0.49", "1e39"]),
        ({"kind": "numeric", "max": -1}, ["-1", "-1e38"], ["0", "-1e39"]),
        ({"kind": "numeric"}, ["-1e38", "7"], ["null", "[]", "1e39", "-1e300"]),
        ({"kind": "numeric", "max": 9, "on_violation": "score"}, ["10", "1e38"], ["1e39"]),
        ({"kind": "ordinal"}, ["9007199254740992"], ["9007199254740993", "-9007199254740993", f"1{'0' * 400}"]),
        ({"kind": "ordinal", "min": 1, "max": 4}, ["1", "4"], ["0", "5", "2.5"]),
        # whole numbers as others write them
        (
            {"kind": "ordinal", "min": 1, "max": 40},
            ["2.0", "2.00", "2e0", "2E+0", "0.2e1", "20e-1", "4.0e1"],
            ["0.0", "-0.0", "41.0", "2.5e0", "2.0000001", '"2"', '"2.0"', "true", "5e-324", "1e300", "1e400"],
        ),
        # a double of 2**53 may have been the neighbour, which is refused
        ({"kind": "ordinal"}, ["9007199254740991.0", "-9007199254740991.0"], ["9007199254740993.0", "1e17"]),
        # bounds between two integers take none that lies outside them
        ({"kind": "ordinal", "min": 0.5, "max": 3.5}, ["1", "3"], ["0", "4"]),
        ({"kind": "ordinal", "min": -1.5, "max": -0.5}, ["-1"], ["-2", "0"]),
        ({"kind": "flag"}, ["0", "1", "0.0", "1.0", "1e0", "-0.0"], ["2", "2.0", "-1", "0.5", "true", '"1"', '"true"']),
        ({"kind": "categorical", "categories": ["FR", "DE"]}, ['"FR"'], ['"IT"', '"fr"', '""', "1", "null"]),
    ],
    ids=str,
)
def test_values_that_are_taken_and_refused(feature: dict[str, Any], taken: list[str], refused: list[str]) -> None:
    assert [text for text in taken if not accepts(feature, text)] == []
    assert [text for text in refused if accepts(feature, text)] == []


@pytest.mark.parametrize("kind", ["numeric", "ordinal", "flag", "categorical"])
@pytest.mark.parametrize("missing", [False, True])
def test_null_is_taken_where_a_value_may_be_missing(kind: str, missing: bool) -> None:
    feature = {"kind": kind, "missing": missing} | ({"categories": ["FR"]} if kind == "categorical" else {})
    assert accepts(feature, "null") is missing


@pytest.mark.parametrize("written", ["1735689600000.0", "1.7356896e12", "1735689600000", "1.735689600000e12"])
def test_an_event_time_is_an_int_however_it_was_written(written: str) -> None:
    text = f'{{"record_id": "r", "customer_id": "c", "event_time": {written}, "features": {{"F": 1.0}}}}'
    record = msgspec.json.decode(text.encode(), type=record_type(schema(F={"kind": "flag"})))
    assert (record.event_time, type(record.event_time)) == (1_735_689_600_000, int)


def test_a_feature_that_may_be_missing_may_be_absent() -> None:
    row = msgspec.json.decode(b'{"Products": 1, "Active": 0}', type=features_type(SCHEMA))
    assert msgspec.structs.astuple(row) == (None, None, 1, 0)


@pytest.mark.parametrize(
    ("feature", "text"),
    [
        ({"kind": "numeric", "min": 18, "max": 100}, "1000"),
        ({"kind": "ordinal", "min": 1}, "0"),
        ({"kind": "flag"}, "2"),
        ({"kind": "categorical", "categories": ["FR"]}, '"IT"'),
    ],
)
def test_a_violation_is_taken_where_it_is_to_be_scored(feature: dict[str, Any], text: str) -> None:
    assert not accepts(feature, text)
    assert accepts(feature | {"on_violation": "score"}, text)
    # but the type still holds
    assert not accepts(feature | {"on_violation": "score"}, "[]")


def test_the_longest_text_that_is_to_be_scored_is_taken_and_one_character_more_is_too_long() -> None:
    lenient = schema(F={"kind": "categorical", "categories": ["FR"], "on_violation": "score"})
    decoder = msgspec.json.Decoder(record_type(lenient))
    record = {"record_id": "r", "customer_id": "c", "event_time": 5}
    decode(decoder, msgspec.json.encode(record | {"features": {"F": "語" * LONGEST_CATEGORY}}))
    with pytest.raises(RejectionError) as raised:
        decode(decoder, msgspec.json.encode(record | {"features": {"F": "x" * (LONGEST_CATEGORY + 1)}}))
    assert (raised.value.reason, raised.value.field) == (Reason.TOO_LONG, "features.F")


@pytest.mark.parametrize("letter", ["x", "語", "\U0001f600", "\0", "\n", "\u202e"])
def test_ids_of_any_256_characters_are_taken(letter: str) -> None:
    decoder = msgspec.json.Decoder(record_type(SCHEMA))
    record = {"event_time": 5, "features": {"Products": 1, "Active": 0}}
    longest = letter * LONGEST_IDENTIFIER
    read = decode(decoder, msgspec.json.encode(record | {"record_id": longest, "customer_id": longest}))
    check_key(longest.encode(), read.customer_id)
    with pytest.raises(RejectionError):
        decode(decoder, msgspec.json.encode(record | {"record_id": longest + letter, "customer_id": "c"}))


def test_a_record_has_an_id_a_customer_and_a_time() -> None:
    features = {"Products": 1, "Active": 0}
    good = {"record_id": "r", "customer_id": "c", "event_time": 5, "features": features}
    decoder = msgspec.json.Decoder(record_type(SCHEMA))
    assert decoder.decode(msgspec.json.encode(good)).event_time == 5
    for spoiled in (
        {"record_id": ""},
        {"record_id": "r" * 257},
        {"customer_id": ""},
        {"customer_id": 7},
        {"event_time": 5.5},
        {"event_time": None},
        {"more": 1},
    ):
        with pytest.raises(msgspec.ValidationError):
            decoder.decode(msgspec.json.encode(good | spoiled))


def test_the_frame_has_the_schemas_columns_in_its_order() -> None:
    made = features_type(SCHEMA)
    frame = feature_frame(
        SCHEMA,
        [
            made(Active=1, Products=2, Age=40.5, Country="FR"),
            made(Active=0, Products=3),
        ],
    )
    assert list(frame.columns) == ["Country", "Age", "Products", "Active"]
    assert [str(dtype) for dtype in frame.dtypes] == ["object", "float64", "float64", "float64"]
    assert frame["Country"].tolist() == ["FR", None]
    assert frame["Products"].tolist() == [2.0, 3.0]
    assert frame["Age"][0] == 40.5
    assert np.isnan(frame["Age"][1])


def test_a_frame_without_rows_or_with_nulls_alone_keeps_its_types() -> None:
    made = features_type(SCHEMA)
    for rows in ([], [made(Products=1, Active=0)]):
        frame = feature_frame(SCHEMA, rows)
        assert len(frame) == len(rows)
        assert [str(dtype) for dtype in frame.dtypes] == ["object", "float64", "float64", "float64"]


def test_columns_of_different_length_or_number_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        columns_frame(SCHEMA, [["FR"], [1.0], [2]])
    with pytest.raises(ValueError, match="length"):
        columns_frame(SCHEMA, [["FR"], [1.0], [2], [0, 1]])
