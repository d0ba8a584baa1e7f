"""A pane's sample: the customers of smallest hash, with the newest record of each, as columns.

What falls out can never come back, because customers that come later only push further ones out. So all records of
those that are in have been seen, and the sample depends on the pane's records alone, not on when they came: of two
records of one customer at one time the one of larger score is the newer, then the one whose features are the larger
text.

Where all of the customers would not fit into a message, each counts with the largest of its records, whichever is the
newest; and the sample ends with the first customer after which there is no room for another of any size. Otherwise it
would depend on which record, or which customer, came first.

Bound: ``PaneLimits.sample_size`` customers of 40 bytes and 8 a feature, and as many records that have come since they
were sorted in.
"""

from typing import Any, NamedTuple

import msgspec
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


class _SamplePart(NamedTuple):
    """Customers' hashes, the event time of their newest record (ms) and how many they have, the bytes of the largest
    (0: not yet counted); and of the newest: its score, numbers (features x records), categories (features x records).
    """

    hashes: Unsigned
    times: Integers
    rows: Integers
    sizes: Integers
    probabilities: Floats
    numbers: Floats
    texts: _Texts


class SampleColumns(NamedTuple):
    """What ``PaneSample`` has of a sample, under the same names."""

    hashes: list[int]
    probabilities: list[float]
    columns: list[list[float | str | None]]
    rows: list[int]
    times: list[int]
    sizes: list[int]


class Candidates:
    """The records of a batch as samples take them."""

    def __init__(
        self,
        hashes: Unsigned,
        times: Integers,
        probabilities: Floats,
        columns: FeatureColumns,
        text_places: list[int],
    ) -> None:
        """``hashes`` are those of the customers, 64 bits; ``times`` event times, ms; ``text_places`` the categorical
        features' in the schema.
        """
        self.hashes = hashes >> _HASH_BITS
        self._times = times
        self._probabilities = probabilities
        self._numbers = columns.numbers
        self._texts: _Texts = np.empty((len(text_places), len(hashes)), np.object_)
        for row, place in enumerate(text_places):
            self._texts[row] = columns.values[place]

    def part(self, places: npt.NDArray[Any]) -> _SamplePart:
        return _SamplePart(
            self.hashes[places],
            self._times[places],
            np.ones(len(places), np.int64),
            np.zeros(len(places), np.int64),
            self._probabilities[places],
            self._numbers[:, places],
            self._texts[:, places],
        )


class BottomK:
    """The sample of one pane."""

    def __init__(self, limits: PaneLimits, numeric: list[int], categorical: list[int]) -> None:
        """``numeric`` and ``categorical`` are places of features in the schema."""
        self._limits = limits
        self._numeric = numeric
        self._categorical = categorical
        self._is_cut = False
        self._parts: list[_SamplePart] = [
            _SamplePart(
                np.zeros(0, np.uint64),
                np.zeros(0, np.int64),
                np.zeros(0, np.int64),
                np.zeros(0, np.int64),
                np.zeros(0),
                np.zeros((len(numeric), 0)),
                np.empty((len(categorical), 0), np.object_),
            )
        ]
        self._waiting = 0

    @property
    def limit(self) -> int:
        """No customer of a larger hash than this can be in it; -1: none can."""
        if not self._is_cut:
            return _ANY
        hashes = self._parts[0].hashes
        return int(hashes[-1]) if len(hashes) else -1

    @property
    def nbytes(self) -> int:
        return sum(sum(column.nbytes for column in part) for part in self._parts)

    def add(self, candidates: Candidates, places: npt.NDArray[Any]) -> bool:
        """Take some of the candidates in; whether any of them may be in the sample now."""
        if self._is_cut:
            places = places[candidates.hashes[places] <= self.limit]
        if not len(places):
            return False
        self._parts.append(candidates.part(places))
        self._waiting += len(places)
        if self._waiting > self._limits.sample_size:
            self._sort_in()
        return True

    def restore(self, sample: PaneSample) -> None:
        """Fill an empty sample with what ``columns`` gave."""
        kept = len(sample.hashes)
        numbers = np.array([sample.columns[place] for place in self._numeric], np.float64)
        texts = np.empty((len(self._categorical), kept), np.object_)
        for row, place in enumerate(self._categorical):
            texts[row] = sample.columns[place]
        self._parts = [
            _SamplePart(
                np.array(sample.hashes, np.uint64),
                np.array(sample.times, np.int64) + sample.start,
                np.array(sample.rows, np.int64),
                np.array(sample.sizes or [0] * kept, np.int64),
                np.array(sample.probabilities, np.float64),
                numbers.reshape(len(self._numeric), kept),
                texts,
            )
        ]
        self._is_cut = sum(sample.rows) < sample.records

    def columns(self, start: int) -> SampleColumns:
        """The sample of a pane that starts at ``start``."""
        self._sort_in()
        part = self._parts[0]
        columns: list[list[float | str | None]] = [[] for _ in (*self._numeric, *self._categorical)]
        for place, row in zip(self._numeric, part.numbers, strict=True):
            values = row.tolist()
            columns[place] = [None if value != value else value for value in values] if np.isnan(row).any() else values
        for place, names in zip(self._categorical, part.texts, strict=True):
            columns[place] = names.tolist()
        # what is counted anew from the row itself need not be told
        sizes = np.where(part.rows > 1, part.sizes, 0)
        return SampleColumns(
            part.hashes.tolist(),
            part.probabilities.tolist(),
            columns,
            part.rows.tolist(),
            (part.times - start).tolist(),
            sizes.tolist() if sizes.any() else [],
        )

    def _sort_in(self) -> None:
        if not self._waiting:
            return
        limits = self._limits
        hashes, times, rows, sizes, probabilities = (
            np.concatenate([part[at] for part in self._parts]) for at in range(5)
        )
        numbers = np.concatenate([part.numbers for part in self._parts], axis=1)
        texts = self._shown(np.concatenate([part.texts for part in self._parts], axis=1))
        everything = _SamplePart(hashes, times, rows, sizes, probabilities, numbers, texts)
        order = np.lexsort((probabilities, times, hashes))
        firsts = np.flatnonzero(np.append(True, hashes[order[1:]] != hashes[order[:-1]]))
        customers = len(firsts)
        if customers < len(order):
            order, rows, sizes = self._newest(everything, order, firsts)
        else:
            rows, sizes = rows[order], sizes[order]
        order, rows, sizes = order[: limits.sample_size], rows[: limits.sample_size], sizes[: limits.sample_size]
        numbers, texts = numbers[:, order], texts[:, order]
        fitting = len(order)
        if fitting * limits.largest_row > limits.sample_bytes:
            sizes = self._sized(sizes, numbers, texts)
            full = np.searchsorted(np.cumsum(sizes), limits.sample_bytes - limits.largest_row, side="right")
            fitting = min(fitting, int(full) + 1)
        self._is_cut = self._is_cut or fitting < customers
        order = order[:fitting]
        self._parts = [
            _SamplePart(
                hashes[order],
                times[order],
                rows[:fitting],
                sizes[:fitting],
                probabilities[order],
                numbers[:, :fitting],
                texts[:, :fitting],
            )
        ]
        self._waiting = 0

    def _newest(self, part: _SamplePart, order: Integers, firsts: Integers) -> tuple[Integers, Integers, Integers]:
        """The newest record of each customer, the records of each, and the bytes of the largest of several.

        ``order`` sorts the records by customer, time and score; those of a customer begin at ``firsts``.
        """
        lasts = np.append(firsts[1:], len(order)) - 1
        rows = np.add.reduceat(part.rows[order], firsts)
        sizes = part.sizes
        if self._limits.sample_size * self._limits.largest_row > self._limits.sample_bytes:
            several = order[np.repeat(lasts > firsts, lasts - firsts + 1)]
            sizes = sizes.copy()
            sizes[several] = self._sized(sizes[several], part.numbers[:, several], part.texts[:, several])
        newest = order[lasts]
        before = order[np.maximum(lasts - 1, firsts)]
        tied = (lasts > firsts) & (part.times[newest] == part.times[before])
        tied &= part.probabilities[newest] == part.probabilities[before]
        for which in np.flatnonzero(tied).tolist():
            place = newest[which]
            members = order[firsts[which] : lasts[which] + 1]
            equal = part.times[members] == part.times[place]
            members = members[equal & (part.probabilities[members] == part.probabilities[place])]
            newest[which] = max(members.tolist(), key=lambda at: _content(part.numbers[:, at], part.texts[:, at]))
        return newest, rows, np.maximum.reduceat(sizes[order], firsts)

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


def _content(numbers: Floats, texts: _Texts) -> bytes:
    return msgspec.json.encode([*numbers.tolist(), *texts.tolist()])
