"""What the page knows of a dead letter shows nothing of the message."""

from typing import Any

import msgspec
import pytest

from contract.kafka.dead_letters import (
    DETAIL,
    EVENT_TIME,
    FIELD,
    MARK,
    ORIGIN_OFFSET,
    ORIGIN_PARTITION,
    ORIGIN_TOPIC,
    REASON,
)
from contract.messages import Label
from contract.records import record_type
from contract.rejection import RejectionError, check_event_time, check_key, decode
from contract.schema import load_schema
from contract.topics import CUSTOMERS, DEAD_LETTERS
from dashboard.stream.letters import SeenLetter, letter_of, shown_detail
from dashboard.stream.received import Received
from dashboard.stream.state import Bounds, StreamState
from monitor.join.effects import both_times
from monitor.join.rules import KeptLabel, KeptPrediction, late_label, late_record
from tests.support.messages import START, customer, encode, label

RECORD = msgspec.json.Decoder(record_type(load_schema("bank_churn")))
LABEL = msgspec.json.Decoder(Label)
SECRET = "Hargrave"


def letter(partition: int = 0, offset: int = 0, at: int | None = START, **headers: str | None) -> Received:
    given = {
        REASON: "wrong-type",
        FIELD: "features.Age",
        DETAIL: "the field is missing",
        ORIGIN_TOPIC: "x.customers",
        ORIGIN_PARTITION: "1",
        ORIGIN_OFFSET: "7",
        EVENT_TIME: str(START),
    } | {name.replace("_", "-"): text for name, text in headers.items()}
    pairs = [(name, text.encode()) for name, text in given.items() if text is not None]
    return Received(DEAD_LETTERS, partition, offset, b"key", b"value", pairs, at)


def test_a_letter_says_why_it_is_there_and_where_it_came_from() -> None:
    assert letter_of(letter(2, 9)) == SeenLetter(
        partition=2,
        offset=9,
        reason="wrong-type",
        field="features.Age",
        detail="the field is missing",
        origin_topic="x.customers",
        origin_partition=1,
        origin_offset=7,
        event_time=START,
        at=START,
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"reason": None},
        {"reason": "<b>"},
        {"reason": "a" * 100},
        {"origin_topic": None},
        {"origin_topic": "a b"},
        {"origin_partition": "-1"},
        {"origin_offset": "٣"},
        {"origin_offset": "9" * 30},
    ],
    ids=str,
)
def test_what_is_no_dead_letter_of_ours_is_counted_only(headers: dict[str, str | None]) -> None:
    assert letter_of(letter(**headers)) is None
    state = StreamState()
    state.take(letter(**headers))
    assert (state.letters, state.skipped) == ((), 1)


@pytest.mark.parametrize("field", ["features.Größe", "record_id", "features", "Credit Score", "features[...]", "a-b"])
def test_a_field_keeps_its_name(field: str) -> None:
    found = letter_of(letter(field=field))
    assert found is not None
    assert found.field == field


@pytest.mark.parametrize("field", ["a@example.org", "0170 1234567", "<img src=x>", "a" * 300, "a\nb", "+49"])
def test_what_cannot_be_a_fields_name_is_left_out(field: str) -> None:
    found = letter_of(letter(field=field))
    assert found is not None
    assert found.field == ""


@pytest.mark.parametrize(
    "value",
    [
        customer(1, Age=SECRET),
        customer(1, Age=None),
        customer(1, Age=4711),
        customer(1, Age=1e300),
        customer(1, Tenure=2.5),
        customer(1, HasCrCard=True),
        customer(1, HasCrCard=3),
        customer(1, Geography=SECRET),
        customer(1, Geography=4711),
        customer(1) | {"customer_id": "", "record_id": SECRET},
        customer(1) | {"customer_id": SECRET * 100},
        customer(1) | {"features": [SECRET]},
        customer(1) | {"features": SECRET},
        customer(1) | {"event_time": SECRET},
        customer(1) | {"unknown": SECRET},
        [SECRET],
        SECRET,
        label(1) | {"label": SECRET},
        label(1) | {"label": 4711},
        {name: value for name, value in customer(1).items() if name != "customer_id"},
    ],
    ids=lambda value: str(value)[:60],
)
def test_the_scorers_own_details_are_shown_and_quote_no_value(value: Any) -> None:
    is_label = isinstance(value, dict) and "label" in value
    with pytest.raises(RejectionError) as raised:
        decode(LABEL if is_label else RECORD, encode(value))
    shown = shown_detail(raised.value.detail)
    assert shown == raised.value.detail
    assert SECRET not in shown
    assert "4711" not in shown


@pytest.mark.parametrize(
    "value", [b"", None, b"{", b'{"a": tru}', b"\xff", b"[" * 100_000, b'{"a": NaN}', b"x" * 2_000_000, b'{"a": 1} x']
)
def test_details_of_what_is_no_json_are_shown(value: bytes | None) -> None:
    with pytest.raises(RejectionError) as raised:
        decode(RECORD, value)
    assert shown_detail(raised.value.detail) == raised.value.detail


def test_times_that_are_values_of_the_message_are_not_shown() -> None:
    details = []
    for event_time, sent in ((4711, None), (9_999_999_999_999, None), (START * 2, START)):
        with pytest.raises(RejectionError) as raised:
            check_event_time(event_time, sent)
        details.append(raised.value.detail)
    prediction, late = KeptPrediction(START, 1, None, 0), KeptLabel(1, 1, START - 1, 1, 0, 0)
    shown = [shown_detail(detail) for detail in (*details, both_times(prediction, late))]
    assert shown == [
        "the time is before 2000; give milliseconds since 1970",
        "the time is after 2200; give milliseconds since 1970",
        "the time is more than a day after it was sent",
        "the label is dated before its record; date labels when they become known, or set "
        "CHURNSTREAM_LABEL_TOLERANCE to 1d if they have no time of day",
    ]


def test_details_of_keys_and_of_what_is_late_are_shown() -> None:
    details = [late_record().detail, late_label().detail]
    for key in (None, b"other"):
        with pytest.raises(RejectionError) as raised:
            check_key(key, "1001")
        details.append(raised.value.detail)
    assert [shown_detail(detail) for detail in details] == details


@pytest.mark.parametrize(
    "detail",
    [
        f"Invalid enum value '{SECRET}'",
        f"got {SECRET}",
        f"the field is missing: {SECRET}",
        f"Expected `float`, got '{SECRET}'",
        "4711 is too large",
        "",
    ],
)
def test_a_wording_that_is_not_known_is_not_shown(detail: str) -> None:
    assert shown_detail(detail) == ""


def test_letters_are_bounded_and_the_newest_come_last() -> None:
    state = StreamState(Bounds(letters=10))
    for partition in (1, 0):
        for offset in range(20):
            state.take(letter(partition, offset, at=START + offset * 10 + partition))
    found = [(one.at or 0) - START for one in state.letters]
    assert found == sorted(found)
    assert 9 <= len(found) <= 10
    assert found[-2:] == [190, 191]


def test_a_mark_of_letters_sent_again_is_no_letter_and_is_not_taken_for_somebody_elses_message() -> None:
    state = StreamState()
    state.take(Received(DEAD_LETTERS, 0, 1, None, b'{"offsets": [0]}', [(MARK, b"1")], START))
    assert (len(state.letters), state.skipped) == (0, 0)
    state.take(Received(DEAD_LETTERS, 0, 2, b"key", b"value", [], START))
    assert (len(state.letters), state.skipped) == (0, 1)


def test_neither_key_nor_value_is_kept() -> None:
    state = StreamState()
    state.take(letter(origin_topic=f"x.{CUSTOMERS}"))
    assert b"value" not in msgspec.msgpack.encode(state.letters)
    assert b"key" not in msgspec.msgpack.encode([msgspec.structs.astuple(one) for one in state.letters])
