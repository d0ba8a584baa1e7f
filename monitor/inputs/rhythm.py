"""Do windows differ by the day of the week, although one week is like the next? Then they see drift each week.

Windows of whole weeks hold each day alike, so they need no look. The others are watched: the shares of a column's
values in disjoint windows are fitted by a sine of a period of a week (and, for windows that are no whole days, of a
day). What it explains is set against what is left, which holds any other change, so drift is not taken for a rhythm.
"""

from typing import NamedTuple

import numpy as np
from scipy import stats

from contract.arrays import Floats
from contract.durations import DAY, HOUR
from contract.windows import Drift

WEEK = 7 * DAY
LEVEL = 1e-3
"""Of one look, all columns and periods together."""
LEAST_DISTANCE = 0.02
"""Smallest difference that counts between windows at the rhythm's height and the mean of all: a total variation."""
MOST_WINDOWS = 112
"""Windows that are kept, the newest: of a day each, sixteen weeks."""
MOST_COLUMNS = 64
"""Columns that are looked at, the first ones."""
_LEAST_WINDOWS = 8
_LEAST_SHARE = 0.02
_APART = 7 * HOUR
"""Shorter windows begin at least so far apart: within a week they see every hour of the day."""


class Rhythm(NamedTuple):
    """The column in which windows differ most plainly by their time within ``period`` ms; p corrected for all looks."""

    column: str
    period: int
    distance: float
    p_value: float


class RhythmWatch:
    """One model's windows, of ``window`` ms, one each ``slide`` ms, of which ``window`` is a multiple."""

    def __init__(self, window: int, slide: int) -> None:
        self._periods = [period for period in (WEEK, DAY) if window % period]
        self._apart = max(window, -(-_APART // slide) * slide)
        self._counts: dict[int, dict[str, Floats]] = {}

    def put(self, start: int, drift: Drift) -> bool:
        """Take a window's verdict, or a newer one on it.

        False: it is none to look at, because it overlaps with one that is, was not judged, or is of whole weeks.
        """
        if not self._periods or not drift.judged or start % self._apart:
            return False
        names = [name for name, one in drift.features.items() if one.counts][:MOST_COLUMNS]
        self._counts[start] = {name: np.array(drift.features[name].counts, dtype=np.float32) for name in names}
        while len(self._counts) > MOST_WINDOWS:
            del self._counts[min(self._counts)]
        return True

    def rhythm(self) -> Rhythm | None:
        """That which the windows up to now show, if there is one."""
        starts = np.array(sorted(self._counts))
        if len(starts) < _LEAST_WINDOWS:
            return None
        found: list[Rhythm] = []
        looks = 0
        for name in self._counts[starts[-1]]:
            counts = [self._counts[start].get(name) for start in starts]
            cells = {len(each) for each in counts if each is not None}
            if len(cells) > 1 or any(each is None for each in counts):
                # of another reference
                continue
            for period in self._periods:
                looks += 1
                one = _fitted(np.array(counts), 2 * np.pi * (starts % period) / period)
                if one is not None:
                    found.append(Rhythm(name, period, *one))
        if not found:
            return None
        best = min(found, key=lambda one: one.p_value)
        best = best._replace(p_value=min(best.p_value * looks, 1.0))
        return best if best.p_value < LEVEL and best.distance >= LEAST_DISTANCE else None


def _fitted(counts: Floats, angles: Floats) -> tuple[float, float] | None:
    """Largest distance of the fitted shares from their mean, and p-value, of counts by window and cell.

    Weighted least squares in the metric of chi-square, and an F test whose degrees of freedom are those of one cell
    times the number of independent directions in which windows differ (Box, Annals of Mathematical Statistics 25, 1954;
    Greenhouse and Geisser, Psychometrika 24, 1959): all cells by chance alone, one where another change moves them.
    """
    counts = _common(counts)
    rows = counts.sum(axis=1)
    if counts.shape[1] < 2 or not rows.all():
        return None
    mean = counts.sum(axis=0) / rows.sum()
    weights = np.sqrt(rows / rows.mean())[:, None]
    deviations = (counts / rows[:, None] - mean) / np.sqrt(mean) * weights
    waves = np.column_stack([np.ones_like(angles), np.cos(angles), np.sin(angles)])
    solved, _, rank, _ = np.linalg.lstsq(waves * weights, deviations, rcond=1e-9)
    free = len(rows) - int(rank)
    if rank < 2 or free < 2:
        return None
    level = np.average(deviations / weights, axis=0, weights=rows) * weights
    residuals = deviations - waves * weights @ solved
    left = float((residuals**2).sum())
    explained = float(((deviations - level) ** 2).sum()) - left
    wave = (waves[:, 1:] @ solved[1:]) * np.sqrt(mean)
    distance = float(np.abs(wave - wave.mean(axis=0)).sum(axis=1).max()) / 2
    if left <= 0:
        return distance, 0.0 if explained > 0 else 1.0
    directions = left**2 / float(((residuals.T @ residuals) ** 2).sum())
    ratio = explained / (rank - 1) / (left / free)
    return distance, float(stats.f.sf(ratio, (rank - 1) * directions, free * directions))


def _common(counts: Floats) -> Floats:
    """The cells that many rows have, and the rest as one."""
    shares = counts.sum(axis=0) / max(float(counts.sum()), 1.0)
    many = shares >= _LEAST_SHARE
    rest = counts[:, ~many].sum(axis=1)
    kept = counts[:, many].astype(np.float64)
    return np.column_stack([kept, rest]) if rest.any() else kept
