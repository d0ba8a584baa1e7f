"""Messages as the join takes them from its topics."""

import msgspec
import pytest
from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_LOG_APPEND_TIME, TIMESTAMP_NOT_AVAILABLE, Message

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


def message(
    key: bytes | None,
    value: bytes | None,
    headers: list[tuple[str, str | bytes | None]] | None = None,
    timestamp: tuple[int, int] = (TIMESTAMP_CREATE_TIME, NOW),
) -> Message:
    return Message(topic="labels", partition=0, offset=42, key=key, value=value, headers=headers, timestamp=timestamp)


def read_label(sent: Message) -> Incoming:
    return READER.label(sent)


def test_messages_of_both_topics_are_read() -> None:
    assert read_label(message(KEY, LABEL)) == Incoming(42, KEY, LABEL, msgspec.json.decode(LABEL, type=Label))
    value = encode(PREDICTION)
    content = READER.prediction(message(KEY, value)).content
    assert isinstance(content, Prediction)
    assert encode(content) == value


def test_the_end_of_the_stream_has_a_header_and_no_key() -> None:
    value, headers = end_of_stream_message(messages.START)
    assert read_label(message(None, value, headers)).content == EndOfStream()
    # a customer cannot end the stream
    assert isinstance(read_label(message(KEY, value, headers)).content, RejectionError)


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (message(KEY, None), Reason.EMPTY_VALUE),
        (message(KEY, b"\xff"), Reason.NOT_UTF8),
        (message(KEY, encode(PREDICTION)), Reason.UNKNOWN_FIELD),
        (message(None, LABEL), Reason.NULL_KEY),
        (message(b"c", LABEL), Reason.KEY_MISMATCH),
        (message(KEY, messages.encode(messages.label(1, delay=500 * messages.DAY))), Reason.IMPLAUSIBLE_EVENT_TIME),
        (message(KEY, messages.encode(messages.label(1, value=3))), Reason.INVALID_LABEL),
    ],
    ids=lambda value: str(value) if isinstance(value, Reason) else "",
)
def test_what_cannot_be_read_comes_with_the_reason_and_its_bytes(sent: Message, reason: Reason) -> None:
    incoming = read_label(sent)
    assert isinstance(incoming.content, RejectionError)
    assert incoming.content.reason == reason
    assert (incoming.offset, incoming.key, incoming.value) == (42, sent.key(), sent.value())


def test_a_label_is_judged_by_its_own_timestamp_so_the_same_bytes_have_the_same_answer_at_any_later_hour() -> None:
    label = messages.encode(messages.label(1, event_time=NOW, delay=0))

    def taken(kind: int, timestamp: int) -> bool:
        return isinstance(read_label(message(KEY, label, timestamp=(kind, timestamp))).content, Label)

    for kind in (TIMESTAMP_CREATE_TIME, TIMESTAMP_LOG_APPEND_TIME):
        assert taken(kind, NOW - messages.DAY)
        # NOW lies in the past of any reader, who would take it by a clock of its own
        assert not taken(kind, NOW - messages.DAY - 1)
    # without a timestamp there is nothing that could be the future
    assert taken(TIMESTAMP_NOT_AVAILABLE, -1)


def test_a_prediction_of_a_scorer_whose_clock_is_a_year_behind_is_taken() -> None:
    sent = message(KEY, encode(PREDICTION), timestamp=(TIMESTAMP_CREATE_TIME, messages.START - 365 * messages.DAY))
    assert isinstance(READER.prediction(sent).content, Prediction)
