"""Which column tells one customer from another. Pure.

An id may repeat: then a customer has several rows, which belong together. So the name counts more than whether each row
has another value.
"""

from collections.abc import Sequence

import numpy as np

from training.infer.column import Column
from training.infer.names import names_id, names_rows

_MIN_CUSTOMERS = 20
_MIN_UNNAMED_CUSTOMERS = 50
_CUSTOMER, _HOLDER, _ID, _OF_SOMETHING = 4, 3, 2, 1
_UNIQUE = 0.5


def guess_id(columns: Sequence[Column], private: Sequence[Column], doubts: list[str]) -> Column | None:
    """The id column, and doubts about it; None where no column names customers, so that rows are numbered."""
    ranks = {column.name: _rank(column) for column in columns}
    best = max(ranks.values(), default=0)
    candidates = [column for column in columns if ranks[column.name] == best]
    if best <= 0:
        those = [column.name for column in private if column.is_nearly_unique]
        but = (
            f" ({', '.join(map(repr, those))} does, but it is private, and an id goes with each message)"
            if those
            else ""
        )
        doubts.append(
            f"no column differs for every customer{but}, so each row is taken to be a customer of its own, with the "
            "row's number as id; name the column that tells customers apart, or add one to the table"
        )
        return None
    chosen = candidates[0]
    others = [column.name for column in candidates[1:]]
    not_others = f", not {', '.join(map(repr, others))}" if others else ""
    repeats = not chosen.is_nearly_unique
    if best <= _OF_SOMETHING or others:
        how = "has the name of one" if names_id(chosen.name) else "differs in every row"
        doubts.append(f"the id was guessed: {chosen.name!r} {how}{not_others}")
    if repeats:
        doubts.append(
            f"{chosen.name!r} repeats: {chosen.different:,} customers have {chosen.filled:,} rows, so each row is "
            "taken to be a customer at one time, and all rows of a customer stay together; name another column if "
            "that is wrong"
        )
    elif chosen.different < chosen.filled:
        doubts.append(f"some rows of {chosen.name!r} repeat an id: they are taken to be the same customer")
    if chosen.missing:
        doubts.append(f"{chosen.missing:,} rows have nothing in {chosen.name!r}, and will be left out")
    return chosen


def _rank(column: Column) -> float:
    """0: no id; the greater, the rather one."""
    if column.dates is not None or names_rows(column.name) or not column.different:
        return 0
    if column.values is not None and (not column.is_whole or np.any(column.present < 0)):
        return 0
    named = names_id(column.name)
    if not named:
        return 0.5 if column.is_unique and not column.is_running else 0
    if named in (_CUSTOMER, _HOLDER) or (named == _ID and column.name.lower() in ("id", "uid", "key")):
        enough = column.different >= min(_MIN_CUSTOMERS if column.is_unique else _MIN_UNNAMED_CUSTOMERS, column.rows)
        return named + (0.25 if column.is_nearly_unique else 0) if enough else 0
    if column.different < _UNIQUE * column.filled:
        return 0
    return named - (0.75 if column.is_running or column.numbers_rows else 0)


def numbers_rows(column: Column) -> bool:
    """Whether a column numbers the rows, by its name or its values."""
    if column.is_running:
        return True
    return names_rows(column.name) and column.is_whole and column.is_nearly_unique
