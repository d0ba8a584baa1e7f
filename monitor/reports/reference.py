"""A model version's reference sample: fetched once from MLflow, kept on disk, and there when MLflow is not.

A file in the cache is whole (downloaded beside, then renamed) and named by the training run it belongs to, so that a
registry set up anew under the same address is not mistaken for the old one. A version that was deleted from the
registry has its file still; without one, the drift of its windows is not judged.
"""

import logging
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from contract.errors import UserError
from contract.messages import ModelRef
from contract.models.bundle import LABEL_COLUMN, REFERENCE_ARTIFACT, SCORE_COLUMN, TRAINING_SAMPLE_ARTIFACT
from contract.models.calibration import CalibrationBins, attached_calibration
from contract.models.mlflow_access import mlflow_client
from contract.schema import Schema
from contract.settings import Settings
from contract.windows import Drift
from contract.worker.private import private_folder
from contract.worker.room import needing_room
from monitor.inputs.rule import InputReference, InputRule, judge, judge_again
from monitor.naming import file_title, model_title
from monitor.segments.reference import SegmentReference
from monitor.timeline.drift import sample_frame
from monitor.timeline.samples import Sample
from monitor.verdicts.calibration import Calibration, Labelled

if TYPE_CHECKING:
    from mlflow import MlflowClient

_log = logging.getLogger("churnstream.reference")
_MOST_SAMPLES = 8
"""Samples in memory, those used last; of the others there is the file."""
_MOST_MODELS = 1_000
"""Models whose file is known; of others MLflow is asked again."""
_GONE = "RESOURCE_DOES_NOT_EXIST"


class NoReferenceError(UserError):
    """A model version has no sample that can be used, and asking again will give none."""


class _DamagedError(NoReferenceError):
    """A file is no readable sample."""


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
            NoReferenceError: MLflow does not know the version or its sample, and nothing is cached.
            UserError: MLflow is away and nothing is cached.
            NoRoomError: the disk is full.
        """
        from mlflow.exceptions import MlflowException

        try:
            return self._fetch(model)
        except (MlflowException, OSError) as error:
            gone = isinstance(error, MlflowException) and error.error_code == _GONE
            reason = str(error).partition("\n")[0]
            cached = self._cached(model)
            if cached is None and gone:
                raise NoReferenceError(
                    f"MLflow at {self._tracking_uri} has no model {model.name} v{model.version} (or no longer "
                    f"its training run), and no reference sample of it is cached in {self._folder}; register one with "
                    f"`churnstream train`, or check MLFLOW_TRACKING_URI"
                ) from None
            if cached is None:
                raise UserError(
                    f"the reference sample of model {model.name} v{model.version} cannot be read from MLflow at "
                    f"{self._tracking_uri} ({reason}), and none is cached in {self._folder}; start MLflow, or check "
                    f"MLFLOW_TRACKING_URI"
                ) from None
            _log.warning(
                "%s (%s); the cached reference of %s v%s is used",
                "the model is no longer registered" if gone else "MLflow does not answer",
                reason,
                model.name,
                model.version,
            )
            return cached

    def load(self, model: ModelRef) -> tuple[Path, pd.DataFrame]:
        """The sample's file and its table.

        It has the schema's columns (float64, categorical ones object), ``score`` and ``label``. A cached file that is
        damaged is fetched anew.

        Raises:
            NoReferenceError: as ``path``, or the sample is damaged in MLflow, too, or does not fit the schema.
            UserError, NoRoomError: as ``path``.
        """
        path = self.path(model)
        try:
            return path, self.read(model, path)
        except _DamagedError:
            path.unlink(missing_ok=True)
        path = self.path(model)
        return path, self.read(model, path)

    def read(self, model: ModelRef, path: Path) -> pd.DataFrame:
        """The table in a file that ``path`` has given for a model.

        Raises:
            NoReferenceError: the file is damaged, or does not fit the schema.
        """
        named = f"the reference sample of model {model.name} v{model.version}"
        remedy = "train and register the model again with `churnstream train`"
        try:
            frame = pd.read_parquet(path)
        except (OSError, ValueError) as error:
            raise _DamagedError(f"{named} ({path}) is not a readable Parquet file ({error}); {remedy}") from None
        columns = [*self._schema.names, SCORE_COLUMN, LABEL_COLUMN]
        lacking = [name for name in columns if name not in frame.columns]
        if lacking:
            raise NoReferenceError(f"{named} has no column {', '.join(lacking)}, which the schema requires; {remedy}")
        types = {name: object if name in self._schema.categorical else "float64" for name in columns}
        try:
            return frame[columns].astype(types | {LABEL_COLUMN: "int64"})
        except (TypeError, ValueError) as error:
            raise NoReferenceError(
                f"{named} has a column of a different kind than in the schema ({error}); {remedy}"
            ) from None

    def _fetch(self, model: ModelRef) -> Path:
        client = self._client = self._client or mlflow_client(self._tracking_uri)
        run_id = client.get_model_version(model.name, str(model.version)).run_id
        if not run_id:
            raise NoReferenceError(
                f"model {model.name} v{model.version} belongs to no training run, so it has no reference sample; "
                f"register one with `churnstream train`"
            )
        path = self._folder / f"{_stem(model)}{run_id}.parquet"
        if not path.exists():
            self._download(client, run_id, path, model)
        return path

    def _download(self, client: "MlflowClient", run_id: str, path: Path, model: ModelRef) -> None:
        folder, _, _ = REFERENCE_ARTIFACT.rpartition("/")
        there = {artifact.path for artifact in client.list_artifacts(run_id, folder)}
        # a run of an earlier release has held-out rows only
        found = next((each for each in (TRAINING_SAMPLE_ARTIFACT, REFERENCE_ARTIFACT) if each in there), None)
        if found is None:
            raise NoReferenceError(
                f"the training run {run_id} of model {model.name} v{model.version} has no artifact "
                f"{TRAINING_SAMPLE_ARTIFACT}; train and register the model again with `churnstream train`"
            )
        private_folder(self._folder)
        with needing_room(self._folder), tempfile.TemporaryDirectory(dir=self._folder) as beside:
            downloaded = Path(client.download_artifacts(run_id, found, beside))
            downloaded.replace(path)
        _log.info("reference sample of %s v%s (%s) cached as %s", model.name, model.version, found, path)

    def _cached(self, model: ModelRef) -> Path | None:
        files = [path for path in self._folder.glob("*.parquet") if path.name.startswith(_stem(model))]
        return max(files, key=lambda path: path.stat().st_mtime_ns, default=None)


class Learned(NamedTuple):
    """A version's training run (its id in MLflow), and the sample of it that is on hand."""

    run_id: str
    reference: InputReference


class References:
    """The reference samples of the models on the stream, in memory and as files. Safe between threads."""

    def __init__(self, cache: ReferenceCache, settings: Settings, schema: Schema) -> None:
        self._cache = cache
        self._rule = InputRule.of(settings)
        self._schema = schema
        self._lock = threading.Lock()
        self._samples: OrderedDict[ModelRef, InputReference] = OrderedDict()
        self._paths: OrderedDict[ModelRef, Path | None] = OrderedDict()

    def is_ready(self, model: ModelRef) -> bool:
        """Whether the windows of a model can be judged, or it is known that they cannot."""
        return model in self._paths

    def prepare(self, model: ModelRef) -> None:
        """Get a model ready; blocks. One that has no sample, for good, is left unjudged with one warning.

        Raises:
            UserError: MLflow is away and nothing is cached; try again.
            Exception: whatever else MLflow's transport raises.
        """
        try:
            path, frame = self._cache.load(model)
        except NoReferenceError as error:
            _log.warning("drift of %s is not judged until the monitor starts again: %s", model_title(model), error)
            self._keep(model, None, None)
        else:
            self._keep(model, path, frame)

    def path(self, model: ModelRef) -> Path | None:
        """The file of a model's sample; None if it has none."""
        return self._paths.get(model)

    def calibration(self, model: ModelRef) -> CalibrationBins | None:
        """What the version of a model that is ready stores of held-out rows; None: nothing, or it is gone. Reads it."""
        path = self._paths.get(model)
        try:
            return None if path is None else attached_calibration(self._cache.read(model, path))
        except NoReferenceError:
            return None

    def segments(self, model: ModelRef) -> SegmentReference | None:
        """What the schema's segments were like when a model that is ready was made; None: as ``calibration``, or the
        schema has none. Reads its file.
        """
        path = self._paths.get(model)
        if path is None or not self._schema.segments:
            return None
        try:
            frame = self._cache.read(model, path)
        except NoReferenceError:
            return None
        stored = attached_calibration(frame)
        calibration = Calibration.unknown() if stored is None else Calibration.fitted(Labelled.of_bins(stored))
        return SegmentReference.of(frame, self._schema.segments, calibration)

    def ready(self) -> list[ModelRef]:
        """The models that are ready and have a sample."""
        with self._lock:
            return [model for model, path in self._paths.items() if path is not None]

    def learned(self, model: ModelRef) -> Learned | None:
        """What windows of a model that is ready are compared with; None: it has none, or it is gone. May read it."""
        path = self._paths.get(model)
        reference = self._reference(model)
        if path is None or reference is None:
            return None
        return Learned(path.stem.removeprefix(_stem(model)), reference)

    def judge(self, model: ModelRef, sample: Sample, previous: Sequence[Drift | None] = ()) -> Drift:
        """The drift of a window's sample against the sample of its model, which is ready.

        ``previous`` are the verdicts on the disjoint windows before it, the nearest first, None where there is none.
        """
        reference = self._reference(model)
        if reference is None:
            return Drift(judged=False, drifted=False, share=0.0)
        try:
            frame = sample_frame(self._schema, sample)
        except UserError as error:
            _log.warning("drift of a window of %s is not judged: %s", model_title(model), error)
            return Drift(judged=False, drifted=False, share=0.0)
        return judge(
            frame,
            reference,
            previous,
            rule=self._rule,
            customers=sample.hashes.tolist(),
        )

    def judge_again(self, model: ModelRef, drift: Drift, previous: Sequence[Drift | None] = ()) -> Drift:
        """A verdict of ``judge`` with other windows before it; where the sample is gone it stays."""
        reference = self._reference(model)
        return drift if reference is None else judge_again(drift, reference, previous, rule=self._rule)

    def _reference(self, model: ModelRef) -> InputReference | None:
        with self._lock:
            if model in self._samples:
                self._samples.move_to_end(model)
                return self._samples[model]
        path = self._paths.get(model)
        if path is None:
            return None
        try:
            frame = self._cache.read(model, path)
        except NoReferenceError as error:
            _log.warning("drift of %s is not judged until the monitor starts again: %s", model_title(model), error)
            self._keep(model, None, None)
            return None
        return self._keep(model, path, frame)

    def _keep(self, model: ModelRef, path: Path | None, frame: pd.DataFrame | None) -> InputReference | None:
        reference = None if frame is None else InputReference.of(frame, self._schema)
        with self._lock:
            self._paths[model] = path
            self._paths.move_to_end(model)
            self._samples.pop(model, None)
            if reference is not None:
                self._samples[model] = reference
            while len(self._samples) > _MOST_SAMPLES:
                self._samples.popitem(last=False)
            while len(self._paths) > _MOST_MODELS:
                self._paths.popitem(last=False)
        return reference


def _stem(model: ModelRef) -> str:
    return f"{file_title(model.name)}-v{model.version}-"
