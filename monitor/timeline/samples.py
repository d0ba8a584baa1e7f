"""Samples of panes, as columns: how they lie while a window may need them, and how those of a window become one."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from contract.arrays import Floats
from contract.panes import PaneSample, SampleRow

_MEMORY_BYTES = 64_000_000
_HASHES = 2.0**53
"""How many hashes there are."""
_BEYOND_NOISE = 5.0
"""Standard errors."""
Column = npt.NDArray[Any]
"""One feature's values: float64 with NaN for a missing one, or object with None for a missing one."""


class Repeats(NamedTuple):
    """How often customers come in a set of records: how many different ones there are (None: not known), and the design
    effect, by which it makes variances larger.
    """

    customers: int | None
    effect: float


UNKNOWN_REPEATS = Repeats(None, 1.0)


@dataclass(frozen=True, eq=False)
class Sample:
    """A uniform sample of the customers of a set of records: those of smallest hash, in ascending order of hash, with
    the newest record of each.

    ``records``: the size of the set. ``hashes``: int64 (n,). ``rows``: records of each customer in the set, int64 (n,).
    ``probabilities``: (n,). ``columns``: the features in schema order, each (n,).
    """

    records: int
    hashes: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    probabilities: Floats
    columns: tuple[Column, ...]

    def __len__(self) -> int:
        return len(self.hashes)

    @property
    def is_whole(self) -> bool:
        """Whether it has all customers of the set."""
        return int(self.rows.sum()) >= self.records

    @property
    def repeats(self) -> Repeats:
        """How often customers come in the set: exact where the sample has all of them, else estimated from it.

        The design effect is the sum of m² over that of m, where m are the records of each customer; it is what it costs
        if all records of a customer say the same, and too much where they do not. Source: Kish, Survey Sampling (1965).

        A customer with very many records is hardly ever in a sample. So where the set has more records than its number
        of customers, told from the hashes alone, can explain, all that is too many counts as of one customer. Source of
        that number: Bar-Yossef and others, Counting distinct elements in a data stream, RANDOM 2002.
        """
        kept = len(self)
        if not kept:
            return UNKNOWN_REPEATS if self.records else Repeats(0, 1.0)
        rows = self.rows.astype(np.float64)
        counted = float(rows.sum())
        effect = float(rows @ rows) / counted
        if self.is_whole:
            return Repeats(kept, effect)
        mean = counted / kept
        by_hash = (kept - 1) * _HASHES / (float(self.hashes[-1]) + 1)
        error = math.sqrt((effect / mean) / kept)
        unseen = self.records - by_hash * mean
        if unseen <= _BEYOND_NOISE * error * by_hash * mean:
            return Repeats(round(self.records / mean), effect)
        return Repeats(round(by_hash) + 1, (effect * (self.records - unseen) + unseen**2) / self.records)

    def first(self, most: int) -> "Sample":
        """Its ``most`` customers of smallest hash."""
        return Sample(
            self.records,
            self.hashes[:most],
            self.rows[:most],
            self.probabilities[:most],
            tuple(one[:most] for one in self.columns),
        )

    @classmethod
    def of(cls, sample: PaneSample) -> "Sample":
        """That of one pane; one of an earlier release is of records, and each counts as a customer."""
        return cls(
            sample.records,
            np.array(sample.hashes, dtype=np.int64),
            np.array(sample.rows or [1] * len(sample.hashes), dtype=np.int64),
            np.array(sample.probabilities, dtype=np.float64),
            tuple(map(_column, sample.columns)),
        )

    @classmethod
    def of_rows(cls, rows: Sequence[SampleRow], records: int) -> "Sample":
        """That of a pane of the release before, which carries its sample in its summary."""
        return cls(
            records,
            np.array([row.hash for row in rows], dtype=np.int64),
            np.ones(len(rows), dtype=np.int64),
            np.array([row.probability for row in rows], dtype=np.float64),
            tuple(map(_column, zip(*(row.features for row in rows), strict=True))),
        )


class SampleStore(Protocol):
    """Where packed samples lie under the keys of their messages."""

    def put(self, key: str, packed: bytes) -> None:
        """Keep a sample, in place of the one that is there."""
        ...

    def get(self, key: str) -> bytes | None:
        """The sample under a key; None if it is not there, or not any more."""
        ...

    def drop(self, key: str) -> None:
        """Forget a sample; one that is not there is no error."""
        ...


class MemorySamples:
    """Samples in memory, at most ``most_bytes`` of them: the oldest make room."""

    def __init__(self, most_bytes: int = _MEMORY_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: dict[str, bytes] = {}

    def put(self, key: str, packed: bytes) -> None:
        self.drop(key)
        self._kept[key] = packed
        self._bytes += len(packed)
        while self._bytes > self._most_bytes:
            self.drop(next(iter(self._kept)))

    def get(self, key: str) -> bytes | None:
        return self._kept.get(key)

    def drop(self, key: str) -> None:
        self._bytes -= len(self._kept.pop(key, b""))


class _PackedColumn(msgspec.Struct, array_like=True):
    """Numbers as float64; of texts the different ones, and for each record which it is (-1: missing) as int32."""

    texts: list[bytes | float] | None
    values: bytes


class _PackedSample(msgspec.Struct, array_like=True):
    records: int
    hashes: bytes
    rows: bytes
    probabilities: bytes
    columns: list[_PackedColumn]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_PackedSample)


def pack_sample(sample: Sample) -> bytes:
    """A sample as bytes, for a ``SampleStore``."""
    return _encoder.encode(
        _PackedSample(
            sample.records,
            sample.hashes.tobytes(),
            sample.rows.tobytes(),
            sample.probabilities.tobytes(),
            [_pack_column(column) for column in sample.columns],
        )
    )


def unpack_sample(packed: bytes) -> Sample:
    """The sample that has been packed."""
    part = _decoder.decode(packed)
    return Sample(
        part.records,
        np.frombuffer(part.hashes, dtype=np.int64),
        np.frombuffer(part.rows, dtype=np.int64),
        np.frombuffer(part.probabilities, dtype=np.float64),
        tuple(_unpack_column(column) for column in part.columns),
    )


def merge_samples(samples: Iterable[Sample], most: int) -> Sample:
    """The sample of the union of disjoint sets of records, the latest last: the ``most`` customers of smallest hash.

    Fewer if the sample of one of the sets, which does not hold all of it, ends before: what lies between would be
    missing. Of a customer's records the one of the last set counts.
    """
    parts = [sample for sample in samples if sample.records]
    records = sum(sample.records for sample in parts)
    known_until = min((int(part.hashes[-1]) if len(part) else -1 for part in parts if not part.is_whole), default=None)
    parts = [part for part in parts if len(part)]
    if not parts:
        return Sample(records, np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float64), ())
    hashes = np.concatenate([part.hashes for part in parts])
    order = np.argsort(hashes, kind="stable")
    if known_until is not None:
        order = order[: int(np.searchsorted(hashes[order], known_until, side="right"))]
    ordered = hashes[order]
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)[: len(ordered)])[:most]
    newest = order[last]
    rows = np.cumsum(np.concatenate([part.rows for part in parts])[order])[last]
    width = max(len(part.columns) for part in parts)
    return Sample(
        records,
        hashes[newest],
        np.diff(rows, prepend=0),
        np.concatenate([part.probabilities for part in parts])[newest],
        tuple(_joined([part.columns[i] for part in parts], newest) for i in range(width)),
    )


def _joined(columns: Sequence[Column], order: npt.NDArray[np.intp]) -> Column:
    if any(column.dtype == object for column in columns):
        # of a pane in which no record has a value, a column of texts looks like one of numbers
        columns = [objects(column) for column in columns]
    joined: Column = np.concatenate(columns)[order]
    return joined


def objects(column: Column) -> Column:
    """A column as objects, with None for a missing value."""
    if column.dtype == object:
        return column
    values = column.astype(object)
    values[np.isnan(column)] = None
    return values


def _column(values: Iterable[float | str | None]) -> Column:
    listed = list(values)
    kind = object if any(isinstance(value, str) for value in listed) else np.float64
    return np.array(listed, dtype=kind)


def _pack_column(column: Column) -> _PackedColumn:
    if column.dtype != object:
        return _PackedColumn(None, column.tobytes())
    numbers: dict[str | float, int] = {}
    codes = [-1 if value is None else numbers.setdefault(value, len(numbers)) for value in column.tolist()]
    # surrogatepass: a text from JSON can hold a lone surrogate, which plain UTF-8 refuses
    texts = [value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value for value in numbers]
    return _PackedColumn(texts, np.array(codes, dtype=np.int32).tobytes())


def _unpack_column(column: _PackedColumn) -> Column:
    if column.texts is None:
        return np.frombuffer(column.values, dtype=np.float64)
    values = [value.decode("utf-8", "surrogatepass") if isinstance(value, bytes) else value for value in column.texts]
    texts = np.array([*values, None], dtype=object)
    unpacked: Column = texts[np.frombuffer(column.values, dtype=np.int32)]
    return unpacked
