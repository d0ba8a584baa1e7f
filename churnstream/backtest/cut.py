"""Where a table of history is cut in two: what a champion learns from, and what is replayed to it. Pure.

The cut is a moment. Rows before it are learned from, as far as their labels were known by then; rows from it on are
replayed. So a figure on these is what it would have been at the time.
"""

from dataclasses import dataclass

import numpy as np

from contract.arrays import Integers, Mask
from contract.durations import DAY, HOUR
from contract.errors import UserError
from producer.options import format_time

_SHARES = tuple(np.round(np.arange(0.5, 0.801, 0.05), 2))
"""Shares of the rows that may lie before the cut, in the order in which they are tried."""
_GOOD_ROWS, _GOOD_OF_CLASS = 1_000, 100
_LEAST_ROWS, _LEAST_OF_CLASS = 240, 30
"""With less, training would refuse, because a sixth of the customers is held out."""
_BY_THE_HOUR = 4 * DAY


@dataclass(frozen=True)
class Cut:
    """A moment (ms), and what lies on its two sides.

    ``known`` rows before it have their label by then, ``positives`` of them one of 1; ``unknown`` rows before it have
    not. ``replayed`` rows come after.
    """

    at: int
    known: int
    positives: int
    unknown: int
    replayed: int


@dataclass(frozen=True)
class DatedRows:
    """A table's rows as far as a cut is concerned, in any order: their times and labels.

    ``labels`` are 1, 0 and below 0 for none; ``known`` is when each label was known, ms.
    """

    times: Integers
    known: Integers
    labels: Integers

    def cut(self, at: int) -> Cut:
        """What lies on the two sides of a moment."""
        before = self.times < at
        learned: Mask = before & (self.known < at) & (self.labels >= 0)
        known = int(learned.sum())
        positives = int((learned & (self.labels == 1)).sum())
        return Cut(at, known, positives, int(before.sum()) - known, int((~before).sum()))


def choose_cut(rows: DatedRows, origin: str) -> Cut:
    """The first moment from the middle of the rows on before which enough labels were known; the start of a day, or of
    an hour where the table spans few days.

    Raises:
        UserError: all rows are of one day, or too few labels were known before the last fifth of them.
    """
    times = np.sort(rows.times)
    first, last = int(times[0]), int(times[-1])
    unit = HOUR if last - first < _BY_THE_HOUR else DAY
    beats = np.unique(times // unit) * unit
    if first // DAY == last // DAY:
        raise UserError(
            f"{origin}: all rows are dated {format_time(first)[:10]}, but drift shows only over time; name another "
            f"column with --time-column, or ignore dates with --no-dates"
        )
    tried: list[Cut] = []
    for share in _SHARES:
        wanted = times[min(int(share * len(times)), len(times) - 1)]
        place = max(int(np.searchsorted(beats, wanted, side="right")) - 1, 1)
        at = int(beats[place])
        if not tried or tried[-1].at != at:
            tried.append(rows.cut(at))
    for least, of_class in ((_GOOD_ROWS, _GOOD_OF_CLASS), (_LEAST_ROWS, _LEAST_OF_CLASS)):
        for cut in tried:
            if cut.known >= least and min(cut.positives, cut.known - cut.positives) >= of_class:
                return cut
    raise UserError(_too_few(tried[-1], origin))


def given_cut(rows: DatedRows, at: int, origin: str) -> Cut:
    """The cut that a user has asked for.

    Raises:
        UserError: no row lies before it, or none after, or too few labels were known before it.
    """
    cut = rows.cut(at)
    span = f"its rows are dated {format_time(int(rows.times.min()))} to {format_time(int(rows.times.max()))}"
    if not cut.known + cut.unknown or not cut.replayed:
        side = "after" if cut.known + cut.unknown else "before"
        raise UserError(f"{origin}: no row lies {side} --until {format_time(at)} ({span}); give a time between these")
    if cut.known < _LEAST_ROWS or min(cut.positives, cut.known - cut.positives) < _LEAST_OF_CLASS:
        raise UserError(_too_few(cut, origin))
    return cut


def _too_few(cut: Cut, origin: str) -> str:
    return (
        f"{origin}: before {format_time(cut.at)[:10]} the labels of {cut.known:,} rows were known: {cut.positives:,} "
        f"of customers who left and {cut.known - cut.positives:,} of others ({cut.unknown:,} rows had no label yet). "
        f"Training needs at least {_LEAST_ROWS} such rows, with at least {_LEAST_OF_CLASS} of each kind; give a longer "
        f"history or a later --until, or split by customer instead of by time with --no-dates"
    )
