"""Boosted trees applied to columns: the sum of the leaves that each record comes to, in the order of the trees.

A number is first replaced by its rank among the cuts that the trees make, so that a node compares one byte with another
(QuickScorer and its kin do the same: Lucchese et al. 2015). A tree is padded to a complete one, and for a block of
records all its nodes are decided, from the lowest up to the root, each for all records of the block: no jumps, and a
vector instruction decides a node for 16 to 64 records. A few records alone walk down each tree instead.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from contract.arrays import Floats, Integers
from scorer.kernels.compiled import compiled

Bytes = npt.NDArray[np.uint8]
Singles = npt.NDArray[np.float32]

LEAST_DEPTH, MOST_DEPTH = 2, 8
"""Of a tree. The work for a block doubles with each level; beyond 8, walking would be quicker."""
MOST_RANK = 254
"""Cuts that one plane tells apart; a feature with more of them has several planes."""
ALWAYS_RIGHT = 255
"""In a plane: to the right at each node. As a node's mark: to the left, whatever the plane has."""

_BLOCK = 1_024
_BLOCK_BYTES = 256 * 1_024
"""Of planes, for a block of a model that has many: they stay in the processor's cache."""
_FEW = 8
"""So many records walk."""
_WIDTH = 64


class Planes(NamedTuple):
    """How the columns of some features become planes: one byte a record.

    Source s is the feature at ``feature[s]`` in the columns. Of a number, the rank is how many of its cuts
    ``cuts[cuts_at[s]:][: 2 ** steps[s] - 1]``, which ascend and then are NaN, it reaches; 0 for NaN. Of a category, for
    which ``steps[s]`` is -1, it is the place in the schema; ``places[s]`` for NaN.

    Source s makes the planes from ``planes_at[s]`` to ``planes_at[s + 1]``. Plane p of a number is its rank less
    ``base[p]``, held between 0 and 254, and ``missing[p]`` for NaN. Plane p of a category is ``table[base[p] + rank]``.
    """

    feature: Integers
    steps: Integers
    cuts: Singles
    cuts_at: Integers
    places: Integers
    planes_at: Integers
    base: Integers
    missing: Bytes
    table: Bytes


class Trees(NamedTuple):
    """Complete binary trees.

    Tree t has ``2 ** depth[t] - 1`` nodes from ``nodes_at[t]`` on, node i's children being 2 i + 1 and 2 i + 2, and
    ``2 ** depth[t]`` leaves from ``leaves_at[t]`` on. A record goes to the right at a node iff the byte of its
    ``plane`` is above the ``mark``.
    """

    depth: Integers
    nodes_at: Integers
    leaves_at: Integers
    plane: Integers
    mark: Bytes
    leaves: Singles


class Scratch(NamedTuple):
    """Memory for a block of records. What stands in it before and after means nothing.

    ``bytes_of`` (planes, block) has the planes; ``marks`` (nodes, block) the leaves below each of some nodes.
    """

    ranks: npt.NDArray[np.int32]
    bytes_of: Bytes
    marks: Bytes


def scratch(planes: Planes, trees: Trees, records: int) -> Scratch:
    """Memory for one call of ``margins``."""
    fits = max(_BLOCK_BYTES // len(planes.base), _WIDTH)
    block = (min(_BLOCK, fits, records + _WIDTH - 1)) // _WIDTH * _WIDTH
    rows = 2 << (int(trees.depth.max()) - 2)
    return Scratch(
        np.empty(block, np.int32),
        np.empty((len(planes.base), block), np.uint8),
        np.empty((rows, block), np.uint8),
    )


@compiled
def margins(columns: Floats, planes: Planes, trees: Trees, start: np.float32, memory: Scratch, sums: Singles) -> None:
    """``start`` plus the leaves of each record, added in single precision, into ``sums`` (records).

    ``columns`` (features, records) is as in ``scorer.models.columns.CheckedColumns``, C order.
    """
    records = columns.shape[1]
    bytes_of, marks = memory.bytes_of, memory.marks
    size = len(memory.ranks)
    for first in range(0, records, size):
        count = min(size, records - first)
        for source in range(len(planes.feature)):
            column = columns[planes.feature[source], first : first + count]
            _fill(column, planes, source, memory, count)
        block = sums[first : first + count]
        for record in range(count):
            block[record] = start
        if count <= _FEW:
            for record in range(count):
                _walk(trees, bytes_of, record, block)
        else:
            # whole vectors; what comes of the bytes beyond the last record is not read
            _decide(trees, bytes_of, marks, (count + _WIDTH - 1) // _WIDTH * _WIDTH, block, count)


@compiled
def _fill(column: Floats, planes: Planes, source: int, memory: Scratch, count: int) -> None:
    """All planes of one source."""
    ranks = memory.ranks
    first, last = planes.planes_at[source], planes.planes_at[source + 1]
    steps = planes.steps[source]
    if steps < 0:
        other = np.int32(planes.places[source])
        for record in range(count):
            value = column[record]
            ranks[record] = other if np.isnan(value) else np.int32(value)
        for plane in range(first, last):
            base = planes.base[plane]
            out = memory.bytes_of[plane]
            for record in range(count):
                out[record] = planes.table[base + ranks[record]]
        return
    _rank(column, planes.cuts, planes.cuts_at[source], steps, ranks, count)
    for plane in range(first, last):
        _clip(ranks, np.int32(planes.base[plane]), planes.missing[plane], memory.bytes_of[plane], count)


@compiled
def _rank(column: Floats, cuts: Singles, at: int, steps: int, ranks: npt.NDArray[np.int32], count: int) -> None:
    """Binary search without a jump; -1 for NaN."""
    for record in range(count):
        value = np.float32(column[record])
        rank = np.int64(0)
        for step in range(steps - 1, -1, -1):
            half = 1 << step
            rank += half * np.int64(cuts[at + rank + half - 1] <= value)
        ranks[record] = np.int32(-1) if np.isnan(value) else np.int32(rank)


@compiled
def _clip(ranks: npt.NDArray[np.int32], base: np.int32, missing: np.uint8, out: Bytes, count: int) -> None:
    for record in range(count):
        rank = ranks[record]
        above = min(max(rank - base, np.int32(0)), np.int32(MOST_RANK))
        out[record] = missing if rank < 0 else np.uint8(above)


@compiled
def _walk(trees: Trees, bytes_of: Bytes, record: int, sums: Singles) -> None:
    for tree in range(len(trees.depth)):
        nodes = trees.nodes_at[tree]
        depth = trees.depth[tree]
        node = np.int64(0)
        for _ in range(depth):
            byte = np.int64(bytes_of[trees.plane[nodes + node], record])
            # the sign of the difference instead of a jump
            node = 2 * node + 1 - ((np.int64(trees.mark[nodes + node]) - byte) >> 63)
        sums[record] += trees.leaves[trees.leaves_at[tree] + node + 1 - (1 << depth)]


@compiled
def _decide(trees: Trees, bytes_of: Bytes, marks: Bytes, width: int, sums: Singles, count: int) -> None:
    """As ``_walk`` of each record. ``width`` is ``count`` rounded up to whole vectors.

    A row of ``marks`` has, for each record, the leaf that it comes to below one node. What is read and what is written
    are different halves of it, because compilers make vectors of nothing else.
    """
    half = len(marks) // 2
    for tree in range(len(trees.depth)):
        nodes = trees.nodes_at[tree]
        level = trees.depth[tree] - 2
        source, target = 0, half
        for place in range(1 << level):
            top = nodes + (1 << level) - 1 + place
            below = nodes + 2 * ((1 << level) - 1 + place) + 1
            _lowest(trees, bytes_of, top, below, 4 * place, marks[place], width)
        while level >= 2:
            level -= 2
            for place in range(1 << level):
                top = nodes + (1 << level) - 1 + place
                below = nodes + 2 * ((1 << level) - 1 + place) + 1
                four = marks[source + 4 * place : source + 4 * place + 4]
                _two_levels(trees, bytes_of, top, below, four, marks[target + place], width)
            source, target = target, source
        if level == 1:
            _one_level(trees, bytes_of, nodes, marks[source : source + 2], marks[target], width)
            source = target
        first = trees.leaves_at[tree]
        for record in range(count):
            sums[record] += trees.leaves[first + marks[source, record]]


@compiled
def _lowest(trees: Trees, bytes_of: Bytes, top: int, below: int, leaf: int, out: Bytes, width: int) -> None:
    """Of the lowest two levels: the node ``top``, and the two from ``below`` on, with four leaves from ``leaf`` on."""
    upper, left, right = trees.plane[top], trees.plane[below], trees.plane[below + 1]
    upper_mark, left_mark, right_mark = trees.mark[top], trees.mark[below], trees.mark[below + 1]
    a, b, c, d = np.uint8(leaf), np.uint8(leaf + 1), np.uint8(leaf + 2), np.uint8(leaf + 3)
    for record in range(width):
        in_left = b if bytes_of[left, record] > left_mark else a
        in_right = d if bytes_of[right, record] > right_mark else c
        out[record] = in_right if bytes_of[upper, record] > upper_mark else in_left


@compiled
def _two_levels(trees: Trees, bytes_of: Bytes, top: int, below: int, found: Bytes, out: Bytes, width: int) -> None:
    """The same for two levels further up, below which the four rows of ``found`` have been decided."""
    upper, left, right = trees.plane[top], trees.plane[below], trees.plane[below + 1]
    upper_mark, left_mark, right_mark = trees.mark[top], trees.mark[below], trees.mark[below + 1]
    for record in range(width):
        # all four are read before any is chosen, or the choice would be a jump
        a, b, c, d = found[0, record], found[1, record], found[2, record], found[3, record]
        in_left = b if bytes_of[left, record] > left_mark else a
        in_right = d if bytes_of[right, record] > right_mark else c
        out[record] = in_right if bytes_of[upper, record] > upper_mark else in_left


@compiled
def _one_level(trees: Trees, bytes_of: Bytes, top: int, found: Bytes, out: Bytes, width: int) -> None:
    plane, mark = trees.plane[top], trees.mark[top]
    for record in range(width):
        a, b = found[0, record], found[1, record]
        out[record] = b if bytes_of[plane, record] > mark else a


def warm() -> None:
    """Compile ``margins``, or find its code on disk."""
    nothing = np.zeros(1, np.int64)
    planes = Planes(
        nothing,
        np.ones(1, np.int64),
        np.zeros(1, np.float32),
        nothing,
        nothing,
        np.arange(2),
        nothing,
        np.zeros(1, np.uint8),
        np.zeros(0, np.uint8),
    )
    trees = Trees(
        np.full(1, LEAST_DEPTH), nothing, nothing, np.zeros(3, np.int64), np.zeros(3, np.uint8), np.zeros(4, np.float32)
    )
    margins(np.zeros((1, 1)), planes, trees, np.float32(0), scratch(planes, trees, 1), np.empty(1, np.float32))
