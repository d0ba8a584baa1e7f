"""Fakes for tests of the scorer and of what is built on it.

A model that answers at once, the same on every machine; a registry of one version; a sink that keeps what it is given.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
import numpy.typing as npt

from contract.messages import Label, ModelRef, Prediction
from contract.models.registry import Classifier, FoundVersion
from contract.schema import Schema
from scorer.models.loaded import Model
from scorer.serving.errors import UnavailableError


@dataclass
class LogisticModel:
    """Probability ``1 / (1 + exp(-(value - centre) / scale))`` of one numeric feature."""

    feature: str = "Age"
    centre: float = 45.0
    scale: float = 10.0
    threshold: float = 0.5
    ref: ModelRef = field(default_factory=lambda: ModelRef("churn", 1))

    def score(self, features: Sequence[msgspec.Struct]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8]]:
        """Probabilities and decisions, one per record; a null counts as the centre."""
        values = [getattr(row, self.feature) for row in features]
        numbers = np.array([self.centre if value is None else value for value in values], dtype=np.float64)
        probabilities = 1.0 / (1.0 + np.exp(-(numbers - self.centre) / self.scale))
        return probabilities, (probabilities >= self.threshold).astype(np.uint8)


@dataclass
class MemoryRegistry:
    """A model registry that holds one version, of any classifier: a ``ModelSource`` for ``Champion``."""

    schema: Schema
    classifier: Classifier
    version: int = 1
    threshold: float = 0.5
    name: str = "churn"

    def find(self, version: int | None = None) -> FoundVersion | None:
        """The version, whatever the alias; None if another one is asked for."""
        return FoundVersion(self.version, 0) if version in (None, self.version) else None

    def load(self, version: int) -> Model:
        """The model, whose parts nobody checks."""
        return Model(ModelRef(self.name, version), self.threshold, self.schema, self.classifier)


@dataclass
class FaultyModel(LogisticModel):
    """Fails on each batch with a record that ``fails`` picks; ``fault`` is how.

    It raises, answers that record with what is no probability (``nan``, ``infinite``, ``negative``, ``above one``), or
    answers with a value too few (``short``) or too many (``long``). ``calls`` counts.
    """

    fails: Callable[[msgspec.Struct], bool] = field(kw_only=True, default=lambda _row: True)
    fault: str = field(kw_only=True, default="raise")
    calls: int = field(kw_only=True, default=0)

    def score(self, features: Sequence[msgspec.Struct]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8]]:
        """As the logistic model's where nothing is wrong."""
        self.calls += 1
        probabilities, decisions = super().score(features)
        bad = [self.fails(row) for row in features]
        if not any(bad):
            return probabilities, decisions
        match self.fault:
            case "raise":
                raise ValueError("a record that the model cannot take")
            case "short":
                return probabilities[:-1], decisions[:-1]
            case "long":
                return np.append(probabilities, 0.5), np.append(decisions, 0)
        probabilities[bad] = {"nan": np.nan, "infinite": np.inf, "negative": -0.1, "above one": 1.1}[self.fault]
        return probabilities, decisions


@dataclass
class MemorySink:
    """Keeps predictions and labels, or, while ``hindrance`` is set, refuses them as a stream that does not answer."""

    predictions: list[Prediction] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    hindrance: str | None = None
    closed: bool = False

    async def take(self, predictions: Sequence[Prediction], labels: Sequence[Label]) -> None:
        """Keep them, or raise an ``UnavailableError``."""
        if self.hindrance:
            raise UnavailableError(self.hindrance)
        self.predictions.extend(predictions)
        self.labels.extend(labels)

    def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True


@dataclass
class StandingTime:
    """A stream's time, for requests beside a replay: ``newest`` in ms, or, while ``hindrance`` is set, none yet."""

    newest: int
    hindrance: str | None = None

    def now(self) -> int:
        """The newest record's."""
        return self.newest
