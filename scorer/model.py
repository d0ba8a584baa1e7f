"""The registered model as the scorer applies it: one object for the stream and for requests.

Loading takes nothing on trust: the files are skops with known types only, the schema is the one in use, and the answer
on the model's own input example is the one it gave when it was registered (see ``contract.registry``).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from contract.errors import UserError
from contract.messages import ModelRef
from contract.records import feature_frame
from contract.registry import (
    Classifier,
    find_version,
    load_registered,
    out_of_reach,
    positive_probabilities,
    registry_client,
)
from contract.schema import Schema, load_schema
from contract.settings import Settings


@dataclass(frozen=True)
class Model:
    """A loaded version: its name in messages, its threshold and its schema. Scoring changes nothing in it."""

    ref: ModelRef
    threshold: float
    schema: Schema
    classifier: Classifier

    def score(self, features: Sequence[msgspec.Struct]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8]]:
        """Probabilities of churn and decisions (1 iff at least the threshold), one per record, in one call.

        ``features`` are structs of ``contract.records.features_type``.
        """
        if not features:
            return np.empty(0), np.empty(0, dtype=np.uint8)
        probabilities = positive_probabilities(self.classifier, feature_frame(self.schema, features))
        return probabilities, (probabilities >= self.threshold).astype(np.uint8)


def load_model(settings: Settings, version: int | None = None) -> Model:
    """Load ``version``, or the one that has the alias now.

    Raises:
        UserError: the registry does not answer, has no such model or alias, or holds a model that is refused.
    """
    schema = load_schema(settings.dataset)
    client = registry_client(settings)
    from mlflow.exceptions import MlflowException

    try:
        found = find_version(client, settings, version)
        if found is None:
            raise _absent(settings, version)
        registered = load_registered(settings, found, schema)
    except (MlflowException, OSError) as error:
        raise out_of_reach(settings, error) from error
    ref = ModelRef(settings.model_name, registered.version)
    return Model(ref, registered.card.threshold, schema, registered.classifier)


def _absent(settings: Settings, version: int | None) -> UserError:
    what = f"alias @{settings.model_alias}" if version is None else f"version {version}"
    return UserError(
        f"MLflow at {settings.mlflow_tracking_uri} has no model {settings.model_name!r} with {what}; register one with "
        f"`churnstream train`, or check --model-name, --model-alias and --tracking-uri"
    )
