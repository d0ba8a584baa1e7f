"""Rows of one customer belong together: what is drawn, left out or counted is then the customer, not the row. Pure."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from contract.arrays import Floats, Integers

Customers = npt.NDArray[np.object_] | npt.NDArray[np.int64]
"""Whom each row is about: the id, or a number that stands for it."""


def clusters_of(customers: Customers | None) -> Integers | None:
    """The number of each row's customer, from 0 on; None where each has one row, so that rows are independent."""
    if customers is None:
        return None
    numbers = pd.factorize(customers)[0].astype(np.int64)
    return None if len(numbers) == 0 or numbers.max() + 1 == len(numbers) else numbers


def standard_error(values: Floats, clusters: Integers) -> tuple[float, int]:
    """Standard error of the mean of ``values`` whose clusters are independent of one another, and how many there are.

    The jackknife that leaves out one cluster at a time (MacKinnon, Nielsen & Webb, Journal of Econometrics 232, 2023,
    CV3): it errs on the safe side where clusters are few or differ in size. Infinite where there is one cluster only.
    """
    sizes = np.bincount(clusters)
    count = len(sizes)
    if count < 2:
        return float("inf"), count
    without = (values.sum() - np.bincount(clusters, weights=values)) / (len(values) - sizes)
    spread = without - values.mean()
    return float(np.sqrt((count - 1) / count * (spread @ spread))), count
