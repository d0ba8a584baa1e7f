"""Which dates are the rows' own, which tell when a label was known, and why the others are no features. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from contract.arrays import Floats
from training.infer.column import Column, Dates
from training.infer.draft import TimeGuess, Unused
from training.infer.names import TimeName, names_known, names_label_time, names_time

_DAY_MS = 86_400_000
_MOST = 0.95
_MOSTLY = 0.9
_SELDOM = 0.1
_ENOUGH = 1
_LONGEST = 1.5


@dataclass(frozen=True)
class _DatedColumn:
    column: Column
    moments: Floats
    said: str

    @property
    def is_filled(self) -> bool:
        return bool(np.mean(~np.isnan(self.moments)) >= _MOST)


def guess_times(
    columns: Sequence[Column], y: Floats | None, id_column: Column | None, doubts: list[str]
) -> tuple[TimeGuess | None, list[Unused]]:
    """The columns of time, and why the columns of dates are no features; doubts about the two that were taken."""
    dated = [
        _DatedColumn(column, column.dates.moments, column.dates.said)
        for column in columns
        if column.dates is not None and column.dates.moments is not None and (column.different > 1 or column.missing)
    ]
    ends = [each for each in dated if _tells_by_gaps(each, y)]
    own = _own_time([each for each in dated if each not in ends], ends, id_column)
    end = _label_time(dated, ends, own) if own else None
    guess = None
    if own:
        days = _horizon(own, end, y) if end is not None and end in ends else None
        guess = TimeGuess(own.column.name, end.column.name if end else None, days)
        doubts.extend(_about(own, end, days))
    taken = {each.column.name for each in (own, end) if each}
    return guess, [_unused(column, taken, guess) for column in columns if column.dates is not None]


def _tells_by_gaps(dated: _DatedColumn, y: Floats | None) -> bool:
    """Whether it is filled for those who left, and empty for the others."""
    if y is None or not (np.any(y == 1) and np.any(y == 0)):
        return False
    filled = ~np.isnan(dated.moments)
    return bool(filled[y == 1].mean() >= _MOSTLY and filled[y == 0].mean() <= _SELDOM)


def _own_time(
    dated: Sequence[_DatedColumn], ends: Sequence[_DatedColumn], id_column: Column | None
) -> _DatedColumn | None:
    filled = [each for each in dated if each.is_filled and not _is_end(each)]
    scores = [_score(each, dated, ends, id_column) for each in filled]
    if not scores or max(scores) < _ENOUGH:
        return None
    return filled[scores.index(max(scores))]


def _is_end(dated: _DatedColumn) -> bool:
    return names_label_time(dated.column.name) and names_time(dated.column.name) < TimeName.OF_THE_ROW


def _score(
    each: _DatedColumn, dated: Sequence[_DatedColumn], ends: Sequence[_DatedColumn], id_column: Column | None
) -> int:
    """How much speaks for the row's own time: the name, the table's order, and where it stands among other dates."""
    score = int(names_time(each.column.name))
    known = each.moments[~np.isnan(each.moments)]
    score += bool(np.all(np.diff(known) >= 0))
    earlier = [other for other in dated if other is not each and names_time(other.column.name) in (-1, -2)]
    score += bool(earlier) and all(_precedes(other, each) for other in earlier)
    score += bool(ends) and all(_precedes(each, end) for end in ends)
    if id_column is not None and id_column.different < _MOSTLY * id_column.filled:
        pairs = np.unique(np.stack([id_column.codes.astype(float), each.moments]), axis=1).shape[1]
        score += 2 * bool(pairs >= _MOST * len(each.moments))
    return score


def _precedes(one: _DatedColumn, other: _DatedColumn) -> bool:
    both = ~np.isnan(one.moments) & ~np.isnan(other.moments)
    return bool(both.any() and np.mean(one.moments[both] <= other.moments[both]) >= _MOST)


def _label_time(dated: Sequence[_DatedColumn], ends: Sequence[_DatedColumn], own: _DatedColumn) -> _DatedColumn | None:
    after = [each for each in ends if _precedes(own, each)]
    named = [each for each in after if names_label_time(each.column.name)]
    known = [
        each
        for each in dated
        if each is not own and each not in ends and each.is_filled and _is_known_then(each) and _precedes(own, each)
    ]
    return next(iter([*named, *known, *after]), None)


def _is_known_then(dated: _DatedColumn) -> bool:
    """Whether a column that is filled in every row is named as the time of a label."""
    return names_known(dated.column.name)


def _horizon(own: _DatedColumn, end: _DatedColumn, y: Floats | None) -> int:
    """Days after which nearly all who left had their date: the longest delay, unless that is far beyond the others."""
    both = ~np.isnan(own.moments) & ~np.isnan(end.moments)
    if y is not None:
        both &= y == 1
    delays = (end.moments - own.moments)[both] / _DAY_MS
    most, longest = float(np.quantile(delays, 0.995)), float(delays.max())
    return max(1, int(np.ceil(longest if longest <= _LONGEST * most else most)))


def _about(own: _DatedColumn, end: _DatedColumn | None, days: int | None) -> list[str]:
    doubts = [
        f"{own.column.name!r} is taken for the time of each row{_said(own.said)}; name another column as time if rows "
        "are from another moment, or take it out"
    ]
    if end is not None:
        doubts.append(
            f"{end.column.name!r} is taken for the time at which a label was known; take label_time out if it is not"
        )
    if days is not None and end is not None:
        doubts.append(
            f"only customers who left have {end.column.name!r}, the last one {days} days after {own.column.name!r} "
            f"(except for a few): so a customer counts as having stayed after {days} days without it; correct the "
            "horizon if not"
        )
    return doubts


def _said(said: str) -> str:
    return f" ({said})" if said else ""


def _unused(column: Column, taken: set[str], guess: TimeGuess | None) -> Unused:
    dates: Dates | None = column.dates
    name = column.name
    if name in taken and guess is not None:
        return Unused(name, "the time of each row" if name == guess.column else "the time of each label")
    if column.different == 1 and not column.missing:
        return Unused(name, "it is the same in every row")
    if dates is not None and dates.moments is None:
        return Unused(name, "dates that cannot be read", f"{name!r} holds dates: {dates.said}")
    return Unused(
        name,
        "dates",
        f"{name!r} holds dates, which cannot be a feature: turn them into numbers (days before {_before(guess)}) to "
        "use them, if they are known when a customer is scored",
    )


def _before(guess: TimeGuess | None) -> str:
    return repr(guess.column) if guess else "the record"
