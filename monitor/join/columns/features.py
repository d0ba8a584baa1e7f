"""Features of a batch of predictions as columns: numbers as doubles, categories as codes."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from contract.arrays import Floats, Mask
from contract.schema import Schema

MISSING, UNLISTED = -1, -2
"""Codes of a category that is null, and of one that is none of the schema's."""
Codes = npt.NDArray[np.int32]


class FeatureColumns(NamedTuple):
    """Of n records: ``numbers`` (numeric features x n, NaN where null), ``codes`` (categorical features x n), and the
    values as they came, feature by feature in schema order."""

    numbers: Floats
    codes: Codes
    values: list[tuple[Any, ...]]

    def where(self, chosen: Mask) -> "FeatureColumns":
        places = np.flatnonzero(chosen).tolist()
        values = [tuple([column[place] for place in places]) for column in self.values]
        return FeatureColumns(self.numbers[:, chosen], self.codes[:, chosen], values)


class FeatureReader:
    """Turns the features of records of a schema into columns."""

    def __init__(self, schema: Schema) -> None:
        self.numeric = [place for place, feature in enumerate(schema.features) if not feature.is_categorical]
        self.categorical = [place for place, feature in enumerate(schema.features) if feature.is_categorical]
        self._known: list[dict[str | None, int]] = []
        for place in self.categorical:
            known: dict[str | None, int] = {None: MISSING}
            known.update({category: code for code, category in enumerate(schema.features[place].categories)})
            self._known.append(known)

    def columns(self, features: Sequence[msgspec.Struct]) -> FeatureColumns:
        values: list[tuple[Any, ...]] = list(zip(*map(msgspec.structs.astuple, features), strict=True))
        if not values:
            values = [()] * (len(self.numeric) + len(self.categorical))
        numbers = np.empty((len(self.numeric), len(features)))
        for row, place in enumerate(self.numeric):
            numbers[row] = values[place]
        codes = np.empty((len(self.categorical), len(features)), np.int32)
        for row, (place, known) in enumerate(zip(self.categorical, self._known, strict=True)):
            codes[row] = [known.get(value, UNLISTED) for value in values[place]]
        return FeatureColumns(numbers, codes, values)
