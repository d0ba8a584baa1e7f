"""Messages as the join takes them from its topics."""

from typing import cast

import msgspec
import pytest
from confluent_kafka import Message

from contract.kafka.control import end_of_stream_message
from contract.messages import Label, Prediction, encode, prediction_type
from contract.rejection import Reason, RejectionError
from contract.schema import load_schema
from monitor.join.incoming import EndOfStream, Incoming, IncomingReader
from tests.support import messages

SCHEMA = load_schema("bank_churn")
READER = IncomingReader(SCHEMA)
NOW = messages.START + 365 * messages.DAY
PREDICTION = msgspec.convert(
    messages.customer(1)
    | {
        "probability": 0.25,
        "predicted": 0,
        "threshold": 0.5,
        "model": {"name": "churn", "version": 1, "role": "champion"},
        "source": {"partition": 0, "offset": 7},
    },
    prediction_type(SCHEMA),
)
LABEL = messages.encode(messages.label(1))
KEY = messages.key(messages.customer(1))


class Sent:
    """A consumed message."""

    def __init__(
        self, key: bytes | None, value: bytes | None, headers: list[tuple[str, str | bytes | None]] | None = None
    ) -> None:
        self._key, self._value, self._headers = key, value, headers

    def offset(self) -> int:
        return 42

    def key(self) -> bytes | None:
        return self._key

    def value(self) -> bytes | None:
        return self._value

    def headers(self) -> list[tuple[str, str | bytes | None]] | None:
        return self._headers


def read_label(sent: Sent) -> Incoming:
    return READER.label(cast(Message, sent), NOW)


def test_messages_of_both_topics_are_read() -> None:
    assert read_label(Sent(KEY, LABEL)) == Incoming(42, KEY, LABEL, msgspec.json.decode(LABEL, type=Label))
    value = encode(PREDICTION)
    content = READER.prediction(cast(Message, Sent(KEY, value)), NOW).content
    assert isinstance(content, Prediction)
    assert encode(content) == value


def test_the_end_of_the_stream_has_a_header_and_no_key() -> None:
    value, headers = end_of_stream_message(messages.START)
    assert read_label(Sent(None, value, headers)).content == EndOfStream()
    # a customer cannot end the stream
    assert isinstance(read_label(Sent(KEY, value, headers)).content, RejectionError)


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (Sent(KEY, None), Reason.EMPTY_VALUE),
        (Sent(KEY, b"\xff"), Reason.NOT_UTF8),
        (Sent(KEY, encode(PREDICTION)), Reason.UNKNOWN_FIELD),
        (Sent(None, LABEL), Reason.NULL_KEY),
        (Sent(b"c", LABEL), Reason.KEY_MISMATCH),
        (Sent(KEY, messages.encode(messages.label(1, delay=500 * messages.DAY))), Reason.IMPLAUSIBLE_EVENT_TIME),
        (Sent(KEY, messages.encode(messages.label(1, value=3))), Reason.INVALID_LABEL),
    ],
    ids=lambda value: str(value) if isinstance(value, Reason) else "",
)
def test_what_cannot_be_read_comes_with_the_reason_and_its_bytes(sent: Sent, reason: Reason) -> None:
    incoming = read_label(sent)
    assert isinstance(incoming.content, RejectionError)
    assert incoming.content.reason == reason
    assert (incoming.offset, incoming.key, incoming.value) == (42, sent.key(), sent.value())
