"""How long labels are waited for, and how far they may be dated before their record: from a table's own delays. Pure.

All times are ms.
"""

from typing import NamedTuple

import numpy as np

from contract.arrays import Integers
from contract.durations import DAY, HOUR

_SHARE = 0.995
"""Of the delays that are waited for, where the longest are much longer than the others."""
_STRETCH = 1.5
"""So much longer than that share's delay the longest may be to be waited for, too."""
_LEAST = DAY
_BY_THE_HOUR = 2 * DAY
"""Delays below this are rounded up to hours, longer ones to days."""


class LabelTiming(NamedTuple):
    """Longest time from a record to its label, how far a label may be dated before its record, and what does not fit.

    ``beyond`` labels come later than that, ``before`` are dated further before their record; neither can be joined.
    ``median`` is that of all delays, None where there are none.
    """

    lateness: int
    tolerance: int
    beyond: int
    before: int
    median: int | None


def label_timing(delays: Integers, horizon: int | None = None) -> LabelTiming:
    """From the ``delays`` of a table's labels behind their records, negative where a label is dated before its record.

    Labels that are dated by the day alone may seem to precede their record by less than a day. ``horizon``: the time
    after which silence counts as a label; it is always waited for.
    """
    least = max(_LEAST, horizon or 0)
    tolerance = DAY if bool(((delays < 0) & (delays >= -DAY)).any()) else 0
    before = int((delays < -tolerance).sum())
    waited = delays[delays >= -tolerance]
    if not len(waited):
        return LabelTiming(least, tolerance, 0, before, int(np.median(delays)) if len(delays) else None)
    common = _rounded_up(int(np.quantile(waited, _SHARE, method="higher")))
    longest = _rounded_up(int(waited.max()))
    lateness = max(longest if longest <= _STRETCH * common else common, least)
    return LabelTiming(lateness, tolerance, int((waited > lateness).sum()), before, int(np.median(delays)))


def _rounded_up(delay: int) -> int:
    unit = HOUR if delay < _BY_THE_HOUR else DAY
    return -(-max(delay, 0) // unit) * unit
