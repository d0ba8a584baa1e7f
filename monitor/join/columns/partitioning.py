"""Kafka's own partitioner (murmur2) for many keys at once; ``contract.kafka.partitioner`` has it for one."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from contract.arrays import Integers

_SEED, _M = np.uint32(0x9747B28C), np.uint32(0x5BD1E995)


def partitions_of(keys: Sequence[bytes], partitions: int) -> Integers:
    """The partition, of so many, that Kafka's partitioner sends each key to."""
    lengths = np.fromiter(map(len, keys), np.int64, len(keys))
    found = np.empty(len(keys), np.int64)
    for length in np.unique(lengths).tolist():
        places = np.flatnonzero(lengths == length)
        joined = b"".join([keys[place] for place in places.tolist()])
        block = np.frombuffer(joined, np.uint8).reshape(len(places), length)
        found[places] = _murmur2(block).astype(np.int64) & 0x7FFFFFFF
    return found % partitions


def _murmur2(block: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint32]:
    """Of keys of one length, a row each."""
    rows, length = block.shape
    found = np.full(rows, _SEED ^ np.uint32(length), np.uint32)
    words = np.ascontiguousarray(block[:, : length // 4 * 4]).view("<u4")
    for column in words.T:
        word = column * _M
        word ^= word >> np.uint32(24)
        found = found * _M ^ word * _M
    rest = block[:, length // 4 * 4 :].astype(np.uint32)
    for at in reversed(range(rest.shape[1])):
        found ^= rest[:, at] << np.uint32(8 * at)
    if rest.shape[1]:
        found *= _M
    found ^= found >> np.uint32(13)
    found *= _M
    return found ^ (found >> np.uint32(15))
