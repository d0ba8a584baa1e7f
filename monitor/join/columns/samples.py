"""A pane's sample: the records of smallest hash, as columns.

What falls out can never come back, because hashes of records that come later only push further ones out. So the sample
depends on the pane's records alone, not on when they came.

Bound: ``PaneLimits.sample_size`` records of 16 bytes and 8 a feature, and as many again that have come since they were
sorted in.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from contract.arrays import Floats, Integers, Unsigned
from contract.panes import PaneSample
from monitor.join.columns.features import FeatureColumns
from monitor.join.pane_limits import PaneLimits

_HASH_BITS = np.uint64(11)
"""What of 64 bits is dropped, so that a hash is exact as a JSON number."""
_ANY = 2**64 - 1
_Texts = npt.NDArray[np.object_]
_Part = tuple[Unsigned, Floats, Floats, _Texts, Integers]
"""Hashes, probabilities, numbers (features x records), categories (features x records), bytes (0: not yet counted)."""


class Candidates:
    """The records of a batch as samples take them."""

    def __init__(
        self, hashes: Unsigned, probabilities: Floats, columns: FeatureColumns, text_places: list[int]
    ) -> None:
        """``hashes`` are those of the record ids, 64 bits; ``text_places`` the categorical features' in the schema."""
        self.hashes = hashes >> _HASH_BITS
        self._probabilities = probabilities
        self._numbers = columns.numbers
        self._texts: _Texts = np.empty((len(text_places), len(hashes)), np.object_)
        for row, place in enumerate(text_places):
            self._texts[row] = columns.values[place]

    def part(self, places: npt.NDArray[Any]) -> _Part:
        return (
            self.hashes[places],
            self._probabilities[places],
            self._numbers[:, places],
            self._texts[:, places],
            np.zeros(len(places), np.int64),
        )


class BottomK:
    """The sample of one pane."""

    def __init__(self, limits: PaneLimits, numeric: list[int], categorical: list[int]) -> None:
        """``numeric`` and ``categorical`` are places of features in the schema."""
        self._limits = limits
        self._numeric = numeric
        self._categorical = categorical
        self._is_cut = False
        self._parts: list[_Part] = [
            (
                np.zeros(0, np.uint64),
                np.zeros(0),
                np.zeros((len(numeric), 0)),
                np.empty((len(categorical), 0), np.object_),
                np.zeros(0, np.int64),
            )
        ]
        self._waiting = 0

    @property
    def limit(self) -> int:
        """Only records of a smaller hash than this can still come in."""
        if not self._is_cut:
            return _ANY
        hashes = self._parts[0][0]
        return int(hashes[-1]) if len(hashes) else 0

    @property
    def nbytes(self) -> int:
        return sum(sum(column.nbytes for column in part) for part in self._parts)

    def add(self, candidates: Candidates, places: npt.NDArray[Any]) -> bool:
        """Take some of the candidates in; whether any of them may be in the sample now."""
        if self._is_cut:
            places = places[candidates.hashes[places] < self.limit]
        if not len(places):
            return False
        self._parts.append(candidates.part(places))
        self._waiting += len(places)
        if self._waiting > self._limits.sample_size:
            self._sort_in()
        return True

    def restore(self, sample: PaneSample) -> None:
        """Fill an empty sample with what ``columns`` gave."""
        numbers = np.array([sample.columns[place] for place in self._numeric], np.float64)
        texts = np.empty((len(self._categorical), len(sample.hashes)), np.object_)
        for row, place in enumerate(self._categorical):
            texts[row] = sample.columns[place]
        self._parts = [
            (
                np.array(sample.hashes, np.uint64),
                np.array(sample.probabilities, np.float64),
                numbers.reshape(len(self._numeric), len(sample.hashes)),
                texts,
                np.zeros(len(sample.hashes), np.int64),
            )
        ]
        self._is_cut = len(sample.hashes) < sample.records

    def columns(self) -> tuple[list[int], list[float], list[list[float | str | None]]]:
        """Hashes, probabilities, and the features in schema order, as ``PaneSample`` has them."""
        self._sort_in()
        hashes, probabilities, numbers, texts, _ = self._parts[0]
        columns: list[list[float | str | None]] = [[] for _ in (*self._numeric, *self._categorical)]
        for place, row in zip(self._numeric, numbers, strict=True):
            values = row.tolist()
            columns[place] = [None if value != value else value for value in values] if np.isnan(row).any() else values
        for place, names in zip(self._categorical, texts, strict=True):
            columns[place] = names.tolist()
        return hashes.tolist(), probabilities.tolist(), columns

    def _sort_in(self) -> None:
        if not self._waiting:
            return
        parts = self._parts
        hashes, probabilities, sizes = (np.concatenate([part[at] for part in parts]) for at in (0, 1, 4))
        # of two records of one hash the order must not depend on which came first
        order = np.lexsort((probabilities, hashes))[: self._limits.sample_size]
        numbers = np.concatenate([part[2] for part in parts], axis=1)[:, order]
        texts = self._shown(np.concatenate([part[3] for part in parts], axis=1)[:, order])
        sizes = sizes[order]
        fitting = len(order)
        if fitting * self._limits.largest_row > self._limits.sample_bytes:
            sizes = self._sized(sizes, numbers, texts)
            fitting = int(np.searchsorted(np.cumsum(sizes), self._limits.sample_bytes, side="right"))
        self._is_cut = self._is_cut or fitting < len(hashes)
        order = order[:fitting]
        self._parts = [(hashes[order], probabilities[order], numbers[:, :fitting], texts[:, :fitting], sizes[:fitting])]
        self._waiting = 0

    def _shown(self, texts: _Texts) -> _Texts:
        for row in texts:
            values = row.tolist()
            shown = {value: self._limits.shown(value) for value in set(values)}
            if any(name is not value for value, name in shown.items()):
                row[:] = [shown[value] for value in values]
        return texts

    def _sized(self, sizes: Integers, numbers: Floats, texts: _Texts) -> Integers:
        """Bytes of each record in a message; those that have been counted before stand in ``sizes``, others are 0."""
        unknown = np.flatnonzero(sizes == 0)
        rows = zip(numbers[:, unknown].T.tolist(), texts[:, unknown].T.tolist(), strict=True)
        sizes[unknown] = [self._limits.row_bytes(row + names) for row, names in rows]
        return sizes
