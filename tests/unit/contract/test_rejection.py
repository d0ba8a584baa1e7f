"""Why a message is refused; the cases of customer records are in the scorer's tests."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.messages import Label, prediction_type
from contract.rejection import Reason, RejectionError, check_event_time, check_key, decode
from contract.schema import load_schema
from contract.topics import MAX_VALUE_BYTES
from tests.support.messages import DAY, START, customer, encode, label

LABEL: "msgspec.json.Decoder[Any]" = msgspec.json.Decoder(Label)
PREDICTION: "msgspec.json.Decoder[Any]" = msgspec.json.Decoder(prediction_type(load_schema("bank_churn")))
SCORED = customer(1) | {
    "probability": 0.25,
    "predicted": 0,
    "threshold": 0.5,
    "model": {"name": "churn", "version": 1, "role": "champion"},
    "source": {"partition": 0, "offset": 7},
}


def rejected(decoder: "msgspec.json.Decoder[Any]", value: bytes | None) -> tuple[Reason, str]:
    with pytest.raises(RejectionError) as raised:
        decode(decoder, value)
    assert raised.value.detail
    return raised.value.reason, raised.value.field


@pytest.mark.parametrize("value", ["2", "-1", "0.5", "1.5", "2.0", "true", '"1"', '"1.0"', "null", "[]", "{}", "1e400"])
def test_a_label_that_is_neither_0_nor_1(value: str) -> None:
    text = json.dumps(label(1, value=1)).replace('"label": 1', f'"label": {value}')
    assert rejected(LABEL, text.encode()) == (Reason.INVALID_LABEL, "label")


@pytest.mark.parametrize(("written", "meant"), [("1.0", 1), ("0.0", 0), ("-0.0", 0), ("1e0", 1), ("1.00", 1)])
def test_a_label_is_an_int_however_it_was_written(written: str, meant: int) -> None:
    text = json.dumps(label(1, value=1)).replace('"label": 1', f'"label": {written}').replace("000,", "000.0,")
    assert f"{label(1)['event_time']}.0" in text
    read = decode(LABEL, text.encode())
    assert (read.label, type(read.label)) == (meant, int)
    assert (read.event_time, type(read.event_time)) == (label(1)["event_time"], int)


@pytest.mark.parametrize(
    ("changed", "detail"),
    [
        ({"Tenure": 2.5}, "Expected a whole number, got one with a fraction"),
        ({"Tenure": "2"}, "Expected `whole number`, got `str`"),
        ({"HasCrCard": True}, "Expected `whole number`, got `bool`"),
    ],
    ids=str,
)
def test_what_is_no_whole_number_is_told_in_words(changed: dict[str, Any], detail: str) -> None:
    with pytest.raises(RejectionError) as raised:
        decode(PREDICTION, encode(SCORED | {"features": customer(1)["features"] | changed}))
    assert (raised.value.reason, raised.value.detail) == (Reason.WRONG_TYPE, detail)


def test_a_number_of_any_length_is_read_or_rejected() -> None:
    for digits in (20, 400, 4_300, 4_301, 100_000):
        for sign in ("", "-"):
            number = sign + "9" * digits
            for text in (f"{number}", f"{number}.0", f"{number}e9"):
                value = encode(label(1)).replace(str(label(1)["event_time"]).encode(), text.encode())
                with suppress(RejectionError):
                    decode(LABEL, value)


@pytest.mark.parametrize(
    ("spoiled", "reason", "field"),
    [
        ({"record_id": ""}, Reason.WRONG_TYPE, "record_id"),
        ({"customer_id": "c" * 300}, Reason.WRONG_TYPE, "customer_id"),
        ({"event_time": "2025-01-01"}, Reason.WRONG_TYPE, "event_time"),
        ({"event_time": 1.5}, Reason.WRONG_TYPE, "event_time"),
        ({"features": {}}, Reason.UNKNOWN_FIELD, "features"),
    ],
    ids=str,
)
def test_labels_that_are_no_labels(spoiled: dict[str, Any], reason: Reason, field: str) -> None:
    assert rejected(LABEL, encode(label(1) | spoiled)) == (reason, field)


@pytest.mark.parametrize("name", ["record_id", "customer_id", "event_time", "label"])
def test_a_label_with_a_part_missing(name: str) -> None:
    spoiled = label(1)
    del spoiled[name]
    assert rejected(LABEL, encode(spoiled)) == (Reason.MISSING_FIELD, name)


def test_a_good_prediction_is_read() -> None:
    assert decode(PREDICTION, encode(SCORED)).probability == 0.25


@pytest.mark.parametrize(
    ("spoiled", "reason", "field"),
    [
        ({"probability": 1.01}, Reason.OUT_OF_RANGE, "probability"),
        ({"probability": -0.01}, Reason.OUT_OF_RANGE, "probability"),
        ({"probability": None}, Reason.WRONG_TYPE, "probability"),
        ({"predicted": 2}, Reason.OUT_OF_RANGE, "predicted"),
        ({"threshold": 2}, Reason.OUT_OF_RANGE, "threshold"),
        ({"model": "churn"}, Reason.WRONG_SHAPE, "model"),
        ({"model": {"name": "churn", "version": 1, "role": "observer"}}, Reason.UNKNOWN_CATEGORY, "model.role"),
        ({"model": {"name": "churn"}}, Reason.MISSING_FIELD, "model.version"),
        ({"features": customer(1)["features"] | {"Age": -3}}, Reason.OUT_OF_RANGE, "features.Age"),
    ],
    ids=str,
)
def test_predictions_that_are_no_predictions(spoiled: dict[str, Any], reason: Reason, field: str) -> None:
    assert rejected(PREDICTION, encode(SCORED | spoiled)) == (reason, field)


def test_not_finite_numbers_are_found_wherever_they_are() -> None:
    assert rejected(PREDICTION, json.dumps(SCORED | {"probability": float("nan")}).encode()) == (
        Reason.NOT_FINITE,
        "probability",
    )
    assert rejected(LABEL, b'{"record_id": ["a", {"b": -Infinity}]}') in {
        (Reason.NOT_FINITE, "record_id.1.b"),
        (Reason.WRONG_TYPE, "record_id"),
    }
    # not JSON for another reason, and with a NaN besides
    assert rejected(LABEL, b'{"label": NaN') == (Reason.NOT_JSON, "")


def test_the_size_limit_is_inclusive() -> None:
    value = encode(label(1))
    decode(LABEL, value + b" " * (MAX_VALUE_BYTES - len(value)))
    assert rejected(LABEL, value + b" " * (MAX_VALUE_BYTES - len(value) + 1)) == (Reason.TOO_LARGE, "")


@pytest.mark.parametrize("depth", [10, 100, *range(sys.getrecursionlimit() - 120, sys.getrecursionlimit(), 2), 100_000])
@pytest.mark.parametrize("inner", ["NaN", "1", ""])
def test_no_depth_of_nesting_gets_through(depth: int, inner: str) -> None:
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        value = f'{{"x": {opening * depth}{inner}{closing * depth}}}'.encode()
        rejected(LABEL, value)


@given(st.binary(max_size=40))
def test_whatever_the_bytes_a_message_is_read_or_rejected(value: bytes) -> None:
    with pytest.raises(RejectionError):
        decode(LABEL, value)


@given(st.data())
def test_whatever_is_done_to_a_good_message_it_is_read_or_rejected(data: st.DataObject) -> None:
    value = bytearray(encode(SCORED))
    for position in data.draw(st.lists(st.integers(0, len(value) - 1), max_size=4)):
        value[position] = data.draw(st.integers(0, 255))
    with suppress(RejectionError):
        decode(PREDICTION, bytes(value))


def test_the_key_is_the_customer() -> None:
    check_key(b"c7", "c7")
    check_key("Zoë".encode(), "Zoë")
    for key, reason in ((None, Reason.NULL_KEY), (b"", Reason.KEY_MISMATCH), (b'"c7"', Reason.KEY_MISMATCH)):
        with pytest.raises(RejectionError) as raised:
            check_key(key, "c7")
        assert (raised.value.reason, raised.value.field) == (reason, "key")


def test_event_times_from_2000_to_a_day_ahead_are_plausible() -> None:
    now = START
    for plausible in (946_684_800_000, now, now + DAY):
        check_event_time(plausible, now)
    for absurd in (946_684_799_999, 0, -1, now // 1_000, now + DAY + 1, now * 1_000):
        with pytest.raises(RejectionError) as raised:
            check_event_time(absurd, now)
        assert (raised.value.reason, raised.value.field) == (Reason.IMPLAUSIBLE_EVENT_TIME, "event_time")


def test_a_rejection_reads_as_a_sentence() -> None:
    assert str(RejectionError(Reason.NOT_JSON, "", "cut off")) == "not-json: cut off"
    assert str(RejectionError(Reason.WRONG_TYPE, "features.Age", "Expected `int`")) == (
        "wrong-type at features.Age: Expected `int`"
    )


@pytest.mark.parametrize("event_time", [7_258_118_400_001, START * 1_000, 2**80])
def test_an_event_time_in_other_units_is_refused_also_where_nobody_knows_when_it_was_sent(event_time: int) -> None:
    with pytest.raises(RejectionError, match="is after 2200; give milliseconds since 1970"):
        check_event_time(event_time, None)


def test_a_rejection_passes_through_a_context_manager() -> None:
    @contextmanager
    def anything() -> Iterator[None]:
        yield

    with pytest.raises(RejectionError), anything():
        raise RejectionError(Reason.NOT_JSON, "", "cut off")
