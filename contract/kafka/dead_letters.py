"""Dead letters: the original bytes, unchanged, with the reason and the origin in the headers.

A message may come from a topic of somebody else's that takes larger ones than ours. What does not fit is cut at its
end, and headers say so: ``cut`` names what was cut (``value``, or ``key,value``), ``original-key-bytes`` and
``original-value-bytes`` give the lengths. The whole message stands at its origin, as long as that topic keeps it.
"""

from confluent_kafka import Producer

from contract.rejection import RejectionError
from contract.topics import MAX_MESSAGE_BYTES

REASON = "reason"
FIELD = "field"
DETAIL = "detail"
ORIGIN_TOPIC = "origin-topic"
ORIGIN_PARTITION = "origin-partition"
ORIGIN_OFFSET = "origin-offset"
TIME = "time"
CUT = "cut"
ORIGINAL_KEY_BYTES = "original-key-bytes"
ORIGINAL_VALUE_BYTES = "original-value-bytes"

MAX_KEY_BYTES = 100_000
"""Bytes of a key that are kept where key and value together are too large."""
_LONGEST_TEXT = 1_000
"""Characters of field and detail, which may quote a message."""

Header = tuple[str, str | bytes | None]


def produce_dead_letter(
    producer: Producer,
    topic: str,
    rejection: RejectionError,
    *,
    key: bytes | None,
    value: bytes | None,
    origin: tuple[str, int, int],
    time: int,
) -> None:
    """Send one dead letter; ``origin`` is topic, partition and offset, ``time`` wall time in ms.

    It goes to the partition it came from, within the transaction that is open on ``producer``.
    """
    key, value, cut = _fitting(key, value)
    headers = [*_headers(rejection, origin, time), *cut]
    producer.produce(topic, key=key, value=value, headers=headers, partition=origin[1])


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
