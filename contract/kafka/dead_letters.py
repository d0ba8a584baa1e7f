"""Dead letters: the original bytes, unchanged, with the reason and the origin in the headers.

A message may come from a topic of somebody else's that takes larger ones than ours. What does not fit is cut at its
end, and headers say so: ``cut`` names what was cut (``value``, or ``key,value``), ``original-key-bytes`` and
``original-value-bytes`` give the lengths. The whole message stands at its origin, as long as that topic keeps it.

`churnstream redrive` sends letters back to their topic. Such a message says so in headers of its own (``RESENT``),
which its dead letter has, too, if it fails again. And on ``dead-letters`` itself, in the partition of the letters and
in the same transaction, stands a mark that names the offsets of those that were sent: a message without a key and
without a ``reason``, which stays on the topic for as long as its letters do.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from confluent_kafka import Producer

from contract.rejection import EARLIEST_EVENT_TIME, LATEST_EVENT_TIME, RejectionError
from contract.topics import MAX_MESSAGE_BYTES, MAX_PREDICTION_BYTES

REASON = "reason"
FIELD = "field"
DETAIL = "detail"
ORIGIN_TOPIC = "origin-topic"
ORIGIN_PARTITION = "origin-partition"
ORIGIN_OFFSET = "origin-offset"
TIME = "time"
EVENT_TIME = "event-time"
"""The message's own, ms, where it can be read; without it the header is not there."""
CUT = "cut"
ORIGINAL_KEY_BYTES = "original-key-bytes"
ORIGINAL_VALUE_BYTES = "original-value-bytes"
SENT = "sent"
"""Kafka's own timestamp of the message, ms, where the worker that refused it knows it."""
REDRIVEN = "redriven"
"""How often the message has been sent again."""
FIRST_PARTITION = "first-partition"
FIRST_OFFSET = "first-offset"
FIRST_SENT = "first-sent"
"""Of a message that was sent again: where it stood at first on the same topic, and when it was sent then (ms)."""
RESENT = (REDRIVEN, FIRST_PARTITION, FIRST_OFFSET, FIRST_SENT)
"""What a message that was sent again has, and its dead letter."""
MARK = "redriven-letters"
"""On a mark; its value is a ``RedrivenLetters``."""

MAX_KEY_BYTES = 100_000
"""Bytes of a key that are kept where key and value together are too large."""
_MOST_DIGITS = 20
_LONGEST_TEXT = 1_000
"""Characters of field and detail, which may quote a message."""

Header = tuple[str, str | bytes | None]
Headers = Mapping[str, str | bytes | None] | Sequence[Header] | None
"""As ``confluent_kafka.Message`` gives them."""


class RedrivenLetters(msgspec.Struct, frozen=True):
    """A mark's value: the offsets, in its own partition, of letters that were sent again in its transaction."""

    offsets: list[int]


class _EventDated(msgspec.Struct):
    event_time: int | float


def produce_dead_letter(
    producer: Producer,
    topic: str,
    rejection: RejectionError,
    *,
    key: bytes | None,
    value: bytes | None,
    origin: tuple[str, int, int],
    time: int,
    sent: int | None = None,
    resent: Sequence[Header] = (),
) -> None:
    """Send one dead letter; ``origin`` is topic, partition and offset, ``time`` wall time in ms.

    ``sent`` is the message's own Kafka timestamp, where it is known; ``resent`` what ``resent_headers`` finds on it. It
    goes to the partition it came from, within the transaction that is open on ``producer``.
    """
    event_time = readable_event_time(value)
    dated: list[Header] = [] if event_time is None else [(EVENT_TIME, str(event_time))]
    key, value, cut = _fitting(key, value)
    known: list[Header] = [] if sent is None else [(SENT, str(sent))]
    headers = [*_headers(rejection, origin, time), *known, *dated, *cut, *resent]
    producer.produce(topic, key=key, value=value, headers=headers, partition=origin[1])


def resent_headers(headers: Headers) -> tuple[Header, ...]:
    """Those of a consumed message that say that it was sent again; none where it was not, or they are no such numbers.

    Anybody may write headers on a topic of records or labels, so what travels on is short and plain.
    """
    if not headers:
        return ()
    found = {name: header_number(value) for name, value in _pairs(headers) if name in RESENT}
    if found.get(REDRIVEN) is None:
        return ()
    return tuple((name, str(number)) for name, number in found.items() if number is not None)


def is_mark(headers: Headers) -> bool:
    """Whether a message on ``dead-letters`` with these headers is a mark, and no letter."""
    names = {name for name, _ in _pairs(headers)}
    return MARK in names and REASON not in names


def header_number(value: str | bytes | None) -> int | None:
    """A header's value as a number that is not negative; None where it is none."""
    text = value.decode(errors="replace") if isinstance(value, bytes) else value or ""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < _MOST_DIGITS else None


def readable_event_time(value: bytes | None) -> int | None:
    """The event time (ms) that a message gives, whatever else is wrong with it; None where it gives no plausible one.

    A value that is no JSON, or larger than any that is taken, is not searched.
    """
    if not value or len(value) > MAX_PREDICTION_BYTES:
        return None
    try:
        found = msgspec.json.decode(value, type=_EventDated).event_time
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return int(found) if EARLIEST_EVENT_TIME <= found <= LATEST_EVENT_TIME else None


def _headers(rejection: RejectionError, origin: tuple[str, int, int], time: int) -> list[Header]:
    origin_topic, partition, offset = origin
    return [
        (REASON, rejection.reason.value),
        (FIELD, _text(rejection.field)),
        (DETAIL, _text(rejection.detail)),
        (ORIGIN_TOPIC, origin_topic),
        (ORIGIN_PARTITION, str(partition)),
        (ORIGIN_OFFSET, str(offset)),
        (TIME, str(time)),
    ]


def _pairs(headers: Headers) -> Iterable[Header]:
    return headers.items() if isinstance(headers, Mapping) else headers or ()


def _text(text: str) -> bytes:
    """The beginning; half a surrogate pair, which JSON can carry and UTF-8 cannot, becomes a question mark."""
    return text[:_LONGEST_TEXT].encode("utf-8", "replace")


def _fitting(key: bytes | None, value: bytes | None) -> tuple[bytes | None, bytes | None, list[Header]]:
    """Key and value as far as our topic takes them, and the headers that say what is missing."""
    key_bytes, value_bytes = len(key or b""), len(value or b"")
    if key_bytes + value_bytes <= MAX_MESSAGE_BYTES:
        return key, value, []
    cut = []
    if key is not None and key_bytes > MAX_KEY_BYTES:
        key = key[:MAX_KEY_BYTES]
        cut.append("key")
    room = MAX_MESSAGE_BYTES - len(key or b"")
    if value is not None and value_bytes > room:
        value = value[:room]
        cut.append("value")
    said = (CUT, ",".join(cut)), (ORIGINAL_KEY_BYTES, str(key_bytes)), (ORIGINAL_VALUE_BYTES, str(value_bytes))
    return key, value, list(said)
