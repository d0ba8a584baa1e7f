"""Probabilities recalibrated on the labels so far, where those that have not come tell something, too.

A record is positive with probability ``π``, ``log(π / (1 − π)) = a + b·log(p / (1 − p)) + c·(4p − 2)``: level and slope
of the log-odds, and a third number that lets the ends of the scale move apart from its middle, as they do when labels
become noise. As trained it is ``(0, 1, 0)``. The likelihood of what was seen by an age at which the shares ``C1`` of
the positive and ``C0`` of the negative labels have come is ``π C1`` for a positive label, ``(1 − π) C0`` for a negative
one, and ``D = π (1 − C1) + (1 − π) (1 − C0)`` for none yet (Chapelle, "Modeling delayed feedback in display
advertising", KDD 2014). A fourth number, the pace, says how much sooner the labels of both classes come than those that
the curves were learned from: ``C(age · exp(pace))``. Without it, labels that all come later would be read as labels of
the other class. All four are fitted by Fisher scoring, together with a prior.

The prior is Student's t around "as trained" (``PRECISION``, ``PACE_PRECISION``, ``FREEDOM``). A ridge, which is a
normal prior, can only be weak everywhere, and then few labels pull the metrics about where nothing has changed, or
strong everywhere, and then it holds on to what was trained when all labels say otherwise. The t holds small departures
tightly and lets large ones go.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import expit

from contract.arrays import Floats
from monitor.nowcast.delays import PACES, Arrived, AtPace

PRECISION = 12.0
"""Of the prior at its centre, for each of the first three numbers: one over the square of its scale."""
PACE_PRECISION = 2_000.0
"""The same of the pace: some 2 %."""
FREEDOM = 2.0
"""Degrees of freedom of the prior."""
_AS_TRAINED = np.array([0.0, 1.0, 0.0, 0.0])
_MOST_ROUNDS = 30
_LONGEST_STEP = np.array([1.0, 1.0, 1.0, 0.2])
_SETTLED = 1e-5
_MOST_RECORDS = 1e8
_TINY = 1e-12


class Cells(NamedTuple):
    """Records by age (``ages`` rows) and score (``scores`` columns, those of ``score``).

    ``positives`` and ``negatives``: labels that have come, by score, and ``positives_by_age`` and ``negatives_by_age``.
    ``records`` and ``unlabelled`` (ages × scores). ``arrived``: what has come of the labels that ever come, of the
    negative and of the positive ones. ``come``: the share of the records whose label ever comes.
    """

    score: Floats
    positives: Floats
    negatives: Floats
    positives_by_age: Floats
    negatives_by_age: Floats
    records: Floats
    unlabelled: Floats
    arrived: tuple[Arrived, Arrived]
    come: float

    def seen(self, pace: float) -> tuple[AtPace, AtPace]:
        """``C0`` and ``C1`` at a pace: of all labels, those that never come included."""
        negative, positive = (one.at(pace) for one in self.arrived)
        return (
            AtPace(self.come * negative.share, self.come * negative.slope),
            AtPace(self.come * positive.share, self.come * positive.slope),
        )


class Recalibrated(NamedTuple):
    """``probability`` ``π`` by score, and ``pace``; and how uncertain they are.

    ``design`` (scores × 3): derivatives of the log-odds in the first three numbers. ``response`` (4 × 4): what the
    numbers move by when the slope of the log-likelihood does. ``covariance`` of the numbers: how far chance moves them.
    """

    probability: Floats
    pace: float
    design: Floats
    response: Floats
    covariance: Floats


def recalibrate(cells: Cells, effect: float = 1.0) -> Recalibrated:
    """The recalibration that the labels so far make most likely, ``effect`` times fewer of which are independent."""
    design = np.stack([np.ones_like(cells.score), np.log(cells.score / (1 - cells.score)), 4 * cells.score - 2], axis=1)
    # beyond this many records the numbers are as good as known, and sums of squares would lose the prior
    weight = min(1.0 / effect, _MOST_RECORDS / max(float(cells.records.sum()), 1.0))
    cells = cells._replace(
        positives=weight * cells.positives,
        negatives=weight * cells.negatives,
        positives_by_age=weight * cells.positives_by_age,
        negatives_by_age=weight * cells.negatives_by_age,
        records=weight * cells.records,
        unlabelled=weight * cells.unlabelled,
    )
    numbers = _AS_TRAINED.copy()
    for _ in range(_MOST_ROUNDS):
        slope, information = _likelihood(cells, design, numbers)
        pull = _pull(numbers - _AS_TRAINED)
        inverse = np.linalg.inv(information + np.diag(pull))
        step = inverse @ (slope - pull * (numbers - _AS_TRAINED))
        numbers = numbers + step / max(1.0, float(np.abs(step / _LONGEST_STEP).max()))
        numbers[3] = min(max(numbers[3], PACES[0]), PACES[-1])
        if np.abs(step).max() < _SETTLED:
            break
    return Recalibrated(
        probability=_probability(design @ numbers[:3]),
        pace=float(numbers[3]),
        design=design,
        response=np.asarray(weight * inverse, np.float64),
        covariance=inverse @ information @ inverse,
    )


def none_yet(probability: Floats, negative: Floats, positive: Floats) -> Floats:
    """``D``, the probability that no label has come yet (ages × scores), where these shares (ages) have."""
    found: Floats = np.multiply.outer(negative - positive, probability)
    found += (1 - negative)[:, None]
    return found


def relative(at: AtPace) -> Floats:
    """The derivative of a share's logarithm in the pace; 0 where nothing can have come."""
    return np.divide(at.slope, at.share, out=np.zeros_like(at.share), where=at.share > _TINY)


def _likelihood(cells: Cells, design: Floats, numbers: Floats) -> tuple[Floats, Floats]:
    """Slope of the log-likelihood, and the information that is expected of it, in all four numbers.

    ``D``, and its derivative in the pace, are linear in ``π``: so sums over all cells are products with few vectors.
    """
    probability = _probability(design @ numbers[:3])
    spread = probability * (1 - probability)
    powers = np.stack([np.ones_like(probability), probability, probability**2], axis=1)
    negative, positive = cells.seen(float(numbers[3]))
    differ, steeper = negative.share - positive.share, positive.slope - negative.slope
    without = none_yet(probability, negative.share, positive.share)
    np.reciprocal(without, out=without)
    unlabelled, expected = cells.unlabelled * without, cells.records * without
    waiting, waiting_positive, _ = (unlabelled @ powers).T
    of_positive, of_negative = relative(positive), relative(negative)
    by_log_odds = cells.positives * (1 - probability) - cells.negatives * probability + spread * (differ @ unlabelled)
    by_pace = (
        cells.positives_by_age @ of_positive
        + cells.negatives_by_age @ of_negative
        - negative.slope @ waiting
        - steeper @ waiting_positive
    )
    come_positive, come_negative, coming = np.stack([positive.share, negative.share, steeper]) @ cells.records
    twice, once, with_probability = np.stack([differ**2, differ * negative.slope, differ * steeper]) @ expected
    of_log_odds = spread * (come_positive * (1 - probability) + come_negative * probability + spread * twice)
    of_both = spread * (coming - once - probability * with_probability)
    records, records_positive, _ = (cells.records @ powers).T
    of_pace = (
        records_positive @ (positive.slope * of_positive)
        + (records - records_positive) @ (negative.slope * of_negative)
        + (np.stack([negative.slope**2, 2 * negative.slope * steeper, steeper**2], axis=1) * (expected @ powers)).sum()
    )
    information = np.empty((4, 4))
    information[:3, :3] = (design * of_log_odds[:, None]).T @ design
    information[:3, 3] = information[3, :3] = design.T @ of_both
    information[3, 3] = of_pace
    return np.append(design.T @ by_log_odds, by_pace), information


def _pull(away: Floats) -> Floats:
    """What the prior pulls each number back with, for each that it is away."""
    of_odds = PRECISION * (FREEDOM + 3) / (FREEDOM + PRECISION * float(away[:3] @ away[:3]))
    of_pace = PACE_PRECISION * (FREEDOM + 1) / (FREEDOM + PACE_PRECISION * float(away[3]) ** 2)
    return np.array([of_odds, of_odds, of_odds, of_pace])


def _probability(log_odds: Floats) -> Floats:
    """Off 0 and 1 by a little, because the likelihood divides by both."""
    found: Floats = np.clip(expit(log_odds), _TINY, 1 - _TINY)
    return found
