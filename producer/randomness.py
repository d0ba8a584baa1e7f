"""Random numbers that depend on a name and a row alone, so that no result changes with the size of a chunk.

A row is its number, or, where a table may grow between two replays, a key of its own.
"""

import hashlib

import numpy as np

from contract.arrays import Floats, Unsigned

_PER_BLOCK = 4
"""64-bit draws that Philox makes for each step of its counter."""


def uniforms(stream: str, first: int, count: int) -> Floats:
    """Draws ``first`` to ``first + count - 1`` of the stream of that name, uniform on [0, 1).

    Philox is a counter-based generator (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): any
    row's draw is reached without making those before it.
    """
    bits = np.random.Philox(key=int.from_bytes(hashlib.sha256(stream.encode()).digest()[:16], "little"))
    bits.advance(first // _PER_BLOCK)
    skipped = first % _PER_BLOCK
    return np.random.Generator(bits).random(skipped + count)[skipped:]


def keyed_uniforms(stream: str, keys: Unsigned) -> Floats:
    """One draw for each key of the stream of that name, uniform on [0, 1): the same whatever other keys there are.

    The mixing is SplitMix64's (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
    """
    mixed = keys ^ np.uint64(int.from_bytes(hashlib.sha256(stream.encode()).digest()[:8], "little"))
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed = (mixed ^ (mixed >> np.uint64(31))) >> np.uint64(11)
    return mixed.astype(np.float64) * 2.0**-53
