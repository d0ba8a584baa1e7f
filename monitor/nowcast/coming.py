"""The labels that are still to come: how many of either class are expected at each score, and how sure that is.

With ``π`` the recalibrated probability, ``S1`` and ``S0`` the shares of positive and negative labels that have not come
by an age, ``R1`` and ``R0`` the shares that are still to come (less by those that never do), and
``D = π S1 + (1 − π) S0``, a record without a label gets a positive one with probability ``W1 = π R1 / D`` and a
negative one with ``W0 = (1 − π) R0 / D``.
"""

from dataclasses import dataclass

import numpy as np

from contract.arrays import Floats
from monitor.nowcast.delays import Arrived
from monitor.nowcast.recalibration import Cells, Recalibrated, none_yet


@dataclass(frozen=True)
class Coming:
    """Expected labels still to come, and what their uncertainty follows from.

    ``positives`` and ``negatives`` (scores). ``twofold`` (scores): sum of ``W1 W0``, what records of that score win and
    lose against themselves in pairs of both classes. ``by_none`` and ``by_none_twice`` (ages × scores): records without
    a label over ``D`` and over ``D²``.
    """

    cells: Cells
    recalibrated: Recalibrated
    arrived: tuple[Arrived, Arrived]
    come: float
    positives: Floats
    negatives: Floats
    twofold: Floats
    by_none: Floats
    by_none_twice: Floats

    @classmethod
    def of(cls, cells: Cells, recalibrated: Recalibrated, arrived: tuple[Arrived, Arrived], come: float) -> "Coming":
        """What the labels so far leave to expect.

        ``arrived``: of the negative and of the positive labels. ``come``: the share of the records whose label ever
        comes.
        """
        p = recalibrated.probability
        without = none_yet(p, cells)
        by_none = cells.unlabelled / without
        by_none_twice = by_none / without
        r0, r1 = (come * (1 - one.share) for one in arrived)
        return cls(
            cells=cells,
            recalibrated=recalibrated,
            arrived=arrived,
            come=come,
            positives=p * (r1 @ by_none),
            negatives=(1 - p) * (r0 @ by_none),
            twofold=p * (1 - p) * ((r1 * r0) @ by_none_twice),
            by_none=by_none,
            by_none_twice=by_none_twice,
        )

    def variance(self, by_positive: Floats, by_negative: Floats) -> Floats:
        """Variance of metrics, to first order (the delta method).

        ``by_positive`` and ``by_negative`` (metrics × scores): what one more label of a class at a score adds to each.
        """
        return self._of_chance(by_positive, by_negative) + self._of_what_was_learned(by_positive, by_negative)

    def _of_chance(self, by_positive: Floats, by_negative: Floats) -> Floats:
        """That of the labels themselves, each of which is one, the other, or never comes."""
        p = self.recalibrated.probability
        r0, r1 = (self.come * (1 - one.share) for one in self.arrived)
        positives = self.positives - p**2 * (r1**2 @ self.by_none_twice)
        negatives = self.negatives - (1 - p) ** 2 * (r0**2 @ self.by_none_twice)
        found = by_positive**2 @ positives + by_negative**2 @ negatives - 2 * (by_positive * by_negative) @ self.twofold
        return np.maximum(found, 0.0)

    def _of_what_was_learned(self, by_positive: Floats, by_negative: Floats) -> Floats:
        """That of the recalibration, and of the delay curves: these move the odds of what has not come, and through
        the likelihood the recalibration, too.
        """
        cells, (_, design, response, covariance) = self.cells, self.recalibrated
        p, once, twice = self.recalibrated.probability, self.by_none, self.by_none_twice
        s0, s1 = cells.negative_missing, cells.positive_missing
        r0, r1 = (self.come * (1 - one.share) for one in self.arrived)
        spread = p * (1 - p)
        by_log_odds = spread * (by_positive * ((r1 * s0) @ twice) - by_negative * ((r0 * s1) @ twice))
        by_number = by_log_odds @ design
        of_recalibration = ((by_number @ covariance) * by_number).sum(axis=1)
        through = twice @ (spread * (by_number @ response @ design.T)).T
        by_positive_share = (
            once @ (p * by_positive).T
            - r1[:, None] * (twice @ (p**2 * by_positive).T)
            - r0[:, None] * (twice @ (spread * by_negative).T)
            + s0[:, None] * through
        )
        by_negative_share = (
            once @ ((1 - p) * by_negative).T
            - r0[:, None] * (twice @ ((1 - p) ** 2 * by_negative).T)
            - r1[:, None] * (twice @ (spread * by_positive).T)
            - s1[:, None] * through
        )
        negative, positive = (one.covariance for one in self.arrived)
        of_curves = self.come**2 * (
            (by_positive_share * (positive @ by_positive_share)).sum(axis=0)
            + (by_negative_share * (negative @ by_negative_share)).sum(axis=0)
        )
        found: Floats = np.maximum(of_recalibration, 0.0) + np.maximum(of_curves, 0.0)
        return found
