"""Which rows are held out for the test, and how the others are divided into folds.

A customer's place follows from a hash of the id and the split's seed, never from the table's order. So a customer stays
on one side over all trainings with one split seed: a champion has not learned from the rows on which it meets its
challenger, even if the table has grown since. Two split seeds mean two test sets: a model of one has learned from most
of the other's test rows, so the seed is kept with the version, and such a pair is not compared.
"""

import hashlib

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from training.defaults import DEFAULT_SPLIT_SEED

TEST_SHARE = 0.15
FOLDS = 5
_SALT = b"split/"

Fold = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]


def held_out(
    customers: npt.NDArray[np.object_],
    y: npt.NDArray[np.int64],
    seed: int = DEFAULT_SPLIT_SEED,
    share: float = TEST_SHARE,
) -> npt.NDArray[np.bool_]:
    """Mask of the test rows: of each class the ``share`` with the smallest hashes, and all rows of those customers."""
    hashes = np.array([_hash(customer, seed) for customer in customers], dtype=np.uint64)
    chosen = np.zeros(len(y), dtype=bool)
    for label in (0, 1):
        rows = np.flatnonzero(y == label)
        chosen[rows[np.argsort(hashes[rows], kind="stable")[: round(len(rows) * share)]]] = True
    return np.isin(hashes, hashes[chosen])


def folds(customers: npt.NDArray[np.object_], y: npt.NDArray[np.int64], seed: int, count: int = FOLDS) -> list[Fold]:
    """Stratified (training, validation) row numbers of each fold; a customer with several rows is in one fold."""
    groups = pd.factorize(customers)[0]
    rows = np.zeros((len(y), 1))
    if groups.max() + 1 == len(groups):  # as usual; the other kind takes long for many groups
        return list(StratifiedKFold(count, shuffle=True, random_state=seed).split(rows, y))
    return list(StratifiedGroupKFold(count, shuffle=True, random_state=seed).split(rows, y, groups))


def _hash(customer: object, seed: int) -> int:
    key = hashlib.blake2b(_SALT + str(seed).encode(), digest_size=32).digest()
    return int.from_bytes(hashlib.blake2b(str(customer).encode(), digest_size=8, key=key).digest())
