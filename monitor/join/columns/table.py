"""The predictions that are kept of a partition: rows in chunks, found by the key of their record and role.

Bound: 36 to 40 bytes a row and 11 to 15 for its place in the index, whatever its features. A row is forgotten with its
chunk, once the panes of all rows in it are; so few rows of a wrong date would hold many. A chunk of which little is
left (``_FEW``) is given up, and its last rows move into the newest one.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from contract.arrays import Integers, Unsigned
from monitor.join.columns.chunk import (
    CHUNK_ROWS,
    ROW,
    Chunk,
    NewRows,
    RowArray,
    RowType,
    event_times,
    put_labels,
    segments,
)
from monitor.join.columns.hashing import in_groups
from monitor.join.columns.index import HashIndex
from monitor.join.rules import NEVER, TopicProgress

_BITS = 16
_MOST_CHUNKS = 65_000
_FEW = CHUNK_ROWS // 8


class LabelChange(NamedTuple):
    """Rows of one chunk that have another label now; rows by their place in the chunk."""

    serial: int
    rows: npt.NDArray[np.uint16]
    states: npt.NDArray[np.uint8]
    delays: Integers


class RowTable:
    """Numbers of rows are the slot of their chunk and the place in it; they hold until the chunk goes."""

    def __init__(self, row: RowType = ROW) -> None:
        self._row = row
        self._slots: list[Chunk | None] = []
        self._free: list[int] = []
        self._index = HashIndex()
        self._serial = 0
        self._tail = -1
        self.dead_before = NEVER
        """Rows of an earlier event time are not found: their panes are forgotten, but not yet their chunk."""

    @property
    def chunks(self) -> Iterator[Chunk]:
        """Those that are kept, the oldest first."""
        return iter(sorted((chunk for chunk in self._slots if chunk is not None), key=lambda chunk: chunk.serial))

    def __len__(self) -> int:
        return len(self._index)

    def find(self, keys: Unsigned) -> Integers:
        """The row of each key, -1 where none is kept."""
        return self._index.find(keys, lambda places, rows: self._keys(rows) == keys[places])

    def append(self, new: NewRows, origin: TopicProgress) -> Integers:
        """Keep rows whose keys are not there; ``origin`` is where their topic stood before the first. Their numbers."""
        numbers = []
        done = 0
        while done < len(new.keys):
            slot, chunk = self._with_room(origin)
            part = new.where(slice(done, done + CHUNK_ROWS - chunk.count))
            numbers.append(np.arange(chunk.count, chunk.count + len(part.keys)) | slot << _BITS)
            chunk.append(part)
            done += len(part.keys)
        found = np.concatenate(numbers) if numbers else np.zeros(0, np.int64)
        self._index.insert(new.keys, found)
        return found

    def rows(self, numbers: Integers) -> RowArray:
        """A copy of rows."""
        found = np.empty(len(numbers), self._row)
        for chunk, places, at in self._by_chunk(numbers):
            found[places] = chunk.rows[at]
        return found

    def epochs(self, numbers: Integers) -> Integers:
        """How often ``predictions`` had ended before each row."""
        found = np.empty(len(numbers), np.int64)
        for chunk, places, at in self._by_chunk(numbers):
            found[places] = chunk.epochs.of(at)
        return found

    def chunk_of(self, number: int) -> tuple[Chunk, int]:
        """The chunk of a row, and its place in it."""
        chunk = self._slots[number >> _BITS]
        if chunk is None:
            raise IndexError(f"row {number} is forgotten")
        return chunk, number & (CHUNK_ROWS - 1)

    def put_labels(
        self, numbers: Integers, states: npt.NDArray[np.uint8], delays: Integers, labels: TopicProgress | None
    ) -> Iterator[LabelChange]:
        """Set labels; ``labels`` is where their topic stood before the first, None where silence is the label."""
        for chunk, places, at in self._by_chunk(numbers):
            put_labels(chunk.rows, at, states[places], delays[places])
            chunk.label_origin = _earlier(chunk.label_origin, labels)
            yield LabelChange(chunk.serial, at.astype(np.uint16), states[places], delays[places])

    def restore(self, chunks: Sequence[Chunk]) -> None:
        """Take up chunks of a store, in order of their serial."""
        self._slots = list(chunks)
        self._free = []
        self._serial = chunks[-1].serial + 1 if chunks else 0
        self._tail = len(chunks) - 1
        self._index = HashIndex(sum(chunk.count for chunk in chunks))
        for slot, chunk in enumerate(chunks):
            self._index.insert(chunk.rows["key"][: chunk.count], np.arange(chunk.count) | slot << _BITS)

    def forget(self, before: int) -> list[Chunk]:
        """Let go of rows whose event time is before ``before``; the chunks that go."""
        self.dead_before = before
        gone: list[int] = []
        moved: list[tuple[Chunk, npt.NDArray[np.intp]]] = []
        for slot, chunk in enumerate(self._slots):
            if chunk is None or chunk.earliest >= before:
                continue
            if chunk.newest < before:
                gone.append(slot)
            elif slot != self._tail:
                kept = np.flatnonzero(event_times(chunk.rows[: chunk.count]) >= before)
                if len(kept) <= _FEW:
                    gone.append(slot)
                    moved.append((chunk, kept))
        return self._drop(gone, moved)

    def _drop(self, gone: list[int], moved: list[tuple[Chunk, npt.NDArray[np.intp]]]) -> list[Chunk]:
        if not gone:
            return []
        chunks = [chunk for slot in gone if (chunk := self._slots[slot]) is not None]
        flags = np.zeros(len(self._slots), np.bool_)
        flags[gone] = True
        self._index.remove(lambda rows: flags[rows >> _BITS])
        for slot in gone:
            self._slots[slot] = None
            self._free.append(slot)
            if slot == self._tail:
                self._tail = -1
        for chunk, kept in moved:
            self._move(chunk, kept)
        return chunks

    def _move(self, chunk: Chunk, kept: npt.NDArray[np.intp]) -> None:
        """Append the rows of a chunk that are left, labels included, to the newest chunk."""
        old = chunk.rows[kept]
        new = NewRows(
            old["key"],
            old["customer"].astype(np.uint64),
            event_times(old),
            old["probability"].astype(np.float64),
            old["code"].astype(np.int64),
            chunk.latest.of(kept),
            chunk.epochs.of(kept),
            segments(old),
        )
        numbers = self.append(new, chunk.origin)
        for target, places, at in self._by_chunk(numbers):
            target.rows[at] = old[places]
            target.origin = min(target.origin, chunk.origin, key=lambda origin: origin.offset)
            target.label_origin = _earlier(target.label_origin, chunk.label_origin)
            target.histories |= chunk.histories

    def _keys(self, numbers: Integers) -> Unsigned:
        found = np.empty(len(numbers), np.uint64)
        for chunk, places, at in self._by_chunk(numbers):
            found[places] = chunk.rows["key"][at]
            if chunk.earliest < self.dead_before:
                dead = event_times(chunk.rows[at]) < self.dead_before
                found[places[dead]] = ~found[places[dead]]
        return found

    def _by_chunk(self, numbers: Integers) -> Iterator[tuple[Chunk, npt.NDArray[np.intp], Integers]]:
        slots, at = numbers >> _BITS, numbers & (CHUNK_ROWS - 1)
        order, bounds = in_groups(slots)
        for first, end in bounds:
            places = order[first:end]
            chunk = self._slots[int(slots[places[0]])]
            if chunk is not None:
                yield chunk, places, at[places]

    def _with_room(self, origin: TopicProgress) -> tuple[int, Chunk]:
        tail = self._slots[self._tail] if self._tail >= 0 else None
        if tail is not None and not tail.is_full:
            return self._tail, tail
        chunk = Chunk(self._serial, origin, row=self._row)
        self._serial += 1
        if self._free:
            self._tail = self._free.pop()
            self._slots[self._tail] = chunk
        else:
            if len(self._slots) >= _MOST_CHUNKS:
                raise OverflowError("more than four billion predictions wait in one partition")
            self._tail = len(self._slots)
            self._slots.append(chunk)
        return self._tail, chunk


def _earlier(one: TopicProgress | None, other: TopicProgress | None) -> TopicProgress | None:
    if one is None or other is None:
        return one or other
    return one if one.offset <= other.offset else other
