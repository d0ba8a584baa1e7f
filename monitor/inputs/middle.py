"""Where the middle of a column's values is, so that a reader sees by how much they have moved."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from monitor.inputs.cells import numbers


class Middle(NamedTuple):
    """Mean and median of the values that are there, in the column's own unit; None where there is none."""

    mean: float | None = None
    median: float | None = None


NO_MIDDLE = Middle()


def middle_of(column: "pd.Series[float]") -> Middle:
    """Of a column of numbers. The same values give the same answer, to the last digit, in whatever order they stand."""
    values = numbers(column)
    values = np.sort(values[~np.isnan(values)]) + 0.0  # -0 and 0 are in no order
    return Middle(float(values.mean()), float(np.median(values))) if len(values) else NO_MIDDLE
