"""Which columns are about who a customer is. Pure.

A name that says so is believed where the values bear it out; a flag or a small count is none, whatever its name.
"""

from training.infer.column import Column
from training.infer.looks import personal
from training.infer.names import names_birth, names_id, names_private

_FEW = 10
_SMALL_COUNT = 60
_NEARLY_ANOTHER = 0.5
WHOLE_NAME, IN_THE_NAME = 2, 1


def guess_private(column: Column, doubts: list[str]) -> bool:
    """Whether a column is private, and a doubt where that is a guess."""
    named = names_private(column.name)
    if column.dates is not None:
        return names_birth(column.name)
    if not column.different or (column.different == 1 and not named):
        return False
    noun = personal(column)
    if noun is not None:
        if not named and noun != "e-mail addresses":
            doubts.append(
                f"{column.name!r} is private because its values look like {noun}; take it out of private if not"
            )
        return True
    if not named or is_harmless(column):
        return False
    if named == WHOLE_NAME:
        if column.different <= _FEW:
            doubts.append(
                f"{column.name!r} is private by its name alone: it has {column.different} values; take it out of "
                f"private if they say nothing about who a customer is"
            )
        return True
    if column.different > max(_FEW, _NEARLY_ANOTHER * column.filled) and not _counts(column):
        doubts.append(
            f"{column.name!r} is private because a word in its name is, and nearly every row has a different value; "
            "take it out of private if not"
        )
        return True
    if column.is_text and column.different > _SMALL_COUNT:
        doubts.append(
            f"{column.name!r} is private because a word in its name is, and it has {column.different:,} values; take "
            f"it out of private if not"
        )
        return True
    return False


def is_harmless(column: Column) -> bool:
    """Whether it is a flag or a small count: no personal datum, whatever its name."""
    if column.is_text:
        return column.different <= 2
    return _counts(column) and column.different <= _SMALL_COUNT


def kept_though_named(column: Column) -> str | None:
    """The doubt about a feature whose name speaks of a personal datum."""
    if not names_private(column.name) or names_id(column.name) >= 4:
        return None
    if column.different > _SMALL_COUNT:
        return (
            f"{column.name!r} is a feature though its name suggests personal data, because its numbers alone identify "
            "nobody; put it into private if it tells who a customer is"
        )
    holds = "a flag" if column.different <= 2 else f"only {column.different:,} different values"
    return (
        f"{column.name!r} is a feature though its name suggests personal data, because it holds {holds}; put it "
        f"into private if it tells who a customer is"
    )


def _counts(column: Column) -> bool:
    """Whether it holds counts or amounts rather than numbers that were given out."""
    if column.values is None or not len(column.present):
        return False
    if not column.is_whole:
        return True
    return bool(column.present.min() >= -1e6 and column.present.max() < 1e6 and not column.is_nearly_unique)
