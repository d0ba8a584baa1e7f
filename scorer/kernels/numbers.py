"""JSON numbers, read to the double that is nearest, or declined."""

import numpy as np

from scorer.kernels.compiled import inlined
from scorer.kernels.tables import Bytes

_ZERO, _NINE, _MINUS, _PLUS, _POINT = 48, 57, 45, 43, 46
_EXPONENT_SMALL, _EXPONENT_LARGE = ord("e"), ord("E")
_MOST_DIGITS = 18
"""Of a number without its leading zeros, so that its digits are an int64."""
_EXACT = 2**53
"""Each whole number below it is a double."""
_MOST_POWER = 22
"""The largest power of ten that is a double."""
_POWERS = np.array([10.0**power for power in range(_MOST_POWER + 1)])


@inlined
def number(text: Bytes, at: int, end: int) -> tuple[int, float]:
    """The number that begins at ``at``, and where it ends; -1 and 0.0 where it is none, or is declined.

    A number of digits below 2**53 and a power of ten up to 22 is one division or product of doubles that are exact, so
    its result is the nearest double (Clinger 1990, "How to read floating point numbers accurately").
    """
    negative = at < end and text[at] == _MINUS
    if negative:
        at += 1
    if at >= end or text[at] < _ZERO or text[at] > _NINE:
        return -1, 0.0
    if text[at] == _ZERO and at + 1 < end and _ZERO <= text[at + 1] <= _NINE:
        return -1, 0.0
    digits = np.int64(0)
    count = 0
    power = np.int64(0)
    while at < end and _ZERO <= text[at] <= _NINE:
        digits = digits * 10 + (np.int64(text[at]) - _ZERO)
        count += digits != 0
        if count > _MOST_DIGITS:
            return -1, 0.0
        at += 1
    if at < end and text[at] == _POINT:
        at += 1
        start = at
        while at < end and _ZERO <= text[at] <= _NINE:
            digits = digits * 10 + (np.int64(text[at]) - _ZERO)
            count += digits != 0
            if count > _MOST_DIGITS:
                return -1, 0.0
            at += 1
        if at == start:
            return -1, 0.0
        power = np.int64(start - at)
    if at < end and (text[at] == _EXPONENT_SMALL or text[at] == _EXPONENT_LARGE):
        at += 1
        down = at < end and text[at] == _MINUS
        if at < end and (text[at] == _MINUS or text[at] == _PLUS):
            at += 1
        start = at
        exponent = np.int64(0)
        while at < end and _ZERO <= text[at] <= _NINE:
            exponent = exponent * 10 + (np.int64(text[at]) - _ZERO)
            if at - start > 3:
                return -1, 0.0
            at += 1
        if at == start:
            return -1, 0.0
        power += -exponent if down else exponent
    # the sign of a zero depends on how it is written
    if digits >= _EXACT or power < -_MOST_POWER or power > _MOST_POWER or (digits == 0 and negative):
        return -1, 0.0
    value = np.float64(digits)
    if power < 0:
        value = value / _POWERS[-power]
    elif power > 0:
        value = value * _POWERS[power]
    return at, -value if negative else value
