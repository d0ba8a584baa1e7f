"""The check of a kernel before it is used: on probes made from the schema it must give what its definition gives."""

import json
import logging
import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from contract.bounds import LONGEST_IDENTIFIER
from contract.rejection import EARLIEST_EVENT_TIME, FUTURE_TOLERANCE_MS, LATEST_EVENT_TIME
from contract.schema import Feature, Schema
from scorer.kernels.compiled import available, told_if_long
from scorer.kernels.definition import Definition
from scorer.kernels.definition import predictions as defined_predictions
from scorer.kernels.kernel import Kernel, Taken, predictions

_log = logging.getLogger("churnstream.kernels")

Probe = tuple[bytes, bytes, int | None]
"""Value, key, and when it was sent (ms)."""
_MOST_ROWS, _MOST_FEATURES = 100, 10
_TIME = 1_735_725_600_000
_CONSTANT = '"threshold":0.5,"source":{"offset":'
_NUMBERS = (
    *("0", "-0", "-0.0", "1.0", "3e0", "30E-1", "2.5", "0.3", "19.99", "123.456", "1e-9", "12.10", "1e22", "1e400"),
    *("9007199254740991", "9007199254740992", "9007199254740993", "0.30000000000000004", "9" * 20, "0." + "3" * 400),
    *("01", "1.", ".5", "+1", "1e", "1e+", "-", "1_0"),
)
_TIMES = (".0", ".5", "e0", "e-1", "0e-1")
_NO_UTF8 = (b"\xc0\x80", b"\xc3", b"\x80", b"\xe0\x80\x80", b"\xed\xa0\x80", b"\xf0\x80\x80\x80", b"\xf4\x90\x80\x80")
_PROBABILITIES = (0.0, 5e-324, 1e-05, 9.999999999999999e-05, 0.0001, 0.1, 1 / 3, 0.30000001192092896, 1.0)


def checked_kernel(schema: Schema) -> Kernel | None:
    """A kernel that agrees with its definition on probes; None where there is none, and a warning says why."""
    if not available():
        return None
    try:
        with told_if_long("the loops that read records and write predictions"):
            fault = _fault(schema)
    except Exception as error:
        fault = f"{type(error).__name__}: {error}"
    if fault is None:
        return Kernel(schema)
    _log.warning(
        "compiled code gives wrong results on this machine, so records are read and predictions are written without "
        "it, at about half the speed: %s",
        fault,
    )
    return None


@lru_cache(maxsize=8)
def _fault(schema: Schema) -> str | None:
    """What the kernel gives that it should not; None where it agrees with its definition."""
    given = list(probes(schema))
    kernel = Kernel(schema)
    taken = kernel.take(*(list(each) for each in zip(*given, strict=True)))
    fault = difference(schema, given, taken)
    if fault is None and not len(taken):
        return "it reads no record"
    if fault is not None:
        return fault
    values = [given[place][0] for place in taken.places.tolist()]
    probabilities = np.resize(np.array(_PROBABILITIES), len(taken))
    decisions = np.resize(np.array([0, 1]), len(taken))
    offsets = np.cumsum(np.resize(np.array([1, 9, 10**12]), len(taken)))
    made = predictions(taken, probabilities, decisions, _CONSTANT.encode(), offsets)
    if list(made) != defined_predictions(values, probabilities, decisions.tolist(), _CONSTANT, offsets.tolist()):
        return "a prediction differs"
    return None


def difference(schema: Schema, messages: Sequence[Probe], taken: Taken) -> str | None:
    """How what a kernel has taken of ``messages`` differs from the definition; None where it does not."""
    definition = Definition(schema)
    for record, place in enumerate(taken.places.tolist()):
        expected = definition.column(*messages[place])
        if expected is None:
            return f"it accepts record {place}, which it should decline"
        # bits, so that -0.0 is not 0.0
        if np.array(expected).tobytes() != np.ascontiguousarray(taken.columns[:, record]).tobytes():
            return f"it reads wrong numbers from record {place}"
    return None


def probes(schema: Schema) -> Iterator[Probe]:
    """Records that are usual and records at and beyond each limit, of which some are to be declined."""
    usual = {one.name: _allowed(one)[0] for one in schema.features}
    yield _message(usual)
    yield _message(usual, indent=2)
    yield _message(dict(reversed(usual.items())))
    allowed = [_allowed(one) for one in schema.features]
    for row in range(min(max(map(len, allowed)), _MOST_ROWS)):
        yield _message({one.name: each[row % len(each)] for one, each in zip(schema.features, allowed, strict=True)})
    # of a wide schema, some: their tables are made in the same way
    for one in schema.features[:: max(len(schema.features) // _MOST_FEATURES, 1)]:
        for value in _values(one):
            yield _message(usual | {one.name: value})
        others = {name: value for name, value in usual.items() if name != one.name}
        yield _message(others)
        text, key, _ = _message(usual)
        first = schema.names[0]
        yield text.replace(_pair(one.name, usual[one.name]), _pair(first, usual[first])), key, None
    plain, key, _ = _message(usual)
    for time in (EARLIEST_EVENT_TIME - 1, EARLIEST_EVENT_TIME, LATEST_EVENT_TIME, LATEST_EVENT_TIME + 1):
        yield plain.replace(str(_TIME).encode(), str(time).encode()), key, None
    for sent in (_TIME - FUTURE_TOLERANCE_MS - 1, _TIME - FUTURE_TOLERANCE_MS, _TIME):
        yield plain, key, sent
    for name in ("", "a", "é" * LONGEST_IDENTIFIER, "a" * (LONGEST_IDENTIFIER + 1), 'a"b', "\x01"):
        yield _message(usual, customer_id=name)
        yield _message(usual, record_id=name)
    yield plain, b"other", None
    for end in _TIMES:
        yield plain.replace(str(_TIME).encode(), f"{_TIME}{end}".encode()), key, None
    for wrong in _NO_UTF8:
        yield plain.replace(b"visit", wrong), key, None
    yield plain[:-1], key, None
    yield plain + b" \n", key, None
    yield plain + b"}", key, None
    yield plain.replace(b'"features"', b'"feature"'), key, None
    yield plain.replace(b'"record_id"', b'"record_id":"a","record_id"'), key, None
    yield plain.replace(b'"record_id"', b'"customer_id"').replace(b"visit-1", key), key, None


def _allowed(feature: Feature) -> list[str]:
    """JSON texts of values that are taken."""
    if feature.is_categorical:
        texts = [json.dumps(name, ensure_ascii=False) for name in feature.categories]
    else:
        low = math.ceil(-1 if feature.minimum is None else feature.minimum)
        high = math.floor(max(low, 1) if feature.maximum is None else feature.maximum)
        texts = [str(value) for value in (min(max(0, low), high), low, high, (low + high) // 2)]
    return [*texts, "null"] if feature.missing else texts


def _values(feature: Feature) -> list[str]:
    """JSON texts of values of which some are not taken."""
    others = ["null", "true", '"no such category"', "[]"]
    if feature.is_categorical:
        names = [*feature.categories]
        return [json.dumps(name, ensure_ascii=ascii) for name in names for ascii in (True, False)] + others
    bounds = [bound for bound in (feature.minimum, feature.maximum) if bound is not None]
    near = [bound + step for bound in bounds for step in (0.0, 1.0, -1.0, 0.5)]
    whole = sorted({int(value) for value in near if abs(value) < 1e18}, key=abs)
    return [*map(str, whole), *map(repr, near), *_NUMBERS, *others]


def _pair(name: str, text: str) -> bytes:
    return f"{json.dumps(name, ensure_ascii=False)}:{text}".encode()


def _message(
    features: dict[str, str], *, record_id: str = "visit-1", customer_id: str = "4711", indent: int = 0
) -> Probe:
    space = "\n" + " " * indent if indent else ""
    colon = ": " if indent else ":"
    inner = ",".join(f"{space}{json.dumps(name, ensure_ascii=False)}{colon}{text}" for name, text in features.items())
    fields: dict[str, Any] = {
        "record_id": json.dumps(record_id, ensure_ascii=False),
        "customer_id": json.dumps(customer_id, ensure_ascii=False),
        "event_time": _TIME,
        "features": "{" + inner + space + "}",
    }
    outer = ",".join(f'{space}"{name}"{colon}{text}' for name, text in fields.items())
    return ("{" + outer + space + "}").encode(), customer_id.encode(), None
