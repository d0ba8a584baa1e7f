"""A guess at a table's schema: which column is id, label, private, a time or of no use, and of what kind the rest is.

Pure. Everything that is not plain is a doubt, said in a sentence; what cannot be guessed is left open.
"""

from collections.abc import Sequence

import numpy as np

from contract.bounds import MOST_COLUMNS, MOST_FEATURES
from contract.schema import ROW_NUMBER
from training.infer.column import Column
from training.infer.columns import TableColumns
from training.infer.draft import Draft, DraftFeature, Unused
from training.infer.features import feature
from training.infer.identity import guess_id
from training.infer.label import guess_label, label_values, not_taken
from training.infer.privacy import guess_private
from training.infer.times import guess_times
from training.infer.unused import Leaks, unused
from training.steps import Tell, untold


def infer(table: TableColumns, tell: Tell = untold) -> Draft:
    """Guess the schema of a table."""
    doubts: list[str] = []
    private = [column for column in table.columns if guess_private(column, doubts)]
    left = [column for column in table.columns if column not in private]
    label = guess_label(left, doubts)
    left = [column for column in left if label is None or column.name != label.column]
    id_column = guess_id(left, private, doubts)
    left = [column for column in left if column is not id_column]
    y = label_values(table.columns, label)
    times, ignored = guess_times(left, y, id_column, doubts)
    leaks = Leaks(y, label)
    known = None if y is None else ~np.isnan(y)
    features: list[DraftFeature] = []
    taken = {label.column if label else "", id_column.name if id_column else ""}
    for number, column in enumerate(left):
        tell(number / len(left), f"column {number + 1} of {len(left)}")
        if column.dates is not None:
            continue
        candidate = not_taken(column)
        reason = None if candidate else unused(column)
        auc = 0.5 if reason else leaks.auc(column)
        reason = reason or leaks.leak(column, auc) or candidate
        if reason:
            ignored.append(reason)
            continue
        made = feature(column, taken, known)
        nearly = leaks.nearly(column, auc)
        features.append(DraftFeature(made.feature, (*made.doubts, nearly), made.seen) if nearly else made)
    features, too_many = _narrowed(features)
    ignored = _in_order([*ignored, *too_many], table.columns)
    return Draft(
        id_column=id_column.name if id_column else ROW_NUMBER,
        label=label,
        private=tuple(column.name for column in private),
        ignored=tuple(ignored),
        features=tuple(features),
        doubts=(*doubts, *(each.doubt for each in ignored if each.doubt)),
        repairs=table.repairs,
        times=times,
    )


def _narrowed(features: list[DraftFeature]) -> tuple[list[DraftFeature], list[Unused]]:
    """The first features that a schema takes, and the others."""
    kept: list[DraftFeature] = []
    others: list[Unused] = []
    columns = 0
    for each in features:
        wide = len(each.feature.categories) or 1
        if len(kept) < MOST_FEATURES and columns + wide <= MOST_COLUMNS:
            kept.append(each)
            columns += wide
            continue
        name = each.feature.table_column
        others.append(
            Unused(
                name,
                "one feature too many",
                f"{name!r} is left out because a schema takes at most {MOST_FEATURES:,} features, and {MOST_COLUMNS:,} "
                f"numbers and categories",
            )
        )
    return kept, others


def _in_order(ignored: Sequence[Unused], columns: Sequence[Column]) -> list[Unused]:
    places = {column.name: place for place, column in enumerate(columns)}
    return sorted(ignored, key=lambda each: places[each.column])
