"""Durations as people write them: ``7d``, ``12h``, ``90s``, ``1d12h``; kept as whole milliseconds."""

import re
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, Field

DAY = 86_400_000
"""In ms."""
HOUR = 3_600_000
"""In ms."""
_UNITS = {"w": 7 * DAY, "d": DAY, "h": HOUR, "m": 60_000, "s": 1_000, "ms": 1}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|[wdhms])")


def parse_duration(text: str | int) -> int:
    """Milliseconds in ``text``; a plain integer is milliseconds already.

    Raises:
        ValueError: ``text`` is not a sum of numbers with the units w, d, h, m, s or ms.
    """
    if isinstance(text, int):
        return text
    parts = _PART.findall(text) if isinstance(text, str) else []
    if not parts or _PART.sub("", text).strip():
        raise ValueError(f"{text!r} is not a duration; write a number with a unit, such as 7d, 12h, 90s or 1d12h")
    return round(sum(Decimal(number) * _UNITS[unit] for number, unit in parts))


def format_duration(milliseconds: int) -> str:
    """Text that ``parse_duration`` reads back, in days at most: ``format_duration(90_000) == "1m30s"``."""
    if milliseconds == 0:
        return "0s"
    text = ""
    rest = milliseconds
    for unit, size in _UNITS.items():
        if unit == "w":
            continue
        count, rest = divmod(rest, size)
        text += f"{count}{unit}" if count else ""
    return text


Duration = Annotated[int, BeforeValidator(parse_duration), Field(ge=0)]
"""A setting's type: milliseconds, given as text with a unit or as an integer."""
