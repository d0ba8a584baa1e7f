"""Where windows lie on the time axis: each has a slot around its end, one slide wide, so that slots do not overlap."""

from collections import Counter
from itertools import pairwise
from statistics import median

from dashboard.view.model import TimeAxis

Slot = tuple[int, int]
_HOUR_MS = 3_600_000
LATE = 1.5
"""Windows further apart than that many slides have others missing between them."""


def slide_of(axis: TimeAxis) -> int:
    """From one window's end to the next's, in ms: the median; of a window alone, its length."""
    ends = sorted(set(axis.ends))
    steps = [after - before for before, after in pairwise(ends)]
    if steps:
        return max(1, int(median(steps)))
    return max(1, axis.ends[0] - axis.starts[0]) if ends else _HOUR_MS


def slots_of(axis: TimeAxis) -> tuple[Slot, ...]:
    """Begin and end of each window's slot, in ms; windows of several versions with the same end share one."""
    slide = slide_of(axis)
    sharing = Counter(axis.ends)
    taken: Counter[int] = Counter()
    slots = []
    for end in axis.ends:
        width = slide // sharing[end]
        begin = end - slide // 2 + taken[end] * width
        taken[end] += 1
        slots.append((begin, begin + max(1, width)))
    return tuple(slots)
