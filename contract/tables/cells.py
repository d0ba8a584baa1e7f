"""What a table's cells mean: numbers, names, ids and labels, whichever kind of file they came from. Pure.

A cell is text (CSV), or a value of Python's own kinds (Excel, Parquet, a frame). Whole numbers may be written as floats
("1.0"), truth values as words; nothing is None, NaN or, in text, one of ``NULLS``.
"""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from contract.schema import Feature, FeatureKind, LabelColumn
from contract.tables.dress import PLAIN, Dress, read_number, read_numbers
from contract.tables.words import MISSING_WORDS as MISSING_WORDS
from contract.tables.words import NULLS as NULLS
from contract.tables.words import Mark as Mark

NO_LABEL, OTHER_LABEL = -1, -2
"""Codes of a cell of the label column that holds nothing, and of one that holds neither of the two values."""

Cells = Sequence[Any] | npt.NDArray[Any]
"""A column's cells: a list, or an array of numbers without text and without gaps other than NaN."""
_T = TypeVar("_T")
_NOTHING = NULLS | MISSING_WORDS
_WHOLE_FLOAT = re.compile(r"([+-]?[0-9]+)[.,]0+")
_TRUTH = {"true": "1", "false": "0"}


def stripped(cells: Cells) -> list[Any]:
    """The cells, text without the blanks around it."""
    if isinstance(cells, np.ndarray):
        numbers: list[Any] = cells.tolist()
        return numbers
    with suppress(TypeError):  # some cell is no text
        return list(map(str.strip, cells))
    return [cell.strip() if isinstance(cell, str) else cell for cell in cells]


def numbers(cells: Cells, kind: FeatureKind, mark: Mark, parse: bool, dress: Dress = PLAIN) -> "pd.Series[Any]":
    """Float64, NaN for nothing; or object, where a cell that is no number stands as it is among the floats.

    Text is read as a number only if ``parse``, in the column's ``dress`` if it has one; in a flag's column the words
    true and false are 1 and 0.
    """
    if isinstance(cells, np.ndarray):
        return pd.Series(cells.astype(np.float64))
    fast = None
    if parse:
        fast = _all_numbers(cells, mark) if dress == PLAIN else read_numbers(cells, mark, dress)
    if fast is not None:
        return pd.Series(fast)
    words = _TRUTH if kind is FeatureKind.FLAG else {}
    read = [_number(cell, mark, parse, words, dress) for cell in cells]
    strange = [value is None for value in read]
    if not any(strange):
        return pd.Series(read, dtype=np.float64)
    return pd.Series(
        [cell if odd else value for cell, value, odd in zip(cells, read, strange, strict=True)], dtype=object
    )


def names(cells: Sequence[Any], feature: Feature) -> "pd.Series[Any]":
    """A categorical feature's cells as text, None for nothing: 1 and "1.0" are "1" where that is a category."""
    return pd.Series(_answers(cells, lambda cell: _name(cell, feature.categories)), dtype=object)


def identifiers(cells: Sequence[Any], whole_floats: bool) -> "pd.Series[Any]":
    """Ids as text, nothing as the empty text; where ``whole_floats``, text like "15.0" is "15"."""
    texts = ["" if cell in NULLS else cell for cell in cells] if _is_text(cells) else list(map(identifier, cells))
    return pd.Series([whole(text) for text in texts] if whole_floats else texts, dtype=object)


def label_codes(cells: Sequence[Any], label: LabelColumn) -> npt.NDArray[np.int8]:
    """1 for the label's positive value, 0 for its negative one, else ``NO_LABEL`` or ``OTHER_LABEL``."""
    positive, negative = str(label.positive), str(label.negative)
    numeric = positive.isdigit() and negative.isdigit()

    def code(cell: Any) -> int:
        if is_nothing(cell):
            return NO_LABEL
        text = identifier(cell).strip()
        if text not in (positive, negative) and numeric:
            text = _TRUTH.get(text.lower(), whole(text))
        return 1 if text == positive else 0 if text == negative else NO_LABEL if text in NULLS else OTHER_LABEL

    return np.array(_answers(cells, code), dtype=np.int8)


def identifier(cell: Any) -> str:
    """A cell as text: whole numbers without a fraction, truth values as 1 and 0, nothing as the empty text."""
    if isinstance(cell, str):
        return "" if cell in NULLS else cell
    if is_nothing(cell):
        return ""
    if isinstance(cell, bool | np.bool_):
        return str(int(cell))
    if isinstance(cell, float | np.floating | Decimal) and cell == cell // 1:
        return str(int(cell))
    return str(cell)


def whole(text: str) -> str:
    """``15`` for "15.0" and "15,0", any other text as it is."""
    found = _WHOLE_FLOAT.fullmatch(text)
    return found[1] if found else text


def is_nothing(cell: Any) -> bool:
    """Whether the cell is empty: None, NaN, NaT, pandas' NA."""
    return cell is None or cell is pd.NA or bool(cell != cell)


def _name(cell: Any, categories: tuple[str, ...]) -> str | None:
    if is_nothing(cell) or cell == "":
        return None
    text = str(cell) if isinstance(cell, str | bool | np.bool_) else identifier(cell)
    if text not in categories and whole(text) in categories:
        return whole(text)
    return text


def _all_numbers(column: Sequence[Any], mark: Mark) -> npt.NDArray[np.float64] | None:
    """All cells as floats, or None if one is not text, a plain number or nothing. (Exact; pandas' own way is not.)"""
    try:
        if mark == ",":
            filled = [cell.replace(",", ".") if cell not in _NOTHING else "nan" for cell in column]
        else:
            filled = [cell if cell not in _NOTHING else "nan" for cell in column]
        text = "".join(filled)
    except (AttributeError, TypeError):
        return None
    if "_" in text or not text.isascii():  # Python takes 1_000 for a number, and other alphabets' digits
        return None
    try:
        return np.array(filled, dtype=object).astype(np.float64)
    except ValueError:
        return None


def _number(cell: Any, mark: Mark, parse: bool, words: dict[str, str], dress: Dress) -> float | None:
    """The number a cell holds, NaN if nothing, None if it is no number."""
    if isinstance(cell, str):
        if not parse:
            return None
        if cell in _NOTHING:
            return np.nan
        text = words.get(cell.lower(), cell)
        read = read_number(text, mark, dress)
        return _other_number(text, mark) if read is None else read
    if isinstance(cell, bool | int | float | Decimal | np.bool_ | np.integer | np.floating):
        return float(cell)
    return np.nan if is_nothing(cell) else None


def _other_number(text: str, mark: Mark) -> float | None:
    """What else is a number, as infinity is."""
    try:
        return float(text.replace(",", ".") if mark == "," else text) if text.isascii() and "_" not in text else None
    except ValueError:
        return None


def _is_text(cells: Sequence[Any]) -> bool:
    """Whether all cells are text, as those of a text file are."""
    try:
        "".join(cells)
    except TypeError:
        return False
    return True


def _answers(cells: Sequence[Any], answer: Callable[[Any], _T]) -> list[_T]:
    """The answer to each cell, asked once for each text and number.

    (1, 1.0 and True are one key, and NaN never the same one.)
    """
    if _is_text(cells):
        texts = {cell: answer(cell) for cell in set(cells)}
        return [texts[cell] for cell in cells]
    known: dict[tuple[type, Any], _T] = {}

    def ask(cell: Any) -> _T:
        if not isinstance(cell, str | int | float) or cell != cell:
            return answer(cell)
        key = (type(cell), cell)
        if key not in known:
            known[key] = answer(cell)
        return known[key]

    return [ask(cell) for cell in cells]
