"""The monitor's experiment and its runs in MLflow: found again by their tags, made where they are absent.

After a crash between making and using one, the next start finds it. Two monitors on one experiment at the same moment
could make a run twice; the older one is used from then on.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from contract.durations import format_duration
from contract.errors import UserError
from contract.messages import ModelRef, Window
from contract.models.experiments import model_tags, open_experiment
from monitor.mlflow_sink.points import RunKind
from monitor.naming import version_title

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment

ORIGIN_TAG = "churnstream.origin"
SLIDE_TAG = "churnstream.slide"
RUN_TAG = "churnstream.run"


@dataclass(frozen=True)
class Axis:
    """The experiment's step axis: windows are counted in slides from ``origin``; both in ms, from its tags."""

    experiment_id: str
    origin: int
    slide: int

    def step(self, start: int) -> int:
        """A window's step; negative before the origin."""
        return (start - self.origin) // self.slide


def open_axis(client: "MlflowClient", experiment: str, first: Window, slide: int) -> Axis:
    """The experiment, made if absent; ``first`` sets the origin if no window has been logged before.

    Raises:
        UserError: the experiment was deleted, or counts its steps by another slide.
        mlflow.exceptions.MlflowException: MLflow does not answer.
    """
    wanted = {SLIDE_TAG: str(slide), ORIGIN_TAG: str(first.start)}
    found = open_experiment(client, experiment, wanted, setting="CHURNSTREAM_EXPERIMENT")
    if ORIGIN_TAG not in found.tags:
        for name, value in wanted.items():  # the origin last: where it is set, all is
            client.set_experiment_tag(found.experiment_id, name, value)
        return Axis(found.experiment_id, first.start, slide)
    return _existing_axis(found, slide)


def _existing_axis(found: "Experiment", slide: int) -> Axis:
    try:
        axis = Axis(found.experiment_id, int(found.tags[ORIGIN_TAG]), int(found.tags[SLIDE_TAG]))
    except (KeyError, ValueError):
        raise UserError(
            f"MLflow experiment {found.name!r} has damaged tags {ORIGIN_TAG} and {SLIDE_TAG} (they must be "
            f"milliseconds); set CHURNSTREAM_EXPERIMENT to another name"
        ) from None
    if axis.slide != slide:
        raise UserError(
            f"MLflow experiment {found.name!r} counts windows of slide {format_duration(axis.slide)}, not of "
            f"{format_duration(slide)} (CHURNSTREAM_SLIDE); set CHURNSTREAM_EXPERIMENT to another name"
        )
    return axis


class Runs:
    """Run ids of one experiment by model and kind, looked up once and remembered. Runs in use are marked as running."""

    def __init__(self, client: "MlflowClient", experiment_id: str) -> None:
        self._client = client
        self._experiment_id = experiment_id
        self._found = self._find()
        self._in_use: dict[str, str] = {}

    def get(self, model: ModelRef, kind: RunKind, now: int) -> str:
        """The id of a model's run of that kind, made (with start time ``now``, in ms) if it is absent."""
        key = _run_key(model, kind)
        if key not in self._in_use:
            found = self._found.get(key)
            if found is not None:
                self._client.update_run(found, status="RUNNING")
            self._in_use[key] = found or self._create(model, kind, now)
        return self._in_use[key]

    def finish(self) -> None:
        """Mark the runs in use as finished, for nobody writes to them now."""
        for run_id in self._in_use.values():
            self._client.update_run(run_id, status="FINISHED")

    def _find(self) -> dict[str, str]:
        ids: dict[str, str] = {}
        token: str | None = None
        while True:
            page = self._client.search_runs(
                [self._experiment_id], order_by=["attributes.start_time ASC"], max_results=1_000, page_token=token
            )
            for run in page:
                if RUN_TAG in run.data.tags:
                    ids.setdefault(run.data.tags[RUN_TAG], run.info.run_id)
            token = page.token
            if not token:
                return ids

    def _create(self, model: ModelRef, kind: RunKind, now: int) -> str:
        tags = {RUN_TAG: _run_key(model, kind), **model_tags(model, kind)}
        name = f"{version_title(model)} {kind}"
        return str(self._client.create_run(self._experiment_id, now, tags, name).info.run_id)


def _run_key(model: ModelRef, kind: RunKind) -> str:
    return f"{model.name}/{model.version}/{model.role}/{kind}"
