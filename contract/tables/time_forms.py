"""How a cell writes a date or a time: one form after the other, and what each says. Pure.

Numbers are told apart by their size alone, because all times lie between 2000 and 2200: days as Excel counts them,
seconds, milliseconds, microseconds and nanoseconds since 1970, and digits such as 20241231 lie in ranges of their own.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from contract.arrays import Floats, Integers, Mask
from contract.durations import DAY
from contract.tables.cells import NULLS, is_nothing

YEAR_FIRST, YEAR_MONTH, MONTH_NAME, MOMENT = "year-month-day", "year-month", "day, month's name, year", "dates"
BY_DOT, BY_SLASH, BY_DASH = "numbers with points", "numbers with slashes", "numbers with dashes"
DAY_OR_MONTH_FIRST = {".": BY_DOT, "/": BY_SLASH, "-": BY_DASH}
"""Forms of which it is to be found out whether the day or the month stands first, by what divides them."""
SHORT_YEAR, OTHER, NOTHING = "two-digit year", "other", "nothing"

_NOTHINGS = frozenset((*NULLS, "NaT", "-", "--", "?", ".", "0000-00-00", "0000-00-00 00:00:00", "00.00.0000"))
_CLOCK = (
    r"(?:(?:T|,? +)(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"(?: *(?P<half>[AaPp])\.?[Mm]\.?)?)?(?: *(?P<zone>Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?))?"
)
_YEAR_FIRST = re.compile(rf"(\d{{4}})([-/.])(\d{{1,2}})\2(\d{{1,2}}){_CLOCK}", re.ASCII)
_COMPACT = re.compile(
    r"(\d{4})(\d{2})(\d{2})[T ](?P<hour>\d{2})(?P<minute>\d{2})(?P<second>\d{2})?(?:[.,](?P<fraction>\d{1,9}))?"
    r"(?P<half>)(?P<zone>Z|[+-]\d{2}(?::?\d{2})?)?",
    re.ASCII,
)
_YEAR_MONTH = re.compile(r"(\d{4})[-/](\d{1,2})", re.ASCII)
_YEAR_LAST = re.compile(rf"(\d{{1,2}})([./-])(\d{{1,2}})\2(\d{{4}}|\d{{2}}){_CLOCK}", re.ASCII)
_DAY_NAME = re.compile(rf"(\d{{1,2}})[ .-]*([A-Za-z]{{3,9}})\.?[ ,-]*(\d{{4}}|\d{{2}}){_CLOCK}", re.ASCII)
_NAME_DAY = re.compile(rf"([A-Za-z]{{3,9}})\.? +(\d{{1,2}}),? +(\d{{4}}){_CLOCK}", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?", re.ASCII)
_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
_EPOCH, _EPOCH_UTC = datetime(1970, 1, 1), datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_EXCEL_EPOCH_DAYS = 25_569
"""1970-01-01 as Excel counts days, from 1899-12-30 on."""


class Written(NamedTuple):
    """What a cell says, as far as it says it by itself.

    ``first``, ``second``, ``third``: its parts in the order in which they stand. ``clock`` is the time of day in ms,
    ``offset`` its offset from UTC in ms, None where it has none. Of a number, ``number`` is all.
    """

    form: str
    first: int = 0
    second: int = 0
    third: int = 0
    clock: int = 0
    offset: int | None = None
    number: float = 0.0


_NOTHING, _OTHER = Written(NOTHING), Written(OTHER)


def written(cell: Any) -> Written:
    """What a cell says; ``OTHER`` if it is no time in any form that is known."""
    if isinstance(cell, str):
        return _NOTHING if cell.strip() in _NOTHINGS else _text(cell.strip())
    if isinstance(cell, bool | np.bool_):
        return _OTHER
    if is_nothing(cell):
        return _NOTHING
    if isinstance(cell, pd.Timestamp):
        # by its nanoseconds, because arithmetic with such a one is slow; after 2262 there are none
        with suppress(OverflowError):
            return Written(MOMENT, cell.value // 1_000_000, offset=None if cell.tzinfo is None else 0)
    if isinstance(cell, datetime):
        if cell.tzinfo is not None:
            return Written(MOMENT, (cell - _EPOCH_UTC) // timedelta(milliseconds=1), offset=0)
        return Written(MOMENT, (cell - _EPOCH) // timedelta(milliseconds=1))
    if isinstance(cell, date):
        return Written(MOMENT, (cell.toordinal() - _EPOCH_ORDINAL) * DAY)
    try:
        return _number(float(cell))
    except (TypeError, ValueError):
        return _OTHER


def milliseconds(found: Written, month_first: bool) -> int | None:
    """ms since 1970 as if the zone were UTC, without the offset; None if there is no such day."""
    if found.form == MOMENT:
        return found.first
    if found.form in (YEAR_FIRST, YEAR_MONTH, MONTH_NAME):
        year, month, day = found.first, found.second, found.third
    elif month_first:
        month, day, year = found.first, found.second, found.third
    else:
        day, month, year = found.first, found.second, found.third
    try:
        return (date(year, month, day).toordinal() - _EPOCH_ORDINAL) * DAY + found.clock
    except ValueError:
        return None


class Unit(NamedTuple):
    """A meaning of numbers: its name, the range that stands for 2000 to 2200, and how one is read as ms.

    ``local``: they say what a clock showed, not how much time has passed.
    """

    name: str
    low: float
    high: float
    read: Callable[[Floats], Integers]
    local: bool = False


def _scaled(per_ms: float) -> Callable[[Floats], Integers]:
    return lambda numbers: np.rint(numbers * per_ms).astype(np.int64)


def _digits(numbers: Floats) -> Integers:
    """Of numbers such as 202412, 20241231 and 20241231060000."""
    return np.array([_by_digits(f"{number:.0f}") for number in numbers], dtype=np.int64)


def _by_digits(text: str) -> int:
    """ms, or 0 (which no time is) if there is no such day or time of day."""
    text = text + "01" if len(text) == 6 else text
    hour, minute, second = (int(text[place : place + 2] or 0) for place in (8, 10, 12))
    try:
        moment = datetime(int(text[:4]), int(text[4:6]), int(text[6:8]), hour, minute, second)
    except ValueError:
        return 0
    return (moment - _EPOCH) // timedelta(milliseconds=1)


_FROM, _TO = 946_684_800, 7_258_118_400  # 2000 and 2200, in seconds
UNITS = (
    Unit("days as Excel counts them", 36_526, 109_575, lambda days: _scaled(DAY)(days - _EXCEL_EPOCH_DAYS), True),
    Unit("digits of year and month", 200_001, 220_012, _digits, True),
    Unit("digits of year, month and day", 20_000_101, 22_001_231, _digits, True),
    Unit("seconds since 1970", _FROM, _TO, _scaled(1e3)),
    Unit("digits of a day, hour and minute", 200_001_010_000, 220_012_312_359, _digits, True),
    Unit("milliseconds since 1970", _FROM * 1e3, _TO * 1e3, _scaled(1.0)),
    Unit("digits of a day, hour, minute and second", 20_000_101_000_000, 22_001_231_235_959, _digits, True),
    Unit("microseconds since 1970", _FROM * 1e6, _TO * 1e6, _scaled(1e-3)),
    Unit("nanoseconds since 1970", _FROM * 1e9, _TO * 1e9, _scaled(1e-6)),
)


def units_of(numbers: Floats) -> npt.NDArray[np.int8]:
    """Place in ``UNITS`` of what each number can be; -1 where it can be none, as NaN, 0 and a year."""
    found = np.full(len(numbers), -1, dtype=np.int8)
    for place, unit in enumerate(UNITS):
        within: Mask = (numbers >= unit.low) & (numbers <= unit.high)
        found[within] = place
    return found


def _number(value: float) -> Written:
    place = int(units_of(np.array([value]))[0]) if np.isfinite(value) else -1
    return Written(UNITS[place].name, number=value) if place >= 0 else _OTHER


def _text(text: str) -> Written:
    if _NUMBER.fullmatch(text):
        return _number(float(text))
    if found := _YEAR_FIRST.fullmatch(text):
        return _with_clock(found, YEAR_FIRST, int(found[1]), int(found[3]), int(found[4]))
    if found := _YEAR_LAST.fullmatch(text):
        form = SHORT_YEAR if len(found[4]) == 2 else DAY_OR_MONTH_FIRST[found[2]]
        return _with_clock(found, form, int(found[1]), int(found[3]), int(found[4]))
    if found := _COMPACT.fullmatch(text):
        return _with_clock(found, YEAR_FIRST, int(found[1]), int(found[2]), int(found[3]))
    if found := _YEAR_MONTH.fullmatch(text):
        return Written(YEAR_MONTH, int(found[1]), int(found[2]), 1)
    if found := _DAY_NAME.fullmatch(text):
        return _named(found, found[2], found[1], found[3])
    if found := _NAME_DAY.fullmatch(text):
        return _named(found, found[1], found[2], found[3])
    return _OTHER


def _named(found: "re.Match[str]", name: str, day: str, year: str) -> Written:
    name = name.lower()
    month = next((number for number, known in enumerate(_MONTHS, 1) if name in (known, known[:3])), None)
    if name == "sept":
        month = 9
    if month is None:
        return _OTHER
    # as strptime's %y, and so as POSIX, divides the centuries
    century = 0 if len(year) == 4 else 2000 if int(year) < 69 else 1900
    return _with_clock(found, MONTH_NAME, century + int(year), month, int(day))


def _with_clock(found: "re.Match[str]", form: str, first: int, second: int, third: int) -> Written:
    hour, minute, seconds = (int(found[name] or 0) for name in ("hour", "minute", "second"))
    if found["half"]:
        if not 1 <= hour <= 12:
            return _OTHER
        hour = hour % 12 + (12 if found["half"] in "Pp" else 0)
    if hour > 23 or minute > 59 or seconds > 60:
        return _OTHER
    fraction = int((found["fraction"] or "0").ljust(3, "0")[:3])
    # a leap second is the last one of its minute here, as for Kafka and everybody else
    clock = ((hour * 60 + minute) * 60 + min(seconds, 59)) * 1_000 + fraction
    return Written(form, first, second, third, clock, _offset(found["zone"]))


def _offset(zone: str | None) -> int | None:
    if not zone:
        return None
    if zone in ("Z", "UTC", "GMT"):
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    return (-minutes if zone[0] == "-" else minutes) * 60_000
