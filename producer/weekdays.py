"""Days of the week: how many records come on each, and which days a change is in force on. All in UTC."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contract.arrays import Mask
from contract.durations import DAY
from contract.errors import UserError
from producer.options import parse_number

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EPOCH_WEEKDAY = WEEKDAYS.index("thu")
"""1970-01-01 was a Thursday."""


def weekday(times: NDArray[np.int64]) -> NDArray[np.int64]:
    """The day of the week of event times in ms; 0 is Monday."""
    return (times // DAY + _EPOCH_WEEKDAY) % len(WEEKDAYS)


@dataclass(frozen=True)
class Days:
    """Some days of the week."""

    numbers: tuple[int, ...]

    def hold(self, times: NDArray[np.int64]) -> Mask:
        """Whether event times (ms) lie on one of them."""
        return np.isin(weekday(times), self.numbers)


@dataclass(frozen=True)
class WeeklyVolume:
    """Records of each day of the week, Monday first, relative to each other."""

    weights: tuple[float, ...]

    def event_times(self, positions: NDArray[np.float64], start: int, period: int) -> NDArray[np.int64]:
        """Event times in ms of records at ``positions`` of the stream (0: its beginning, 1: its end).

        They lie within ``period`` ms from ``start`` on, never decrease with the position, and are as dense on each day
        as its weight says, evenly within a day.

        Raises:
            UserError: the period holds no day on which records come.
        """
        midnights = np.arange(start // DAY + 1, -(-(start + period) // DAY), dtype=np.int64) * DAY
        edges = np.concatenate([[start], midnights, [start + period]])
        volume = np.array(self.weights)[weekday(edges[:-1])] * np.diff(edges)
        # a day without records has no place in the volume, and its edges would be ambiguous there
        taken = volume > 0
        if not taken.any():
            raise UserError("weekdays: no day of the period has any records; give a longer period, or other weights")
        before = np.concatenate([[0.0], np.cumsum(volume[taken])])
        wanted = positions * before[-1]
        day = np.clip(np.searchsorted(before, wanted, side="right") - 1, 0, taken.sum() - 1)
        share = (wanted - before[day]) / volume[taken][day]
        begin, length = edges[:-1][taken][day], np.diff(edges)[taken][day]
        times: NDArray[np.int64] = begin + np.minimum((share * length).astype(np.int64), length - 1)
        return times


def parse_days(text: str, where: str) -> Days:
    """``sat+sun``.

    Raises:
        UserError: it names no days.
    """
    names = [name.strip().lower() for name in text.split("+")]
    unknown = next((name for name in names if name not in WEEKDAYS), None)
    if unknown is not None:
        raise UserError(f"{where}: {unknown!r} is not a day; write some of {', '.join(WEEKDAYS)}, such as sat+sun")
    return Days(tuple(sorted({WEEKDAYS.index(name) for name in names})))


def parse_volume(text: str) -> WeeklyVolume:
    """``1,1,1,1,1,0.3,0.3``: relative numbers of records from Monday to Sunday.

    Raises:
        UserError: they are not seven numbers of 0 or more, or all 0.
    """
    weights = tuple(parse_number(part, "weekdays") for part in text.split(","))
    if len(weights) != len(WEEKDAYS) or min(weights) < 0 or not any(weights):
        raise UserError(
            f"weekdays got {text!r}; give seven numbers of 0 or more, Monday first, such as 1,1,1,1,1,0.3,0.3"
        )
    return WeeklyVolume(weights)
