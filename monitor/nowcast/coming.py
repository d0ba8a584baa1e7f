"""The labels that are still to come: how many of either class are expected at each score, and how sure that is.

With ``π`` the recalibrated probability, ``S1`` and ``S0`` the shares of positive and negative labels that have not come
by an age, ``R1`` and ``R0`` the shares that are still to come (less by those that never do), and
``D = π S1 + (1 − π) S0``, a record without a label gets a positive one with probability ``W1 = π R1 / D`` and a
negative one with ``W0 = (1 − π) R0 / D``.
"""

from dataclasses import dataclass

import numpy as np

from contract.arrays import Floats
from monitor.nowcast.delays import AtPace
from monitor.nowcast.recalibration import Cells, Recalibrated, none_yet, relative

_LEAST_SHARE = 1e-12


@dataclass(frozen=True)
class Coming:
    """Expected labels still to come, and what their uncertainty follows from.

    ``positives`` and ``negatives`` (scores). ``twofold`` (scores): sum of ``W1 W0``, what records of that score win and
    lose against themselves in pairs of both classes. ``by_none`` and ``by_none_twice`` (ages × scores): records without
    a label over ``D`` and over ``D²``. ``effect``: the design effect of customers with several records.
    """

    cells: Cells
    recalibrated: Recalibrated
    seen: tuple[AtPace, AtPace]
    positives: Floats
    negatives: Floats
    twofold: Floats
    by_none: Floats
    by_none_twice: Floats
    effect: float

    @classmethod
    def of(cls, cells: Cells, recalibrated: Recalibrated, effect: float = 1.0) -> "Coming":
        """What the labels so far leave to expect."""
        p = recalibrated.probability
        seen = cells.seen(recalibrated.pace)
        without = none_yet(p, seen[0].share, seen[1].share)
        by_none = cells.unlabelled / without
        by_none_twice = by_none / without
        r0, r1 = (cells.come - one.share for one in seen)
        return cls(
            cells=cells,
            recalibrated=recalibrated,
            seen=seen,
            positives=p * (r1 @ by_none),
            negatives=(1 - p) * (r0 @ by_none),
            twofold=p * (1 - p) * ((r1 * r0) @ by_none_twice),
            by_none=by_none,
            by_none_twice=by_none_twice,
            effect=effect,
        )

    def variance(self, by_positive: Floats, by_negative: Floats) -> Floats:
        """Variance of metrics, to first order (the delta method).

        ``by_positive`` and ``by_negative`` (metrics × scores): what one more label of a class at a score adds to each.
        """
        return self.of_chance(by_positive, by_negative) + self.of_what_was_learned(by_positive, by_negative)

    def of_chance(self, by_positive: Floats, by_negative: Floats) -> Floats:
        """The part of the labels themselves, each of which is one, the other, or never comes."""
        p = self.recalibrated.probability
        r0, r1 = (self.cells.come - one.share for one in self.seen)
        positives = self.positives - p**2 * (r1**2 @ self.by_none_twice)
        negatives = self.negatives - (1 - p) ** 2 * (r0**2 @ self.by_none_twice)
        found = by_positive**2 @ positives + by_negative**2 @ negatives - 2 * (by_positive * by_negative) @ self.twofold
        return np.maximum(self.effect * found, 0.0)

    def of_what_was_learned(self, by_positive: Floats, by_negative: Floats) -> Floats:
        """The part of the recalibration, and of the delay curves: these move the odds of what has not come, and through
        the likelihood the recalibration, too.
        """
        cells, recalibrated = self.cells, self.recalibrated
        p, once, twice = recalibrated.probability, self.by_none, self.by_none_twice
        negative, positive = self.seen
        s0, s1 = 1 - negative.share, 1 - positive.share
        r0, r1 = cells.come - negative.share, cells.come - positive.share
        spread = p * (1 - p)
        # what the metrics move by when less of a class has come at an age, all else equal (ages × metrics)
        less_positive = (
            once @ (p * by_positive).T
            - r1[:, None] * (twice @ (p**2 * by_positive).T)
            - r0[:, None] * (twice @ (spread * by_negative).T)
        )
        less_negative = (
            once @ ((1 - p) * by_negative).T
            - r0[:, None] * (twice @ ((1 - p) ** 2 * by_negative).T)
            - r1[:, None] * (twice @ (spread * by_positive).T)
        )
        by_log_odds = spread * (by_positive * ((r1 * s0) @ twice) - by_negative * ((r0 * s1) @ twice))
        by_pace = -(positive.slope @ less_positive + negative.slope @ less_negative)
        by_number = np.column_stack([by_log_odds @ recalibrated.design, by_pace])
        of_recalibration = ((by_number @ recalibrated.covariance) * by_number).sum(axis=1)
        # and what by way of the four numbers
        response = by_number @ recalibrated.response
        through = twice @ (spread * (response[:, :3] @ recalibrated.design.T)).T
        pace_positive, pace_negative = self._slope_of_pace()
        less_positive = less_positive + s0[:, None] * through + np.outer(pace_positive, response[:, 3])
        less_negative = less_negative - s1[:, None] * through + np.outer(pace_negative, response[:, 3])
        of_curves = (
            self.effect
            * cells.come**2
            * (
                (less_positive * (cells.arrived[1].covariance @ less_positive)).sum(axis=0)
                + (less_negative * (cells.arrived[0].covariance @ less_negative)).sum(axis=0)
            )
        )
        found: Floats = np.maximum(of_recalibration, 0.0) + np.maximum(of_curves, 0.0)
        return found

    def _slope_of_pace(self) -> tuple[Floats, Floats]:
        """What the likelihood's slope in the pace moves by when less of the positive, or negative, labels has come."""
        p, (negative, positive) = self.recalibrated.probability, self.seen
        both = self.by_none_twice @ np.stack([p * p, p * (1 - p), (1 - p) ** 2], axis=1)
        of_positive, of_negative = relative(positive), relative(negative)
        return (
            self.cells.positives_by_age * of_positive / np.maximum(positive.share, _LEAST_SHARE)
            + positive.slope * both[:, 0]
            + negative.slope * both[:, 1],
            self.cells.negatives_by_age * of_negative / np.maximum(negative.share, _LEAST_SHARE)
            + positive.slope * both[:, 1]
            + negative.slope * both[:, 2],
        )
