"""Which segments records are in, a batch at once: one number says it of all features that have segments.

The number is in mixed radix, a digit for each feature, so a row of the table remembers it in one to three bytes, where
the features themselves are gone by the time the label comes.
"""

import math

import numpy as np

from contract.arrays import Floats, Integers
from contract.schema import Schema
from contract.segments import SegmentFeature
from monitor.join.columns.features import MISSING, UNLISTED, Codes, FeatureColumns


class RecordSegments:
    """The segments of a schema.

    ``names``: all of them, feature by feature. ``combinations``: how many numbers a record may have, 1 where nothing
    has segments and at most 2^24 (``contract.segments.MOST_SEGMENT_FEATURES``).
    """

    def __init__(self, schema: Schema) -> None:
        self._features = schema.segments
        self._places = [
            (schema.categorical if one.categories else schema.numeric).index(one.feature) for one in schema.segments
        ]
        self._sizes = [len(one.names) for one in schema.segments]
        self._starts = np.cumsum([0, *self._sizes])[:-1, None]
        self.names = [name for one in schema.segments for name in one.names]
        self.combinations = math.prod(self._sizes)

    def of(self, columns: FeatureColumns) -> Integers:
        """The number of each record, from 0 to below ``combinations``."""
        found = np.zeros(columns.numbers.shape[1], np.int64)
        for feature, place, size in zip(self._features, self._places, self._sizes, strict=True):
            found *= size
            found += (
                _of_codes(feature, columns.codes[place])
                if feature.categories
                else _of_numbers(feature, columns.numbers[place])
            )
        return found

    def places(self, numbers: Integers) -> Integers:
        """The places in ``names`` of the segments that records of n such numbers are in: (features, n)."""
        if not self._sizes:
            return np.zeros((0, len(numbers)), np.int64)
        digits: Integers = np.stack(np.unravel_index(numbers, self._sizes)) + self._starts
        return digits


def _of_numbers(feature: SegmentFeature, values: Floats) -> Integers:
    bands: Integers = np.searchsorted(feature.bands, values, side="right")
    bands[np.isnan(values)] = len(feature.names) - 1
    return bands


def _of_codes(feature: SegmentFeature, codes: Codes) -> Integers:
    known = len(feature.categories)
    found: Integers = np.where(codes == MISSING, known + 1, np.where(codes == UNLISTED, known, codes))
    return found
