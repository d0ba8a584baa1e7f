"""The compact text forms of the command line: ``key=value`` pairs, points in event time, conditions."""

from datetime import UTC, datetime

from contract.durations import parse_duration
from contract.errors import UserError


def parse_pairs(text: str, where: str) -> dict[str, str]:
    """``a=1,b=2`` as a dict; ``where`` names the text in errors.

    Raises:
        UserError: a part is no pair, or a key comes twice.
    """
    pairs: dict[str, str] = {}
    for part in text.split(","):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not key or not value:
            raise UserError(f"{where}: {part.strip()!r} is not an option; write name=value, separated by commas")
        if key in pairs:
            raise UserError(f"{where}: option {key!r} is given twice; give it once")
        pairs[key] = value
    return pairs


def parse_span(text: str, where: str) -> int:
    """A duration in ms, such as ``20d``.

    Raises:
        UserError: it is none.
    """
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UserError(f"{where}: {error}") from None


def parse_time(text: str, where: str) -> int:
    """An ISO 8601 date or time as ms since the epoch; one without an offset is UTC.

    Raises:
        UserError: it is none.
    """
    try:
        return _milliseconds(text)
    except ValueError:
        raise UserError(
            f"{where}: {text!r} is not a time; write ISO 8601, such as 2025-01-21 or 2025-01-21T06:00:00Z"
        ) from None


def parse_moment(text: str, start: int, where: str) -> int:
    """A point in event time in ms: absolute (ISO 8601), or a duration counted from ``start``.

    Raises:
        UserError: it is neither.
    """
    try:
        return start + parse_duration(text)
    except ValueError:
        pass
    try:
        return _milliseconds(text)
    except ValueError:
        raise UserError(
            f"{where}: {text!r} is not a point in time; write an offset from the start such as 20d, or ISO 8601 "
            f"such as 2025-01-21T06:00:00Z"
        ) from None


def _milliseconds(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1_000)


def parse_number(text: object, where: str) -> float:
    """A finite number.

    Raises:
        UserError: it is none.
    """
    try:
        number = float(str(text))
    except ValueError:
        number = float("nan")
    if not abs(number) < float("inf"):
        raise UserError(f"{where}: {text!r} is not a finite number; write one such as 8 or 0.3")
    return number


def format_time(milliseconds: int) -> str:
    """Event time as ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(milliseconds // 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
