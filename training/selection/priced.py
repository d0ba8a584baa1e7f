"""A developed model with the threshold that given costs ask for."""

from dataclasses import replace

from contract.arrays import Labels
from training.quality.costs import Costs
from training.quality.evaluate import evaluate
from training.selection.develop import Developed


def priced(developed: Developed, y: Labels, costs: Costs | None) -> Developed:
    """``developed``, whose training rows have the labels ``y``, decided by ``costs``; as it is if there are none.

    The threshold rests on the costs alone. On validation folds of the public table, 8 splits and ratios of 1 to 50,
    the threshold that was cheapest there cost as much on held-out rows or more.
    """
    if costs is None:
        return developed
    candidate = developed.candidate
    validated = replace(candidate.validated, threshold=costs.threshold)
    metrics = candidate.metrics | evaluate(y, candidate.scores, costs.threshold) | {"threshold": costs.threshold}
    return replace(
        developed,
        candidate=replace(candidate, validated=validated, metrics=metrics),
        fitted=replace(developed.fitted, validated=validated),
    )
