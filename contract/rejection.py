"""Why a message cannot be used: one reason code for each kind of bad input, with the field and a detail."""

import json
import math
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import msgspec

from contract.durations import DAY
from contract.errors import ChurnstreamError
from contract.topics import MAX_VALUE_BYTES

EARLIEST_EVENT_TIME = 946_684_800_000
"""2000-01-01T00:00:00Z; an earlier event time is a mistake of units or a default."""
LATEST_EVENT_TIME = 7_258_118_400_000
"""2200-01-01T00:00:00Z; a later event time is a mistake of units, whenever it was sent."""
FUTURE_TOLERANCE_MS = DAY
"""How far an event time may be ahead of when its message was sent."""


class Reason(StrEnum):
    """Reason codes in the ``reason`` header of a dead letter."""

    EMPTY_VALUE = "empty-value"
    TOO_LARGE = "too-large"
    NOT_UTF8 = "not-utf8"
    NOT_JSON = "not-json"
    WRONG_SHAPE = "wrong-shape"
    MISSING_FIELD = "missing-field"
    UNKNOWN_FIELD = "unknown-field"
    WRONG_TYPE = "wrong-type"
    NOT_FINITE = "not-finite"
    OUT_OF_RANGE = "out-of-range"
    UNKNOWN_CATEGORY = "unknown-category"
    TOO_LONG = "too-long"
    IMPLAUSIBLE_EVENT_TIME = "implausible-event-time"
    NULL_KEY = "null-key"
    KEY_MISMATCH = "key-mismatch"
    NOT_SCORABLE = "not-scorable"
    INVALID_LABEL = "invalid-label"
    RECORD_TOO_LATE = "record-too-late"
    LABEL_TOO_LATE = "label-too-late"
    LABEL_BEFORE_RECORD = "label-before-record"
    LABEL_WITHOUT_RECORD = "label-without-record"
    WRONG_PARTITION = "wrong-partition"


# not frozen, because Python sets the traceback of what passes through a context manager
@dataclass(unsafe_hash=True)
class RejectionError(ChurnstreamError):
    """A message is unusable: reason code, the field where it shows (empty if none), and what was found."""

    reason: Reason
    field: str
    detail: str

    def __str__(self) -> str:
        return f"{self.reason}{f' at {self.field}' if self.field else ''}: {self.detail}"


Message = TypeVar("Message")

_PATH = re.compile(r" - at `\$(?:\[\.\.\.\])?\.?(?P<path>[^`]*)`$")
_QUOTED = re.compile(r"field `(?P<name>[^`]*)`")


def decode(decoder: "msgspec.json.Decoder[Message]", value: bytes | None, max_bytes: int = MAX_VALUE_BYTES) -> Message:
    """Decode one message's value of at most ``max_bytes``.

    Raises:
        RejectionError: the value is empty, too large, not UTF-8, not JSON, or not what the type allows.
    """
    if not value:
        raise RejectionError(Reason.EMPTY_VALUE, "", "the message has no value")
    if len(value) > max_bytes:
        raise RejectionError(Reason.TOO_LARGE, "", f"{len(value)} bytes, at most {max_bytes} are taken")
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RejectionError(Reason.NOT_UTF8, "", f"byte {error.start} is not UTF-8") from None
    try:
        return decoder.decode(value)
    except msgspec.ValidationError as error:
        raise invalid(error) from None
    except RecursionError:
        raise RejectionError(Reason.WRONG_SHAPE, "", "nested too deeply") from None
    except msgspec.DecodeError as error:
        raise _malformed(text, str(error)) from None


def check_key(key: bytes | None, customer_id: str) -> None:
    """Refuse a message whose key is not its customer's id, because the key decides where its label is looked for."""
    if key is None:
        raise RejectionError(Reason.NULL_KEY, "key", "the key is null; it must be the customer_id")
    if key != customer_id.encode():
        raise RejectionError(Reason.KEY_MISMATCH, "key", "the key is not the value's customer_id")


def check_event_time(event_time: int, sent: int | None) -> None:
    """Refuse an event time before 2000, after 2200, or more than a day after ``sent`` (ms since the epoch).

    ``sent`` belongs to the message, as ``contract.kafka.timestamps`` reads it, so that whoever reads it, whenever,
    comes to the same answer; it is wall time only for a request that is answered now. None: not known.

    Raises:
        RejectionError: the event time is one of these.
    """
    if event_time < EARLIEST_EVENT_TIME:
        raise RejectionError(
            Reason.IMPLAUSIBLE_EVENT_TIME,
            "event_time",
            f"{event_time} is before 2000; give milliseconds since 1970",
        )
    if event_time > LATEST_EVENT_TIME:
        raise RejectionError(
            Reason.IMPLAUSIBLE_EVENT_TIME,
            "event_time",
            f"{event_time} is after 2200; give milliseconds since 1970",
        )
    if sent is not None and event_time > sent + FUTURE_TOLERANCE_MS:
        raise RejectionError(
            Reason.IMPLAUSIBLE_EVENT_TIME, "event_time", f"{event_time} is more than a day after it was sent, at {sent}"
        )


def invalid(error: msgspec.ValidationError) -> RejectionError:
    """What a type had against a value, as a reason code with the field and a detail that shows no value."""
    message = str(error)
    found = _PATH.search(message)
    path = found.group("path") if found else ""
    detail = message[: found.start()] if found else message
    quoted = _QUOTED.search(detail)
    name = ".".join(part for part in (path, quoted.group("name") if quoted else "") if part)
    if "missing required field" in detail:
        return RejectionError(Reason.MISSING_FIELD, name, "the field is missing")
    if "contains unknown field" in detail:
        return RejectionError(Reason.UNKNOWN_FIELD, name, "the schema has no such field")
    if path == "label":
        return RejectionError(Reason.INVALID_LABEL, path, f"{_in_words(detail)}; a label is 0 or 1")
    if "Invalid enum value" in detail:
        return RejectionError(Reason.UNKNOWN_CATEGORY, path, "the value is none of the schema's categories")
    if "Number out of range" in detail:
        return RejectionError(Reason.NOT_FINITE, path, "the number is beyond a double's range")
    if re.search(r"`(float|int)` [<>]=", detail):
        return RejectionError(Reason.OUT_OF_RANGE, path, detail)
    if path.startswith("features.") and "of length <=" in detail:
        return RejectionError(Reason.TOO_LONG, path, detail)
    if "`object`" in detail:
        return RejectionError(Reason.WRONG_SHAPE, path, detail)
    if "Integer value out of range" in detail:
        return RejectionError(Reason.OUT_OF_RANGE, path, "the number has too many digits")
    return RejectionError(Reason.WRONG_TYPE, path, _in_words(detail))


def _in_words(detail: str) -> str:
    """What the types call a whole number that may be written as a float, as a reader would."""
    if "that's a multiple of" in detail:
        return "Expected a whole number, got one with a fraction"
    return detail.replace("`int | float", "`whole number")


def _malformed(text: str, message: str) -> RejectionError:
    """JSON has no NaN or infinity, but many writers emit them; those get a code and a field of their own."""
    try:
        # either may run out of stack
        field = _not_finite_path(json.loads(text), "")
    except (ValueError, RecursionError):
        return RejectionError(Reason.NOT_JSON, "", message.removeprefix("JSON is malformed: "))
    if field is None:
        return RejectionError(Reason.NOT_JSON, "", message)
    return RejectionError(Reason.NOT_FINITE, field, "NaN and infinity are no JSON numbers")


def _not_finite_path(value: object, path: str) -> str | None:
    if isinstance(value, float):
        return path if not math.isfinite(value) else None
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found = _not_finite_path(item, f"{path}.{key}" if path else str(key))
        if found is not None:
            return found
    return None
