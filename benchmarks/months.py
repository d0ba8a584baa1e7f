"""Months of windows one after another: tumbling, overlapping with customers who come again, and with a weekly pattern.

What a month comes to is counted as a user sees it: in alerts. Windows that are called drifted one after another are one
incident, which ends once two windows' lengths have been clean (``monitor.verdicts.incidents``).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from input_streams import Drawn, ScoredStream
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit

from contract.durations import DAY

MONTH = 30 * DAY
_STAY = 28
"""Mean number of days until a customer is followed by another one."""


def incidents(alarms: Sequence[bool], slides: int) -> int:
    """How many incidents windows make, one a slide and ``slides`` long."""
    count, clean = 0, slides + 1
    for alarm in alarms:
        if alarm:
            count += clean > slides
            clean = 0
        else:
            clean += 1
    return count


@dataclass(frozen=True)
class Months:
    """What one pace has given, by reference: ``alerts`` and called ``windows`` of so many ``slides``."""

    slide: int
    alerts: tuple[int, ...]
    windows: tuple[int, ...]
    slides: tuple[int, ...]

    def __add__(self, other: "Months") -> "Months":
        """References of two sources, or of two sizes, stand beside each other."""
        return Months(self.slide, self.alerts + other.alerts, self.windows + other.windows, self.slides + other.slides)

    def monthly(self) -> tuple[float, float, float, float]:
        """Alerts a month, the standard error between references, the worst reference; windows a month."""
        months = np.array(self.slides) * self.slide / MONTH
        each = np.array(self.alerts) / months
        mean = sum(self.alerts) / months.sum()
        deviations = np.array(self.alerts) - mean * months
        error = float(np.sqrt((deviations**2).sum() * len(months) / max(len(months) - 1, 1)) / months.sum())
        return float(mean), error, float(each.max()), float(sum(self.windows) / months.sum())

    def at_most(self) -> float:
        """Alerts a month: the upper end of the one-sided 95 % interval if they came by themselves (Poisson)."""
        return float(stats.chi2.ppf(0.95, 2 * sum(self.alerts) + 2) / 2 / (sum(self.slides) * self.slide / MONTH))

    def __str__(self) -> str:
        mean, error, worst, windows = self.monthly()
        return f"{mean:.2f} ± {error:.2f}, {worst:.1f} ({windows:.2f})"


def months(slide: int, alarms: Sequence[Sequence[bool]], slides: int = 1) -> Months:
    """Of the alarms of each reference, in windows of ``slides``."""
    return Months(
        slide,
        tuple(incidents(each, slides) for each in alarms),
        tuple(sum(each) for each in alarms),
        tuple(len(each) for each in alarms),
    )


def coming_again(
    stream: ScoredStream, size: int, times: int, slides: int, count: int, generator: np.random.Generator
) -> Iterator[Drawn]:
    """``count`` windows of seven days, of ``slides`` each, over ``size`` customers who come ``times`` a week.

    A customer stays four weeks on average, then another one takes the place.
    """
    places = generator.integers(0, stream.customers, size)
    hashes = generator.integers(0, 2**53, size)
    rows: list[NDArray[np.int64]] = []
    ours: list[NDArray[np.int64]] = []
    for slide in range(slides + count - 1):
        gone = generator.random(size) < 7 / slides / _STAY
        places = np.where(gone, generator.integers(0, stream.customers, size), places)
        hashes = np.where(gone, generator.integers(0, 2**53, size), hashes)
        come = generator.random(size) < times / slides
        rows, ours = [*rows, places[come]][-slides:], [*ours, hashes[come]][-slides:]
        if slide >= slides - 1:
            yield Drawn(stream.rows(np.concatenate(rows)), np.concatenate(ours).tolist())


def by_weekday(
    stream: ScoredStream, a_week: int, days: int, count: int, generator: np.random.Generator
) -> Iterator[Drawn]:
    """``count`` windows of so many ``days``, one each day, whose customers differ by the day of the week.

    Each customer comes on the weekend with a chance that falls with age and is larger in Germany, else on another day;
    all days together are the stream's customers as they are.
    """
    kept: list[pd.DataFrame] = []
    week: list[pd.DataFrame] = []
    for day in range(days + count - 1):
        if not week:
            drawn = stream.rows(generator.integers(0, stream.customers, a_week))
            age, germany = drawn["Age"].fillna(38.0), drawn["Geography"] == "Germany"
            weekend = generator.random(a_week) < expit(-1.2 - 0.05 * (age - 38.0) + 0.7 * germany)
            of = np.where(weekend, generator.integers(5, 7, a_week), generator.integers(0, 5, a_week))
            week = [drawn[of == number] for number in range(7)]
        kept = [*kept, week.pop(0)][-days:]
        if day >= days - 1:
            yield Drawn(pd.concat(kept))
