"""What batches and requests need of a model, and the check of its answers."""

from collections.abc import Sequence
from typing import Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from contract.messages import ModelRef


class Scores(Protocol):
    """What a batch needs of a model: its name and threshold, and one call on one matrix."""

    @property
    def ref(self) -> ModelRef: ...

    @property
    def threshold(self) -> float: ...

    def score(self, features: Sequence[msgspec.Struct]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8]]:
        """Probabilities of the positive class and decisions (0/1), one per record."""
        ...


def finite_scores(
    model: Scores, features: Sequence[msgspec.Struct]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8]]:
    """As ``model.score``, of a model that is not trusted to answer with numbers.

    Raises:
        ValueError: a probability is none.
    """
    probabilities, decisions = model.score(features)
    if not np.isfinite(probabilities).all():
        raise ValueError(f"model {model.ref.name} v{model.ref.version} answered with a probability that is no number")
    return probabilities, decisions
