"""Which column is the label, and which of its values means that a customer left. Pure."""

from collections.abc import Sequence

import numpy as np

from contract.arrays import Floats
from training.infer.column import NOTHING, Column
from training.infer.draft import LabelGuess, Unused
from training.infer.names import LabelName, names_churn, names_label, names_stayed
from training.infer.words import is_yes_or_no, says_left, tells_left

_TWO_SHARE = 0.95  # of the rows have one of two values, the others a third by mistake
_TWO_SHARE_OF_YES_AND_NO = 0.8
_SHOWN, _FEW = 8, 20
_TOO_MANY = 0.6
_YES_OR_NO, _TELLING, _THIRD_VALUE = 20, 12, -3


def guess_label(columns: Sequence[Column], doubts: list[str]) -> LabelGuess | None:
    """The label, and doubts about it; None where nothing tells which column it is."""
    scores = {column.name: _score(column) for column in columns}
    named = [column for column in columns if scores[column.name] > 0 and names_label(column.name)]
    if named:
        best = max(named, key=lambda column: scores[column.name])
        others = [column.name for column in named if column is not best]
        if names_label(best.name) < LabelName.WITH_A_FLAG or scores[best.name] < LabelName.WITH_A_FLAG:
            doubts.append(f"the label was guessed by its name: {best.name!r}{_not(others)}")
        elif others and max(scores[name] for name in others) >= LabelName.WITH_A_FLAG:
            doubts.append(f"the label is {best.name!r}, because its name and values say so best{_not(others)}")
        return _label(best, doubts)
    doubts.extend(_about_one_value(column) for column in columns if is_label_of_one_value(column))
    like = [column.name for column in columns if names_label(column.name) >= LabelName.WITH_A_FLAG]
    listed = f" ({', '.join(map(repr, like))} has such a name, but other values)" if like else ""
    said = [column.name for column in columns if _says_left_among_others(column)]
    told = (
        f"; {', '.join(map(repr, said[:_SHOWN]))} mixes it with other things: reduce it to two values" if said else ""
    )
    two = [column.name for column in columns if column.different == 2 and column.name not in like]
    those = f"; with two values there are {', '.join(map(repr, two[:_SHOWN]))}" if two else ""
    doubts.append(
        f"no column has the name of a label (churn, exited, attrition …) and has two values{listed}: say which one "
        f"tells who left{those}{told}"
    )
    return None


def _says_left_among_others(column: Column) -> bool:
    return (
        column.is_text
        and 2 < column.different <= _FEW
        and sum(map(tells_left, column.distinct)) == 1
        and names_label(column.name) > 0
    )


def _not(others: Sequence[str]) -> str:
    return f" (not {', '.join(map(repr, others))})" if others else ""


def _score(column: Column) -> int:
    """How much speaks for a label, by name and values; 0 where it can be none."""
    name = int(names_label(column.name))
    if column.dates is not None or column.different < 2:
        return 0
    if column.different == 2:
        return max(1, name + _quality(column.distinct))
    if name < LabelName.WITH_A_FLAG:
        return 0
    common = _two_commonest(column)
    telling = _quality(common) == _YES_OR_NO
    if _share_of_two(column) < (_TWO_SHARE_OF_YES_AND_NO if telling else _TWO_SHARE):
        return 0
    return name + _quality(common) + _THIRD_VALUE


def _quality(values: tuple[str, ...]) -> int:
    if is_yes_or_no(values):
        return _YES_OR_NO
    return _TELLING if len({says_left(value) for value in values}) == len(values) else 0


def is_label_of_one_value(column: Column) -> bool:
    """Whether it has the name of a label, but only one value."""
    surely = names_churn(column.name) or names_label(column.name) >= LabelName.WITH_A_FLAG
    return column.different == 1 and column.dates is None and surely


def _about_one_value(column: Column) -> str:
    """What to do where those who stayed are not told: a model is trained on both kinds."""
    if column.missing:
        return (
            f"{column.name!r} has one value, and is empty in {column.missing:,} rows: if an empty cell means that a "
            f"customer stayed, write that into the table, because training needs both values"
        )
    return f"{column.name!r} is the same in every row: training needs rows of customers who stayed, too"


def _label(column: Column, doubts: list[str]) -> LabelGuess:
    one, other = _two_commonest(column)
    counts = {text: int(column.is_value(text).sum()) for text in (one, other)}
    numbers = {one, other} == {"0", "1"}
    mixed = not numbers and bool({"0", "1"} & {one, other}) and not is_yes_or_no((one, other))
    told = says_left(one) != says_left(other) and not mixed
    if told:
        positive = max((one, other), key=says_left)
        if names_stayed(column.name) and is_yes_or_no((one, other)):
            positive = other if positive == one else one
            doubts.append(f"{column.name!r} seems to say who stayed, so {positive!r} is taken to mean that one left")
    else:
        positive = min((one, other), key=lambda text: counts[text])
        doubts.append(f"the rarer value of {column.name!r} is taken to mean that a customer left; swap the two if not")
    negative = other if positive == one else one
    if told and counts[positive] > _TOO_MANY * (counts[positive] + counts[negative]):
        doubts.append(
            f"{counts[positive] / (counts[positive] + counts[negative]):.0%} of the customers left, going by "
            f"{column.name!r}; if that is too many, swap its two values in the schema"
        )
    third = int(column.counts.sum()) - counts[one] - counts[other]
    if third:
        doubts.append(f"{third:,} rows have a third value in {column.name!r}, and will be left out")
    if numbers:
        return LabelGuess(column.name, int(positive), int(negative))
    return LabelGuess(column.name, positive, negative)


def _two_commonest(column: Column) -> tuple[str, ...]:
    """Its two commonest values, the earlier in order first."""
    return column.texts_of(np.sort(np.argsort(-column.counts, kind="stable")[:2]).tolist())


def _share_of_two(column: Column) -> float:
    counts = np.sort(column.counts)[::-1]
    return float(counts[:2].sum() / counts.sum())


def label_values(columns: Sequence[Column], label: LabelGuess | None) -> Floats | None:
    """1 and 0 for each row, NaN where the label is not known; None without a label."""
    if label is None:
        return None
    column = next(column for column in columns if column.name == label.column)
    meaning = {str(label.positive): 1.0, str(label.negative): 0.0}
    by_code = np.array([*(meaning.get(text, np.nan) for text in column.distinct), np.nan])
    values: Floats = by_code[np.where(column.codes == NOTHING, len(by_code) - 1, column.codes)]
    return values


def not_taken(column: Column) -> Unused | None:
    """Why a column that is not the label, but may tell it, is no feature."""
    if is_label_of_one_value(column):
        return Unused(column.name, "it has the name of a label, but only one value")
    name = names_label(column.name)
    if not name or column.different < 2:
        return None
    candidate = column.different == 2
    says_so = column.is_text and column.different <= _FEW and any(map(tells_left, column.distinct))
    if not (candidate or says_so or names_churn(column.name) or name >= LabelName.WITH_A_FLAG):
        return None
    return Unused(
        column.name,
        "it may tell who left, as the label does",
        f"{column.name!r} has the name of a label, so it is not a feature: it may be known only after a customer has "
        "left, or be a guess at it; make it a feature only if it is known when customers are scored",
    )
