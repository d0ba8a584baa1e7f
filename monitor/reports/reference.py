"""A model version's reference sample: fetched once from MLflow, kept on disk, and there when MLflow is not.

A file in the cache is whole (downloaded beside, then renamed) and named by the training run it belongs to, so that a
registry set up anew under the same address is not mistaken for the old one.
"""

import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from contract.errors import UserError
from contract.messages import ModelRef
from contract.models.bundle import LABEL_COLUMN, REFERENCE_ARTIFACT, SCORE_COLUMN
from contract.models.mlflow_access import mlflow_client
from contract.panes import Summary
from contract.schema import Schema
from contract.settings import Settings
from contract.windows import Drift
from contract.worker.private import private_folder
from contract.worker.room import needing_room
from monitor.naming import file_title
from monitor.timeline.drift import judge, sample_frame

if TYPE_CHECKING:
    from mlflow import MlflowClient

_log = logging.getLogger("churnstream.reference")


class ReferenceCache:
    """Reference samples of the registry at ``tracking_uri``, in ``folder``."""

    def __init__(self, tracking_uri: str, folder: Path, schema: Schema) -> None:
        self._tracking_uri = tracking_uri
        self._folder = folder
        self._schema = schema
        self._client: MlflowClient | None = None

    def path(self, model: ModelRef) -> Path:
        """The Parquet file of a model version's reference sample. Asks MLflow; if it is away, takes what is cached.

        Raises:
            UserError: MLflow does not know the version or its sample, or is away and nothing is cached.
            NoRoomError: the disk is full.
        """
        from mlflow.exceptions import MlflowException

        try:
            return self._fetch(model)
        except (MlflowException, OSError) as error:
            reason = str(error).partition("\n")[0]
            cached = self._cached(model)
            if cached is None:
                raise UserError(
                    f"the reference sample of model {model.name} v{model.version} cannot be read from MLflow at "
                    f"{self._tracking_uri} ({reason}), and none is cached in {self._folder}; start MLflow, or check "
                    f"MLFLOW_TRACKING_URI"
                ) from None
            _log.warning(
                "MLflow does not answer (%s); the cached reference of %s v%s is used", reason, model.name, model.version
            )
            return cached

    def load(self, model: ModelRef) -> pd.DataFrame:
        """The reference sample: the schema's columns (float64, categorical ones object), ``score`` and ``label``.

        Raises:
            UserError: as ``path``, or the sample is damaged or lacks a column.
        """
        path = self.path(model)
        named = f"the reference sample of model {model.name} v{model.version}"
        remedy = "train and register the model again with `churnstream train`"
        try:
            frame = pd.read_parquet(path)
        except (OSError, ValueError) as error:
            raise UserError(f"{named} ({path}) is no readable Parquet file ({error}); {remedy}") from None
        columns = [*self._schema.names, SCORE_COLUMN, LABEL_COLUMN]
        lacking = [name for name in columns if name not in frame.columns]
        if lacking:
            raise UserError(f"{named} has no column {', '.join(lacking)}, which the schema asks for; {remedy}")
        types = {name: object if name in self._schema.categorical else "float64" for name in columns}
        try:
            return frame[columns].astype(types | {LABEL_COLUMN: "int64"})
        except (TypeError, ValueError) as error:
            raise UserError(f"{named} has a column of another kind than the schema's ({error}); {remedy}") from None

    def _fetch(self, model: ModelRef) -> Path:
        from mlflow.exceptions import MlflowException

        client = self._client = self._client or mlflow_client(self._tracking_uri)
        try:
            run_id = client.get_model_version(model.name, str(model.version)).run_id
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                raise UserError(
                    f"MLflow at {self._tracking_uri} has no model {model.name} v{model.version}; register one with "
                    f"`churnstream train`, or check MLFLOW_TRACKING_URI"
                ) from None
            raise
        if not run_id:
            raise UserError(
                f"model {model.name} v{model.version} belongs to no training run and so has no reference sample; "
                f"register one with `churnstream train`"
            )
        path = self._folder / f"{_stem(model)}{run_id}.parquet"
        if not path.exists():
            self._download(client, run_id, path, model)
        return path

    def _download(self, client: "MlflowClient", run_id: str, path: Path, model: ModelRef) -> None:
        folder, _, name = REFERENCE_ARTIFACT.rpartition("/")
        if REFERENCE_ARTIFACT not in {artifact.path for artifact in client.list_artifacts(run_id, folder)}:
            raise UserError(
                f"the training run {run_id} of model {model.name} v{model.version} has no artifact "
                f"{REFERENCE_ARTIFACT}; train and register the model again with `churnstream train`"
            )
        private_folder(self._folder)
        with needing_room(self._folder), tempfile.TemporaryDirectory(dir=self._folder) as beside:
            downloaded = Path(client.download_artifacts(run_id, REFERENCE_ARTIFACT, beside))
            downloaded.replace(path)
        _log.info("reference sample of %s v%s (%s) cached as %s", model.name, model.version, name, path)

    def _cached(self, model: ModelRef) -> Path | None:
        files = [path for path in self._folder.glob("*.parquet") if path.name.startswith(_stem(model))]
        return max(files, key=lambda path: path.stat().st_mtime_ns, default=None)


class References:
    """The reference samples of the models on the stream, in memory and as files."""

    def __init__(self, cache: ReferenceCache, settings: Settings, schema: Schema) -> None:
        self._cache = cache
        self._settings = settings
        self._schema = schema
        self._frames: dict[ModelRef, pd.DataFrame] = {}
        self._paths: dict[ModelRef, Path] = {}

    def prepare(self, model: ModelRef) -> None:
        """Fetch a model's sample; see ``ReferenceCache.load`` for what it raises."""
        self._paths[model] = self._cache.path(model)
        self._frames[model] = self._cache.load(model)

    def path(self, model: ModelRef) -> Path:
        """The file of a prepared model's sample."""
        return self._paths[model]

    def judge(self, model: ModelRef, summary: Summary) -> Drift:
        """The drift of a window's sample against the sample of its (prepared) model."""
        return judge(
            sample_frame(self._schema, summary.sample),
            self._frames[model],
            self._schema,
            alpha=self._settings.alpha,
            min_distance=self._settings.min_distance,
            min_records=self._settings.min_records,
        )


def _stem(model: ModelRef) -> str:
    return f"{file_title(model.name)}-v{model.version}-"
