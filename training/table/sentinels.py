"""Numbers that stand for "not known": -999 among ages, 99999 among amounts. Pure.

A model takes them for numbers. Trees can live with that, means and linear models cannot, and a number that the stream
writes otherwise when it is not known is then another customer.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from contract.arrays import Floats
from contract.schema import FeatureKind, Schema

USUAL = (-1.0, *(sign * float("9" * digits) for digits in range(2, 10) for sign in (-1, 1)), -9.0)
"""Numbers that are written for "not known"."""
_SHARE = 0.002
_FEWEST = 5
_FEWEST_VALUES = 10
_SAMPLE = 50_000


def sentinels(X: pd.DataFrame, schema: Schema) -> Iterator[str]:
    """A sentence for each feature that holds one, with its remedy."""
    for feature in schema.features:
        if feature.is_categorical or feature.kind is FeatureKind.FLAG:
            continue
        column = X[feature.name].to_numpy(np.float64)
        found = sentinel(column if len(column) <= _SAMPLE else column[:: -(-len(column) // _SAMPLE)])
        if found is not None:
            rows = int((column == found).sum())
            yield (
                f"feature {feature.name} is {found:.0f} in {rows:,} rows and far from it in the others, as if it "
                "meant that nothing is known: leave such cells empty in table and stream, and write missing = true "
                f"under [features.{feature.name}] of the schema"
            )


def sentinel(values: Floats) -> float | None:
    """The one of ``USUAL`` numbers that many rows have and that lies apart from all others; None if there is none.

    Apart is further from the nearest other value than the middle half of these is wide, or the only one of its sign.
    """
    present = values[~np.isnan(values)]
    for number in USUAL:
        same = present == number
        if same.sum() < max(_FEWEST, _SHARE * len(present)):
            continue
        others = present[~same]
        if len(np.unique(others)) < _FEWEST_VALUES:
            continue
        low, lower, upper, high = np.quantile(others, [0, 0.25, 0.75, 1])
        gap = low - number if number < low else number - high
        if gap > upper - lower or (number < 0 <= low and gap > 0):
            return number
    return None
