"""A value in [0, 1] with its 95 % interval."""

import math

from contract.windows import Estimate

Z95 = 1.959963984540054
"""Of the standard normal, 95 % lie within so much of 0."""


def interval(value: float, variance: float) -> Estimate:
    """Value and the normal interval of that variance around it, all within [0, 1]."""
    value = min(max(value, 0.0), 1.0)
    margin = Z95 * math.sqrt(max(variance, 0.0))
    return Estimate(value, max(value - margin, 0.0), min(value + margin, 1.0))
