"""Thresholds by cost: what calling saves against doing nothing and against calling everybody. Pure."""

import numpy as np

from contract.arrays import Floats, Integers, Labels
from training.quality.costs import PER, Costs, cost, costs_by_threshold, gain
from training.review.facts import CostFacts, CostRow
from training.review.rates import rate

RATIOS = (1.0, 2.0, 5.0, 10.0, 20.0)
"""How many needless calls a missed churner is worth, where nobody says."""
GRID = 101


def cost_facts(y: Labels, scores: Floats, customers: Integers, given: Costs | None) -> CostFacts:
    """The costs that were given, and otherwise ``RATIOS`` in units of one needless call, on held-out rows."""
    asked = [Costs(ratio, 1.0) for ratio in RATIOS] if given is None else [given]
    grid = np.linspace(0.0, 1.0, GRID)
    return CostFacts(
        tuple(_row(y, scores, customers, costs, given=given is not None) for costs in asked),
        tuple(grid.tolist()),
        tuple(tuple(costs_by_threshold(y, scores, grid, costs).tolist()) for costs in asked),
    )


def _row(y: Labels, scores: Floats, customers: Integers, costs: Costs, *, given: bool) -> CostRow:
    called = scores >= costs.threshold
    nobody = np.zeros(len(y), dtype=bool)
    levels = np.unique(np.append(scores, [0.0, 1.0]))
    middles = (levels[1:] + levels[:-1]) / 2
    return CostRow(
        costs.missed,
        costs.needless,
        costs.threshold,
        PER * float(called.mean()),
        cost(y, called, costs),
        rate(gain(y, called, nobody, costs, customers)),
        rate(gain(y, called, ~nobody, costs, customers)),
        float(middles[int(np.argmin(costs_by_threshold(y, scores, middles, costs)))]),
        given,
    )
