"""A dead letter as a reader finds it."""

import msgspec
import pytest
from confluent_kafka import Message

from contract.kafka.dead_letters import MAX_KEY_BYTES, Headers, produce_dead_letter, resent_headers
from contract.messages import Label
from contract.rejection import Reason, RejectionError, decode
from contract.testing import MemoryLog
from contract.topics import MAX_DEAD_LETTER_BYTES, MAX_MESSAGE_BYTES
from tests.support.kafka.topics import headers

TOO_LARGE = RejectionError(Reason.TOO_LARGE, "x" * 5_000_000, "\U0001f600" * 5_000)


def letter(
    rejection: RejectionError,
    key: bytes | None,
    value: bytes | None,
    origin: tuple[str, int, int] = ("customers", 3, 7),
) -> Message:
    log = MemoryLog({"dead-letters": 4})
    produce_dead_letter(log.producer(), "dead-letters", rejection, key=key, value=value, origin=origin, time=17)
    (message,) = log.messages("dead-letters")
    return message


@pytest.mark.parametrize(("key", "value"), [(b"c7", b"\xff\x00{"), (None, None), (b"", b"")])
def test_bytes_reason_and_origin(key: bytes | None, value: bytes | None) -> None:
    rejection = RejectionError(Reason.OUT_OF_RANGE, "features.Age", "x" * 5_000)
    message = letter(rejection, key, value, ("customers", 3, 2**40))
    assert (message.key(), message.value(), message.partition()) == (key, value, 3)
    assert headers(message) == {
        "reason": "out-of-range",
        "field": "features.Age",
        # a detail may quote the message, which may be large
        "detail": "x" * 1_000,
        "origin-topic": "customers",
        "origin-partition": "3",
        "origin-offset": str(2**40),
        "time": "17",
    }


@pytest.mark.parametrize(
    ("key", "value", "cut"),
    [
        (0, MAX_MESSAGE_BYTES, None),
        (8, MAX_MESSAGE_BYTES - 8, None),
        (MAX_MESSAGE_BYTES, 0, None),
        (0, MAX_MESSAGE_BYTES + 1, "value"),
        (8, MAX_MESSAGE_BYTES - 7, "value"),
        (8, 60_000_000, "value"),
        (MAX_MESSAGE_BYTES + 1, 0, "key"),
        (20_000_000, 20_000_000, "key,value"),
        (MAX_KEY_BYTES + 1, MAX_MESSAGE_BYTES, "key,value"),
    ],
)
def test_what_our_topic_does_not_take_is_cut_and_that_is_said(key: int, value: int, cut: str | None) -> None:
    message = letter(TOO_LARGE, b"k" * key, b"v" * value)
    said = headers(message)
    lengths = len(message.key() or b""), len(message.value() or b"")
    # ten bytes and more are what Kafka adds to a header
    added = sum(len(name) + len(text.encode()) + 20 for name, text in said.items())
    assert sum(lengths) + added < MAX_DEAD_LETTER_BYTES - 1_000
    assert said.get("cut") == cut
    if cut is None:
        assert lengths == (key, value)
        assert "original-value-bytes" not in said
    else:
        assert (said["original-key-bytes"], said["original-value-bytes"]) == (str(key), str(value))
        assert sum(lengths) <= MAX_MESSAGE_BYTES
    assert (said["origin-topic"], said["origin-partition"], said["origin-offset"]) == ("customers", "3", "7")


def test_what_is_not_there_stays_so_when_the_rest_is_cut() -> None:
    assert letter(TOO_LARGE, None, b"v" * 20_000_000).key() is None
    assert letter(TOO_LARGE, b"k" * 20_000_000, None).value() is None


def test_a_field_that_utf8_cannot_say_is_said_all_the_same() -> None:
    with pytest.raises(RejectionError) as raised:
        decode(msgspec.json.Decoder(Label), b'{"\\ud800": NaN}')
    assert headers(letter(raised.value, b"", b""))["field"] == "?"


RESENT = [("redriven", b"2"), ("first-partition", b"3"), ("first-offset", b"7"), ("first-sent", b"11")]


def test_the_letter_of_a_message_that_was_sent_again_says_so_and_when_it_was_sent() -> None:
    log = MemoryLog({"dead-letters": 4})
    rejection = RejectionError(Reason.NOT_SCORABLE, "", "")
    resent = resent_headers([*RESENT, ("someone's", b"x" * 1_000)])
    produce_dead_letter(
        log.producer(),
        "dead-letters",
        rejection,
        key=b"c",
        value=b"{}",
        origin=("customers", 3, 9),
        time=17,
        sent=13,
        resent=resent,
    )
    (message,) = log.messages("dead-letters")
    found = headers(message)
    assert {name: found[name] for name, _ in RESENT} == {name: value.decode() for name, value in RESENT}
    assert found["sent"] == "13"
    assert "someone's" not in found


@pytest.mark.parametrize(
    "given",
    [
        None,
        [],
        [("first-offset", b"7")],
        [("redriven", b"-1")],
        [("redriven", b"")],
        [("redriven", None)],
        [("redriven", b"\xff")],
        [("redriven", b"1" * 100_000)],
        [("redriven", "٣".encode())],
    ],
)
def test_headers_that_say_nothing_of_a_redrive_do_not_travel_on(given: Headers) -> None:
    assert resent_headers(given) == ()
