"""The end of the stream is told from records, however the headers are given."""

import json

import pytest

from contract.kafka.control import end_of_stream_message, is_end_of_stream


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
