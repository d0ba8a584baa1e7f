"""Columns of dates and times: how one is written is found out over the whole of it, then it is read as ms since 1970.

Nothing is guessed where two readings are left. ``03/04/2024`` is read only if some cell of the column proves whether
the day or the month stands first; with points between, the day does, as everywhere where dates are written so. Times
without an offset are those of the column's zone. One that a change of the clocks leaves out is taken to be the moment
after the gap, and of one that there is twice the first is taken; both are counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from contract.arrays import Floats, Integers, Mask
from contract.dates.columns import TimeColumn, time_columns, zone_of
from contract.errors import UserError
from contract.schema import Schema
from contract.tables.cells import Cells
from contract.tables.time_forms import (
    BY_DOT,
    DAY_OR_MONTH_FIRST,
    NOTHING,
    OTHER,
    SHORT_YEAR,
    UNITS,
    YEAR_MONTH,
    Written,
    milliseconds,
    units_of,
    written,
)

NO_TIME = -(2**63)
"""Stands for a cell that holds nothing."""
UNREADABLE = NO_TIME + 1
"""Stands for a cell that holds something, and no time in the column's form."""
LEAST_TIME = UNREADABLE + 1
"""Every time is at least this."""
STRAY_SHARE = 0.01
"""Cells of another form, or of none, that a column may hold; they have no time, and are counted."""

EVENT_TIME, LABEL_TIME = "\0time", "\0label_time"
"""Columns of a chunk that no table can have."""

_REMEMBERED = 100_000
_SEPARATORS = {form: mark for mark, form in DAY_OR_MONTH_FIRST.items()}
_ZONED_FROM, _ZONED_TO = -62_000_000_000_000, 180_000_000_000_000  # years 6 and 7673: as far as zones are known
_UNIT_NAMES = {unit.name: unit for unit in UNITS}


@dataclass(frozen=True)
class TimeOptions:
    """Columns of time as flags name them; they win over a schema's."""

    column: str | None = None
    format: str | None = None
    zone: str | None = None
    label_column: str | None = None

    def over(self, schema: Schema) -> Schema:
        """The schema with these columns of time in place of its own, as far as they are given.

        Raises:
            UserError: a column has another role, the zone is not known, or there is nothing to which format or zone
                could belong.
        """
        if self == TimeOptions():
            return schema
        given, label = schema.time, schema.label_time
        if self.column is not None and (given is None or given.column != self.column):
            given = TimeColumn(self.column)
        if self.label_column is not None and (label is None or label.column != self.label_column):
            label = TimeColumn(self.label_column)
        if given is None and (self.format or self.zone):
            raise UserError(
                f"--time-format and --time-zone say how a column of times is read, but schema {schema.name} has no "
                "time; name the column with --time-column"
            )
        if given is not None and (self.format or self.zone):
            given = TimeColumn(given.column, self.format or given.format, self.zone or given.zone)
            label = label and TimeColumn(label.column, self.format or label.format, self.zone or label.zone)
        time, label_time = time_columns(given, label, schema.roles, "--time-column")
        return replace(schema, time=time, label_time=label_time)


@dataclass(frozen=True)
class Moments:
    """A column's times in ms since 1970, ``NO_TIME`` or ``UNREADABLE`` where there is none.

    ``skipped`` and ``doubled`` count times that the zone's clocks left out, and that they showed twice.
    """

    times: Integers
    skipped: int = 0
    doubled: int = 0


class TimeColumnReader:
    """Finds out how a column is written (``look`` at all cells, then ``decide``), then reads it.

    ``flag`` is what says the column's format on the command line, for errors.
    """

    def __init__(self, column: TimeColumn, origin: str, flag: str = "--time-format") -> None:
        self.column = column
        self._where = f"{origin}: column {column.column!r}"
        self._flag = flag
        self._zone = zone_of(column)
        self._form = ""
        self._month_first = False
        self._counts: dict[str, int] = {}
        self._first_rows: dict[str, int] = {}
        self._large: dict[tuple[str, int], int] = {}
        """Row of the first cell whose first (0) or second (1) number is above 12, by form."""
        self._either_alike = True
        self._with_offset = self._with_clock = 0
        self._rows = 0
        self._seen: dict[Any, Written] = {}

    def look(self, cells: Cells) -> None:
        """Take more cells into account."""
        if isinstance(cells, np.ndarray) and self.column.format is None:
            self._look_at_numbers(cells)
            return
        for row, cell in enumerate(cells, self._rows + 1):
            found = self._written(cell)
            self._count(found.form, row)
            if found.offset is not None:
                self._with_offset += 1
            if found.clock:
                self._with_clock += 1
            if found.form in _SEPARATORS or found.form == SHORT_YEAR:
                for place, part in enumerate((found.first, found.second)):
                    if part > 12:
                        self._large.setdefault((found.form, place), row)
                self._either_alike = self._either_alike and found.first == found.second
        self._rows += len(cells)

    def decide(self) -> "TimeColumnReader":
        """Settle how the column is read.

        Raises:
            UserError: too many cells are no times, or are written in another way than the others; or the way in which
                they are written can be read as two different days.
        """
        filled = {form: count for form, count in self._counts.items() if form != NOTHING}
        total = sum(filled.values())
        if not total:
            raise UserError(f"{self._where} is empty; name a column that holds dates or times")
        self._form = max(filled, key=lambda form: (filled[form], form != OTHER))
        strays = total - filled[self._form]
        if self._form == OTHER:
            raise UserError(f"{self._where} holds no times in {self._rows_of(OTHER)}; {self._remedy()}")
        if strays > STRAY_SHARE * total:
            other = max((form for form in filled if form != self._form), key=filled.__getitem__)
            raise UserError(self._mixed(other))
        if self._form == SHORT_YEAR:
            raise UserError(
                f"{self._where} holds years of two digits (data row {self._first_rows[SHORT_YEAR]}), and it is not "
                f"clear where the year is; give the format, such as {self._flag} '%d.%m.%y'"
            )
        if self._form in _SEPARATORS:
            self._settle_order()
        return self

    @property
    def said(self) -> str:
        """How the column is read, in a clause: ``times in 'x' are read as day.month.year, in UTC``."""
        how = self.column.format or self._form
        if self._form in _SEPARATORS and self.column.format is None:
            mark = _SEPARATORS[self._form]
            how = mark.join(("month", "day", "year") if self._month_first else ("day", "month", "year"))
        if self._form == YEAR_MONTH:
            how = "year-month, the first of the month"
        unit = _UNIT_NAMES.get(self._form)
        if (unit is not None and not unit.local) or self._with_offset >= self._dated:
            where = ""
        elif self.column.zone:
            where = f", in {self.column.zone}"
        else:
            where = ", in UTC"
        return f"times in {self.column.column!r} are read as {how}{where}"

    def read(self, cells: Cells) -> Moments:
        """The cells' times."""
        if isinstance(cells, np.ndarray) and self.column.format is None:
            return self._moments(*self._numbers(cells.astype(np.float64)))
        values = np.full(len(cells), NO_TIME, dtype=np.int64)
        local = np.zeros(len(cells), dtype=bool)
        unit = _UNIT_NAMES.get(self._form)
        numbers: list[float] = []
        places: list[int] = []
        for place, cell in enumerate(cells):
            found = self._written(cell)
            if found.form == NOTHING:
                continue
            if found.form != self._form:
                values[place] = UNREADABLE
            elif unit is not None:
                numbers.append(found.number)
                places.append(place)
            else:
                moment = milliseconds(found, self._month_first)
                values[place] = UNREADABLE if moment is None else moment - (found.offset or 0)
                local[place] = found.offset is None and moment is not None
        if places:
            values[places], local[places] = self._numbers(np.array(numbers))
        return self._moments(values, local)

    @property
    def _dated(self) -> int:
        return sum(count for form, count in self._counts.items() if form not in (NOTHING, OTHER))

    def _written(self, cell: Any) -> Written:
        if not isinstance(cell, str):
            return written(cell) if self.column.format is None else self._formatted(cell)
        found = self._seen.get(cell)
        if found is None:
            found = written(cell) if self.column.format is None else self._formatted(cell)
            if len(self._seen) >= _REMEMBERED:
                self._seen.clear()
            self._seen[cell] = found
        return found

    def _formatted(self, cell: Any) -> Written:
        """What a cell says by the column's own format; one that is a date or a time already is what it is."""
        plain = written(cell)
        if plain.form == NOTHING or not isinstance(cell, str | int | float | np.integer | np.floating):
            return plain
        text = cell.strip() if isinstance(cell, str) else f"{cell:.0f}"
        try:
            return written(datetime.strptime(text, self.column.format or ""))
        except ValueError:
            return Written(OTHER)

    def _count(self, form: str, row: int, times: int = 1) -> None:
        self._counts[form] = self._counts.get(form, 0) + times
        self._first_rows.setdefault(form, row)

    def _look_at_numbers(self, cells: "np.ndarray[Any, Any]") -> None:
        numbers = cells.astype(np.float64)
        missing = np.isnan(numbers)
        places = np.where(missing, -2, units_of(numbers))
        for place in np.unique(places):
            form = NOTHING if place == -2 else OTHER if place == -1 else UNITS[place].name
            rows = np.flatnonzero(places == place)
            self._count(form, self._rows + int(rows[0]) + 1, len(rows))
        self._rows += len(cells)

    def _numbers(self, numbers: Floats) -> tuple[Integers, Mask]:
        """Their times, and which of them are of the column's zone."""
        unit = _UNIT_NAMES[self._form]
        values: Integers = np.full(len(numbers), UNREADABLE, dtype=np.int64)
        values[np.isnan(numbers)] = NO_TIME
        within = (numbers >= unit.low) & (numbers <= unit.high)
        values[within] = unit.read(numbers[within])
        values[within & (values == 0)] = UNREADABLE
        return values, within & unit.local & (values >= LEAST_TIME)

    def _moments(self, values: Integers, local: Mask) -> Moments:
        """Times of the column's zone, where ``local`` says so, as ms since 1970."""
        if self._zone.key == "UTC" or not local.any():
            return Moments(values)
        known = local & (values >= _ZONED_FROM) & (values <= _ZONED_TO)
        distinct, places = np.unique(values[known], return_inverse=True)
        shifted, skipped, doubled = _to_utc(distinct, self._zone)
        values[known] = shifted[places]
        return Moments(values, int(skipped[places].sum()), int(doubled[places].sum()))

    def _settle_order(self) -> None:
        day_first = self._large.get((self._form, 0))
        month_first = self._large.get((self._form, 1))
        if day_first and month_first:
            raise UserError(
                f"{self._where} has the day first in data row {day_first} and the month first in data row "
                f"{month_first}; write all dates in one way, best as 2024-12-31"
            )
        self._month_first = month_first is not None
        if day_first or month_first or self._form == BY_DOT or self._either_alike:
            return
        mark = _SEPARATORS[self._form]
        day, month = f"%d{mark}%m{mark}%Y", f"%m{mark}%d{mark}%Y"
        raise UserError(
            f"{self._where}: no date shows whether the day or the month is first (no number is above 12); say which "
            f"with {self._flag} '{day}' or {self._flag} '{month}'"
        )

    def _mixed(self, other: str) -> str:
        if other == OTHER:
            return f"{self._where} holds no time in {self._rows_of(OTHER)}; {self._remedy()}"
        spreadsheet = ""
        if {self._form, other} & set(_SEPARATORS) and "dates" in (self._form, other):
            spreadsheet = (
                ", as when a spreadsheet program took the day for the month where it could, and left the other cells "
                "unchanged"
            )
        return (
            f"{self._where} has times written in two ways, {self._form} (data row {self._first_rows[self._form]}) "
            f"and {other} ({self._rows_of(other)}){spreadsheet}; write all of them in one way, best as 2024-12-31"
        )

    def _rows_of(self, form: str) -> str:
        others = self._counts[form] - 1
        return f"data row {self._first_rows[form]}" + (f" and {others:,} more" if others else "")

    def _remedy(self) -> str:
        if self.column.format is not None:
            return f"they do not have the format {self.column.format!r}; correct the format, or the table"
        return (
            f"times are read as 2024-12-31, 2024-12-31T06:00:00+01:00, 31.12.2024, 12/31/2024, 31 Dec 2024 or as "
            f"numbers of seconds or ms since 1970: give any other format with {self._flag}, such as '%Y%b', or "
            f"correct the table"
        )


class TimeReaders:
    """The readers of a table's columns of time, as chunks of a table need them: ``columns`` are their names.

    ``skipped`` and ``doubled`` are those of ``Moments``, of all that has been read since ``begin``.
    """

    def __init__(self, schema: Schema, origin: str) -> None:
        named = {EVENT_TIME: schema.time, LABEL_TIME: schema.label_time}
        self.readers = {
            name: TimeColumnReader(column, origin, "--time-format" if name == EVENT_TIME else "format in [label_time]")
            for name, column in named.items()
            if column is not None
        }
        self.columns = [reader.column.column for reader in self.readers.values()]
        self.skipped = self.doubled = 0

    def begin(self) -> None:
        """A pass over the table begins."""
        self.skipped = self.doubled = 0

    def look(self, cells: Sequence[Cells]) -> None:
        """Take more cells of all columns into account."""
        for reader, seen in zip(self.readers.values(), cells, strict=True):
            reader.look(seen)

    def read(self, cells: Sequence[Cells]) -> dict[str, Moments]:
        """The times of each column, by ``EVENT_TIME`` and ``LABEL_TIME``."""
        found = {name: reader.read(seen) for (name, reader), seen in zip(self.readers.items(), cells, strict=True)}
        self.skipped += sum(moments.skipped for moments in found.values())
        self.doubled += sum(moments.doubled for moments in found.values())
        return found


def parse_moment(text: str, zone: ZoneInfo, where: str) -> int:
    """A date or time in ISO 8601 as ms since 1970; one without an offset is of ``zone``.

    Raises:
        UserError: it is none.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UserError(
            f"{where}: {text!r} is not a time; write ISO 8601, such as 2025-01-21 or 2025-01-21T06:00:00Z"
        ) from None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp() * 1_000)


def recognised(cells: Sequence[Any]) -> str | None:
    """In which form all of a column's cells that hold something are times; None if they are not, or there are none.

    ``contract.tables.time_forms`` has the forms; of ``DAY_OR_MONTH_FIRST`` only ``decide`` can tell which it is.
    """
    forms = {written(cell).form for cell in cells} - {NOTHING}
    form = forms.pop() if len(forms) == 1 else None
    return None if form == OTHER else form


def _to_utc(values: Integers, zone: ZoneInfo) -> tuple[Integers, Mask, Mask]:
    """Times of a zone's clocks as ms since 1970; which of them the clocks left out, and which they showed twice."""
    local = pd.DatetimeIndex(values.astype("datetime64[ms]"))
    moments = local.tz_localize(zone, ambiguous=np.ones(len(local), dtype=bool), nonexistent="shift_forward")
    skipped = np.asarray(moments.tz_localize(None) != local)
    unclear = local.tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward")
    milli: Integers = np.asarray(moments.tz_convert("UTC").tz_localize(None), dtype="datetime64[ms]").astype(np.int64)
    return milli, skipped, np.asarray(unclear.isna())
