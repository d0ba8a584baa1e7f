"""Numbers for what the predictions of a batch share: model, threshold and decision.

Bound: one entry for each model and threshold that a prediction of the stream has named, some 300 bytes. A model has one
threshold; a scorer of somebody else's that gave each prediction its own would cost that much a prediction.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from contract.arrays import Integers, Unsigned
from contract.messages import ModelRef, Prediction
from monitor.join.columns.hashing import role_bits


class Code(msgspec.Struct, frozen=True):
    """What one number stands for."""

    model: ModelRef
    threshold: float
    predicted: int


class Codes:
    """Grows as predictions come; a number keeps its meaning.

    ``tails`` have what is the same in all outcomes of a code, as JSON.
    """

    def __init__(self, known: Sequence[Code] = ()) -> None:
        self.known: list[Code] = []
        self._numbers: dict[tuple[str, int, str, float, int], int] = {}
        self._models: dict[ModelRef, int] = {}
        self._model_of: list[int] = []
        self.tails: list[str] = []
        for code in known:
            self._add(code)

    def of(self, predictions: Sequence[Prediction]) -> Integers:
        """The number of each prediction's code."""
        numbers = self._numbers
        found = np.empty(len(predictions), np.int64)
        for place, made in enumerate(predictions):
            model = made.model
            key = (model.name, model.version, model.role, made.threshold, made.predicted)
            number = numbers.get(key)
            found[place] = self._add(Code(model, made.threshold, made.predicted)) if number is None else number
        return found

    @property
    def models(self) -> list[ModelRef]:
        """The models, by their number."""
        return list(self._models)

    def model_numbers(self, codes: Integers) -> Integers:
        """The number of each code's model."""
        return np.array(self._model_of, np.int64)[codes]

    def decisions(self, codes: Integers) -> Integers:
        """1 or 0 for each code."""
        return np.array([code.predicted for code in self.known], np.int64)[codes]

    @property
    def roles(self) -> set[str]:
        """Roles that models have had so far."""
        return {model.role for model in self._models}

    def role_bits(self, codes: Integers) -> Unsigned:
        """What the role of each code makes different in a row's key."""
        return role_bits([code.model.role for code in self.known])[codes]

    def _add(self, code: Code) -> int:
        model = code.model
        number = len(self.known)
        self.known.append(code)
        self._numbers[model.name, model.version, model.role, code.threshold, code.predicted] = number
        self._model_of.append(self._models.setdefault(model, len(self._models)))
        threshold, name = msgspec.json.encode(code.threshold).decode(), msgspec.json.encode(model).decode()
        self.tails.append(f',"predicted":{code.predicted},"threshold":{threshold},"model":{name}')
        return number
