"""Which mark divides whole from fraction in a table's numbers: point or comma. Pure.

A spreadsheet writes all of its numbers with one mark, so all numeric columns are judged together. ``1,234`` alone can
be either number; it is read only where other cells prove the comma to be the decimal mark, and refused where they
do not.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from contract.errors import UserError
from contract.tables.cells import Mark

_FLAGS = re.MULTILINE | re.ASCII


def _decimal(mark: str) -> re.Pattern[str]:
    """Numbers in which ``mark`` cannot stand for thousands."""
    long_or_zero = rf"(?:|0\d*|\d{{4,}}){mark}\d+"
    not_three_digits = rf"[1-9]\d{{0,2}}{mark}(?!\d{{3}}$)\d*"
    return re.compile(rf"^[+-]?(?:{long_or_zero}|{not_three_digits}|\d+{mark}\d+[eE][+-]?\d+)$", _FLAGS)


_DECIMAL = {"point": _decimal(r"\."), "comma": _decimal(",")}
_EITHER = {
    "point": re.compile(r"^[+-]?[1-9]\d{0,2}\.\d{3}$", _FLAGS),
    "comma": re.compile(r"^[+-]?[1-9]\d{0,2},\d{3}$", _FLAGS),
}
_THOUSANDS = re.compile(
    r"^[+-]?(?:[1-9]\d{0,2}(?:(?:,\d{3}){2,}|(?:\.\d{3}){2,})"
    r"|(?=[\d.,]*\d\.\d)(?=[\d.,]*\d,\d)[\d.,]+"
    r"|[1-9]\d{0,2}(?:[ \u00a0\u202f'’]\d{3})+(?:[.,]\d+)?)$",
    _FLAGS,
)
_GROUPING = ",'’ \u00a0\u202f"
_TWO_POINTS = re.compile(r"\.\d{3}\.", re.ASCII)


class DecimalMark:
    """Collects evidence, column by column and chunk by chunk, then decides."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], str] = {}

    def look(self, column: str, cells: Sequence[Any], first: int) -> None:
        """Take a numeric column's stripped cells into account; ``first`` rows of the table came before them."""
        text = _lines(cells)
        marks = [name for name, mark in (("point", "."), ("comma", ",")) if mark in text]
        # most cells of most columns are plain: what follows is slow, and for the others
        if any(mark in text for mark in _GROUPING) or _TWO_POINTS.search(text):
            self._search("thousands", "", _THOUSANDS, text, column, first)
        for mark in marks:
            self._search("decimal", mark, _DECIMAL[mark], text, column, first)
            if ("decimal", mark) not in self._found:
                self._search("either", mark, _EITHER[mark], text, column, first)

    def _search(self, what: str, mark: str, pattern: re.Pattern[str], text: str, column: str, first: int) -> None:
        if (what, mark) not in self._found and (match := pattern.search(text)):
            row = first + text.count("\n", 0, match.start()) + 1
            self._found[what, mark] = f"column {column!r}, data row {row}"

    def decide(self, origin: str, *, point_expected: bool) -> Mark:
        """The table's mark. ``point_expected``: where nothing is proven, a point is one (the table is comma-separated).

        Raises:
            UserError: numbers have thousands separators, or both marks, or it cannot be told which of the two.
        """
        found = self._found
        thousands = found.get(("thousands", ""))
        if thousands:
            raise UserError(_thousands(origin, thousands))
        point, comma = found.get(("decimal", "point")), found.get(("decimal", "comma"))
        if point and comma:
            raise UserError(
                f"{origin} has numbers with a decimal comma ({comma}) and with a decimal point ({point}); write all "
                f"with the same mark"
            )
        either_point, either_comma = found.get(("either", "point")), found.get(("either", "comma"))
        grouped = either_point if comma else either_comma if point else None
        if grouped:
            raise UserError(_thousands(origin, grouped))
        if comma:
            return ","
        if either_comma or (either_point and not point and not point_expected):
            raise UserError(
                f"{origin}: it cannot be told whether the mark in {either_comma or either_point} divides thousands or "
                f"is a decimal mark; write numbers without thousands separators and with a decimal point, as 1234.0"
            )
        return "."


def _lines(cells: Sequence[Any]) -> str:
    """One line per cell, empty for what is no text."""
    with suppress(TypeError):
        text = "\n".join(cells)
        if text.count("\n") == len(cells) - 1:
            return text
    return "\n".join(cell.replace("\n", " ") if isinstance(cell, str) else "" for cell in cells)


def _thousands(origin: str, where: str) -> str:
    return f"{origin} has numbers with thousands separators ({where}); write them without"
