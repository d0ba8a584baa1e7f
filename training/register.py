"""A trained model into MLflow: its run, its files, its version, and the alias if it has earned it.

A crash leaves at worst a run marked as failed or still running, or a version without the alias: the champion changes in
one call, the last one. Model files are skops, never pickle.
"""

import tempfile
import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd

from contract.bundle import LABEL_COLUMN, METADATA_KEY, REFERENCE_ARTIFACT, SCORE_COLUMN, make_card
from contract.errors import UserError
from contract.registry import TRUSTED_TYPES, Classifier, Registered, load_registered
from contract.schema import Schema
from contract.settings import Settings
from training.evaluate import Floats, Labels

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.models import ModelSignature

EXPERIMENT = "churn training"
MODEL_ARTIFACT = "model"
REFERENCE_ROWS = 5_000
EXAMPLE_ROWS = 20

# What a model needs to be loaded again; MLflow's own search for it takes longer than the training.
# By package and module: the module knows its version under whatever name it was installed (xgboost, xgboost-cpu).
_REQUIREMENTS = {
    "scikit-learn": "sklearn",
    "imbalanced-learn": "imblearn",
    "xgboost": "xgboost",
    "skops": "skops",
    "numpy": "numpy",
    "pandas": "pandas",
    "scipy": "scipy",
}
_KIND_TAG, _KIND = "mlflow.experimentKind", "custom_model_development"


@dataclass(frozen=True)
class HeldOut:
    """Rows that no part of the training has seen, with their labels and the final model's probabilities."""

    X: pd.DataFrame
    y: Labels
    scores: Floats


@dataclass(frozen=True)
class Candidate:
    """A model to register and what is logged about it."""

    name: str
    classifier: Classifier
    threshold: float
    data_hash: str
    held_out: HeldOut
    params: dict[str, str]
    metrics: dict[str, float]
    tags: dict[str, str]


def register(client: "MlflowClient", settings: Settings, schema: Schema, candidate: Candidate) -> tuple[int, str]:
    """Log a run with all artifacts and register its model, without the alias. Returns version and run id.

    Raises:
        UserError: the experiment was deleted.
        mlflow.exceptions.MlflowException: MLflow does not answer, or refuses.
    """
    run = client.create_run(_experiment(client), tags=candidate.tags, run_name=candidate.name).info
    run_id = str(run.run_id)
    try:
        _log_numbers(client, candidate, run_id)
        _log_reference(client, candidate.held_out, run_id)
        model_id = str(client.create_logged_model(run.experiment_id, MODEL_ARTIFACT, run_id).model_id)
        _log_model(settings, schema, candidate, run_id, model_id)
    except BaseException:
        client.set_terminated(run_id, status="FAILED")
        raise
    client.set_terminated(run_id)
    _make_registered_model(client, settings.model_name)
    made = client.create_model_version(
        settings.model_name, f"models:/{model_id}", run_id, tags=candidate.tags, model_id=model_id
    )
    return int(made.version), run_id


def load_champion(settings: Settings, version: int, schema: Schema) -> Registered | UserError:
    """The champion, or why it cannot be compared with."""
    try:
        return load_registered(settings, version, schema)
    except UserError as error:
        return error


def set_alias(client: "MlflowClient", settings: Settings, version: int) -> None:
    """Make ``version`` the one that scores."""
    client.set_registered_model_alias(settings.model_name, settings.model_alias, str(version))


def signature(schema: Schema, probabilities: npt.NDArray[np.floating[Any]]) -> "ModelSignature":
    """Numbers as doubles, names as strings; two columns of probabilities come out."""
    from mlflow.models import ModelSignature, infer_signature
    from mlflow.types.schema import ColSpec, DataType, TensorSpec
    from mlflow.types.schema import Schema as Columns

    inputs: list[ColSpec | TensorSpec] = [
        ColSpec(
            DataType.string if feature.is_categorical else DataType.double,
            feature.name,
            required=not feature.missing,
        )
        for feature in schema.features
    ]
    outputs = infer_signature(model_output=probabilities).outputs
    return ModelSignature(inputs=Columns(inputs), outputs=outputs)


def _log_numbers(client: "MlflowClient", candidate: Candidate, run_id: str) -> None:
    from mlflow.entities import Metric, Param

    now = int(time.time() * 1_000)
    client.log_batch(
        run_id,
        metrics=[Metric(name, value, now, 0) for name, value in candidate.metrics.items()],
        params=[Param(name, value) for name, value in candidate.params.items()],
    )


def _log_model(settings: Settings, schema: Schema, candidate: Candidate, run_id: str, model_id: str) -> None:
    import mlflow
    import mlflow.sklearn

    example = candidate.held_out.X.head(EXAMPLE_ROWS)
    card = make_card(
        schema, candidate.threshold, candidate.data_hash, tuple(candidate.held_out.scores[:EXAMPLE_ROWS].tolist())
    )
    mlflow.set_tracking_uri(settings.mlflow_tracking_uri)
    mlflow.sklearn.log_model(
        candidate.classifier,
        model_id=model_id,
        run_id=run_id,
        serialization_format=mlflow.sklearn.SERIALIZATION_FORMAT_SKOPS,
        skops_trusted_types=list(TRUSTED_TYPES),
        pyfunc_predict_fn="predict_proba",
        signature=signature(schema, candidate.classifier.predict_proba(example)),
        input_example=example,
        pip_requirements=[f"{name}=={import_module(module).__version__}" for name, module in _REQUIREMENTS.items()],
        metadata={METADATA_KEY: msgspec.to_builtins(card)},
    )


def _log_reference(client: "MlflowClient", held_out: HeldOut, run_id: str) -> None:
    frame = held_out.X.assign(**{SCORE_COLUMN: held_out.scores, LABEL_COLUMN: held_out.y}).head(REFERENCE_ROWS)
    folder, _, name = REFERENCE_ARTIFACT.rpartition("/")
    with tempfile.TemporaryDirectory() as local:
        path = Path(local) / name
        frame.to_parquet(path, index=False)
        client.log_artifact(run_id, str(path), folder)


def _experiment(client: "MlflowClient") -> str:
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is None:
        return str(client.create_experiment(EXPERIMENT, tags={_KIND_TAG: _KIND}))
    if found.lifecycle_stage != "active":
        raise UserError(
            f"MLflow experiment {EXPERIMENT!r} is deleted; run `mlflow experiments restore -x {found.experiment_id}`"
        )
    return str(found.experiment_id)


def _make_registered_model(client: "MlflowClient", name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
