"""Which of a table's first rows is its header: reports have titles above it. Pure."""

import re
from collections.abc import Collection, Sequence
from statistics import median_high
from typing import Any

FIRST_ROWS = 100
"""So many rows are enough to find it."""
_MOST_ABOVE = 20
_NUMBER = re.compile(r"[+-]?[0-9][0-9.,]*")


def header_at(rows: Sequence[Sequence[Any]], wanted: Collection[str]) -> int:
    """The position of the header among a table's first filled rows; the first one unless another is plainly it.

    With ``wanted`` columns, it is the row that names the most of them, and at least half. Without them, a row of which
    at most half is filled, compared with most others, is a title, and the header the first fuller row of texts.
    """
    if wanted:
        found = [len({_text(cell) for cell in row} & set(wanted)) for row in rows[: _MOST_ABOVE + 1]]
        most = max(found, default=0)
        return found.index(most) if most * 2 >= len(set(wanted)) else 0
    filled = [sum(bool(_text(cell)) for cell in row) for row in rows]
    usual = median_high(filled) if filled else 0
    for place, (row, count) in enumerate(zip(rows[: _MOST_ABOVE + 1], filled, strict=False)):
        if count * 2 > usual and (place == 0 or not any(_NUMBER.fullmatch(_text(cell)) for cell in row)):
            return place
    return 0


def said_above(count: int) -> list[str]:
    """The clause that tells of rows above the header."""
    if not count:
        return []
    return ["the row above its header is left out" if count == 1 else f"the {count} rows above its header are left out"]


def _text(cell: Any) -> str:
    return "" if cell is None else str(cell).strip()
