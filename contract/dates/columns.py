"""The columns of time that a schema or a flag names, and what such a column cannot be. Pure."""

from collections.abc import Mapping
from difflib import get_close_matches
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import msgspec

from contract.errors import UserError

_NEVER = {
    "id": "is the id column; name a column that holds dates or times",
    "label": "is the label column; name a column that holds dates or times",
    "private": "is a private column, but each message carries its record's time; remove it from private",
    "feature": (
        "is a feature, but future times always differ from those of training; remove it from the features (the time "
        "since an event can be one), or name another column"
    ),
}


class TimeColumn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table's column that says when something happened.

    ``format`` is ``strptime``'s; where it is None, the column's own is found out. ``zone`` is the IANA name of the time
    zone of times without an offset; None stands for UTC.
    """

    column: str
    format: str | None = None
    zone: str | None = None


TimeColumns = tuple[TimeColumn | None, TimeColumn | None]
"""When a row's record came, and when its label was known."""


def time_columns(
    time: str | TimeColumn | None, label_time: str | TimeColumn | None, roles: Mapping[str, str], origin: str
) -> TimeColumns:
    """Both columns, checked; ``label_time`` has the format and zone of ``time`` where it has none of its own.

    Args:
        roles: of other columns, by name: ``id``, ``label``, ``private`` or ``feature``.
        origin: names what says so in errors.

    Raises:
        UserError: a column of time has another role, too, its zone is not known, or ``label_time`` stands alone.
    """
    first = TimeColumn(time) if isinstance(time, str) else time
    second = TimeColumn(label_time) if isinstance(label_time, str) else label_time
    if first is None and second is not None:
        raise UserError(
            f"{origin}: label_time {second.column!r} says when labels were known, but no time column says when their "
            "records came; name that column, too"
        )
    if first is not None and second is not None:
        second = TimeColumn(second.column, second.format or first.format, second.zone or first.zone)
    for name, column in (("time", first), ("label_time", second)):
        if column is not None:
            _refuse(column, roles, f"{origin}: {name} {column.column!r}")
    return first, second


def zone_of(column: TimeColumn) -> ZoneInfo:
    """The zone of times without an offset."""
    return ZoneInfo(column.zone or "UTC")


def _refuse(column: TimeColumn, roles: Mapping[str, str], where: str) -> None:
    if not column.column.strip():
        raise UserError(f"{where} names no column; give the name of a column that holds dates or times")
    role = roles.get(column.column)
    if role is not None:
        raise UserError(f"{where} {_NEVER[role]}")
    try:
        zone_of(column)
    # a name with a path in it is a ValueError, one of a folder of zones an OSError
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = get_close_matches(column.zone or "", available_timezones(), 1)
        meant = f"did you mean {near[0]}?" if near else "give one such as Europe/Vienna"
        raise UserError(f"{where}: {column.zone!r} is not the IANA name of a time zone; {meant}") from None
