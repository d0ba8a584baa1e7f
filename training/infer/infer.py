"""A guess at a table's schema: which column is id, label, private or of no use, and of what kind the others are. Pure.

Everything that is not plain is a doubt, said in a sentence; what cannot be guessed is left open.
"""

import keyword
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from contract.arrays import Floats
from contract.schema import RESERVED, Feature, FeatureKind
from training.infer.columns import Column, TableColumns
from training.infer.names import names_id, names_label, names_private, names_rows, says_left
from training.table.suspicions import GIVEAWAY_AUC, single_feature_auc

MAX_CATEGORIES = 50
MAX_ORDINALS = 15
_CATEGORY_SHARE = 0.05
_FEW_CATEGORIES = 10
_TWO_SHARE = 0.95  # of the rows have one of two values, the others a third by mistake


@dataclass(frozen=True)
class LabelGuess:
    """The label column and its two values; integers where they are 1 and 0."""

    column: str
    positive: int | str
    negative: int | str


@dataclass(frozen=True)
class Unused:
    """A column that is left out of the features, and why."""

    column: str
    reason: str


@dataclass(frozen=True)
class DraftFeature:
    """A feature, the doubts about it, and (for numbers) the least and greatest value seen."""

    feature: Feature
    doubts: tuple[str, ...] = ()
    seen: tuple[float, float] | None = None


@dataclass(frozen=True)
class Draft:
    """A guessed schema. ``id_column`` or ``label`` is None where the user must decide; ``doubts`` are about
    these two.
    """

    id_column: str | None
    label: LabelGuess | None
    private: tuple[str, ...]
    ignored: tuple[Unused, ...]
    features: tuple[DraftFeature, ...]
    doubts: tuple[str, ...]
    repairs: tuple[str, ...]


def infer(table: TableColumns) -> Draft:
    """Guess the schema of a table."""
    doubts: list[str] = []
    private = [column for column in table.columns if names_private(column.name) or column.are_mails]
    left = [column for column in table.columns if column not in private]
    label = _guess_label(left, doubts)
    left = [column for column in left if label is None or column.name != label.column]
    id_column = _guess_id(left, table.rows, doubts)
    left = [column for column in left if column is not id_column]
    y = _label_values(table, label)
    ignored, features = [], []
    taken = {label.column if label else "", id_column.name if id_column else ""}
    for column in left:
        reason = _useless(column, table.rows, y, label)
        if reason:
            ignored.append(Unused(column.name, reason))
        else:
            features.append(_feature(column, taken))
    return Draft(
        id_column=id_column.name if id_column else None,
        label=label,
        private=tuple(column.name for column in private),
        ignored=tuple(ignored),
        features=tuple(features),
        doubts=tuple(doubts),
        repairs=table.repairs,
    )


def _guess_label(columns: Sequence[Column], doubts: list[str]) -> LabelGuess | None:
    two_valued = [column for column in columns if len(column.distinct) == 2]
    for strength in (2, 1):
        named = [column for column in two_valued if names_label(column.name) == strength]
        if named:
            if len(named) > 1 or strength == 1:
                others = "".join(f", {column.name!r}" for column in named[1:])
                doubts.append(
                    f"the label was guessed by its name: {named[0].name!r}{others and f' (not {others[2:]})'}"
                )
            return _label(named[0], doubts)
    if len(two_valued) == 1:
        doubts.append(f"the label was guessed, for {two_valued[0].name!r} is the only column with two values")
        return _label(two_valued[0], doubts)
    nearly = [column for column in columns if names_label(column.name) == 2 and _share_of_two(column) >= _TWO_SHARE]
    if nearly:
        third = sum(text is not None for text in nearly[0].texts) - sum(_counts(nearly[0]).values())
        doubts.append(f"{third:,} rows have a third value in {nearly[0].name!r}, and will be left out")
        return _label(nearly[0], doubts)
    doubts.extend(_about_one_value(column) for column in columns if _may_be_a_label_of_one_value(column))
    doubts.append(
        "no column is named as a label is (churn, exited, attrition …) and has two values: say which one tells who left"
    )
    return None


def _may_be_a_label_of_one_value(column: Column) -> bool:
    return len(column.distinct) == 1 and names_label(column.name) == 2


def _about_one_value(column: Column) -> str:
    """What to do where those who stayed are not told: a model is trained on both kinds."""
    if column.missing:
        return (
            f"{column.name!r} has one value or nothing, in {column.missing:,} rows: if an empty cell means that a "
            f"customer stayed, write that into the table, because training needs both values"
        )
    return f"{column.name!r} is the same in every row: training needs rows of customers who stayed, too"


def _label(column: Column, doubts: list[str]) -> LabelGuess:
    counts = {_plain(text, column): count for text, count in _counts(column).items()}
    one, other = counts
    ranks = {text: says_left(text) for text in counts}
    if ranks[one] == ranks[other]:
        positive = min(counts, key=lambda text: counts[text])
        doubts.append(f"the rarer value of {column.name!r} is taken to mean that a customer left; swap the two if not")
    else:
        positive = max(ranks, key=lambda text: ranks[text])
    negative = other if positive == one else one
    if {positive, negative} == {"0", "1"}:
        return LabelGuess(column.name, int(positive), int(negative))
    return LabelGuess(column.name, positive, negative)


def _counts(column: Column) -> dict[str, int]:
    """Its two commonest values, and how often they are there."""
    return dict(Counter(text for text in column.texts if text is not None).most_common(2))


def _share_of_two(column: Column) -> float:
    counts = _counts(column)
    present = len(column.texts) - column.missing
    return sum(counts.values()) / present if len(counts) == 2 else 0.0


def _plain(text: str, column: Column) -> str:
    """Truth words of a column that is read as numbers are 1 and 0."""
    return {"true": "1", "false": "0"}.get(text.lower(), text) if column.values is not None else text


def _guess_id(columns: Sequence[Column], rows: int, doubts: list[str]) -> Column | None:
    scores = {column.name: _id_score(column, rows) for column in columns}
    best = max(scores.values(), default=0)
    candidates = [column for column in columns if scores[column.name] == best]
    if best <= 0:
        doubts.append("no column is another for every customer: say which one is the id, or add one to the table")
        return None
    chosen = candidates[0]
    if best == 1 or len(candidates) > 1:
        doubts.append(f"the id was guessed: {chosen.name!r} is another in every row")
    if not chosen.is_unique:
        doubts.append(f"some rows of {chosen.name!r} repeat an id, or have none; rows without one are left out")
    return chosen


def _id_score(column: Column, rows: int) -> int:
    """0: no id; 1: unique; 2: named as one; 3: named as a customer's. Row numbers are one less."""
    if column.values is not None and not column.is_whole:
        return 0
    if names_rows(column.name) or len(column.distinct) < rows / 2 or column.are_dates:
        return 0
    named = 1 + names_id(column.name)
    if named == 1 and not column.is_unique:
        return 0
    return named - column.is_running


def _label_values(table: TableColumns, label: LabelGuess | None) -> Floats | None:
    if label is None:
        return None
    column = next(column for column in table.columns if column.name == label.column)
    codes = {str(label.positive): 1.0, str(label.negative): 0.0}
    return np.array([np.nan if text is None else codes.get(_plain(text, column), np.nan) for text in column.texts])


def _useless(column: Column, rows: int, y: Floats | None, label: LabelGuess | None) -> str | None:
    """Why a column can be no feature, None if it can."""
    if not column.distinct:
        return "it is empty"
    if len(column.distinct) == 1 and not column.missing:
        return "it is the same in every row"
    if _may_be_a_label_of_one_value(column):
        return "it is named as a label is, and has one value only"
    if column.are_dates:
        return "dates: make numbers of them (days since then), if they are known when a customer is scored"
    if column.is_running:
        return "it numbers the rows"
    if names_rows(column.name) and column.is_whole and column.is_unique:
        return "it numbers the rows"
    if (column.values is None or column.is_whole) and column.is_unique and rows > MAX_CATEGORIES:
        return "it is another in every row, as an id is"
    if column.values is None and len(column.distinct) > min(
        MAX_CATEGORIES, max(_FEW_CATEGORIES, _CATEGORY_SHARE * rows)
    ):
        return f"text with {len(column.distinct):,} different values: group them into few categories, if it matters"
    if y is not None and label is not None and _tells(column, y):
        return f"it alone tells {label.column!r}: it may be known only after a customer has left"
    return None


def _tells(column: Column, y: Floats) -> bool:
    known = ~np.isnan(y)
    labels = y[known].astype(np.int64)
    if min(np.bincount(labels, minlength=2)) < 10:
        return False
    cells = pd.Series(list(column.texts) if column.values is None else column.values)
    auc = single_feature_auc(cells[known].reset_index(drop=True), labels, categorical=column.values is None)
    return auc >= GIVEAWAY_AUC


def _feature(column: Column, taken: set[str]) -> DraftFeature:
    name = _name(column.name, taken)
    taken.add(name)
    called = None if name == column.name else column.name
    missing = column.missing > 0
    if column.values is None:
        doubts = tuple(
            f"{one!r} and {other!r} differ in case only: make them one in the table, if they are"
            for one, other in _alike(column.distinct)
        )
        kind = Feature(FeatureKind.CATEGORICAL, categories=column.distinct, missing=missing, name=name, column=called)
        return DraftFeature(kind, doubts)
    strange = column.strangers
    doubts = (f"{strange:,} cells are no number (or infinite), and their rows will be left out",) if strange else ()
    present = column.present
    seen = (float(present.min()), float(present.max()))
    if set(np.unique(present)) <= {0.0, 1.0}:
        return DraftFeature(Feature(FeatureKind.FLAG, missing=missing, name=name, column=called), doubts)
    ordinal = column.is_whole and len(np.unique(present)) <= MAX_ORDINALS
    low, high = _widened(*seen)
    if ordinal:
        low, high = float(np.floor(low)), float(np.ceil(high))
    kind = Feature(
        FeatureKind.ORDINAL if ordinal else FeatureKind.NUMERIC,
        minimum=low,
        maximum=high,
        missing=missing,
        name=name,
        column=called,
    )
    return DraftFeature(kind, doubts, seen)


def _widened(low: float, high: float) -> tuple[float, float]:
    """Half of the range more on both sides, rounded outwards to two digits; not below 0 where nothing is."""
    margin = (high - low) / 2 or max(abs(high), 1.0)
    wide_low, wide_high = low - margin, high + margin
    digit = 10.0 ** (np.floor(np.log10(max(abs(wide_low), abs(wide_high)))) - 1)
    lower, upper = np.floor(wide_low / digit) * digit, np.ceil(wide_high / digit) * digit
    return (0.0 if low >= 0 else float(f"{lower:.12g}")), (0.0 if high <= 0 else float(f"{upper:.12g}"))


def _alike(names: Sequence[str]) -> list[tuple[str, str]]:
    first: dict[str, str] = {}
    return [(first[name.casefold()], name) for name in names if first.setdefault(name.casefold(), name) != name]


def _name(column: str, taken: set[str]) -> str:
    """An identifier for a column's name that no other feature has."""
    name = column
    if not name.isidentifier():
        allowed = "".join(character if f"_{character}".isidentifier() else " " for character in column)
        name = "_".join(allowed.split()) or "column"
        name = name if name.isidentifier() else f"n_{name}"
    if keyword.iskeyword(name) or name in RESERVED:
        name = f"{name}_"
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free
