"""What decisions cost: a missed churner and a needless call have their prices, and the threshold follows. Pure.

A call that reaches a churner and silence towards one who stays cost nothing here; whatever they cost or bring is part
of the two prices, because only differences decide (Elkan, The Foundations of Cost-Sensitive Learning, IJCAI 2001).
"""

import math
from dataclasses import dataclass

import numpy as np

from contract.arrays import Floats, Integers, Labels, Mask
from contract.errors import UserError
from training.quality.estimates import IntervalEstimate, mean

LARGEST_COST = 1e9
MOST_UNEVEN = 1e6
"""The largest ratio of the two costs."""
PER = 1_000
"""Costs and gains are told for so many rows."""


@dataclass(frozen=True)
class Costs:
    """What a missed churner (``missed``, a false negative) and a needless call (``needless``, a false positive) cost.

    Any unit, the same for both.
    """

    missed: float
    needless: float

    @property
    def threshold(self) -> float:
        """The probability from which a call costs less than silence, if probabilities are right (Elkan, equation 2)."""
        return self.needless / (self.needless + self.missed)


def read_costs(missed: float | None, needless: float | None) -> Costs | None:
    """The costs that a user gave; None if neither.

    Raises:
        UserError: only one was given, or they are no costs.
    """
    if missed is None and needless is None:
        return None
    if missed is None or needless is None:
        given, other = ("--cost-fn", "--cost-fp") if needless is None else ("--cost-fp", "--cost-fn")
        raise UserError(f"{given} needs {other} too, because only their ratio matters; give both, in the same unit")
    for flag, cost in (("--cost-fn", missed), ("--cost-fp", needless)):
        if not (math.isfinite(cost) and 0 < cost <= LARGEST_COST):
            raise UserError(f"{flag} got {cost:g}; give a cost above 0 and up to {LARGEST_COST:,.0f}")
    if not 1 / MOST_UNEVEN <= missed / needless <= MOST_UNEVEN:
        raise UserError(
            f"--cost-fn {missed:g} and --cost-fp {needless:g} are further apart than {MOST_UNEVEN:,.0f} to 1; the "
            f"threshold would call everyone or no one, and no model is needed for that"
        )
    return Costs(missed, needless)


def cost(y: Labels, called: Mask, costs: Costs) -> float:
    """Of these decisions, per ``PER`` rows."""
    return PER * float(_each(y, called, costs).mean())


def gain(y: Labels, called: Mask, otherwise: Mask, costs: Costs, customers: Integers) -> IntervalEstimate | None:
    """What these decisions save, per ``PER`` rows, against ``otherwise``; below 0 where they cost more.

    ``customers`` numbers whom each row is about; rows of one count as one draw. None of no rows.
    """
    return mean(PER * (_each(y, otherwise, costs) - _each(y, called, costs)), customers)


def costs_by_threshold(y: Labels, scores: Floats, thresholds: Floats, costs: Costs) -> Floats:
    """Cost per ``PER`` rows of calling from each threshold on."""
    missed = np.searchsorted(np.sort(scores[y == 1]), thresholds)
    stayed = np.sort(scores[y == 0])
    needless = len(stayed) - np.searchsorted(stayed, thresholds)
    total: Floats = PER * (costs.missed * missed + costs.needless * needless) / len(y)
    return total


def _each(y: Labels, called: Mask, costs: Costs) -> Floats:
    return np.where(y == 1, np.where(called, 0.0, costs.missed), np.where(called, costs.needless, 0.0))
