"""What batches and requests need of a model, and the check of its answers."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import msgspec
import numpy as np
import numpy.typing as npt

from contract.errors import ChurnstreamError
from contract.messages import ModelRef
from scorer.models.columns import CheckedColumns


class Scores(Protocol):
    """What a batch needs of a model: its name and threshold, and one call on one matrix."""

    @property
    def ref(self) -> ModelRef: ...

    @property
    def threshold(self) -> float: ...

    def score(self, features: Sequence[msgspec.Struct]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8]]:
        """Probabilities of the positive class and decisions (0/1), one per record."""
        ...


@runtime_checkable
class ScoresColumns(Scores, Protocol):
    """A model that takes features by column, too, and gives the same bits for them."""

    def score_columns(self, columns: CheckedColumns) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8]]:
        """As ``score`` of the same records."""
        ...


class ModelAnswerError(ChurnstreamError, ValueError):
    """A model has answered with something that is no probability for each record."""


def checked_scores(
    model: Scores, features: Sequence[msgspec.Struct]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8]]:
    """As ``model.score``, of a model that is not trusted to answer each record with a probability.

    Raises:
        ModelAnswerError: it has not.
        Exception: what the model itself raises.
    """
    return _checked(model, len(features), *model.score(features))


def checked_column_scores(
    model: ScoresColumns, columns: CheckedColumns
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8]]:
    """The same by column.

    Raises:
        ModelAnswerError: it has not.
        Exception: what the model itself raises.
    """
    return _checked(model, len(columns), *model.score_columns(columns))


def _checked(
    model: Scores, records: int, probabilities: npt.NDArray[np.float64], decisions: npt.NDArray[np.uint8]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8]]:
    named = f"model {model.ref.name} v{model.ref.version}"
    if probabilities.shape != (records,) or decisions.shape != probabilities.shape:
        raise ModelAnswerError(f"{named} answered {records} records with shape {probabilities.shape}")
    # a NaN is neither
    if not ((probabilities >= 0.0) & (probabilities <= 1.0)).all():
        finite = np.isfinite(probabilities).all()
        raise ModelAnswerError(
            f"{named} answered with a probability that is {'outside 0 to 1' if finite else 'not a number'}"
        )
    return probabilities, decisions
