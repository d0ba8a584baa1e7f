"""MLflow experiments of ours, found by name or made, and the tags that say which model a run's values are of."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from contract.errors import UserError
from contract.messages import ModelRef
from contract.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment

KIND_TAG, KIND = "mlflow.experimentKind", "custom_model_development"
"""An experiment of this kind opens with its runs and their charts."""
STREAM_TAG = "churnstream.topic_prefix"
"""Tag of an experiment with one stream's values: the prefix of its topics, ``none`` if they have none."""


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
    refuse_deleted(found, setting=setting)
    if KIND_TAG not in found.tags:
        client.set_experiment_tag(found.experiment_id, KIND_TAG, KIND)
    return found


def refuse_deleted(experiment: "Experiment", *, setting: str | None = None) -> None:
    """Raises UserError where an experiment was deleted; ``setting`` is the variable that names it, where one does."""
    if experiment.lifecycle_stage != "active":
        other = f", or set {setting} to another name" if setting else ""
        raise UserError(
            f"MLflow experiment {experiment.name!r} is deleted; run `mlflow experiments restore -x "
            f"{experiment.experiment_id}`{other}"
        )


def check_stream(experiment: "Experiment", settings: Settings) -> None:
    """Refuse an experiment that holds the values of another stream.

    Raises:
        UserError: its tag names another topic prefix.
    """
    found = experiment.tags.get(STREAM_TAG)
    if found is not None and found != stream_tag(settings):
        raise UserError(
            f"MLflow experiment {experiment.name!r} belongs to the stream with topic prefix {found!r}, not to "
            f"{stream_tag(settings)!r} (CHURNSTREAM_TOPIC_PREFIX); set CHURNSTREAM_EXPERIMENT to another name"
        )


def stream_tag(settings: Settings) -> str:
    """How the tag of an experiment names its stream."""
    return settings.topic_prefix or "none"


def model_tags(model: ModelRef, values: str) -> dict[str, str]:
    """Tags of a run that holds one kind of values of one model version."""
    return {
        "churnstream.model": model.name,
        "churnstream.version": str(model.version),
        "churnstream.role": model.role,
        "churnstream.values": values,
    }
