"""Estimates as facts: finite numbers that JSON can hold."""

import math

from training.quality.estimates import IntervalEstimate
from training.review.facts import RateFacts


def rate(found: IntervalEstimate | None) -> RateFacts:
    """The facts of an estimate that there is; an end without a bound becomes the value itself."""
    if found is None:
        raise ValueError("an estimate of no rows")
    return RateFacts(*finite(found.value, found.low, found.high), found.rows)


def ends(found: IntervalEstimate | None) -> tuple[float, float, float] | None:
    """Value, low and high end; None of nothing."""
    return None if found is None else finite(found.value, found.low, found.high)


def finite(value: float, low: float, high: float) -> tuple[float, float, float]:
    """A finite value with ends; one without a bound becomes the value itself."""
    lowest, highest = (float(end) if math.isfinite(end) else float(value) for end in (low, high))
    return float(value), lowest, highest


def stability_index(expected: "list[float]", found: "list[float]") -> float:
    """The population stability index of two distributions over the same cells: Σ (q − p) ln(q / p).

    Counts; half a row stands in for an empty cell (Yurdakul & Naranjo, Journal of Risk Model Validation 14, 2020, on
    what values chance alone gives: about (cells − 1)(1/n + 1/m)).
    """
    wanted, seen = sum(expected), sum(found)
    if not wanted or not seen:
        return 0.0
    total = 0.0
    for one, other in zip(expected, found, strict=True):
        p, q = max(one, 0.5) / wanted, max(other, 0.5) / seen
        total += (q - p) * math.log(q / p)
    return total
