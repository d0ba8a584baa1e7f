"""Checked features by column, as compiled code reads them; a record that this cannot hold is a struct instead."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from contract.arrays import Floats
from contract.records import columns_frame
from contract.schema import Feature, Schema

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class CheckedColumns:
    """The features of some records, each checked against the schema.

    ``values`` has shape (features, records), in the schema's order, C order, so that a feature is one run of memory. A
    number is itself, and NaN where it is null. A category is its place among the schema's categories, and NaN where
    it is null; a text that is none of these has no column.
    """

    values: Floats

    def __len__(self) -> int:
        return int(self.values.shape[1])

    def part(self, start: int, stop: int) -> "CheckedColumns":
        """Those of the records from ``start`` to ``stop`` (not included)."""
        return CheckedColumns(np.ascontiguousarray(self.values[:, start:stop]))

    def beside(self, others: "CheckedColumns") -> "CheckedColumns":
        """These records, and then the others of the same schema."""
        return CheckedColumns(np.concatenate([self.values, others.values], axis=1))

    def frame(self, schema: Schema) -> "pd.DataFrame":
        """As ``contract.records.feature_frame`` of the same records."""
        return columns_frame(schema, [_column(*pair) for pair in zip(schema.features, self.values, strict=True)])


def columns_of_frame(frame: "pd.DataFrame", schema: Schema) -> CheckedColumns:
    """The columns of a frame as ``contract.records.columns_frame`` makes it; a text outside the schema's is null."""
    values = np.empty((len(schema.features), len(frame)))
    for row, feature in zip(values, schema.features, strict=True):
        cells = frame[feature.name]
        if feature.is_categorical:
            places = {category: place for place, category in enumerate(feature.categories)}
            row[:] = [places.get(cell, np.nan) for cell in cells]
        else:
            row[:] = cells.to_numpy(dtype=np.float64, na_value=np.nan)
    return CheckedColumns(values)


def _column(feature: Feature, values: Floats) -> Sequence[Any] | Floats:
    if not feature.is_categorical:
        return values
    texts = np.array([*feature.categories, None], dtype=object)
    return texts[np.where(np.isnan(values), len(feature.categories), values).astype(np.intp)]
