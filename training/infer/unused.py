"""Why a column can be no feature, and what gives the label away. Pure."""

import numpy as np
import pandas as pd

from contract.arrays import Floats
from contract.bounds import LONGEST_CATEGORY
from training.infer.column import NOTHING, Column
from training.infer.draft import LabelGuess, Unused
from training.infer.identity import numbers_rows
from training.infer.looks import amounts, is_free_text
from training.infer.names import names_id, names_postcode, names_rows
from training.table.leaks import GIVEAWAY_AUC, single_feature_auc
from training.table.suspicions import is_dense

MAX_CATEGORIES = 50
_CATEGORY_SHARE = 0.05
_FEW_CATEGORIES = 10
_MOSTLY_NUMBERS = 0.5
_LEAK_ROWS = 3_000
"""Rows of each class on which each column alone is tried against the label: enough for an AUC to two digits."""
_LEAK_CLASS = 10
_NEARLY_TELLS = 0.95


def unused(column: Column) -> Unused | None:
    """Why a column that is neither id nor label nor dates is no feature, None if nothing speaks against it."""
    name, different = column.name, column.different
    if not different:
        return Unused(name, "it is empty")
    if different == 1 and not column.missing and not column.strangers:
        return Unused(name, "it is the same in every row")
    found = _unread_amounts(column) or _number_of_something(column)
    if found or not column.is_text:
        return found
    return _many_texts(column)


def _unread_amounts(column: Column) -> Unused | None:
    """Why texts that are numbers to a reader were not read as numbers."""
    if not column.is_text:
        return None
    name = column.name
    if column.numbers >= _MOSTLY_NUMBERS * column.filled:
        return Unused(
            name,
            "most cells are numbers, others are not",
            _trouble(column)
            or f"{column.filled - column.numbers:,} cells of {name!r} are not numbers, among {column.numbers:,} that "
            "are: empty them in the table if they stand for nothing, and it can be a numeric feature",
        )
    noun = amounts(column)
    if noun is None:
        return None
    why = _trouble(column) or f"{name!r} looks like {noun}: write plain numbers into the table to make it a feature"
    return Unused(name, f"its cells look like {noun}", why)


def _trouble(column: Column) -> str | None:
    return f"{column.name!r} {column.trouble}" if column.trouble else None


def _number_of_something(column: Column) -> Unused | None:
    """Row numbers, further ids, postcodes, and numbers that were given out."""
    name, different = column.name, column.different
    if numbers_rows(column):
        told = names_rows(name) and column.is_unique
        doubt = f"{name!r} numbers the rows, so it is not a feature; it may be one if its order means something"
        return Unused(name, "it numbers the rows", None if told else doubt)
    if names_postcode(name) and different > MAX_CATEGORIES:
        return Unused(
            name,
            f"postcodes, {different:,} different ones",
            f"{name!r} looks like postcodes, which are neither amounts nor few groups: turn them into regions in the "
            "table to use them",
        )
    if column.values is not None and not column.is_whole:
        return None
    given_out = different > MAX_CATEGORIES and names_id(name) > 0 and (column.is_text or not _is_count(column))
    evenly = column.is_nearly_unique and column.rows > MAX_CATEGORIES and (column.is_text or is_dense(column.present))
    if given_out or (evenly and not is_free_text(column)):
        return Unused(
            name,
            f"an id: {different:,} different values",
            f"{name!r} looks like an id of something ({different:,} different values in {column.filled:,} rows), so "
            "it is not a feature",
        )
    return None


def _is_count(column: Column) -> bool:
    """Whether a column that is named as a number of something counts rather than names."""
    return not column.is_nearly_unique and float(np.max(np.abs(column.present), initial=0.0)) < 10_000


def _many_texts(column: Column) -> Unused | None:
    name, different = column.name, column.different
    many = different > min(MAX_CATEGORIES, max(_FEW_CATEGORIES, _CATEGORY_SHARE * column.rows))
    if is_free_text(column) and (many or different > _FEW_CATEGORIES):
        return Unused(
            name,
            "free text",
            f"{name!r} is free text, which cannot be a feature; it may hold personal data: put it into private if so, "
            "or turn it into groups in the table",
        )
    if many:
        return Unused(
            name,
            f"text with {different:,} different values",
            f"{name!r} is text with {different:,} different values: group them into at most {MAX_CATEGORIES} in the "
            f"table if it matters",
        )
    if max(map(len, column.distinct)) > LONGEST_CATEGORY:
        return Unused(
            name,
            "long texts",
            f"{name!r} holds texts of more than {LONGEST_CATEGORY:,} characters, which is too long for a category: "
            "shorten them",
        )
    return None


class Leaks:
    """Tries columns, one at a time, against the label ``y`` (NaN where it is not known)."""

    def __init__(self, y: Floats | None, label: LabelGuess | None) -> None:
        self._label = label
        values = np.empty(0) if y is None else y
        classes = [np.flatnonzero(values == each) for each in (0, 1)]
        drawn = np.random.default_rng(0)
        self._rows = np.sort(np.concatenate([drawn.permutation(rows)[:_LEAK_ROWS] for rows in classes]))
        self._y = values[self._rows].astype(np.int64)

    def auc(self, column: Column) -> float:
        """ROC AUC of the label by this column alone, out of sample; 0.5 where too little is known."""
        if self._label is None or np.bincount(self._y, minlength=2).min() < _LEAK_CLASS:
            return 0.5
        if column.values is not None:
            cells = pd.Series(column.values[self._rows])
        else:
            codes = column.codes[self._rows]
            cells = pd.Series(np.where(codes == NOTHING, "", codes.astype(str).astype(object)), dtype=object)
        return single_feature_auc(cells, self._y, categorical=column.is_text)

    def leak(self, column: Column, auc: float) -> Unused | None:
        """The column as unused, if it alone tells the label."""
        if self._label is None or auc < GIVEAWAY_AUC:
            return None
        return Unused(
            column.name,
            f"it alone tells {self._label.column!r}",
            f"{column.name!r} alone tells {self._label.column!r} (ROC AUC {auc:.3f}), so it is taken to be known only "
            "after a customer has left, and is not a feature",
        )

    def nearly(self, column: Column, auc: float) -> str | None:
        """The doubt about a feature that tells much of the label alone."""
        if auc < _NEARLY_TELLS or self._label is None:
            return None
        return (
            f"{column.name!r} alone tells most of {self._label.column!r} (ROC AUC {auc:.3f}); put it into ignored if "
            f"it is known only after a customer has left"
        )
