"""The reference sample that a version's streams are compared with: what the model has learned from, one row a customer.

The rows are those of smallest hash, so they are a uniform sample whatever order the table has, and every head of the
file is one, too. Scores are out-of-fold: the model has seen its own training rows, and answers them otherwise.
"""

import io
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pandas as pd

from contract.arrays import Floats, Labels
from contract.models.bundle import LABEL_COLUMN, SCORE_COLUMN
from contract.models.calibration import CalibrationBins, attach_calibration

MOST_ROWS = 20_000
MOST_BYTES = 8 * 2**20
_KEY = b"reference"


def reference_bytes(
    X: pd.DataFrame,
    y: Labels,
    scores: Floats,
    customers: npt.NDArray[np.object_],
    most_bytes: int = MOST_BYTES,
    calibration: CalibrationBins | None = None,
) -> bytes:
    """The artifact's content, of the training rows with their out-of-fold ``scores``; at most ``most_bytes`` long.

    ``calibration`` is of all rows, each scored by a model that has not learned from it, and goes with it.
    """
    order = _order(customers)
    one_each = order[~pd.Series(customers[order]).duplicated().to_numpy()][:MOST_ROWS]
    frame = X.assign(**{SCORE_COLUMN: scores, LABEL_COLUMN: y}).iloc[one_each]
    if calibration is not None:
        attach_calibration(frame, calibration)
    while len(content := _parquet(frame)) > most_bytes and len(frame) > 1:
        frame = frame.iloc[: len(frame) // 2]
    return content


def _order(customers: npt.NDArray[np.object_]) -> npt.NDArray[np.int64]:
    """By the customer's hash, and by that of the customer's numbered row where several have the same."""
    hashes = _hashes(customers)
    order = np.argsort(hashes)
    if (np.diff(hashes[order]) > 0).all():
        return order
    return np.lexsort((_hashes(_numbered(customers)), hashes))


def _numbered(customers: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    """Each customer's rows numbered in their order, so that chance and no value decides which of them is taken."""
    places = pd.Series(customers).groupby(customers).cumcount()
    return np.array([f"{place}/{customer}" for place, customer in zip(places, customers, strict=True)], dtype=object)


def _hashes(texts: npt.NDArray[np.object_]) -> npt.NDArray[np.uint64]:
    digests = (blake2b(str(text).encode("utf-8", "surrogatepass"), digest_size=8, key=_KEY).digest() for text in texts)
    return np.frombuffer(b"".join(digests), dtype=">u8").astype(np.uint64)


def _parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()
