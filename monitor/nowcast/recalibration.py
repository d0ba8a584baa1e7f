"""Probabilities recalibrated on the labels so far, where those that have not come tell something, too.

A record is positive with probability ``π``, ``log(π / (1 − π)) = a + b·log(p / (1 − p)) + c·(4p − 2)``: level and slope
of the log-odds, and a third number that lets the ends of the scale move apart from its middle, as they do when labels
become noise. As trained it is ``(0, 1, 0)``. The likelihood of what was seen by an age at which the shares ``C1`` of
the positive and ``C0`` of the negative labels have come is ``π C1`` for a positive label, ``(1 − π) C0`` for a negative
one, and ``π (1 − C1) + (1 − π) (1 − C0)`` for none yet (Chapelle, "Modeling delayed feedback in display advertising",
KDD 2014). It is made largest by Fisher scoring, together with a prior.

The prior is Student's t around "as trained" (``PRECISION``, ``FREEDOM``). A ridge, which is a normal prior, can only be
weak everywhere, and then few labels pull the metrics about where nothing has changed, or strong everywhere, and then it
holds on to what was trained when all labels say otherwise. The t holds small departures tightly and lets large ones go.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import expit

from contract.arrays import Floats

PRECISION = 16.0
"""Of the prior at its centre, for each of the three numbers: one over the square of its scale."""
FREEDOM = 2.0
"""Degrees of freedom of the prior."""
_AS_TRAINED = np.array([0.0, 1.0, 0.0])
_MOST_ROUNDS = 30
_LONGEST_STEP = 1.0
_SETTLED = 1e-5
_MOST_RECORDS = 1e8
_TINY = 1e-12


class Cells(NamedTuple):
    """Records by age (``ages`` rows) and score (``scores`` columns, those of ``score``).

    ``positives`` and ``negatives`` (scores): labels that have come. ``records`` and ``unlabelled`` (ages × scores).
    ``positive_missing`` and ``negative_missing`` (ages): ``1 − C1`` and ``1 − C0``, above 0.
    """

    score: Floats
    positives: Floats
    negatives: Floats
    records: Floats
    unlabelled: Floats
    positive_missing: Floats
    negative_missing: Floats


class Recalibrated(NamedTuple):
    """``probability`` ``π`` by score, and how uncertain it is.

    ``design`` (scores × numbers): derivatives of the log-odds in the numbers. ``response``: what the numbers move by
    when the slope of the log-likelihood does. ``covariance`` of the numbers: how far chance alone moves them.
    """

    probability: Floats
    design: Floats
    response: Floats
    covariance: Floats


def recalibrate(cells: Cells) -> Recalibrated:
    """The recalibration that the labels so far make most likely."""
    design = np.stack([np.ones_like(cells.score), np.log(cells.score / (1 - cells.score)), 4 * cells.score - 2], axis=1)
    # beyond this many records the numbers are as good as known, and sums of squares would lose the prior
    weight = min(1.0, _MOST_RECORDS / max(float(cells.records.sum()), 1.0))
    positives, negatives = weight * cells.positives, weight * cells.negatives
    records, unlabelled = weight * cells.records, weight * cells.unlabelled
    differ = cells.positive_missing - cells.negative_missing
    positive_seen = (1 - cells.positive_missing) @ records
    negative_seen = (1 - cells.negative_missing) @ records
    numbers = _AS_TRAINED.copy()
    for _ in range(_MOST_ROUNDS):
        probability = _probability(design @ numbers)
        spread = probability * (1 - probability)
        without = none_yet(probability, cells)
        np.reciprocal(without, out=without)
        away = numbers - _AS_TRAINED
        pull = PRECISION * (FREEDOM + len(away)) / (FREEDOM + PRECISION * float(away @ away))
        slope = positives * (1 - probability) - negatives * probability + spread * (differ @ (unlabelled * without))
        knowledge = spread * (
            positive_seen * (1 - probability) + negative_seen * probability + spread * (differ**2 @ (records * without))
        )
        information = (design * knowledge[:, None]).T @ design
        inverse = np.linalg.inv(information + pull * np.eye(len(away)))
        step = inverse @ (design.T @ slope - pull * away)
        length = float(np.abs(step).max())
        numbers = numbers + step * min(1.0, _LONGEST_STEP / max(length, _TINY))
        if length < _SETTLED:
            break
    return Recalibrated(_probability(design @ numbers), design, weight * inverse, inverse @ information @ inverse)


def none_yet(probability: Floats, cells: Cells) -> Floats:
    """``π (1 − C1) + (1 − π) (1 − C0)``: the probability that no label has come yet (ages × scores)."""
    differ = cells.positive_missing - cells.negative_missing
    found: Floats = np.multiply.outer(differ, probability)
    found += cells.negative_missing[:, None]
    return found


def _probability(log_odds: Floats) -> Floats:
    """Off 0 and 1 by a little, because the likelihood divides by both."""
    found: Floats = np.clip(expit(log_odds), _TINY, 1 - _TINY)
    return found
