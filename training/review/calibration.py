"""Whether probabilities are what they say, and what the highest are worth: tenths, slope and intercept. Pure."""

import numpy as np
from scipy import stats

from contract.arrays import Floats, Integers, Labels
from training.quality.estimates import share
from training.quality.evaluate import CONFIDENCE
from training.review.facts import CalibrationFacts, Tenth
from training.review.rates import rate

TENTHS = 10
_STEPS = 50
_EDGE = 1e-6


def calibration_facts(
    y: Labels, scores: Floats, customers: Integers, method: str, tried: dict[str, float]
) -> CalibrationFacts:
    """Of held-out rows; ``method`` and ``tried`` are what was chosen on validation folds, and the scores there."""
    slope, intercept = _logistic(y, scores)
    return CalibrationFacts(
        method,
        tried,
        float(scores.mean()),
        rate(share(y == 1, customers)),
        slope,
        intercept,
        tuple(_tenths(y, scores, customers)),
    )


def _tenths(y: Labels, scores: Floats, customers: Integers) -> list[Tenth]:
    """Highest probabilities first; where rows are few, fewer parts."""
    order = np.argsort(-scores, kind="stable")
    found: list[Tenth] = []
    churners, so_far = float(y.sum()), 0.0
    for part in np.array_split(order, min(TENTHS, len(order))):
        so_far += float(y[part].sum())
        churned = rate(share(y[part] == 1, customers[part]))
        lift = churned.value * len(y) / churners
        found.append(Tenth(len(part), float(scores[part].mean()), churned, lift, so_far / churners))
    return found


def _logistic(y: Labels, scores: Floats) -> tuple[tuple[float, float, float] | None, tuple[float, float, float] | None]:
    """Slope and intercept of the labels on the probabilities' logits with Wald's intervals (Cox, Biometrika 45, 1958).

    By Newton's method; none where it does not settle, as where all rows have one probability or labels are told apart.
    """
    inside = np.clip(scores, _EDGE, 1 - _EDGE)
    logits = np.log(inside / (1 - inside))
    if float(logits.std()) < _EDGE:
        return None, None
    design = np.column_stack([logits, np.ones(len(y))])
    weights = np.array([1.0, 0.0])
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        information = design.T @ (design * (p * (1 - p))[:, np.newaxis])
        try:
            step = np.linalg.solve(information, design.T @ (y - p))
        except np.linalg.LinAlgError:
            return None, None
        weights = weights + step
        if float(np.abs(step).max()) < 1e-9:
            reach = stats.norm.ppf((1 + CONFIDENCE) / 2) * np.sqrt(np.diag(np.linalg.inv(information)))
            slope, intercept = (
                (float(value), float(value - far), float(value + far))
                for value, far in zip(weights, reach, strict=True)
            )
            return slope, intercept
    return None, None
