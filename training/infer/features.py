"""Of what kind a feature is, its categories or range, and the doubts about it. Pure."""

import keyword
import re
from collections.abc import Sequence

import numpy as np

from contract.arrays import Mask
from contract.bounds import LARGEST_NUMBER, LONGEST_NAME
from contract.schema import RESERVED, Feature, FeatureKind
from training.infer.column import Column
from training.infer.draft import DraftFeature
from training.infer.names import TimeName, names_code, names_label, names_time
from training.infer.privacy import kept_though_named
from training.infer.ranges import range_of
from training.infer.words import MISSING_LIKE, folded, scale_of

MAX_ORDINALS = 15
_MOST_OF_A_FLAG = 0.99


def feature(column: Column, taken: set[str], known: Mask | None) -> DraftFeature:
    """The feature that a column is; ``taken`` are names that it cannot have, ``known`` the rows with a label."""
    name = feature_name(column.name, taken)
    taken.add(name)
    called = None if name == column.name else column.name
    doubts = [doubt for doubt in (kept_though_named(column), _named_otherwise(column)) if doubt]
    if column.is_text:
        doubts += _about_categories(column)
        kind = Feature(
            FeatureKind.CATEGORICAL, categories=column.distinct, missing=column.missing > 0, name=name, column=called
        )
        return DraftFeature(kind, tuple(doubts))
    return _number(column, name, called, known, doubts)


def _number(column: Column, name: str, called: str | None, known: Mask | None, doubts: list[str]) -> DraftFeature:
    values = np.empty(0) if column.values is None else column.values
    finite = np.abs(values) <= LARGEST_NUMBER
    chosen = values[finite & known] if known is not None and (finite & known).any() else values[finite]
    if column.strangers:
        doubts.append(
            f"{column.strangers:,} cells of {column.name!r} are not numbers (or infinite), and their rows will be left "
            "out"
        )
    missing = column.missing > 0
    levels, counts = np.unique(chosen, return_counts=True)
    flags = counts[np.isin(levels, (0.0, 1.0))]
    if len(flags) == len(levels) or (len(flags) == 2 and flags.sum() > _MOST_OF_A_FLAG * counts.sum()):
        others = int((~np.isin(column.present, (0.0, 1.0))).sum())
        if others:
            doubts.append(
                f"{column.name!r} is a flag except for {others:,} cells that are neither 0 nor 1; their rows will be "
                "left out"
            )
        return DraftFeature(Feature(FeatureKind.FLAG, missing=missing, name=name, column=called), tuple(doubts))
    whole = bool(np.all(chosen == np.floor(chosen)))
    found = range_of(column.name, chosen, whole=whole)
    doubts += found.doubts
    ordinal = whole and len(found.without) <= MAX_ORDINALS
    kind = Feature(
        FeatureKind.ORDINAL if ordinal else FeatureKind.NUMERIC,
        minimum=found.low,
        maximum=found.high,
        missing=missing,
        name=name,
        column=called,
    )
    elsewhere = values[finite & ~known] if known is not None else np.empty(0)
    outside = int(((elsewhere < found.low) | (elsewhere > found.high)).sum())
    if outside:
        doubts.append(
            f"{_rows(outside)} without a known label have numbers in {column.name!r} outside its range, which was "
            f"taken from the others; widen it if they are right"
        )
    return DraftFeature(kind, tuple(doubts), found.seen)


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _about_categories(column: Column) -> list[str]:
    values = column.distinct
    doubts = [
        f"{one!r} and {other!r} of {column.name!r} differ in case only: make them one in the table, if they are"
        for one, other in _alike(values)
    ]
    steps = scale_of(values)
    if steps:
        doubts.append(
            f"the values of {column.name!r} have an order ({' < '.join(steps)}) that a category does not keep: if it "
            f'matters, write numbers into the table (1, 2 …), and kind = "ordinal"'
        )
    marks = [value for value in values if folded(value).lower() in MISSING_LIKE and not value[0].isalpha()]
    if marks:
        doubts.append(
            f"{marks[0]!r} is a category of {column.name!r}; if it stands for nothing, empty these cells in the table "
            f"and say missing = true"
        )
    return doubts


def _named_otherwise(column: Column) -> str | None:
    """The doubt about a feature whose name speaks of something else than a property of the customer."""
    name = column.name
    if names_label(name):
        return (
            f"{name!r} is a feature though its name could be a label's; put it into ignored if it is known only after "
            f"a customer has left"
        )
    if column.is_text and names_time(name) >= TimeName.PLAIN:
        return (
            f"{name!r} has the name of a time, but its values cannot be read as dates, so they are categories; "
            "put it into ignored if it says when a row was made"
        )
    if not column.is_text and column.different > 2 and names_code(name):
        return (
            f"{name!r} is taken for a number, though its name suggests a code: if its values name groups that have no "
            f'order, say kind = "categorical", and list them as categories'
        )
    return None


def _alike(names: Sequence[str]) -> list[tuple[str, str]]:
    first: dict[str, str] = {}
    return [(first[name.casefold()], name) for name in names if first.setdefault(name.casefold(), name) != name]


def feature_name(column: str, taken: set[str]) -> str:
    """An identifier for a column's name that no other feature has, as ``contract.schema`` takes it."""
    name = column
    if not re.fullmatch(r"\w+", name) or not name.isidentifier():
        allowed = "".join(
            character if re.fullmatch(r"\w", character) and f"_{character}".isidentifier() else " "
            for character in column
        )
        name = "_".join(allowed.split()) or "column"
        name = name if name.isidentifier() else f"n_{name}"
    if name.startswith("__"):
        name = name.lstrip("_") or "column"
        name = name if name.isidentifier() else f"n_{name}"
    while len(name.encode()) > LONGEST_NAME - 10:
        name = name[:-1]
    if keyword.iskeyword(name) or name in RESERVED:
        name = f"{name}_"
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free
