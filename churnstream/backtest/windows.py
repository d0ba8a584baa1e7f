"""How long windows are and how far apart they begin: from the times of the records that are to be measured. Pure.

All times are ms. Windows begin at whole multiples of the slide since 1970, in UTC. A week is the shortest window where
the records allow it, because customers differ by the day of the week. Snapshots, such as all customers on the last day
of each month, get a window each: no longer than the shortest gap, so that no two fall into one.
"""

from typing import NamedTuple

import numpy as np

from contract.arrays import Integers
from contract.durations import DAY, HOUR

MOST_WINDOWS = 120
ENOUGH_RECORDS = 1_000
"""Of a usual window, so that figures have narrow intervals; fewer where the table does not have more."""
_FEWEST_TILES = 6
"""Windows side by side that the records should fill, so that a change can be seen, before records count more."""
_FEWEST_TILES_OF_FEW = 3
_LADDER: tuple[tuple[int, tuple[int, ...]], ...] = (
    (HOUR, (HOUR,)),
    (3 * HOUR, (HOUR,)),
    (6 * HOUR, (HOUR, 6 * HOUR)),
    (12 * HOUR, (HOUR, 3 * HOUR, 12 * HOUR)),
    (DAY, (3 * HOUR, 6 * HOUR, DAY)),
    (3 * DAY, (DAY, 3 * DAY)),
    (7 * DAY, (DAY, 7 * DAY)),
    (14 * DAY, (DAY, 7 * DAY, 14 * DAY)),
    (28 * DAY, (DAY, 7 * DAY, 28 * DAY)),
    (56 * DAY, (7 * DAY, 28 * DAY)),
    (91 * DAY, (7 * DAY, 91 * DAY)),
    (182 * DAY, (14 * DAY, 91 * DAY)),
    (364 * DAY, (28 * DAY, 182 * DAY)),
    (728 * DAY, (364 * DAY,)),
)
"""Lengths of windows, each with the slides that suit it."""
_SHORTEST = ((56 * DAY, 7 * DAY), (10 * DAY, 3 * DAY), (4 * DAY, DAY), (DAY, 3 * HOUR), (0, HOUR))
"""From what span of the records on a window is at least so long."""
_SNAPSHOT_RECORDS = 20
_LEAST_GAP = 2 * DAY
_MOST_OCCUPIED = 1 / 3
"""Share of the days that hold records, above which these are no snapshots."""


class Windowing(NamedTuple):
    """Window and slide. ``records``: those of a usual window; ``windows``: about how many hold records; ``snapshots``:
    how many dates the records lie at where these are few and far between, else 0.
    """

    window: int
    slide: int
    records: int
    windows: int
    snapshots: int = 0


def choose_windows(times: Integers, enough: int = ENOUGH_RECORDS, min_records: int = 200) -> Windowing:
    """Windows for records of these event ``times``, at least one.

    Between 10 and 120 windows of at least ``enough`` records where the table has them. Where it has few, windows are
    longer, so that they have the ``min_records`` below which none is judged, as long as three lie side by side.
    """
    times = np.sort(times)
    found = _of_snapshots(times, min_records)
    if found is not None:
        return found
    span = int(times[-1] - times[0]) + 1
    shortest = next(window for since, window in _SHORTEST if span >= since)
    usable = [rung for rung in _LADDER if rung[0] >= shortest and _slide(*rung, span) is not None] or [_LADDER[-1]]
    best = usable[0]
    for rung in usable:
        tiles = span / rung[0]
        have = usual_records(times, best[0])
        wants_more = have < enough and tiles >= _FEWEST_TILES
        is_poor = have < min_records and tiles >= _FEWEST_TILES_OF_FEW
        if rung is not best and not (wants_more or is_poor):
            break
        best = rung
    window = best[0]
    slide = _slide(*best, span) or window
    return Windowing(window, slide, usual_records(times, window), _windows(times, window, slide))


def given_windows(times: Integers, window: int, slide: int) -> Windowing:
    """What windows that were asked for come to."""
    times = np.sort(times)
    return Windowing(window, slide, usual_records(times, window), _windows(times, window, slide))


def usual_records(times: Integers, window: int) -> int:
    """The median of the records of windows side by side that hold any; the first and the last count if all do."""
    counts = np.unique(times // window, return_counts=True)[1]
    whole = counts[1:-1] if len(counts) > 2 else counts
    return int(np.median(whole))


def _slide(window: int, slides: tuple[int, ...], span: int) -> int | None:
    """The smallest slide that makes no more windows than are wanted."""
    return next((slide for slide in slides if (span + window) / slide <= MOST_WINDOWS), None)


def _windows(times: Integers, window: int, slide: int) -> int:
    """How many windows hold a record."""
    places = np.unique(times // slide)
    length = window // slide
    reached = np.minimum(np.diff(places, append=places[-1] + length), length)
    return int(reached.sum())


def _of_snapshots(times: Integers, min_records: int) -> Windowing | None:
    """Windows of one snapshot each, or of several where one has too few records; None where there are no snapshots."""
    days = np.unique(times // DAY)
    # days that follow one another are one snapshot, which a change of zone may spread over two
    starts = np.flatnonzero(np.diff(days, prepend=days[0] - 2) > 1)
    if not 2 <= len(starts) <= MOST_WINDOWS:
        return None
    first = days[starts]
    last = days[np.append(starts[1:], len(days)) - 1]
    gaps = (first[1:] - last[:-1]) * DAY
    span = int(days[-1] - days[0]) + 1
    sparse = len(days) <= _MOST_OCCUPIED * span and int(gaps.min()) >= _LEAST_GAP
    if not sparse or len(times) < _SNAPSHOT_RECORDS * len(starts):
        return None
    steps = np.diff(first)
    longest = int(steps.min())
    if int((last - first).max()) >= longest:
        return None
    shortest = max(longest // 2, 1)
    length = min(range(longest, shortest - 1, -1), key=lambda days_: (_cut(first, last, days_), -days_))
    of_one = int(np.median(np.unique(times // (length * DAY), return_counts=True)[1]))
    together = _together(of_one, len(starts), min_records)
    window = length * DAY * together
    windows = _windows(times, window, length * DAY)
    return Windowing(window, length * DAY, of_one * together, windows, len(starts))


def _together(records: int, snapshots: int, min_records: int) -> int:
    """How many snapshots a window takes: one, or as few as are judged while three windows still lie side by side."""
    together = 1
    while records * together < min_records and snapshots >= (together + 1) * _FEWEST_TILES_OF_FEW:
        together += 1
    return together


def _cut(first: Integers, last: Integers, days: int) -> int:
    """Snapshots that a window's edge would cut in two, where windows of so many days lie side by side."""
    return int((first // days != last // days).sum())
