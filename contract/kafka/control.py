"""Control messages: what a producer says of the stream itself, among the records.

The only one is the end of the stream. A replay sends it to every partition of ``labels`` and then, once it is there,
to every partition of ``customers``; the scorer passes it on. Windows past the last event close on it, so no wall time
decides. Labels go first, because a record sent after its label's end of stream would never be joined.
"""

from collections.abc import Mapping, Sequence

import msgspec
from confluent_kafka import Message

HEADER = "churnstream-control"
END_OF_STREAM = b"end-of-stream"
MAX_CONTROL_BYTES = 1_000
"""A message with a larger value is no control message, whatever its headers say."""

Header = tuple[str, str | bytes | None]


class _End(msgspec.Struct):
    event_time: int


def is_end_of_stream(headers: Mapping[str, str | bytes | None] | Sequence[Header] | None) -> bool:
    """Whether a message with these headers ends the stream of its partition."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    return (HEADER, END_OF_STREAM) in pairs


def end_of_stream_message(event_time: int) -> tuple[bytes, list[Header]]:
    """Value and headers (the key is null) of an end of stream; ``event_time`` is the last one sent, in ms."""
    return msgspec.json.encode(_End(event_time)), [(HEADER, END_OF_STREAM)]


def is_control(message: Message) -> bool:
    """Whether a consumed message is one: it has the header, no key (a customer ends nothing) and a small value.

    Any other message, whatever its headers, is one of the topic's own kind, or a dead letter.
    """
    return (
        message.key() is None
        and len(message.value() or b"") <= MAX_CONTROL_BYTES
        and is_end_of_stream(message.headers())
    )


def end_of_stream_time(value: bytes | None) -> int | None:
    """The event time (ms) in the value of an end of stream; None where it holds none: others write them, too."""
    try:
        return msgspec.json.decode(value or b"", type=_End).event_time
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
