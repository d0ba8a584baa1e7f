"""How the cells of a column are written, and so what is repaired in it. Pure."""

import re
from collections.abc import Sequence
from typing import Any

from contract.errors import UserError
from contract.schema import Feature, FeatureKind
from contract.tables.cells import NULLS, Mark, whole

_NUMERAL = re.compile(r"[+-]?[0-9]+")
_FRACTION = re.compile(r"[+-]?[0-9]*[.,][0-9]+")
_GROUPED = re.compile(r"[1-9][0-9]{0,2}[.,]000")  # a thousand, or a whole number with three decimals
_SCIENTIFIC = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]+")
LARGEST_EXACT = 2.0**53
"""From here on not every whole number is a float64."""


class Forms:
    """What the cells seen so far look like. ``whole_floats``, ``truth_words``: whether some are repaired so."""

    def __init__(self) -> None:
        self.padded = False
        self.whole_floats = False
        self.truth_words = False

    def look(self, cells: Sequence[Any], texts: Sequence[Any]) -> None:
        """Take more cells into account; ``texts`` are they without the blanks around them."""
        self.padded = self.padded or texts != list(cells)


class NumberForms(Forms):
    """Of a column of whole numbers: an ordinal, a flag, or a label."""

    def look(self, cells: Sequence[Any], texts: Sequence[Any]) -> None:
        super().look(cells, texts)
        if _all_digits(texts):
            return
        strings = [text for text in texts if isinstance(text, str) and not _NUMERAL.fullmatch(text)]
        self.whole_floats = self.whole_floats or any(whole(text) != text for text in strings)
        self.truth_words = self.truth_words or any(text.lower() in ("true", "false") for text in strings)


class CategoryForms(Forms):
    """Of a categorical feature."""

    def __init__(self, categories: tuple[str, ...]) -> None:
        super().__init__()
        self._categories = frozenset(categories)

    def look(self, cells: Sequence[Any], texts: Sequence[Any]) -> None:
        super().look(cells, texts)
        others = {text for text in texts if isinstance(text, str)} - self._categories
        self.whole_floats = self.whole_floats or any(whole(text) in self._categories for text in others)


class IdForms(Forms):
    """Of the id column: whole numbers written as floats are repaired only if all ids are numbers, and whole."""

    def __init__(self) -> None:
        super().__init__()
        self._whole = self._grouped = self._fractions = self._scientific = self._inexact = self._words = False

    def look(self, cells: Sequence[Any], texts: Sequence[Any]) -> None:
        super().look(cells, texts)
        for text in texts if not _all_digits(texts) else ():
            if isinstance(text, float):
                self._inexact = self._inexact or abs(text) >= LARGEST_EXACT
            elif isinstance(text, str) and text not in NULLS and not _NUMERAL.fullmatch(text):
                self._take(text)
        self.whole_floats = self._whole and not self._fractions and not self._words

    def _take(self, text: str) -> None:
        if _GROUPED.fullmatch(text):
            self._grouped = True
        elif whole(text) != text:
            self._whole = True
        elif _FRACTION.fullmatch(text):
            self._fractions = True
        elif _SCIENTIFIC.fullmatch(text):
            self._scientific = True
        else:
            self._words = True

    def refuse_doubtful(self, column: str, origin: str) -> None:
        """Raises:
        UserError: digits of ids are lost, or it cannot be told what their marks mean.
        """
        where = f"{origin}: id column {column!r} holds numbers"
        if self._inexact:
            raise UserError(
                f"{where} of more than 15 digits as floats, which keep only the first 15 or so; store the ids as text"
            )
        if self._scientific and not self._words:
            raise UserError(
                f"{where} in scientific notation (as 1.23E+07), which has lost digits; format the column as text in "
                f"the spreadsheet, and save it again"
            )
        if self._grouped and not self._words:
            raise UserError(
                f"{where} as 12.000, and it is not clear whether these are thousands; write ids without marks"
            )


def _all_digits(texts: Sequence[Any]) -> bool:
    """Whether all cells are text of digits: the usual case, told at once."""
    try:
        return "".join(texts).isdigit()
    except TypeError:
        return False


def forms_of(feature: Feature, parses_text: bool) -> Forms:
    """What to look for in a feature's cells; ``parses_text`` as in ``contract.tables.reading.RawTable``."""
    if feature.is_categorical:
        return CategoryForms(feature.categories)
    return NumberForms() if parses_text and feature.kind in (FeatureKind.ORDINAL, FeatureKind.FLAG) else Forms()


def file_repairs(blank_rows: int, mark: Mark) -> list[str]:
    """One clause each for what is repaired in a file as a whole, whatever its columns."""
    found = []
    if blank_rows:
        found.append(f"blank rows are left out ({blank_rows:,})")
    if mark == ",":
        found.append("its numbers have a decimal comma")
    return found


def repairs(columns: Sequence[str], forms: Sequence[Forms]) -> list[str]:
    """One clause for each kind of repair, with the columns that need it."""
    pairs = list(zip(columns, forms, strict=True))
    kinds = {
        "blanks around cells are removed": [column for column, seen in pairs if seen.padded],
        "whole numbers written as floats are read as whole numbers": [c for c, seen in pairs if seen.whole_floats],
        "the words true and false are read as 1 and 0": [column for column, seen in pairs if seen.truth_words],
    }
    return [f"{what} ({', '.join(map(repr, found))})" for what, found in kinds.items() if found]
