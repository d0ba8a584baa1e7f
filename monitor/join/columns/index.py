"""An index from 64-bit keys to row numbers: open addressing, eight bytes a slot, whole batches at once.

A slot holds a row's number and the upper half of its key; the lower half is compared where the row lies, by whoever
asks. Probes are linear, and a slot's place follows from what it holds, so that the index grows without the rows.

Bound: 8 bytes a slot; at most 72 % of the slots are taken, and 55 % after it has grown: 11 to 15 bytes a row.
"""

from collections.abc import Callable

import numpy as np

from contract.arrays import Integers, Mask, Unsigned

_EMPTY = np.uint64(2**64 - 1)
_GONE = np.uint64(0xFFFFFFFE_00000000)
_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
MOST_ROWS = 0xFFFFFFFE
"""Row numbers lie below this."""
_SMALLEST = 4_096
_MOST_TAKEN = 0.72
_GROWTH = 1.3

Verify = Callable[[Integers, Integers], Mask]
"""Given places in the batch and a row for each: which rows do have the key asked for."""


class HashIndex:
    """Maps keys to rows. A key stands for one row at most."""

    def __init__(self, rows: int = 0) -> None:
        """``rows`` that are to come at once."""
        self._slots = np.full(max(_SMALLEST, int(rows / _MOST_TAKEN) + 1), _EMPTY)
        self._taken = 0
        self._live = 0

    def __len__(self) -> int:
        return self._live

    def insert(self, keys: Unsigned, rows: Integers) -> None:
        """Add rows whose keys are not there, each key once."""
        if self._taken + len(keys) > _MOST_TAKEN * len(self._slots):
            self._rebuild(len(keys))
        self._put(keys >> _HALF | rows.astype(np.uint64) << _HALF)
        self._taken += len(keys)
        self._live += len(keys)

    def find(self, keys: Unsigned, verify: Verify) -> Integers:
        """The row of each key, -1 where there is none."""
        found = np.full(len(keys), -1, np.int64)
        marks = keys >> _HALF
        at = self._places(marks)
        asked = np.arange(len(keys))
        size = len(self._slots)
        while len(asked):
            slots = self._slots[at]
            open_ends = slots == _EMPTY
            hits = (slots & _LOW == marks) & ~open_ends & (slots != _GONE)
            if hits.any():
                places, rows = asked[hits], (slots[hits] >> _HALF).astype(np.int64)
                right = verify(places, rows)
                found[places[right]] = rows[right]
                open_ends[np.flatnonzero(hits)[right]] = True
            on = ~open_ends
            asked, marks = asked[on], marks[on]
            at = (at[on] + 1) % size
        return found

    def remove(self, gone: Callable[[Integers], Mask]) -> None:
        """Drop all rows of which ``gone`` says so; it is asked once, for all rows."""
        taken = np.flatnonzero((self._slots != _EMPTY) & (self._slots != _GONE))
        dropped = taken[gone((self._slots[taken] >> _HALF).astype(np.int64))]
        self._slots[dropped] = _GONE
        self._live -= len(dropped)

    def _places(self, marks: Unsigned) -> Integers:
        return (marks * np.uint64(len(self._slots)) >> _HALF).astype(np.int64)

    def _put(self, entries: Unsigned) -> None:
        at = self._places(entries & _LOW)
        size = len(self._slots)
        while len(entries):
            free = self._slots[at] == _EMPTY
            # of several that want the same slot the last gets it, and the others see that they did not
            self._slots[at[free]] = entries[free]
            left = self._slots[at] != entries
            entries = entries[left]
            at = (at[left] + 1) % size

    def _rebuild(self, coming: int) -> None:
        kept = self._slots[(self._slots != _EMPTY) & (self._slots != _GONE)]
        wanted = int((len(kept) + coming) / _MOST_TAKEN) + 1
        if wanted > len(self._slots) / _GROWTH:
            wanted = max(wanted, int(len(self._slots) * _GROWTH))
        else:
            wanted = len(self._slots)
        # the old slots go first: of ten million rows they are 100 MB
        self._slots = np.empty(0, np.uint64)
        self._slots = np.full(wanted, _EMPTY)
        for start in range(0, len(kept), 1 << 16):
            self._put(kept[start : start + (1 << 16)])
        self._taken = len(kept)
