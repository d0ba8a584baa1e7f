"""Which customers are held out from training. Pure, and the same for whoever asks.

A customer is held out iff a hash of the id and a seed is below the share's part of all hashes. So nothing else has a
say: not the other rows of a table, nor their number. A customer stays on one side however a table grows, and a replay
can send those alone whom a champion has not learned from.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from contract.arrays import Mask
from contract.errors import UserError
from contract.split.defaults import DEFAULT_SPLIT_SEED, DEFAULT_TEST_SHARE

SPLIT_RULE = "hash below share"
"""Names the rule, so that models that were split by another one are told apart."""
_SALT = b"split/"
_BITS = 64


def held_out(
    customers: Sequence[object] | npt.NDArray[np.object_],
    seed: int = DEFAULT_SPLIT_SEED,
    share: float = DEFAULT_TEST_SHARE,
) -> Mask:
    """Mask of the rows whose customers are held out.

    Raises:
        UserError: ``share`` is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise UserError(f"--test-share got {share:g}; give a share between 0 and 1, such as 0.15")
    key = hashlib.blake2b(_SALT + str(seed).encode(), digest_size=32).digest()
    below = round(share * 2**_BITS)
    known: dict[object, bool] = {}
    for customer in customers:
        if customer not in known:
            digest = hashlib.blake2b(str(customer).encode(), digest_size=_BITS // 8, key=key).digest()
            known[customer] = int.from_bytes(digest) < below
    return np.array([known[customer] for customer in customers], dtype=bool)
