"""What one column's numbers wear, collected chunk by chunk: evidence for the table's decimal mark, and for a dress.

A sign of currency or a percent sign is read only where all of a column's numbers wear it: 5 beside $5 may be anything.
"""

import re
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Literal

from contract.tables.dress import APOSTROPHES, SPACES, Undressed, undress
from contract.tables.words import MISSING_WORDS, NULLS

What = Literal["decimal point", "decimal comma", "point", "comma", "grouping point", "grouping comma"]
"""Evidence of a mark: it is surely decimal; it stands before three digits and can be either; it divides thousands."""

_FLAGS = re.MULTILINE | re.ASCII
_EVIDENCE: dict[tuple[str, str], What] = {
    ("decimal", "."): "decimal point",
    ("decimal", ","): "decimal comma",
    ("either", "."): "point",
    ("either", ","): "comma",
    ("grouping", "."): "grouping point",
    ("grouping", ","): "grouping comma",
}
_BETWEEN = {" ": SPACES, "'": APOSTROPHES}
_MARK = {mark: re.escape(mark) for mark in ".,"}


def _decimal(mark: str) -> re.Pattern[str]:
    """Numbers in which ``mark`` cannot stand for thousands."""
    long_or_zero = rf"(?:|0\d*|\d{{4,}}){mark}\d+"
    not_three_digits = rf"[1-9]\d{{0,2}}{mark}(?!\d{{3}}$)\d*"
    return re.compile(rf"^[+-]?(?:{long_or_zero}|{not_three_digits}|\d+{mark}\d+[eE][+-]?\d+)$", _FLAGS)


_DECIMAL = {mark: _decimal(escaped) for mark, escaped in _MARK.items()}
_EITHER = {mark: re.compile(rf"^[+-]?[1-9]\d{{0,2}}{escaped}\d{{3}}$", _FLAGS) for mark, escaped in _MARK.items()}
_LONG = re.compile(r"^[+-]?[1-9]\d{4,}(?:[.,]|$)", _FLAGS)
_ODD = re.compile(r"^(?![+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?$).+$", _FLAGS)
_TWO_POINTS = re.compile(r"\.[0-9]*\.")
_OFTEN_PLAIN = b"0123456789.-\n"
_ZEROS = "0.,+-\n"


class ColumnNumbers:
    """Counts of a numeric column's cells by what they wear, and the first data row (from 1) of each kind.

    ``numbers`` (about so many) wear nothing and are not zero; ``signed`` are those of each currency, ``percents`` those
    with a percent sign; ``strangers`` are no numbers, ``words`` stand for nothing. ``grouped`` surely have thousands
    divided, by what is in ``between``; ``either`` may. ``beyond`` of the percents would lie outside ``reach`` if they
    counted as they are written.
    """

    def __init__(self, reach: float | None = None) -> None:
        self.reach = reach
        self.rows: dict[str, int] = {}
        self.numbers = self.percents = self.strangers = self.accounting = self.grouped = self.either = self.beyond = 0
        self.signed: Counter[str] = Counter()
        self.words: Counter[str] = Counter()
        self.between: set[str] = set()

    def look(self, cells: Sequence[Any], first: int) -> None:
        """Take stripped cells into account; ``first`` rows of the table came before them."""
        text, typed = _lines(cells)
        self.numbers += typed
        if _is_plain(text):
            self.numbers += len(cells) - cells.count("") if text.strip(_ZEROS) else 0
        else:
            plain = sum(1 for line in text.split("\n") if line.strip(_ZEROS))
            for odd in _ODD.finditer(text):
                plain -= bool(odd.group().strip(_ZEROS))
                self._take(odd.group(), text, odd.start(), first)
            self.numbers += plain
        for mark in ".,":
            if mark in text:
                self._search(mark, text, first)
        if "long" not in self.rows and (match := _LONG.search(text)):
            self._found("long", text, match.start(), first)

    def _search(self, mark: str, text: str, first: int) -> None:
        decimal, either = _EVIDENCE["decimal", mark], _EVIDENCE["either", mark]
        if decimal not in self.rows and (match := _DECIMAL[mark].search(text)):
            self._found(decimal, text, match.start(), first)
        if decimal not in self.rows:
            self.either += len(_EITHER[mark].findall(text))
            if either not in self.rows and (match := _EITHER[mark].search(text)):
                self._found(either, text, match.start(), first)

    def _take(self, cell: str, text: str, start: int, first: int) -> None:
        """A cell that is no plain number."""
        if cell in NULLS or cell in MISSING_WORDS:
            self.words[cell] += 1
            return
        found = undress(cell)
        if found is None:
            self.strangers += 1
            self._found("stranger", text, start, first)
            return
        self.accounting += found.accounting
        self._take_marks(found, text, start, first)
        if found.percent:
            self.percents += 1
            self.beyond += self.reach is not None and _about(found.body) > self.reach
            self._found("percent", text, start, first)
        elif found.currency:
            self.signed[found.currency] += 1
            self._found(f"sign {found.currency}", text, start, first)

    def _take_marks(self, found: Undressed, text: str, start: int, first: int) -> None:
        body = found.body
        between = next((mark for mark, kind in _BETWEEN.items() if any(character in body for character in kind)), "")
        marks = [character for character in body if character in ".,"]
        if between or len(marks) > 1:
            self.grouped += 1
        if between:
            self.between.add(between)
            if marks:
                self._found(_EVIDENCE["decimal", marks[-1]], text, start, first)
        elif len(marks) > 1:
            self.between.add(marks[0])
            self._found(_EVIDENCE["grouping", marks[0]], text, start, first)
            if marks[-1] != marks[0]:
                self._found(_EVIDENCE["decimal", marks[-1]], text, start, first)
        elif marks:
            either = _EITHER[marks[0]].fullmatch(body) and not found.exponent
            self.either += bool(either)
            self._found(_EVIDENCE["either" if either else "decimal", marks[0]], text, start, first)
        if not between and len(re.split("[.,]", body)[0]) > 4:
            self._found("long", text, start, first)

    def _found(self, what: str, text: str, start: int, first: int) -> None:
        if what not in self.rows:
            self.rows[what] = first + text.count("\n", 0, start) + 1


def _is_plain(text: str) -> bool:
    """Whether it surely has plain numbers only: digits, a point inside, a minus before. Most columns, told at once."""
    if text.encode().translate(None, _OFTEN_PLAIN):
        return False
    around = f"\n{text}\n"
    return "\n." not in around and "-\n" not in around and not _TWO_POINTS.search(text)


def _about(body: str) -> float:
    """A number's size where its mark is not yet known: the last mark counts as the decimal one."""
    digits = re.sub(f"[{SPACES}{APOSTROPHES}]", "", body).replace(",", ".")
    whole, _, fraction = digits.rpartition(".")
    return float(f"{whole.replace('.', '')}.{fraction}") if whole else float(digits)


def _lines(cells: Sequence[Any]) -> tuple[str, int]:
    """One line per cell, empty for what is no text; and how many of these are numbers other than zero."""
    with suppress(TypeError):
        text = "\n".join(cells)
        if text.count("\n") == len(cells) - 1:
            return text, 0
    typed = sum(isinstance(cell, int | float) and cell == cell and cell != 0 for cell in cells)
    return "\n".join(cell.replace("\n", " ") if isinstance(cell, str) else "" for cell in cells), typed
