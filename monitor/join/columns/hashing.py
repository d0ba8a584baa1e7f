"""Hashes of ids, a batch at once: 64 bits of a record's id, 32 of a customer's.

A record is known by 64 bits of its id alone. With ten million records kept, the chance that a new one is taken for
another is 5e-13: once in two thousand years at a billion records a year. A label must agree in its customer, too.
"""

from collections.abc import Sequence

import numpy as np
from xxhash import xxh3_64_digest

from contract.arrays import Integers, Unsigned

ROLES = ("champion", "challenger")
_ROLE_BITS = dict(zip(ROLES, (0, 0x9E3779B97F4A7C15), strict=True))


def record_hashes(record_ids: Sequence[str]) -> Unsigned:
    """64 bits of the XXH3 hash of each id; ``monitor.panes.record_hash`` is the upper 53 of them."""
    return _hashes(_encoded(record_ids))


def customer_hashes(keys: Sequence[bytes]) -> Unsigned:
    """64 bits of the XXH3 hash of each customer's id, given as the key of its messages."""
    return _hashes(keys)


def short_hashes(customers: Unsigned) -> Unsigned:
    """The 32 bits of customers' hashes by which a row tells whose it is."""
    return customers & np.uint64(0xFFFFFFFF)


def row_keys(hashes: Unsigned, role: str) -> Unsigned:
    """What the row of a record and a role is found by."""
    return hashes ^ np.uint64(_ROLE_BITS[role])


def role_bits(roles: Sequence[str]) -> Unsigned:
    """What ``row_keys`` makes different between roles, for one role each."""
    return np.array([_ROLE_BITS[role] for role in roles], np.uint64)


def in_groups(values: Integers | Unsigned) -> tuple[Integers, list[tuple[int, int]]]:
    """The order that sorts ``values``, and the bounds of each run of equal ones in it."""
    if len(values) == 0:
        return np.zeros(0, np.int64), []
    if values[0] == values[-1] and (values == values[0]).all():
        return np.arange(len(values)), [(0, len(values))]
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    return order, list(zip(starts.tolist(), [*starts[1:].tolist(), len(values)], strict=True))


def _hashes(ids: Sequence[bytes]) -> Unsigned:
    return np.frombuffer(b"".join(map(xxh3_64_digest, ids)), ">u8").astype(np.uint64)


def _encoded(texts: Sequence[str]) -> list[bytes]:
    try:
        return [text.encode() for text in texts]
    except UnicodeEncodeError:
        # JSON can carry a lone surrogate, which plain UTF-8 refuses
        return [text.encode("utf-8", "surrogatepass") for text in texts]
