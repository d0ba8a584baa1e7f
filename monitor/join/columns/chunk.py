"""65,536 rows of predictions in order of offset, 36 to 40 bytes each, and what stood before them in both topics.

A row says what a label needs to find in its prediction and what the label was in the end; texts are hashes, and model,
threshold and decision are one number (``monitor.join.columns.codes``), and the segments that its record is in another.
How far the topic had come before a row (``latest``, in steps of ten seconds, and its ends) hardly changes from row to
row, so it is kept where it does: at most one entry for each step of event time.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from contract.arrays import Floats, Integers, Mask, Unsigned
from monitor.join.rules import NEVER, TopicProgress

CHUNK_ROWS = 65_536
ROW = np.dtype(
    [
        ("key", "<u8"),
        ("probability", "<f8"),
        ("code", "<u4"),
        ("customer", "<u4"),
        ("time_low", "<u4"),
        ("delay_low", "<u4"),
        ("time_high", "<u2"),
        ("delay_high", "u1"),
        ("state", "u1"),
    ]
)
"""Event time has 48 bits, ms since 1970; the delay of the label 40, signed, in ms. ``row_type`` adds segments."""
UNLABELLED, NEGATIVE, POSITIVE, INFERRED = 0, 1, 2, 3
"""States of a row: no label, 0, 1, and silence that counts as 0."""
_DELAY_BITS = 40
LONGEST_DELAY = 2 ** (_DELAY_BITS - 1) - 1
"""ms that a delay can have: 17 years."""
SEGMENTS = "segments"
"""The field of ``monitor.join.columns.segments``, where the schema has any."""
RowArray = npt.NDArray[np.void]
RowType = np.dtype[np.void]


def row_type(combinations: int) -> RowType:
    """That of rows which remember in which of so many combinations of segments their record is."""
    if combinations <= 1:
        return ROW
    width = next(name for name in ("u1", "<u2", "<u4") if combinations - 1 <= np.iinfo(name).max)
    return np.dtype([*ROW.descr, (SEGMENTS, width)])


class Steps(msgspec.Struct):
    """A value that changes rarely from row to row: the rows at which it does, and what it is from there on."""

    rows: list[int] = []
    values: list[int] = []

    def extend(self, first: int, values: Integers) -> None:
        """Add the values of the rows from ``first`` on, which follow on those that are there."""
        before = self.values[-1] if self.values else None
        changes = np.flatnonzero(np.concatenate(([before is None or values[0] != before], values[1:] != values[:-1])))
        self.rows.extend((changes + first).tolist())
        self.values.extend(values[changes].tolist())

    def at(self, row: int) -> int:
        return self.values[bisect_right(self.rows, row) - 1]

    def of(self, rows: npt.NDArray[Any]) -> Integers:
        if len(self.values) == 1:
            return np.full(len(rows), self.values[0])
        return np.array(self.values)[np.searchsorted(self.rows, rows, side="right") - 1]

    def part(self, first: int, end: int) -> "Steps":
        """Those of the rows from ``first`` to ``end``, so that ``extend_by`` can add them to the rows before."""
        low, high = bisect_right(self.rows, first) - 1, bisect_right(self.rows, end - 1)
        return Steps([first, *self.rows[low + 1 : high]], self.values[low:high])

    def extend_by(self, part: "Steps") -> None:
        """Add what ``part`` gave of the rows that follow."""
        skip = 1 if self.values and self.values[-1] == part.values[0] else 0
        self.rows.extend(part.rows[skip:])
        self.values.extend(part.values[skip:])


class NewRows(NamedTuple):
    """Predictions to keep, one element each. ``latest`` is that of their topic before each, ``NEVER`` before any."""

    keys: Unsigned
    customers: Unsigned
    times: Integers
    probabilities: Floats
    codes: Integers
    latest: Integers
    epochs: Integers
    segments: Integers

    def where(self, chosen: Mask | slice) -> "NewRows":
        return NewRows(
            self.keys[chosen],
            self.customers[chosen],
            self.times[chosen],
            self.probabilities[chosen],
            self.codes[chosen],
            self.latest[chosen],
            self.epochs[chosen],
            self.segments[chosen],
        )


@dataclass
class Chunk:
    """Rows ``serial * CHUNK_ROWS`` and following. ``origin`` is where their topic stood before the first of them.

    ``label_origin``: where ``labels`` stood before the first label that joined one of them; None where none has.
    ``earliest`` and ``newest``: smallest and largest event time. ``saved`` rows are in the store as they were added.
    """

    serial: int
    origin: TopicProgress
    label_origin: TopicProgress | None = None
    row: RowType = ROW
    rows: RowArray = field(init=False)
    count: int = 0
    saved: int = 0
    earliest: int = 2**62
    newest: int = NEVER
    latest: Steps = field(default_factory=lambda: Steps([], []))
    epochs: Steps = field(default_factory=lambda: Steps([], []))
    histories: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.rows = np.empty(CHUNK_ROWS, self.row)

    @property
    def is_full(self) -> bool:
        return self.count == CHUNK_ROWS

    def append(self, new: NewRows) -> None:
        """Add rows, no more than there is room for."""
        first, end = self.count, self.count + len(new.keys)
        rows = self.rows[first:end]
        rows["key"] = new.keys
        rows["customer"] = new.customers
        rows["probability"] = new.probabilities
        rows["code"] = new.codes
        rows["time_low"] = new.times & 0xFFFFFFFF
        rows["time_high"] = new.times >> 32
        rows["delay_low"] = 0
        rows["delay_high"] = 0
        rows["state"] = UNLABELLED
        if self.row is not ROW:
            rows[SEGMENTS] = new.segments
        self.latest.extend(first, new.latest)
        self.epochs.extend(first, new.epochs)
        self.count = end
        self._see(new.times)

    def restore(self, rows: RowArray, latest: Steps, epochs: Steps) -> None:
        """Add rows as they were saved."""
        end = self.count + len(rows)
        self.rows[self.count : end] = rows
        self.latest.extend_by(latest)
        self.epochs.extend_by(epochs)
        self.count = self.saved = end
        self._see(event_times(rows))

    def _see(self, times: Integers) -> None:
        self.earliest = min(self.earliest, int(times.min()))
        self.newest = max(self.newest, int(times.max()))


def event_times(rows: RowArray) -> Integers:
    return rows["time_low"].astype(np.int64) | rows["time_high"].astype(np.int64) << 32


def segments(rows: RowArray) -> Integers:
    """The combination of segments of each record; 0 where the schema has none."""
    return rows[SEGMENTS].astype(np.int64) if SEGMENTS in (rows.dtype.names or ()) else np.zeros(len(rows), np.int64)


def delays(rows: RowArray) -> Integers:
    """ms from each record to its label."""
    found = rows["delay_low"].astype(np.int64) | rows["delay_high"].astype(np.int64) << 32
    return found - (found >> (_DELAY_BITS - 1) << _DELAY_BITS)


def put_labels(rows: RowArray, at: npt.NDArray[Any], states: npt.NDArray[Any], delay: Integers) -> None:
    """Set the labels of some of a chunk's rows."""
    rows["state"][at] = states
    rows["delay_low"][at] = delay & 0xFFFFFFFF
    rows["delay_high"][at] = delay >> 32 & 0xFF
