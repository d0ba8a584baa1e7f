"""A real MLflow store for a test: a SQLite file and artifacts in the test's own folder."""

import shutil
from contextlib import suppress
from pathlib import Path

from mlflow.exceptions import MlflowException

from contract.messages import ModelRef
from contract.models.registry import registry_client
from contract.settings import Settings, load_settings
from tests.support.shared import made_once

DATABASE = "mlflow.db"


def store_in(folder: Path) -> Settings:
    """Settings with an empty store in ``folder``, where the training's artifacts go too."""
    settings = copied_store(made_once("empty-store", _make_empty), folder)
    # the copy's default place is the original's; the training's experiment is made in its own
    registry_client(settings).create_experiment("churn training", artifact_location=(folder / "mlruns").as_uri())
    return settings


def copied_store(made: Path, folder: Path) -> Settings:
    """Settings with a copy of the database in ``made``; artifacts are read where they were made."""
    shutil.copy(made / DATABASE, folder / DATABASE)
    return _settings_in(folder)


def register(settings: Settings, model: ModelRef, **logged: float) -> str:
    """Register versions of a model until there is ``model``'s, whose training run (its id) has logged these metrics."""
    client = registry_client(settings)
    with suppress(MlflowException):
        client.create_registered_model(model.name)
    run = client.create_run(client.create_experiment(f"training of {model.key}")).info.run_id
    for name, value in logged.items():
        client.log_metric(run, name, value)
    while int(client.create_model_version(model.name, "file:///nowhere", run).version) < model.version:
        pass
    return str(run)


def _make_empty(folder: Path) -> None:
    """A new database: MLflow takes seconds to make one."""
    registry_client(_settings_in(folder), create=True)


def _settings_in(folder: Path) -> Settings:
    return load_settings(mlflow_tracking_uri=f"sqlite:///{folder / DATABASE}")


def full_disk(*_args: object, **_kwargs: object) -> None:
    """In the place of a call that writes."""
    raise OSError(28, "No space left on device")
