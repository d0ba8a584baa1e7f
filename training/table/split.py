"""How the rows that may be learned from are divided into folds.

Which rows are held out for the test says ``contract.split.held_out``: a customer's place follows from a hash of the id
and the split's seed, never from the table. So a customer stays on one side over all trainings with one split seed and
one share: a champion has not learned from the rows on which it meets its challenger, even if the table has grown since.
Two split seeds mean two test sets: a model of one has learned from most of the other's test rows, so the seed is kept
with the version, and such a pair is not compared.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

FOLDS = 5

Fold = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]


def folds(customers: npt.NDArray[np.object_], y: npt.NDArray[np.int64], seed: int, count: int = FOLDS) -> list[Fold]:
    """Stratified (training, validation) row numbers of each fold; a customer with several rows is in one fold."""
    groups = pd.factorize(customers)[0]
    rows = np.zeros((len(y), 1))
    if groups.max() + 1 == len(groups):  # as usual; the other kind takes long for many groups
        return list(StratifiedKFold(count, shuffle=True, random_state=seed).split(rows, y))
    return list(StratifiedGroupKFold(count, shuffle=True, random_state=seed).split(rows, y, groups))
