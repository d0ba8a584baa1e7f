"""Runs of the experiment "churn training": opened, filled with numbers, figures and files, and closed as they ended.

A run whose block raises is marked as failed; a crash leaves one that is marked as running. What was logged stays.
"""

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from contract.masking import public_address
from contract.models.experiments import open_experiment
from contract.settings import Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from mlflow import MlflowClient

EXPERIMENT = "churn training"


@dataclass(frozen=True)
class Run:
    """An open run."""

    client: "MlflowClient"
    experiment_id: str
    run_id: str

    def log(
        self, metrics: Mapping[str, float], params: Mapping[str, object] | None = None, tags: Mapping[str, str] = {}
    ) -> None:
        """Finite numbers, parameters and tags, in one call."""
        from mlflow.entities import Metric, Param, RunTag

        now = int(time.time() * 1_000)
        self.client.log_batch(
            self.run_id,
            metrics=[Metric(name, value, now, 0) for name, value in metrics.items()],
            params=[Param(name, str(value)) for name, value in (params or {}).items()],
            tags=[RunTag(name, value) for name, value in tags.items()],
        )

    def figure(self, figure: "Figure", path: str) -> None:
        """A figure as a PNG artifact."""
        from training.quality.plotting import png

        self.content(png(figure), path)

    def content(self, content: bytes, path: str) -> None:
        """Bytes as an artifact at ``path``, folders with slashes."""
        put(self.client, self.run_id, content, path)


def put(client: "MlflowClient", run_id: str, content: bytes, path: str) -> None:
    """Bytes as an artifact of a run, which may have ended, at ``path``, folders with slashes."""
    folder, _, name = path.rpartition("/")
    with tempfile.TemporaryDirectory(prefix="churnstream-artifact-") as local:
        file = Path(local) / name
        file.write_bytes(content)
        client.log_artifact(run_id, str(file), folder or None)


@contextmanager
def open_run(client: "MlflowClient", name: str, tags: Mapping[str, str]) -> Iterator[Run]:
    """A new run, closed at the end of the block.

    Raises:
        UserError: the experiment was deleted.
        mlflow.exceptions.MlflowException: MLflow does not answer, or refuses.
    """
    experiment_id = experiment(client)
    run_id = str(client.create_run(experiment_id, tags=dict(tags), run_name=name).info.run_id)
    try:
        yield Run(client, experiment_id, run_id)
    except BaseException:
        client.set_terminated(run_id, status="FAILED")
        raise
    client.set_terminated(run_id)


def experiment(client: "MlflowClient") -> str:
    """The id of the training's experiment, made if it is not there."""
    return str(open_experiment(client, EXPERIMENT).experiment_id)


def where(settings: Settings, run: Run, artifact: str) -> str:
    """Where a person finds an artifact: a link into a server's pages, or the file where the store is a database."""
    server = public_address(settings.mlflow_tracking_uri).rstrip("/")
    if server.startswith("http"):
        return f"{server}/#/experiments/{run.experiment_id}/runs/{run.run_id}/artifacts/{artifact}"
    folder = str(run.client.get_run(run.run_id).info.artifact_uri).removeprefix("file://")
    return f"{folder}/{artifact}"
