"""Bodies of requests: the same rules as on the stream, every fault named at once, and no value shown."""

import json
from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.described.features import expected
from contract.records import record_type
from contract.rejection import RejectionError, check_event_time, decode
from contract.schema import load_schema, parse_schema
from scorer.rest.problems import Fault, ProblemError, told_over_http
from scorer.rest.requests import Read, RequestReader
from scorer.serving.requests import LabelRequest, ScoringRequest, check_requests, customer_of, scoring_request_type
from tests.support.messages import START, customer, encode, features
from tests.support.service.bad_input import BAD_RECORDS, NOW, Bad

SCHEMA = load_schema("bank_churn")
RECORDS = RequestReader(SCHEMA, scoring_request_type(SCHEMA), limit=3, max_bytes=1_000_000)
LABELS = RequestReader(SCHEMA, LabelRequest, limit=3, max_bytes=1_000_000)


def read(body: Any, reader: RequestReader[Any] = RECORDS) -> Read[Any]:
    """What the service makes of a body: read by its types, then checked for what these cannot say."""
    found = reader.read(body if isinstance(body, bytes) else encode(body))
    with told_over_http(found.many):
        check_requests(found.items, partial(check_event_time, sent=NOW))
    return found


def faults(body: Any, reader: RequestReader[Any] = RECORDS) -> list[Fault]:
    with pytest.raises(ProblemError) as raised:
        read(body, reader)
    assert raised.value.status == 400
    return list(raised.value.errors)


def test_a_record_of_the_stream_is_a_request() -> None:
    found = read(customer(7))
    (item,) = found.items
    assert not found.many
    assert item.identified() == ("test-7", "1007")
    assert msgspec.to_builtins(item.features) == customer(7)["features"]


def test_whole_numbers_may_be_written_as_floats() -> None:
    body = json.dumps(json.loads(encode(customer(7) | {"true_value": 1}), parse_int=float)).encode()
    assert b'"Tenure": 7.0' in body
    (item,) = RECORDS.read(body).items
    assert msgspec.to_builtins(item.features) == customer(7)["features"]
    assert (item.event_time, type(item.event_time)) == (customer(7)["event_time"], int)
    assert (item.true_value, type(item.true_value)) == (1, int)
    (label,) = LABELS.read(b'{"record_id": "r", "label": 0.0, "event_time": 1.7356896e12}').items
    assert (label.label, type(label.label), label.event_time) == (0, int, START)


def test_a_list_is_read_in_order() -> None:
    found = read(json.dumps([customer(1), customer(2)]).encode())
    assert found.many
    assert [item.record_id for item in found.items] == ["test-1", "test-2"]


# what has no meaning over HTTP (keys), what a request may leave out, and lists
_STREAM_ONLY = {
    "an array",
    "null key",
    "another customer's key",
    "missing record_id",
    "missing customer_id",
    "missing event_time",
}


@pytest.mark.parametrize("bad", [bad for bad in BAD_RECORDS if bad.name not in _STREAM_ONLY], ids=str)
def test_what_the_stream_refuses_is_refused_with_its_reason(bad: Bad) -> None:
    first = faults(bad.value or b"")[0]
    assert (first.reason, first.field) == (bad.reason, bad.field)
    assert first.found
    assert first.remedy


def test_every_fault_of_every_record_is_named_at_once() -> None:
    wrong = [
        {"features": features(1) | {"Age": True, "Geography": "Atlantis", "Tenure": 2.5, "Wage": 3}},
        17,
        {"features": {name: value for name, value in features(1).items() if name != "Gender"}, "record_id": ""},
    ]
    found = {fault.field: fault for fault in faults(wrong)}
    assert {field: (fault.reason, fault.found) for field, fault in found.items()} == {
        "[0].features.Age": ("wrong-type", "boolean"),
        "[0].features.Geography": ("unknown-category", "string"),
        "[0].features.Tenure": ("wrong-type", "number"),
        "[0].features.Wage": ("unknown-field", "number"),
        "[1]": ("wrong-shape", "number"),
        "[2].features.Gender": ("missing-field", "nothing"),
        "[2].record_id": ("wrong-type", "string"),
    }
    assert found["[0].features.Age"].remedy == "give a number from 18 to 110"
    assert found["[0].features.Geography"].remedy == "give one of France, Germany, Spain"
    assert "Atlantis" not in str(found)


def test_an_empty_list_and_a_long_one_are_refused() -> None:
    assert [(fault.field, fault.reason) for fault in faults([])] == [("", "empty-value")]
    (fault,) = faults([customer(i) for i in range(4)])
    assert (fault.reason, fault.remedy) == ("too-many", "4 are too many; give at most 3 in one request")


def test_a_mistyped_name_is_recognised() -> None:
    body = {"features": {("Geographie" if name == "Geography" else name): v for name, v in features().items()}}
    found = {fault.field: fault.remedy for fault in faults(body)}
    assert found["features.Geographie"].startswith("did you mean Geography?")


@pytest.mark.parametrize("name", ["record_id", "customer_id"])
@pytest.mark.parametrize("value", ["", "x" * 257, 12, True, ["a"]])
def test_identifiers_are_texts_of_a_sensible_length(name: str, value: object) -> None:
    assert [fault.field for fault in faults({"features": features(), name: value})] == [name]


@pytest.mark.parametrize("value", [1_700_000_000, NOW + 2 * 86_400_000, "2025-01-01", 1.5])
def test_an_implausible_event_time_is_refused(value: object) -> None:
    assert [fault.field for fault in faults({"features": features(), "event_time": value})] == ["event_time"]


@pytest.mark.parametrize("value", [2, -1, True, "1", 0.5, None])
def test_a_label_is_0_or_1(value: object) -> None:
    (fault,) = faults({"record_id": "a", "label": value}, LABELS)
    assert (fault.field, fault.remedy) == ("label", "give 1 (churned) or 0")


def test_labels_are_read() -> None:
    (item,) = read(b'{"record_id": "r", "label": 1, "event_time": %d}' % START, LABELS).items
    assert item == LabelRequest(record_id="r", label=1, event_time=START)


def test_a_made_record_id_says_whose_it_is() -> None:
    (item,) = read({"features": features(), "customer_id": "C 1~x"}).items
    record_id, customer_id = item.identified()
    assert customer_id == customer_of(record_id) == "C 1~x"
    assert record_id != item.identified()[0]


def test_a_record_without_a_customer_is_one_of_its_own() -> None:
    (item,) = read({"features": features()}).items
    record_id, customer_id = item.identified()
    assert customer_id == customer_of(record_id) == record_id


def test_a_customer_id_that_leaves_no_room_for_a_record_id_needs_one() -> None:
    longest = "c" * 223
    (item,) = read({"features": features(), "customer_id": longest}).items
    assert len(item.identified()[0]) == 256
    assert [f.field for f in faults({"features": features(), "customer_id": longest + "c"})] == ["customer_id"]
    read({"features": features(), "customer_id": longest + "c", "record_id": "r"})


@given(record_id=st.text(min_size=1, max_size=256), customer_id=st.none() | st.text(min_size=1, max_size=223))
def test_a_label_of_the_answered_record_id_finds_its_customer(record_id: str, customer_id: str | None) -> None:
    request = ScoringRequest(features=msgspec.Struct(), customer_id=customer_id)
    made, customer = request.identified()
    assert customer_of(made) == customer
    named, customer = ScoringRequest(features=msgspec.Struct(), record_id=record_id).identified()
    assert (named, customer_of(named)) == (record_id, customer)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
_RECORD = st.fixed_dictionaries({"features": st.fixed_dictionaries(dict.fromkeys(SCHEMA.names, _VALUES))})


@given(_VALUES | _RECORD | st.lists(_RECORD, max_size=2))
def test_whatever_is_refused_is_explained(value: object) -> None:
    body = json.dumps(value).encode()
    try:
        read(body)
    except ProblemError as problem:
        errors = list(problem.errors)
    else:
        errors = [Fault("", "", "none", "none")]
    assert errors
    assert all(fault.remedy and fault.found for fault in errors)


@given(
    st.fixed_dictionaries(
        {name: st.sampled_from([value, 1, 1.5, True, None, 10**9]) for name, value in features().items()}
    )
)
def test_a_request_is_taken_exactly_if_the_stream_takes_the_record(row: dict[str, Any]) -> None:
    body = encode(customer(1) | {"features": row})
    try:
        decode(msgspec.json.Decoder(record_type(SCHEMA)), body)
        taken = True
    except RejectionError:
        taken = False
    try:
        read(body)
        assert taken
    except ProblemError:
        assert not taken


def test_what_a_feature_must_be_is_said_in_words() -> None:
    schema = parse_schema(
        {
            "name": "t",
            "id": "Id",
            "label": {"column": "Y"},
            "features": {
                "Low": {"kind": "numeric", "min": 0},
                "High": {"kind": "ordinal", "max": 5, "missing": True},
                "Free": {"kind": "numeric"},
                "Odd": {"kind": "categorical", "categories": ["a"], "on_violation": "score"},
                "Yes": {"kind": "flag"},
            },
        }
    )
    assert {feature.name: expected(feature) for feature in schema.features} == {
        "Low": "a number from 0",
        "High": "a whole number up to 5, or null",
        "Free": "a number",
        "Odd": "a text of at most 1,000 characters",
        "Yes": "0 or 1",
    }
