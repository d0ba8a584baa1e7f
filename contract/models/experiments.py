"""MLflow experiments of ours, found by name or made, and the tags that say which model a run's values are of."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from contract.errors import UserError
from contract.messages import ModelRef

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment

KIND_TAG, KIND = "mlflow.experimentKind", "custom_model_development"
"""An experiment of this kind opens with its runs and their charts."""


def open_experiment(
    client: "MlflowClient", name: str, tags: Mapping[str, str] | None = None, *, setting: str | None = None
) -> "Experiment":
    """The experiment of that name. If it is not there it is made, with ``tags`` from its first moment on.

    ``setting`` is the variable that names it, where one does.

    Raises:
        UserError: it was deleted.
        mlflow.exceptions.MlflowException: MLflow does not answer.
    """
    found = client.get_experiment_by_name(name)
    if found is None:
        return client.get_experiment(client.create_experiment(name, tags={KIND_TAG: KIND, **(tags or {})}))
    if found.lifecycle_stage != "active":
        other = f", or set {setting} to another name" if setting else ""
        raise UserError(
            f"MLflow experiment {name!r} is deleted; run `mlflow experiments restore -x {found.experiment_id}`{other}"
        )
    if KIND_TAG not in found.tags:
        client.set_experiment_tag(found.experiment_id, KIND_TAG, KIND)
    return found


def model_tags(model: ModelRef, values: str) -> dict[str, str]:
    """Tags of a run that holds one kind of values of one model version."""
    return {
        "churnstream.model": model.name,
        "churnstream.version": str(model.version),
        "churnstream.role": model.role,
        "churnstream.values": values,
    }
