"""Random numbers that depend on a name and a row alone, so that no result changes with the size of a chunk."""

import hashlib

import numpy as np

from contract.arrays import Floats

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
