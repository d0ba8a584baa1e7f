"""The index finds each key's row, whatever was put in and removed, and stays small."""

import numpy as np
import pytest

from monitor.join.columns.index import HashIndex


@pytest.mark.parametrize("crowded", [False, True], ids=["spread", "one place"])
def test_each_key_is_found_at_its_row_and_no_other(crowded: bool) -> None:
    random = np.random.default_rng(5)
    known: dict[int, int] = {}
    keys = np.zeros(0, np.uint64)
    index = HashIndex()
    gone: set[int] = set()
    for step in range(12):
        new = np.unique(random.integers(0, 2**64, 40 if crowded else 6_000, np.uint64))
        if crowded:
            # as many keys as can be that share their upper half, from which the place follows
            new = np.unique(new & np.uint64(0xFFFFFFFF) | np.uint64(7 << 32))
        new = np.setdiff1d(new, keys)
        rows = np.arange(len(keys), len(keys) + len(new))
        index.insert(new, rows)
        keys = np.concatenate((keys, new))
        known.update(zip(new.tolist(), rows.tolist(), strict=True))
        if step % 4 == 3:
            dropped = set(random.choice(len(keys), len(keys) // 5, replace=False).tolist()) - gone
            index.remove(lambda rows, dropped=dropped: np.isin(rows, list(dropped)))
            gone |= dropped
        asked = np.concatenate((random.choice(keys, 500), random.integers(0, 2**64, 500, np.uint64)))
        found = index.find(asked, lambda places, rows, asked=asked, keys=keys: keys[rows] == asked[places])
        expected = [-1 if known.get(key, -1) in gone else known.get(key, -1) for key in asked.tolist()]
        assert found.tolist() == expected
    assert len(index) == len(keys) - len(gone)


def test_a_row_takes_fifteen_bytes_at_most() -> None:
    index = HashIndex()
    random = np.random.default_rng(6)
    for first in range(0, 1_000_000, 10_000):
        index.insert(random.integers(0, 2**64, 10_000, np.uint64), np.arange(first, first + 10_000))
    assert len(index) == 1_000_000
    assert index._slots.nbytes <= 15 * 1_000_000
