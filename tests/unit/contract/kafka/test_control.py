"""The end of the stream is told from records, however the headers are given."""

import json

import pytest

from contract.kafka.control import (
    MAX_CONTROL_BYTES,
    Header,
    end_of_stream_message,
    end_of_stream_time,
    is_control,
    is_end_of_stream,
)
from tests.support.kafka.sent import sent

VALUE, HEADERS = end_of_stream_message(1_735_689_600_000)


def test_the_end_of_the_stream_is_recognised() -> None:
    value, headers = end_of_stream_message(1_735_689_600_000)
    assert is_end_of_stream(headers)
    assert is_end_of_stream(dict(headers))
    assert is_end_of_stream([("trace", b"7"), *headers])
    assert json.loads(value) == {"event_time": 1_735_689_600_000}


@pytest.mark.parametrize(
    "headers",
    [
        None,
        [],
        {},
        [("churnstream-control", b"pause")],
        [("churnstream-control", None)],
        [("control", b"end-of-stream")],
    ],
)
def test_other_messages_are_no_end(headers: list[tuple[str, str | bytes | None]] | None) -> None:
    assert not is_end_of_stream(headers)


@pytest.mark.parametrize("value", [VALUE, None, b"", b"{", b"\xff", b"x" * MAX_CONTROL_BYTES])
def test_a_control_message_has_the_header_and_no_key_whatever_its_value_says(value: bytes | None) -> None:
    assert is_control(sent(None, value, HEADERS))


@pytest.mark.parametrize(
    ("key", "value", "headers"),
    [
        (b"", VALUE, HEADERS),
        (b"1001", VALUE, HEADERS),
        (None, b"x" * (MAX_CONTROL_BYTES + 1), HEADERS),
        (None, VALUE, []),
        (None, VALUE, None),
        (None, VALUE, [("churnstream-control", b"END-OF-STREAM")]),
    ],
)
def test_any_other_message_is_no_control(key: bytes | None, value: bytes, headers: list[Header] | None) -> None:
    assert not is_control(sent(key, value, headers))


def test_the_time_of_an_end_is_read_back() -> None:
    assert end_of_stream_time(VALUE) == 1_735_689_600_000


@pytest.mark.parametrize(
    "value", [None, b"", b"{", b"\xff", b"[]", b"{}", b'{"event_time": "x"}', b'{"event_time": 1e400}', b"[" * 100_000]
)
def test_an_end_that_others_wrote_may_have_no_time(value: bytes | None) -> None:
    assert end_of_stream_time(value) is None
