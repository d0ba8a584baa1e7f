"""The range of a numeric feature, from rows whose label is known; values that stand far from all others. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from contract.arrays import Floats
from contract.bounds import LARGEST_INTEGER, LARGEST_NUMBER

_RARE = 0.01
_FAR = 10.0
_SENTINELS = frozenset(
    (*(-1.0, 999.0, 9_999.0), *(sign * (10.0**digits - 1) for digits in range(2, 11) for sign in (-1.0, 1.0)))
)
_SENTINEL_GAP = 1.0
_NEAR_NOTHING = 0.1
_MOST_TAILS = 50


@dataclass(frozen=True)
class Range:
    """What was ``seen`` without strays, the widened ``low`` and ``high``, and the doubts."""

    seen: tuple[float, float]
    low: float
    high: float
    doubts: tuple[str, ...]
    without: Floats


def range_of(name: str, values: Floats, *, whole: bool) -> Range:
    """The range of finite numbers, at least one.

    Numbers far from all others are left outside where they are rare, so that their rows are left out; where they are
    not, they are let in as they are, but no further.
    """
    levels, counts = np.unique(values, return_counts=True)
    doubts = []
    inside = np.ones(len(levels), dtype=bool)
    let_in: list[float] = []
    for end in (-1, 1):
        place = _strays(levels[inside], counts[inside], end)
        if not place:
            continue
        positions = np.flatnonzero(inside)
        strays = positions[:place] if end < 0 else positions[-place:]
        inside[strays] = False
        total = int(counts[strays].sum())
        rare = total < _RARE * len(values)
        if not rare:
            let_in.extend(levels[strays])
        doubts.append(_about(name, levels[strays], total, len(values), rare=rare))
    kept = levels[inside]
    low, high = widened(float(kept[0]), float(kept[-1]))
    if whole:
        low, high = np.floor(low), np.ceil(high)
    low, high = min([low, *let_in]), max([high, *let_in])
    bound = LARGEST_INTEGER if whole else LARGEST_NUMBER
    low, high = float(np.clip(low, -bound, bound)), float(np.clip(high, -bound, bound))
    return Range((float(kept[0]), float(kept[-1])), low, high, tuple(doubts), kept)


def widened(low: float, high: float) -> tuple[float, float]:
    """Half of the range more on both sides, rounded outwards to two digits.

    Where all is positive, the lower bound stays above half of the least, or is 0 if that is near to it; where nothing
    is above 0, the upper one is 0.
    """
    margin = (high - low) / 2 or max(abs(high), 1.0)
    wide_low, wide_high = low - margin, high + margin
    if low >= 0:
        wide_low = max(wide_low, low / 2) if low > _NEAR_NOTHING * (high - low) and high > low else 0.0
    if high <= 0:
        wide_high = 0.0
    return _rounded(wide_low, np.floor), _rounded(wide_high, np.ceil)


def _rounded(bound: float, outwards: Callable[[float], float]) -> float:
    """A bound in two digits."""
    if bound == 0:
        return 0.0
    digit = 10.0 ** (np.floor(np.log10(abs(bound))) - 1)
    return float(f"{outwards(bound / digit) * digit:.12g}")


def _strays(levels: Floats, counts: "np.typing.NDArray[np.int64]", end: int) -> int:
    """How many of the levels at one end stand far from all others: marks for nothing, or slips."""
    if len(levels) < 3:
        return 0
    ordered = levels if end < 0 else -levels[::-1]  # the end in question first
    marks = levels if end < 0 else levels[::-1]
    numbers = counts if end < 0 else counts[::-1]
    total = numbers.sum()
    spread = ordered[-1] - ordered
    found = 0
    for place in range(min(_MOST_TAILS, len(ordered) - 2)):
        gap, rest = ordered[place + 1] - ordered[place], spread[place + 1]
        share = numbers[: place + 1].sum() / total
        sentinel = marks[place] in _SENTINELS and gap > _SENTINEL_GAP * rest
        below_nothing = marks[place] == -1 and ordered[place + 1] >= 0 and end < 0 and numbers[place] > 1
        if sentinel or below_nothing or (gap > _FAR * rest and share < _RARE):
            found = place + 1
    return found


def _about(name: str, strays: Floats, total: int, rows: int, *, rare: bool) -> str:
    listed = ", ".join(f"{value:.12g}" for value in strays[:3]) + (" …" if len(strays) > 3 else "")
    becomes = (
        "they are outside the range, so their rows will be left out; widen it if they are right"
        if rare
        else "they are inside the range; if they stand for nothing, empty these cells in the table, and say missing = "
        "true"
    )
    rows_told = "1 row" if total == 1 else f"{total:,} rows"
    return f"{name!r} has {listed} in {rows_told} ({total / rows:.1%}), far from all other values: {becomes}"
