"""The monitor's experiment and its runs in MLflow: found again by their tags, made where they are absent.

After a crash between making and using one, the next start finds it. Two monitors on one experiment at the same moment
could make a run twice; the older one is used from then on.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from contract.durations import format_duration
from contract.errors import UserError
from contract.messages import ModelRef
from contract.models.experiments import (
    STREAM_TAG,
    check_stream,
    model_tags,
    open_experiment,
    refuse_deleted,
    stream_tag,
)
from contract.settings import Settings
from contract.windows import Cumulative, WindowMessage
from monitor.mlflow_sink.chart_view import COLOUR_TAG, VIEW_TAG, colour_of, save_view
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
    """The experiment's step axis: windows are counted in slides from ``origin``; both in ms, from its tags.

    ``window``: their length in ms. ``tags``: the names of those of the experiment's tags that were found or set.
    """

    experiment_id: str
    origin: int
    slide: int

    window: int
    tags: frozenset[str] = frozenset()

    def step(self, message: WindowMessage) -> int:
        """A window's step, negative before the origin; of cumulative metrics that of the window ending at their end."""
        return (start_of(message, self.window) - self.origin) // self.slide


def start_of(message: WindowMessage, window: int) -> int:
    """Where a window begins, or the one of ``window`` ms with which cumulative metrics end."""
    return message.end - window if isinstance(message, Cumulative) else message.start


def open_axis(client: "MlflowClient", settings: Settings, first: WindowMessage, now: int) -> Axis:
    """The stream's experiment, made if absent; ``first`` sets the origin if nothing has been logged before.

    It gets the arrangement of its charts if it has none, at ``now`` (ms).

    Raises:
        UserError: the experiment was deleted, holds another stream, or counts its steps by another slide.
        mlflow.exceptions.MlflowException: MLflow does not answer.
    """
    slide = settings.slide
    origin = start_of(first, settings.window)
    wanted = {STREAM_TAG: stream_tag(settings), SLIDE_TAG: str(slide), ORIGIN_TAG: str(origin)}
    found = open_experiment(client, settings.experiment, wanted, setting="CHURNSTREAM_EXPERIMENT")
    check_stream(found, settings)
    # an experiment from before experiments named their stream lacks that tag alone
    for name in wanted if ORIGIN_TAG not in found.tags else {STREAM_TAG} - found.tags.keys():
        client.set_experiment_tag(found.experiment_id, name, wanted[name])  # the origin last: where it is set, all is
    axis = Axis(found.experiment_id, origin, slide, settings.window, frozenset(found.tags))
    if ORIGIN_TAG in found.tags:
        axis = _existing_axis(found, settings)
    if VIEW_TAG not in axis.tags and save_view(client, axis.experiment_id, now):
        axis = replace(axis, tags=axis.tags | {VIEW_TAG})
    return axis


def find_experiment(client: "MlflowClient", settings: Settings) -> "Experiment | None":
    """The stream's experiment, None if it is not there yet. Writes nothing.

    Raises:
        UserError: as ``open_axis``.
        mlflow.exceptions.MlflowException: MLflow does not answer.
    """
    found = client.get_experiment_by_name(settings.experiment)
    if found is None:
        return None
    refuse_deleted(found, setting="CHURNSTREAM_EXPERIMENT")
    check_stream(found, settings)
    if ORIGIN_TAG in found.tags:
        _existing_axis(found, settings)
    return found


def _existing_axis(found: "Experiment", settings: Settings) -> Axis:
    slide = settings.slide
    try:
        origin, slide_found = int(found.tags[ORIGIN_TAG]), int(found.tags[SLIDE_TAG])
    except (KeyError, ValueError):
        raise UserError(
            f"MLflow experiment {found.name!r} has damaged tags {ORIGIN_TAG} and {SLIDE_TAG} (they must be "
            f"milliseconds); set CHURNSTREAM_EXPERIMENT to another name"
        ) from None
    if slide_found != slide:
        raise UserError(
            f"MLflow experiment {found.name!r} has windows of slide {format_duration(slide_found)}, not of "
            f"{format_duration(slide)} (CHURNSTREAM_SLIDE); set CHURNSTREAM_EXPERIMENT to another name"
        )
    return Axis(found.experiment_id, origin, slide, settings.window, frozenset(found.tags))


class Runs:
    """Run ids of one experiment by model and kind, looked up once and remembered. Runs in use are marked as running.

    There are as many as the experiment has runs: six for each version that ever scored.
    """

    def __init__(self, client: "MlflowClient", experiment_id: str) -> None:
        self._client = client
        self._experiment_id = experiment_id
        self._found = runs_by_key(client, experiment_id)
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

    def known(self, model: ModelRef, kind: RunKind) -> str | None:
        """The id of a run that is there already, whose status stays as it is."""
        key = _run_key(model, kind)
        return self._in_use.get(key) or self._found.get(key)

    def finish(self) -> None:
        """Mark the runs in use as finished, for nobody writes to them now."""
        for run_id in self._in_use.values():
            self._client.update_run(run_id, status="FINISHED")

    def _create(self, model: ModelRef, kind: RunKind, now: int) -> str:
        tags = {RUN_TAG: _run_key(model, kind), COLOUR_TAG: colour_of(model, kind), **model_tags(model, kind)}
        name = f"{version_title(model)} {kind}"
        return str(self._client.create_run(self._experiment_id, now, tags, name).info.run_id)


def runs_by_key(client: "MlflowClient", experiment_id: str) -> dict[str, str]:
    """The ids of an experiment's runs that hold windows, by ``<name>/<version>/<role>/<kind>``.

    Raises:
        mlflow.exceptions.MlflowException: MLflow does not answer.
    """
    ids: dict[str, str] = {}
    token: str | None = None
    while True:
        page = client.search_runs(
            [experiment_id], order_by=["attributes.start_time ASC"], max_results=1_000, page_token=token
        )
        for run in page:
            if RUN_TAG in run.data.tags:
                ids.setdefault(run.data.tags[RUN_TAG], run.info.run_id)
        token = page.token
        if not token:
            return ids


def _run_key(model: ModelRef, kind: RunKind) -> str:
    return f"{model.name}/{model.version}/{model.role}/{kind}"
