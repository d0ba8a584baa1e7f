"""Each kind of customer record that cannot be scored, and the reason code and field that it must get."""

import json
from dataclasses import dataclass

from contract.rejection import Reason
from tests.support.messages import DAY, START, customer, encode, key


@dataclass(frozen=True)
class Bad:
    """A spoiled record: key and value as sent, and what the dead letter must say."""

    name: str
    key: bytes | None
    value: bytes | None
    reason: Reason
    field: str

    def __str__(self) -> str:
        return self.name


_GOOD = customer(1)
_KEY = key(_GOOD)
NOW = START + 365 * DAY
IN_2100 = 4_102_444_800_000
"""Far ahead also of the clock of a real broker."""


def _bad(name: str, value: bytes | None, reason: Reason, field: str = "") -> Bad:
    return Bad(name, _KEY, value, reason, field)


def _without(name: str) -> bytes:
    record = customer(1)
    del record["features"][name]
    return encode(record)


def _text(old: str, new: str) -> bytes:
    """The good record with a piece of its JSON text replaced."""
    text = json.dumps(_GOOD)
    assert old in text
    return text.replace(old, new).encode()


BAD_RECORDS = [
    _bad("no value", None, Reason.EMPTY_VALUE),
    _bad("empty value", b"", Reason.EMPTY_VALUE),
    _bad("2 MB", encode(_GOOD | {"padding": "x" * 2_000_000}), Reason.TOO_LARGE),
    _bad("2 MB of spaces", encode(_GOOD) + b" " * 2_000_000, Reason.TOO_LARGE),
    _bad("invalid UTF-8", encode(_GOOD).replace(b"test-1", b"test-\xff"), Reason.NOT_UTF8),
    _bad("not JSON", b"{hello}", Reason.NOT_JSON),
    _bad("plain text", b"customer 17", Reason.NOT_JSON),
    _bad("cut off", encode(_GOOD)[:-20], Reason.NOT_JSON),
    _bad("two records in one message", encode(_GOOD) + b"\n" + encode(_GOOD), Reason.NOT_JSON),
    _bad("an array", b"[1, 2]", Reason.WRONG_SHAPE),
    _bad("a string", b'"customer"', Reason.WRONG_SHAPE),
    _bad("null", b"null", Reason.WRONG_SHAPE),
    _bad("features as a list", encode(_GOOD | {"features": [1]}), Reason.WRONG_SHAPE, "features"),
    _bad("missing feature", _without("Age"), Reason.MISSING_FIELD, "features.Age"),
    _bad(
        "missing record_id",
        encode({k: v for k, v in _GOOD.items() if k != "record_id"}),
        Reason.MISSING_FIELD,
        "record_id",
    ),
    _bad("unknown feature", encode(customer(1, Zip="1010")), Reason.UNKNOWN_FIELD, "features.Zip"),
    _bad("extra field", encode(_GOOD | {"probability": 0.1}), Reason.UNKNOWN_FIELD, "probability"),
    _bad("a label in the record", encode(_GOOD | {"label": 1}), Reason.UNKNOWN_FIELD, "label"),
    _bad("string for a number", encode(customer(1, Age="41")), Reason.WRONG_TYPE, "features.Age"),
    _bad("number for a string", encode(customer(1, Gender=1)), Reason.WRONG_TYPE, "features.Gender"),
    _bad("fraction for an ordinal", encode(customer(1, Tenure=2.5)), Reason.WRONG_TYPE, "features.Tenure"),
    _bad("null where a value is due", encode(customer(1, Age=None)), Reason.WRONG_TYPE, "features.Age"),
    _bad("NaN", _text('"Age": 21', '"Age": NaN'), Reason.NOT_FINITE, "features.Age"),
    _bad("infinity", _text('"Age": 21', '"Age": Infinity'), Reason.NOT_FINITE, "features.Age"),
    _bad("minus infinity", _text('"Age": 21', '"Age": -Infinity'), Reason.NOT_FINITE, "features.Age"),
    _bad("beyond a double", _text('"Age": 21', '"Age": 1e999'), Reason.NOT_FINITE, "features.Age"),
    _bad("below the range", encode(customer(1, Age=3)), Reason.OUT_OF_RANGE, "features.Age"),
    _bad("above the range", encode(customer(1, CreditScore=5_000)), Reason.OUT_OF_RANGE, "features.CreditScore"),
    _bad("a flag of 2", encode(customer(1, HasCrCard=2)), Reason.OUT_OF_RANGE, "features.HasCrCard"),
    _bad("unknown category", encode(customer(1, Geography="Italy")), Reason.UNKNOWN_CATEGORY, "features.Geography"),
    _bad(
        "event time in seconds",
        encode(_GOOD | {"event_time": START // 1_000}),
        Reason.IMPLAUSIBLE_EVENT_TIME,
        "event_time",
    ),
    _bad(
        "event time far ahead",
        encode(_GOOD | {"event_time": IN_2100}),
        Reason.IMPLAUSIBLE_EVENT_TIME,
        "event_time",
    ),
    _bad("event time of 80 bits", encode(_GOOD | {"event_time": 2**80}), Reason.IMPLAUSIBLE_EVENT_TIME, "event_time"),
    _bad("nested too deeply", b'{"record_id":' + b"[" * 100_000, Reason.WRONG_TYPE, "record_id"),
    Bad("null key", None, encode(_GOOD), Reason.NULL_KEY, "key"),
    Bad("another customer's key", b"4711", encode(_GOOD), Reason.KEY_MISMATCH, "key"),
]
