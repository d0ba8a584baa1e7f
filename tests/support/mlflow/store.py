"""A real MLflow store for a test: a SQLite file and artifacts in the test's own folder."""

import shutil
from pathlib import Path

from contract.models.registry import registry_client
from contract.settings import Settings, load_settings


def make_template(folder: Path) -> Path:
    """A new database, to be copied: MLflow takes seconds to make one."""
    path = folder / "mlflow.db"
    registry_client(load_settings(mlflow_tracking_uri=f"sqlite:///{path}"), create=True)
    return path


def store_in(folder: Path, template: Path) -> Settings:
    """Settings with an empty store in ``folder``, where the training's artifacts go too."""
    shutil.copy(template, folder / "mlflow.db")
    settings = load_settings(mlflow_tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")
    # the copy's default place is the original's; the training's experiment is made in its own
    registry_client(settings).create_experiment("churn training", artifact_location=(folder / "mlruns").as_uri())
    return settings


def full_disk(*_args: object, **_kwargs: object) -> None:
    """In the place of a call that writes."""
    raise OSError(28, "No space left on device")
