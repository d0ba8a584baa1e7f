"""The segments' part of sums: names as numbers, and ten sums a segment packed into few bytes.

Bound: 1,000 names. Sums are 64-bit integers in the units of ``SegmentSums``, so a segment of a window holds up to 9.2e9
records (2^63 / UNIT). A pane of which one has more than half of that is no message of ours (``own_messages``), because
no join holds so many.
"""

import logging
from collections.abc import Iterable, Mapping

import msgspec
import numpy as np

from contract.arrays import Integers
from contract.panes import SegmentSums

MOST_NAMES = 1_000
"""Segments that are told apart, of all schemas whose panes are met; further ones are left out."""
LARGEST_SUM = 2**62
"""The largest sum that a pane may have."""
WIDTH = len(SegmentSums.__struct_fields__)
"""Numbers of a segment."""
# numbers of records, which are small, and sums in 1/UNIT, which are not: a width for each
_COUNTS = [SegmentSums.__struct_fields__.index(name) for name in ("records", "predicted", "tn", "fp", "fn", "tp")]
_SUMS = [place for place in range(WIDTH) if place not in _COUNTS]
_log = logging.getLogger("churnstream.timeline")


class SegmentNames:
    """Gives each segment a number when it is first met, and so many places as there are."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self.known: list[str] = []
        self._told = False

    def number(self, name: str) -> int | None:
        """The number of a segment; None where there are too many."""
        number = self._numbers.get(name)
        if number is None and len(self.known) < MOST_NAMES:
            number = self._numbers[name] = len(self.known)
            self.known.append(name)
        elif number is None and not self._told:
            self._told = True
            _log.warning(
                "panes name more than %s segments; %r and further ones are left out of the windows. A monitor "
                "that is restarted knows only segments whose panes still exist",
                f"{MOST_NAMES:,}",
                name[:200],
            )
        return number


class PackedSegments(msgspec.Struct, array_like=True, frozen=True):
    """Sums of n segments: ``numbers`` u2 (n,), and theirs in so many bytes each as the largest needs."""

    numbers: bytes
    count_width: int
    counts: bytes
    sum_width: int
    sums: bytes


def pack_segments(segments: Mapping[str, SegmentSums], names: SegmentNames) -> PackedSegments | None:
    """Segments packed; equal ones give the same in whatever order. None where there is nothing.

    Raises:
        OverflowError: a sum does not fit into 64 bits.
    """
    numbered = sorted((number, name) for name in segments if (number := names.number(name)) is not None)
    rows = np.array([msgspec.structs.astuple(segments[name]) for _, name in numbered], np.int64)
    return pack_rows(np.array([number for number, _ in numbered], np.int64), rows.reshape(-1, WIDTH))


def pack_rows(numbers: Integers, rows: Integers) -> PackedSegments | None:
    """Rows (n, WIDTH) of the segments of these numbers packed, without those of zeros."""
    kept = rows.any(axis=1)
    if not kept.any():
        return None
    numbers, rows = numbers[kept], rows[kept]
    return PackedSegments(numbers.astype("<u2").tobytes(), *_narrow(rows[:, _COUNTS]), *_narrow(rows[:, _SUMS]))


def unpack(packed: PackedSegments) -> tuple[Integers, Integers]:
    """Numbers (n,) and sums (n, WIDTH) of segments."""
    numbers = np.frombuffer(packed.numbers, "<u2").astype(np.int64)
    rows = np.empty((len(numbers), WIDTH), np.int64)
    rows[:, _COUNTS] = _wide(packed.counts, packed.count_width).reshape(len(numbers), -1)
    rows[:, _SUMS] = _wide(packed.sums, packed.sum_width).reshape(len(numbers), -1)
    return numbers, rows


def named(rows: Integers, names: Iterable[str]) -> dict[str, SegmentSums]:
    """Rows (n, WIDTH) as sums by name, in order of name; those of zeros are left out."""
    found = {name: SegmentSums(*row) for name, row in zip(names, rows.tolist(), strict=False) if any(row)}
    return dict(sorted(found.items()))


def _narrow(values: Integers) -> tuple[int, bytes]:
    """The fewest bytes that hold each of some numbers, and these."""
    width = 8 if int(values.min()) < 0 else max(1, (int(values.max()).bit_length() + 7) // 8)
    flat = np.ascontiguousarray(values, "<i8").reshape(-1)
    return width, flat.view(np.uint8).reshape(-1, 8)[:, :width].tobytes()


def _wide(body: bytes, width: int) -> Integers:
    narrow = np.frombuffer(body, np.uint8).reshape(-1, width)
    wide = np.zeros((len(narrow), 8), np.uint8)
    wide[:, :width] = narrow
    return wide.view("<i8").reshape(-1)
