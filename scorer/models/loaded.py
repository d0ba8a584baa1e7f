"""The registered model as the scorer applies it: one object for the stream and for requests.

Loading takes nothing on trust: the files are skops with known types only, the schema is the one in use, and the answer
on the model's own input example is the one it gave when it was registered (see ``contract.models.registry``).
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NoReturn, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from contract.errors import UserError
from contract.messages import ModelRef
from contract.models.bundle import ModelCard
from contract.models.lookup import LookedUp, NotAnsweredError, look_up
from contract.models.registry import (
    Classifier,
    FoundVersion,
    Registered,
    find_registered,
    load_registered,
    model_title,
    out_of_reach,
    positive_probabilities,
    registry_client,
    registry_outages,
)
from contract.records import feature_frame
from contract.schema import Schema, load_schema
from contract.settings import Settings
from scorer.kernels.compiled import available
from scorer.models.boosted_check import sample, with_compiled_trees
from scorer.models.columns import CheckedColumns, columns_of_frame
from scorer.models.direct import Compiled, Direct, checked_direct

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from scorer.models.kept import KeptModels

_log = logging.getLogger("churnstream.models")


@dataclass(frozen=True)
class Model:
    """A loaded version: its name in messages, its threshold and its schema. Scoring changes nothing in it.

    ``direct`` is the way around the data frame, where the classifier has one; ``card`` is what training says of it. A
    model that was kept from an earlier start has a direct way, and no classifier.
    """

    ref: ModelRef
    threshold: float
    schema: Schema
    classifier: Classifier
    direct: Compiled | None = field(default=None, repr=False, compare=False)
    card: ModelCard | None = None

    def score(self, features: Sequence[msgspec.Struct]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8]]:
        """Probabilities of churn and decisions (1 iff at least the threshold), one per record, in one call.

        ``features`` are structs of ``contract.records.features_type``.
        """
        if not features:
            return np.empty(0), np.empty(0, dtype=np.uint8)
        if self.direct is not None:
            probabilities = self.direct.probabilities(features)
        else:
            probabilities = positive_probabilities(self.classifier, feature_frame(self.schema, features))
        return probabilities, (probabilities >= self.threshold).astype(np.uint8)

    def score_columns(self, columns: CheckedColumns) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8]]:
        """As ``score`` of the same records, from their columns."""
        if not len(columns):
            return np.empty(0), np.empty(0, dtype=np.uint8)
        if self.direct is not None:
            probabilities = self.direct.of_columns(columns)
        else:
            probabilities = positive_probabilities(self.classifier, columns.frame(self.schema))
        return probabilities, (probabilities >= self.threshold).astype(np.uint8)


class ModelSource(Protocol):
    """Where the scorer finds and loads its models. ``ModelRegistry`` is the real one."""

    def find(self, version: int | None = None) -> FoundVersion | None:
        """``version`` if it is registered, else the version with the alias; None if there is none."""
        ...

    def load(self, version: int) -> Model:
        """Load and check a version that was found.

        Raises:
            UserError: the model is refused.
        """
        ...


class ModelRegistry:
    """MLflow's registry. One client is kept; a failure of MLflow's comes through as it is (``registry_outages``).

    MLflow is imported when it is first needed, which is not before a model is to be read from it. With ``kept``, one
    that an earlier process has read is taken from the state directory.

    Raises:
        UserError: the data set's schema cannot be read.
    """

    def __init__(self, settings: Settings, *, kept: bool = False) -> None:
        self._settings = settings
        self._schema = load_schema(settings.dataset)
        self._kept = kept
        self._client: MlflowClient | None = None

    def find(self, version: int | None = None) -> FoundVersion | None:
        """See ``ModelSource``.

        Raises:
            UserError: the registry is a file that is not there, or a database that cannot be opened.
        """
        try:
            looked = look_up(self._settings, version)
        except NotAnsweredError as error:
            _log.debug("asking MLflow, because the registry cannot be read directly: %s", error)
        else:
            return None if looked is None else FoundVersion(looked.version, looked.created)
        if self._client is None:
            self._client = registry_client(self._settings)
        return find_registered(self._client, self._settings, version)

    def load(self, version: int) -> Model:
        ref = ModelRef(self._settings.model_name, version)
        looked = self._looked_up(version)
        if looked is not None:
            found = self._store().read(looked)
            if found is not None:
                card, trees = found
                return Model(ref, card.threshold, self._schema, _NotRead(), direct=trees, card=card)
        registered = load_registered(self._settings, version, self._schema)
        named = model_title(self._settings, version)
        direct = checked_direct(registered.classifier, self._schema, named)
        if direct is not None:
            direct = with_compiled_trees(direct, self._schema, named, registered.example)
        # the same before and after, so what was read is of that version
        if looked is not None and direct is not None and looked == self._looked_up(version):
            self._keep(looked, registered, direct)
        card = registered.card
        return Model(ref, card.threshold, self._schema, registered.classifier, direct=direct, card=card)

    def _looked_up(self, version: int) -> LookedUp | None:
        if not self._kept or not available():
            return None
        try:
            return look_up(self._settings, version)
        except NotAnsweredError:
            return None

    def _keep(self, looked: LookedUp, registered: Registered, direct: Direct) -> None:
        from scorer.models.boosted import Boosted

        trees = direct.compiled
        if isinstance(trees, Boosted):
            asked = columns_of_frame(registered.example, self._schema).beside(sample(trees, self._schema))
            answers = replace(direct, compiled=None).of_columns(asked)
            self._store().write(looked, registered.card, trees, asked, answers)

    def _store(self) -> "KeptModels":
        # here, because numba takes a while to import
        from scorer.models.kept import KeptModels

        return KeptModels(self._settings, self._schema)


class _NotRead:
    """In the place of a classifier that nothing is asked of, because its trees were kept."""

    def predict_proba(self, _X: object) -> NoReturn:
        raise RuntimeError("the classifier of a model that was kept is not read")


def load_model(settings: Settings, version: int | None = None) -> Model:
    """Load ``version``, or the one that has the alias now.

    Raises:
        UserError: the registry does not answer, has no such model or alias, or holds a model that is refused.
    """
    return load_found(ModelRegistry(settings), settings, version)[1]


def import_libraries() -> None:
    """Import what is needed to load a model, before there is one."""
    import xgboost  # noqa: F401


def load_found(source: ModelSource, settings: Settings, version: int | None = None) -> tuple[FoundVersion, Model]:
    """The same from any source, with what the registry says about the version.

    Raises:
        UserError: as ``load_model``.
    """
    try:
        found = source.find(version)
        if found is None:
            raise _absent(settings, version)
        return found, source.load(found.version)
    except Exception as error:
        # asked for here, because it takes MLflow
        if isinstance(error, registry_outages()):
            raise out_of_reach(settings, error) from error
        raise


def _absent(settings: Settings, version: int | None) -> UserError:
    what = f"alias @{settings.model_alias}" if version is None else f"version {version}"
    return UserError(
        f"MLflow at {settings.mlflow_tracking_uri} has no model {settings.model_name!r} with {what}; register one with "
        f"`churnstream train`, or check --model-name, --model-alias and --tracking-uri"
    )
