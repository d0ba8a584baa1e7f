"""Fakes for tests of the scorer and of what is built on it.

A model that answers at once, the same on every machine; a registry of models; a sink that keeps what it is given.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
import numpy.typing as npt

from contract.errors import UserError
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


class MemoryRegistry:
    """A model registry in memory, a ``ModelSource`` for ``Champion``: versions, and the alias of one of them.

    As in MLflow, a number is given once, unless the whole model is deleted; a version that is deleted takes the alias
    with it. Models are loaded unchecked, but those in ``damaged`` are refused. While ``find_failure`` or
    ``load_failure`` is set, the call raises it. ``loads`` has the version of each call of ``load``. ::

        registry = MemoryRegistry(schema, classifier)    # version 1, which has the alias
        champion = Champion(settings, source=registry)
        champion.load()
        registry.move_alias(registry.register(better))
        champion.look()
    """

    def __init__(
        self, schema: Schema, classifier: Classifier | None = None, *, threshold: float = 0.5, name: str = "churn"
    ) -> None:
        """Where a ``classifier`` is given, it is version 1 and has the alias."""
        self.damaged: set[int] = set()
        self.find_failure: Exception | None = None
        self.load_failure: Exception | None = None
        self.loads: list[int] = []
        self._schema = schema
        self._threshold = threshold
        self._name = name
        self._versions: dict[int, tuple[FoundVersion, Classifier]] = {}
        self._alias: int | None = None
        self._newest = 0
        self._registered = 0
        if classifier is not None:
            self.move_alias(self.register(classifier))

    @property
    def versions(self) -> list[int]:
        """The numbers that there are."""
        return list(self._versions)

    def register(self, classifier: Classifier) -> int:
        """The number of a new version."""
        self._newest += 1
        self._registered += 1
        self._versions[self._newest] = FoundVersion(self._newest, self._registered), classifier
        return self._newest

    def move_alias(self, version: int | None) -> None:
        """Give the alias to ``version``, or to none.

        Raises:
            MlflowException: there is no such version.
        """
        if version is not None:
            self._require(version)
        self._alias = version

    def delete(self, version: int) -> None:
        """Delete one version, and the alias if it has that.

        Raises:
            MlflowException: there is no such version.
        """
        self._require(version)
        del self._versions[version]
        self._alias = None if self._alias == version else self._alias

    def delete_all(self) -> None:
        """Delete the model with all versions; the next to be registered has number 1 again, and is another one."""
        self._versions.clear()
        self._alias, self._newest = None, 0

    def find(self, version: int | None = None) -> FoundVersion | None:
        """See ``ModelSource``."""
        if self.find_failure is not None:
            raise self.find_failure
        number = self._alias if version is None else version
        return self._versions[number][0] if number in self._versions else None

    def load(self, version: int) -> Model:
        """The model.

        Raises:
            UserError: it is in ``damaged``.
            MlflowException: there is no such version.
        """
        self.loads.append(version)
        if self.load_failure is not None:
            raise self.load_failure
        self._require(version)
        if version in self.damaged:
            raise UserError(f"model {self._name} v{version} is refused: damaged")
        return Model(ModelRef(self._name, version), self._threshold, self._schema, self._versions[version][1])

    def _require(self, version: int) -> None:
        from mlflow.exceptions import MlflowException
        from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST

        if version not in self._versions:
            raise MlflowException(f"model {self._name} has no version {version}", RESOURCE_DOES_NOT_EXIST)


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
