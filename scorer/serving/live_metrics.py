"""Live metrics without Kafka: counted in this process and logged to MLflow while queries get their labels.

For a first try. Nothing is kept when the process ends: a new one knows no earlier record and logs to new runs. While
MLflow is away counting goes on, and the newest state is logged when it is back; the states in between are not.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from contract.messages import ModelRef
from contract.models.confusion import Confusion
from contract.models.experiments import STREAM_TAG, check_stream, model_tags, open_experiment, stream_tag
from contract.models.registry import registry_client
from contract.settings import Settings
from contract.worker.clock import Clock, SystemClock
from contract.worker.outage import Outage
from scorer.serving.live_counts import Answered, LiveCounts

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

REMEMBERED = 100_000
"""Answers whose label may still come; the oldest are forgotten."""

_log = logging.getLogger("churnstream.live")
_INTERVAL_S, _LONGEST_DELAY_S = 0.5, 10.0
_NAMES = ("accuracy", "precision", "recall", "f1", *Confusion._fields)


class LiveMetrics:
    """``predicted`` and ``labelled`` may be called from any thread and wait for no I/O; ``run`` belongs to one thread.

    Each model version has a run of its own, ``v3 live``, with the monitor's metric names. A point's step is the number
    of labelled queries of that version, its timestamp the wall time. A correction is another point at the same step.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        connect: "Callable[[Settings], MlflowClient]" = registry_client,
        remembered: int = REMEMBERED,
    ) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._connect = connect
        self._lock = threading.Lock()
        self._counting = LiveCounts(remembered)
        self._client: MlflowClient | None = None
        self._runs: dict[ModelRef, str] = {}
        self._logged: dict[ModelRef, Confusion] = {}
        self._outage = Outage(_log)

    def predicted(self, answers: Sequence[Answered]) -> None:
        """Remember answers. Of several to one record the first counts, as in the join."""
        with self._lock:
            self._counting.predicted(answers)

    def labelled(self, labels: Sequence[tuple[str, int]]) -> list[str]:
        """Count (record id, label) pairs; an empty list if all were counted.

        If any record id is not known (forgotten, or never seen) these are returned, and nothing of the call is counted.
        A label that repeats the record's last one changes nothing; one that contradicts it takes its place.
        """
        with self._lock:
            return self._counting.labelled(labels)

    @property
    def counts(self) -> dict[ModelRef, Confusion]:
        """By version, of those with a labelled query."""
        with self._lock:
            return self._counting.counts

    def run(self, stop: threading.Event) -> None:
        """Log what has changed, twice a second, until ``stop``; then the last state, and mark the runs as finished.

        So labels are taken until ``stop`` is set, and this thread is waited for after it.
        """
        delay = _INTERVAL_S
        while not stop.wait(delay):
            delay = _INTERVAL_S if self._attempt(self._log_changes) else min(2 * delay, _LONGEST_DELAY_S)
        if self._attempt(self._log_changes):
            self._attempt(self._finish)

    def _attempt(self, work: Callable[[], None]) -> bool:
        try:
            work()
        # MLflow, its transport and its store raise what they like, and the thread must live
        except Exception as error:
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            self._outage.begin("MLflow takes no live metrics (%s); counting goes on", reason)
            return False
        self._outage.end("MLflow takes live metrics again")
        return True

    def _log_changes(self) -> None:
        for model, counts in self.counts.items():
            if counts != self._logged.get(model):
                client = self._connected()
                client.log_batch(self._run_id(client, model), _metrics(counts, self._clock.now()))
                self._logged[model] = counts

    def _finish(self) -> None:
        for run_id in self._runs.values():
            self._connected().set_terminated(run_id)

    def _run_id(self, client: "MlflowClient", model: ModelRef) -> str:
        run_id = self._runs.get(model)
        # after a failure: the run may have been deleted, or the server replaced
        if run_id is None or (self._outage.lasts and not _is_active(client, run_id)):
            run_id = self._runs[model] = self._create_run(client, model)
        return run_id

    def _create_run(self, client: "MlflowClient", model: ModelRef) -> str:
        tags = {STREAM_TAG: stream_tag(self._settings)}
        experiment = open_experiment(client, self._settings.experiment, tags, setting="CHURNSTREAM_EXPERIMENT")
        check_stream(experiment, self._settings)
        run = client.create_run(
            experiment.experiment_id, self._clock.now(), model_tags(model, "live"), f"v{model.version} live"
        )
        return str(run.info.run_id)

    def _connected(self) -> "MlflowClient":
        if self._client is None:
            self._client = self._connect(self._settings)
        return self._client


def _is_active(client: "MlflowClient", run_id: str) -> bool:
    from mlflow.exceptions import MlflowException

    try:
        return str(client.get_run(run_id).info.lifecycle_stage) == "active"
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return False
        raise


def _metrics(counts: Confusion, now: int) -> "list[Metric]":
    """All that is defined, under the monitor's names."""
    from mlflow.entities import Metric

    values = {name: getattr(counts, name) for name in _NAMES}
    return [
        Metric(f"performance/{name}", float(value), now, counts.labelled)
        for name, value in values.items()
        if value is not None
    ]
