"""Which mark divides whole from fraction in a table's numbers, and what else they wear. Pure.

A spreadsheet writes all of its numbers with one mark, so all numeric columns are judged together. ``1,234`` alone can
be either number; it is read only where other cells prove what the comma is, and refused where they do not. Amounts of
money prove it: they have no three decimals.
"""

from collections.abc import Sequence
from typing import Any

from contract.errors import UserError
from contract.tables.column_numbers import ColumnNumbers, What
from contract.tables.dress import APOSTROPHES, PLAIN, SPACES, Dress
from contract.tables.words import Mark

_OTHER: dict[Mark, Mark] = {".": ",", ",": "."}
_EITHER: dict[Mark, What] = {".": "point", ",": "comma"}
_DECIMAL: dict[Mark, What] = {".": "decimal point", ",": "decimal comma"}
_GROUPING: dict[Mark, What] = {".": "grouping point", ",": "grouping comma"}
_SAID = {
    "decimal point": "with a decimal point",
    "decimal comma": "with a decimal comma",
    "grouping point": "with points between thousands",
    "grouping comma": "with commas between thousands",
}
_PERCENT_AS_WRITTEN = 10.0
"""Of a range that reaches further than this, percents are meant as they are written."""


class DecimalMark:
    """Collects evidence, column by column and chunk by chunk, then decides."""

    def __init__(self) -> None:
        self._columns: dict[str, ColumnNumbers] = {}
        self._mark: Mark = "."
        self._dresses: dict[str, Dress] = {}

    def look(self, column: str, cells: Sequence[Any], first: int, reach: float | None = None) -> None:
        """Take a numeric column's stripped cells into account; ``first`` rows of the table came before them.

        ``reach`` is the largest size that a number of the column may have, where that is known.
        """
        if column not in self._columns:
            self._columns[column] = ColumnNumbers(reach)
        self._columns[column].look(cells, first)

    def decide(self, origin: str, *, point_expected: bool) -> Mark:
        """The table's mark. ``point_expected``: where nothing is proven, a point is one (the table is comma-separated).

        Raises:
            UserError: numbers have both marks, or thousands separators in some rows only, or it cannot be told which
                of the two a mark is.
        """
        proofs = {mark: self._proof(mark) for mark in _OTHER}
        point, comma = proofs["."], proofs[","]
        if point and comma:
            raise UserError(
                f"{origin} has numbers {_SAID[comma[0]]} ({comma[1]}) and {_SAID[point[0]]} ({point[1]}); write all "
                f"with the same mark"
            )
        if not point and not comma:
            doubtful = self._first("comma") or (None if point_expected else self._first("point"))
            if doubtful:
                raise UserError(
                    f"{origin}: it is not clear whether the mark in {doubtful} separates thousands or is a decimal "
                    "mark; write numbers without thousands separators and with a decimal point, as 1234.0"
                )
        self._mark = "," if comma else "."
        if point or comma:
            self._refuse_half_grouped(origin)
        self._dresses = {column: self._dress(column) for column in self._columns}
        return self._mark

    def dress(self, column: str) -> Dress:
        """What the column's numbers wear, after ``decide``; nothing for one that was not looked at."""
        return self._dresses.get(column, PLAIN)

    def trouble(self, column: str) -> str | None:
        """Why most of a column's cells cannot be read, though they are amounts or percents; after ``decide``.

        A clause with its remedy, to stand after what names table and column.
        """
        seen = self._columns.get(column)
        if seen is None:
            return None
        signed = sum(seen.signed.values())
        if (signed + seen.percents) * 2 <= signed + seen.percents + seen.numbers + seen.strangers:
            return None
        signs = [f"the sign {sign} (data row {seen.rows[f'sign {sign}']})" for sign in seen.signed]
        if seen.percents:
            signs.append(f"a percent sign (data row {seen.rows['percent']})")
        if len(signs) > 1:
            return (
                f"has numbers with {signs[0]} and with {signs[1]}, which are different units; write all in one unit, "
                "without signs"
            )
        if seen.numbers:
            return f"has numbers with {signs[0]} and numbers without it; write all of them with it, or none"
        if seen.percents and seen.reach is not None and 1 < seen.reach <= _PERCENT_AS_WRITTEN and not _beyond(seen):
            return (
                f"has percents, and the range in the schema does not tell whether 5% is 5 or 0.05; write them "
                f"without percent signs, or make the range end at 1 or above {_PERCENT_AS_WRITTEN:g}"
            )
        return None

    def clauses(self) -> list[str]:
        """What is mended on reading the columns' numbers, one clause for each kind, after ``decide``."""
        seen = [(column, numbers, self.dress(column)) for column, numbers in self._columns.items()]
        kinds: dict[str, list[str]] = {}
        for column, numbers, dress in seen:
            for what, count in _mended(numbers, dress):
                kinds.setdefault(what, []).append(
                    f"{column!r}: {count:,} cells" if count != 1 else f"{column!r}: 1 cell"
                )
        return [f"{what} ({', '.join(found)})" for what, found in kinds.items()]

    def _proof(self, mark: Mark) -> tuple[str, str] | None:
        """The first evidence that ``mark`` is the decimal one: its kind and its place."""
        for what in (_DECIMAL[mark], _GROUPING[_OTHER[mark]]):
            if place := self._first(what):
                return what, place
        other = _OTHER[mark]
        for column, seen in self._columns.items():
            if _wears_money(seen) and _EITHER[other] in seen.rows and _DECIMAL[other] not in seen.rows:
                return _GROUPING[other], _place(column, seen.rows[_EITHER[other]])
        return None

    def _first(self, what: What) -> str | None:
        return next(
            (_place(column, seen.rows[what]) for column, seen in self._columns.items() if what in seen.rows), None
        )

    def _refuse_half_grouped(self, origin: str) -> None:
        """Raises:
        UserError: ``1,234`` beside ``12345``, where nothing but the other columns says what the comma is.
        """
        other = _OTHER[self._mark]
        for column, seen in self._columns.items():
            if _EITHER[other] in seen.rows and _GROUPING[other] not in seen.rows and "long" in seen.rows:
                raise UserError(
                    f"{origin} has numbers with thousands separators ({_place(column, seen.rows[_EITHER[other]])}) "
                    f"and without ({_place(column, seen.rows['long'])}); write all of them without separators"
                )

    def _dress(self, column: str) -> Dress:
        seen = self._columns[column]
        other = _OTHER[self._mark]
        between = set(seen.between)
        if _EITHER[other] in seen.rows:
            between.add(other)
        thousands = "".join({" ": SPACES, "'": APOSTROPHES}.get(mark, mark) for mark in sorted(between))
        currency = next(iter(seen.signed)) if _wears_money(seen) else ""
        percent = bool(seen.percents) and not seen.signed and not seen.numbers
        return Dress(thousands, currency, percent, hundredths=not percent or _is_hundredths(seen))


def _wears_money(seen: ColumnNumbers) -> bool:
    return len(seen.signed) == 1 and not seen.percents and not seen.numbers


def _is_hundredths(seen: ColumnNumbers) -> bool:
    return seen.reach is None or seen.reach <= 1 or _beyond(seen)


def _beyond(seen: ColumnNumbers) -> bool:
    """Whether most percents lie outside the column's range as they are written."""
    return seen.beyond * 2 > seen.percents


def _mended(seen: ColumnNumbers, dress: Dress) -> list[tuple[str, int]]:
    found = []
    if dress.currency:
        found.append((f"the sign {dress.currency} is removed from amounts", seen.signed[dress.currency]))
    if dress.percent and dress.hundredths:
        found.append(("percents are read as hundredths, 5% as 0.05", seen.percents))
    elif dress.percent:
        found.append(("percents are read as written, 5% as 5, because of the schema's range", seen.percents))
    if dress.thousands:
        either = seen.either if any(mark in dress.thousands for mark in ".,") else 0
        found.append(("thousands separators are removed", seen.grouped + either))
    if seen.accounting:
        found.append(("numbers in brackets or with a trailing minus are read as negative", seen.accounting))
    if seen.words:
        words = ", ".join(map(repr, sorted(seen.words)))
        found.append((f"{words} count as missing", seen.words.total()))
    return found


def _place(column: str, row: int) -> str:
    return f"column {column!r}, data row {row}"
