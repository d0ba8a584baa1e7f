"""Which window is asked for, as a user writes it, and what is said where there is no such window."""

import re
from bisect import bisect_left
from collections.abc import Iterable
from datetime import UTC, datetime

from contract.errors import UserError
from monitor.naming import iso_time

LATEST = "latest"
_MILLISECONDS = re.compile(r"-?\d{9,15}")
_REMEDY = "give a date or a time in UTC, such as 2025-01-25 or 2025-01-25T06:00, or `latest`"


def start_asked(text: str) -> int | None:
    """The start of a window (ms, event time) from ISO 8601, in UTC where no zone is given, or from ms; None: the
    latest.

    Raises:
        UserError: it is none of these.
    """
    if text.strip().lower() == LATEST:
        return None
    if _MILLISECONDS.fullmatch(text.strip()):
        return int(text)
    try:
        read = datetime.fromisoformat(text.strip())
        moment = read if read.tzinfo is not None else read.replace(tzinfo=UTC)
        return round(moment.timestamp() * 1_000)
    except (ValueError, OverflowError):
        raise UserError(f"START got {text!r}, which is not a time; {_REMEDY}") from None


def nearest(starts: Iterable[int], start: int) -> list[int]:
    """The last of ``starts`` before ``start``, and the first after it, as far as there are such."""
    ordered = sorted(starts)
    place = bisect_left(ordered, start)
    return ordered[max(place - 1, 0) : place + 1]


def no_such_window(title: str, starts: Iterable[int], start: int | None) -> UserError:
    """What is said where no window of a model starts at ``start``, but some do at ``starts``."""
    near = [] if start is None else nearest(starts, start)
    if start is None or not near:
        return UserError(
            f"there is no window of {title}; check --model, --version, --role and the topic prefix, or wait until a "
            f"monitor has closed the first one"
        )
    written = _written(start)
    verb = "starts" if len(near) == 1 else "start"
    return UserError(
        f"no window of {title} starts at {written}; the nearest {verb} at {' and '.join(map(iso_time, near))}"
    )


def _written(start: int) -> str:
    try:
        return iso_time(start)
    except (ValueError, OverflowError, OSError):
        return f"{start} ms"
