"""Times as users give them, and as tables have them: UTC."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pandas as pd

from contract.errors import UserError

Moment = str | datetime | int | None
"""ISO 8601 or a datetime, UTC where no zone is given; or milliseconds since the epoch."""


class TimeSpan(NamedTuple):
    """``since <= time < until`` in ms since the epoch; None: no end on this side."""

    since: int | None = None
    until: int | None = None

    def holds(self, time: int) -> bool:
        return (self.since is None or time >= self.since) and (self.until is None or time < self.until)


def span(since: Moment, until: Moment) -> TimeSpan:
    """Raises UserError: one of them is no time."""
    return TimeSpan(_milliseconds("since", since), _milliseconds("until", until))


def _milliseconds(name: str, moment: Moment) -> int | None:
    if moment is None or isinstance(moment, int):
        return moment
    try:
        read = moment if isinstance(moment, datetime) else datetime.fromisoformat(moment.strip())
        return round((read if read.tzinfo is not None else read.replace(tzinfo=UTC)).timestamp() * 1_000)
    except (ValueError, OverflowError):
        raise UserError(
            f"{name} got {moment!r}, which is not a time; give a date or a time in UTC, such as 2025-01-25 or "
            f"2025-01-25T06:00"
        ) from None


def frame(rows: Sequence[Mapping[str, Any]], types: Mapping[str, str], times: Sequence[str]) -> pd.DataFrame:
    """A table of rows with the columns ``types`` first, also where there is no row; ``times`` are ms in the rows.

    Columns that no row has but ``types`` has are empty. Columns beyond those are numbers (float64), by name.
    """
    others = sorted({name for row in rows for name in row} - types.keys() - set(times))
    made: dict[str, pd.Series[Any]] = {}
    for name in (*types, *others):
        values = [row.get(name) for row in rows]
        if name in times:
            # in int64, or a time that is not known would cost the others their precision
            made[name] = pd.to_datetime(pd.Series(values, dtype="Int64"), unit="ms", utc=True).astype(
                "datetime64[ms, UTC]"
            )
        else:
            made[name] = pd.Series(values, dtype=types.get(name, "float64"))
    return pd.DataFrame(made)
