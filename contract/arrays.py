"""Types of the arrays that rows of a table become: one element a row."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
"""Real numbers, such as probabilities; NaN stands for a missing one."""
Labels = npt.NDArray[np.int64]
"""True labels or decisions, 0 or 1."""
Mask = npt.NDArray[np.bool_]
"""Which rows are meant."""
Integers = npt.NDArray[np.int64]
"""Whole numbers, such as times in ms, row numbers and sums in fixed-point units."""
Unsigned = npt.NDArray[np.uint64]
"""Hashes."""
