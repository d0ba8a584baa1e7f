"""A trained model into MLflow: its files and numbers in a run, and its version, without the alias.

A crash leaves at worst a run marked as failed or still running, or a version without the alias: the champion changes in
one call, elsewhere (``promotion``). Model files are skops, never pickle.
"""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt

from contract.models.bundle import (
    CUSTOMER_COLUMN,
    LABEL_COLUMN,
    METADATA_KEY,
    REFERENCE_ARTIFACT,
    SCORE_COLUMN,
    TIME_COLUMN,
    make_card,
)
from contract.models.registry import MODEL_FILE, MODEL_HASH_TAG, TRUSTED_TYPES, Classifier, file_hash
from contract.schema import Schema
from contract.settings import Settings
from training.registered.mlflow_runs import Run
from training.selection.develop import HeldOut

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.models import ModelSignature

MODEL_ARTIFACT = "model"
CARD_ARTIFACT = "model_card.md"
SCHEMA_ARTIFACT = "churnstream/schema.toml"
BAD_ROWS_ARTIFACT = "churnstream/bad_rows.json"
MOST_HELD_OUT_ROWS = 20_000
EXAMPLE_ROWS = 20
DESCRIPTION_LIMIT = 5_000
"""Characters of a version's description: what MLflow's databases take."""

# What a model needs to be loaded again; MLflow's own search for it takes longer than the training.
# By package and module: the module knows its version under whatever name it was installed (xgboost, xgboost-cpu).
REQUIREMENTS = {
    "scikit-learn": "sklearn",
    "imbalanced-learn": "imblearn",
    "xgboost": "xgboost",
    "skops": "skops",
    "numpy": "numpy",
    "pandas": "pandas",
    "scipy": "scipy",
}


@dataclass(frozen=True)
class Trained:
    """A model to register, and what is kept with it.

    ``files`` are further artifacts, contents by path. ``tags`` stand on the version as on the run.
    """

    classifier: Classifier
    threshold: float
    data_hash: str
    held_out: HeldOut
    card: str
    schema_toml: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    files: Mapping[str, bytes] = field(default_factory=dict)


def register(client: "MlflowClient", settings: Settings, schema: Schema, trained: Trained, run: Run) -> int:
    """Log the model and all that belongs to it in ``run`` and register it. Returns the version.

    Raises:
        mlflow.exceptions.MlflowException: MLflow does not answer, or refuses.
    """
    run.log(trained.metrics, trained.params, trained.tags)
    _log_files(client, trained, run.run_id)
    model_id = str(client.create_logged_model(run.experiment_id, MODEL_ARTIFACT, run.run_id).model_id)
    _log_model(settings, schema, trained, run.run_id, model_id)
    sealed = {MODEL_HASH_TAG: _model_hash(settings, model_id)}
    _make_registered_model(client, settings.model_name)
    made = client.create_model_version(
        settings.model_name,
        f"models:/{model_id}",
        run.run_id,
        tags={**trained.tags, **sealed},
        model_id=model_id,
        description=trained.card[:DESCRIPTION_LIMIT],
    )
    return int(made.version)


def library_versions() -> dict[str, str]:
    """Versions of what the model needs to be loaded again."""
    return {name: str(import_module(module).__version__) for name, module in REQUIREMENTS.items()}


def signature(schema: Schema, probabilities: npt.NDArray[np.floating[Any]]) -> "ModelSignature":
    """Names as strings, numbers as whatever the frame has; two columns of probabilities come out.

    As doubles, MLflow would refuse the 64-bit integers of the very table that was trained on.
    """
    from mlflow.models import ModelSignature, infer_signature
    from mlflow.types.schema import AnyType, ColSpec, DataType, TensorSpec
    from mlflow.types.schema import Schema as Columns

    inputs: list[ColSpec | TensorSpec] = [
        ColSpec(
            DataType.string if feature.is_categorical else AnyType(),  # type: ignore[no-untyped-call]
            feature.name,
            required=not feature.missing,
        )
        for feature in schema.features
    ]
    outputs = infer_signature(model_output=probabilities).outputs
    return ModelSignature(inputs=Columns(inputs), outputs=outputs)


def _log_model(settings: Settings, schema: Schema, trained: Trained, run_id: str, model_id: str) -> None:
    import mlflow
    import mlflow.sklearn

    example = trained.held_out.X.head(EXAMPLE_ROWS)
    card = make_card(
        schema, trained.threshold, trained.data_hash, tuple(trained.held_out.scores[:EXAMPLE_ROWS].tolist())
    )
    mlflow.set_tracking_uri(settings.mlflow_tracking_uri)
    mlflow.sklearn.log_model(
        trained.classifier,
        model_id=model_id,
        run_id=run_id,
        serialization_format=mlflow.sklearn.SERIALIZATION_FORMAT_SKOPS,
        skops_trusted_types=list(TRUSTED_TYPES),
        pyfunc_predict_fn="predict_proba",
        signature=signature(schema, trained.classifier.predict_proba(example)),
        input_example=example,
        pip_requirements=[f"{name}=={version}" for name, version in library_versions().items()],
        metadata={METADATA_KEY: msgspec.to_builtins(card)},
    )


def _model_hash(settings: Settings, model_id: str) -> str:
    """Of the file as the registry gives it, which is what serving will read."""
    import mlflow.artifacts

    uri = settings.mlflow_tracking_uri
    with tempfile.TemporaryDirectory(prefix="churnstream-model-") as local:
        made = mlflow.artifacts.download_artifacts(
            artifact_uri=f"models:/{model_id}", dst_path=local, tracking_uri=uri, registry_uri=uri
        )
        return file_hash(Path(made) / MODEL_FILE)


def _log_files(client: "MlflowClient", trained: Trained, run_id: str) -> None:
    """All in one call: held-out rows, the schema, the card and the further files."""
    held = trained.held_out
    frame = held.X.assign(**{SCORE_COLUMN: held.scores, LABEL_COLUMN: held.y})
    if held.customers is not None:
        frame[CUSTOMER_COLUMN] = held.customers
    if held.times is not None:
        frame[TIME_COLUMN] = held.times
    if len(frame) > MOST_HELD_OUT_ROWS:
        frame = frame.sample(MOST_HELD_OUT_ROWS, random_state=0).sort_index()
    contents = {CARD_ARTIFACT: trained.card.encode(), SCHEMA_ARTIFACT: trained.schema_toml.encode(), **trained.files}
    with tempfile.TemporaryDirectory(prefix="churnstream-artifacts-") as local:
        for name, content in contents.items():
            path = Path(local) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        reference = Path(local) / REFERENCE_ARTIFACT
        reference.parent.mkdir(parents=True, exist_ok=True)
        frame.to_parquet(reference, index=False)
        client.log_artifacts(run_id, local)


def listed(items: object) -> bytes:
    """A list of structures as JSON."""
    return json.dumps(items, indent=2).encode() + b"\n"


def _make_registered_model(client: "MlflowClient", name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
