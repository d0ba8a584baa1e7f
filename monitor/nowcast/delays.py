"""How labels come: the shares of the negative and of the positive ones that are there by an age of their record."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from contract.arrays import Floats
from monitor.panes import HOUR

_CERTAIN = 1_000_000
"""Labels, from which on a curve is as good as known."""


PACES = np.linspace(-0.6, 0.6, 13)
"""Logarithms of how much sooner labels may come than was learned: from 0.55 to 1.8 times as fast."""


class AtPace(NamedTuple):
    """Of one class, by age: the share of its labels that has come, and the derivative of that in the pace."""

    share: Floats
    slope: Floats


class Arrived(NamedTuple):
    """What is known of one class at each of several ages.

    ``shares`` (paces × ages): of its labels, how many have come, for each of ``PACES``; ``slopes``: their derivatives.
    ``covariance`` (ages × ages): how unsure the shares are, because they were learned from a finite number of labels.
    """

    shares: Floats
    slopes: Floats
    covariance: Floats

    def at(self, pace: float) -> AtPace:
        """The shares at a pace, which ends where ``PACES`` do; 0 being that of the labels learned from."""
        place = min(max((pace - PACES[0]) / (PACES[1] - PACES[0]), 0.0), len(PACES) - 1.0)
        first = min(int(place), len(PACES) - 2)
        after = place - first
        share, slope = (
            (1 - after) * by_pace[first] + after * by_pace[first + 1] for by_pace in (self.shares, self.slopes)
        )
        return AtPace(share, slope)

    @property
    def too_early(self) -> bool:
        """Whether no label can have come at any of the ages."""
        return not self.shares[len(PACES) // 2].any()


@dataclass(frozen=True)
class _Curve:
    """One class's distribution of delays: a step of ``step`` at age ``step_at``, the rest linear within each hour.

    ``shares[h]`` is what has come by ``h`` hours, ``areas[h]`` the integral up to there, both without the step. All
    have come at ``most``, which is below 1: the longest delay seen is not the last word.
    """

    labels: int
    most: float
    shares: Floats
    areas: Floats
    step: float = 0.0
    step_at: float = 0.0

    @classmethod
    def of(cls, delays: Mapping[int, int], step_at: int | None) -> "_Curve":
        """From whole hours and the labels of each; those in the hour of ``step_at`` (ms) come at once, then."""
        counted = {max(hours, 0): 0 for hours in delays}
        for hours, labels in delays.items():
            counted[max(hours, 0)] += labels
        stepping = 0 if step_at is None else counted.pop(step_at // HOUR, 0)
        labels = sum(counted.values()) + stepping
        by_hour = np.zeros(max(counted, default=0) + 1)
        for hours, number in counted.items():
            by_hour[hours] = number / labels
        # one label more than were seen is taken to be still on its way
        counted_labels = min(labels, _CERTAIN)
        most = counted_labels / (counted_labels + 1)
        shares = most * np.concatenate([[0.0], np.cumsum(by_hour)])
        areas = np.concatenate([[0.0], np.cumsum((shares[1:] + shares[:-1]) / 2)])
        return cls(labels, most, shares, areas, most * stepping / labels, 0.0 if step_at is None else step_at / HOUR)

    def mean_shares(self, youngest: Floats, oldest: Floats) -> Floats:
        """Mean share over ages spread evenly from ``youngest`` to ``oldest``, hours, at each pace (paces × ages).

        The step comes when it comes, whatever the pace.
        """
        faster = np.exp(PACES)[:, None]
        smooth = (self._area(faster * oldest) - self._area(faster * youngest)) / faster
        stepped = self.step * (np.maximum(oldest - self.step_at, 0.0) - np.maximum(youngest - self.step_at, 0.0))
        found: Floats = np.clip((smooth + stepped) / (oldest - youngest), 0.0, self.most)
        return found

    def _area(self, age: Floats) -> Floats:
        age = np.maximum(age, 0.0)
        last = len(self.shares) - 1
        hour = np.minimum(age, last).astype(np.int64)
        within = age - hour
        slope = self.shares[np.minimum(hour + 1, last)] - self.shares[hour]
        found: Floats = self.areas[hour] + within * self.shares[hour] + slope * within**2 / 2
        return found


class DelayCurves:
    """The shares of the labels of either class that have come by an age, learned from windows whose labels are in.

    Immutable. Labels that never come are ``never`` of all records, of either class alike: which class they would have
    had, nobody knows.
    """

    def __init__(self, negative: _Curve | None, positive: _Curve | None, never: float) -> None:
        self._negative = negative
        self._positive = positive
        self.never = never

    @classmethod
    def of(
        cls, negative: Mapping[int, int], positive: Mapping[int, int], records: int, horizon: int | None = None
    ) -> "DelayCurves":
        """From the labels of each class by whole hours of delay, out of ``records`` with and without a label.

        Each pane counts once, and only panes of final windows: in others the late labels are still missing.
        ``horizon`` (ms): silence counts as negative then, so the negative labels of its hour come all at once. A class
        of which none was seen is taken to come like the other, or, where silence is negative, evenly up to the horizon.
        """
        negatives, positives = sum(negative.values()), sum(positive.values())
        if negatives + positives <= 0:
            return cls(None, None, 0.0)
        negative_curve = _Curve.of(negative, horizon) if negatives > 0 else None
        positive_curve = _Curve.of(positive, None) if positives > 0 else None
        if negative_curve is None and horizon is not None:
            negative_curve = _Curve.of({horizon // HOUR: _CERTAIN}, horizon)
        if positive_curve is None and horizon is not None:
            positive_curve = replace(_Curve.of(dict.fromkeys(range(horizon // HOUR + 1), 1), None), labels=1)
        if negative_curve is None and positive_curve is not None:
            negative_curve = replace(positive_curve, labels=1)
        if positive_curve is None and negative_curve is not None:
            positive_curve = replace(negative_curve, labels=1)
        return cls(negative_curve, positive_curve, max(1 - (negatives + positives) / records, 0.0) if records else 0.0)

    @property
    def known(self) -> bool:
        """Whether there was any label to learn from."""
        return self._negative is not None

    def arrived(self, label: int, youngest: Floats, oldest: Floats) -> Arrived:
        """What has come of the labels ``label`` that ever come, at ages from ``youngest`` to ``oldest`` (ms) each.

        The covariance is that of an empirical distribution function, ``(min(F, G) - F G) / n``.

        Raises:
            ValueError: no label was there to learn from (``known`` is False).
        """
        curve = self._positive if label else self._negative
        if curve is None:
            raise ValueError("delays are unknown: there was no label to learn from")
        shares = curve.mean_shares(youngest / HOUR, oldest / HOUR)
        learned = shares[len(PACES) // 2]
        covariance = (np.minimum.outer(learned, learned) - np.multiply.outer(learned, learned)) / curve.labels
        return Arrived(shares, np.gradient(shares, PACES, axis=0), covariance)
