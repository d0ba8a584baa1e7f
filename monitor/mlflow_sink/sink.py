"""Windows and reports on their way to MLflow: from the spool into four runs a model version, in order, none lost.

A window leaves the spool only after MLflow has all of its points. A crash in between logs the same points again, and
MLflow keeps a point (run, name, step, timestamp, value) once. While MLflow is away the spool keeps everything, and the
same points follow later, in the same order. A report is uploaded the same way; its marker goes after the upload.

What MLflow refuses for good, while it takes other things, is set aside: its file stays, the log and a tag of the
model's inputs run say so, and what is behind it goes on.
"""

import json
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from contract.errors import UserError
from contract.messages import ModelRef
from contract.models.experiments import check_stream
from contract.models.mlflow_access import mlflow_client
from contract.settings import Settings
from contract.windows import Window
from contract.worker.clock import Clock
from contract.worker.room import NoRoomError
from monitor.mlflow_sink.logged import Logged, LoggedStore, addition
from monitor.mlflow_sink.points import RunKind, Values, values_by_run
from monitor.mlflow_sink.refusals import first_line, is_refusal
from monitor.mlflow_sink.runs import Axis, Runs, check_experiment, open_axis
from monitor.mlflow_sink.spool import Spool, Spooled
from monitor.reports.files import ReportFolder

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

_log = logging.getLogger("churnstream.sink")
_WINDOWS_PER_DRAIN = 200
_POINTS_PER_CALL, _BYTES_PER_CALL = 1_000, 500_000
"""MLflow refuses a batch of more points, or of twice the bytes."""
_BYTES_PER_POINT = 200  # besides its name
_MOST_TAG_CHARACTERS = 1_000
REFUSED_TAG = "churnstream.refused"
"""Tag of a model's inputs run: what MLflow refused last, and why."""
_SECONDS_BETWEEN_WARNINGS = 600.0
_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.5, 30.0


class MlflowSink:
    """The adapter itself. ``spool`` takes windows from any thread; ``drain`` and ``finish`` belong to one."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        folder = settings.state_dir / "monitor"
        self.spool = Spool(folder / "spool", settings.spool_limit)
        self._settings = settings
        self._clock = clock
        self._logged = LoggedStore(folder / "logged.sqlite")
        self._reports = ReportFolder(settings.state_dir, settings.max_reports)
        self._client: MlflowClient | None = None
        self._axis: Axis | None = None
        self._runs: Runs | None = None
        self.experiment_id: str | None = None
        """MLflow's id of the experiment, for ``chart_link``; None until a window has been logged."""
        self.refused = 0
        """Windows that MLflow refused and that were set aside."""

    def check(self) -> None:
        """Refuse to begin with an experiment that cannot take our windows.

        Raises:
            UserError: it was deleted, holds another stream, or counts its steps by another slide.
            Exception: whatever MLflow or its transport raises.
        """
        check_experiment(self._connected(), self._settings)

    def drain(self) -> int:
        """Give MLflow all that waits; returns the number of windows that it took.

        Raises:
            UserError: the experiment cannot take our windows; nothing is lost.
            Exception: whatever MLflow or its transport raises; nothing is lost, call again later.
        """
        taken = 0
        try:
            while batch := list(islice(self.spool, _WINDOWS_PER_DRAIN)):
                taken += self._log_or_set_aside(batch)
            self._upload_reports()
        except Exception:
            # whatever failed, a run may have been deleted or the server replaced: look everything up again
            self._axis = self._runs = None
            raise
        return taken

    def finish(self) -> None:
        """Mark the runs as finished. Raises what MLflow raises."""
        if self._runs is not None:
            self._runs.finish()

    def close(self) -> None:
        """Let go of the local files. What waits is there at the next start."""
        self._logged.close()

    def _log_or_set_aside(self, batch: list[Spooled]) -> int:
        """The number of windows that MLflow took."""
        try:
            self._log_windows(batch)
        except Exception as error:
            if not is_refusal(error):
                raise
            # a run that was deleted is refused as well: with new look-ups, and alone, only what is wrong itself is
            self._axis = self._runs = None
            if len(batch) > 1:
                return sum(self._log_or_set_aside([each]) for each in batch)
            return self._log_once_more(batch[0])
        return len(batch)

    def _log_once_more(self, spooled: Spooled) -> int:
        try:
            self._log_windows([spooled])
        except Exception as error:
            if not is_refusal(error) or self._runs is None:  # without runs the experiment itself was refused
                raise
            self._set_aside(spooled, first_line(error), self._runs)
            return 0
        return 1

    def _set_aside(self, spooled: Spooled, reason: str, runs: Runs) -> None:
        window = spooled.window
        named = f"window {window.key}, {window.status}, revision {window.revision}"
        # raises where MLflow takes nothing at all: then it is no fault of the window's
        self._note_refusal(window.model, f"{named}: {reason}", runs)
        kept = self.spool.set_aside(spooled)
        self.refused += 1
        _log.error(
            "MLflow refuses %s (%s); it is kept as %s and the others go on, %d refused so far",
            named,
            reason,
            kept,
            self.refused,
        )

    def _note_refusal(self, model: ModelRef, text: str, runs: Runs) -> None:
        """Say where the metrics are looked at that some are missing."""
        run_id = runs.get(model, "inputs", self._clock.now())
        self._connected().set_tag(run_id, REFUSED_TAG, text[:_MOST_TAG_CHARACTERS])

    def _log_windows(self, batch: list[Spooled]) -> None:
        axis, runs = self._open(batch[0].window)
        points: dict[str, list[Metric]] = defaultdict(list)
        remembered: dict[tuple[str, str], Logged] = {}
        for spooled in batch:
            window = spooled.window
            for kind, values in values_by_run(window).items():
                run_id = runs.get(window.model, kind, self._clock.now())
                values, number = self._due(window, kind, values, run_id, remembered)
                points[run_id] += _metrics(values, window.end + number, axis.step(window.start))
        for run_id, metrics in points.items():
            for call in _calls(metrics):
                self._connected().log_batch(run_id, call)
        self._logged.put(remembered)
        for spooled in batch:
            self.spool.remove(spooled)

    def _due(
        self,
        window: Window,
        kind: RunKind,
        values: Values,
        run_id: str,
        remembered: dict[tuple[str, str], Logged],
    ) -> tuple[Values, int]:
        """The values to log and the revision that they are in their run. ``remembered`` is added to."""
        if kind in ("realised", "provisional"):
            return values, window.revision
        before = remembered.get((run_id, window.key)) or self._logged.get(run_id, window.key)
        added = addition(window, values, before)
        if added is None:
            return {}, 0
        remembered[run_id, window.key] = added.remembered
        return added.values, added.number

    def _upload_reports(self) -> None:
        for report in self._reports.waiting():
            runs = self._existing_runs()
            if runs is None:
                return
            run_id = runs.get(report.model, "inputs", self._clock.now())
            try:
                self._connected().log_artifact(run_id, str(report.html), artifact_path="reports")
            except FileNotFoundError:
                continue  # newer reports have taken its place since it was listed
            except Exception as error:
                if not is_refusal(error):
                    raise
                self._note_refusal(report.model, f"report {report.html.name}: {first_line(error)}", runs)
                _log.error("MLflow refuses report %s (%s); it stays on disk", report.html, first_line(error))
            self._reports.uploaded(report)

    def _existing_runs(self) -> Runs | None:
        """The runs, without a window at hand; None if no window has ever made their experiment."""
        if self._runs is None:
            found = self._connected().get_experiment_by_name(self._settings.experiment)
            if found is not None:
                check_stream(found, self._settings)
                self._runs = Runs(self._connected(), found.experiment_id)
        return self._runs

    def _open(self, first: Window) -> tuple[Axis, Runs]:
        client = self._connected()
        if self._axis is None:
            self._axis = open_axis(client, self._settings, first)
            self.experiment_id = self._axis.experiment_id
        if self._runs is None:
            self._runs = Runs(client, self._axis.experiment_id)
        return self._axis, self._runs

    def _connected(self) -> "MlflowClient":
        if self._client is None:
            self._client = mlflow_client(self._settings.mlflow_tracking_uri)
        return self._client


class SinkThread:
    """Drains the sink in the background: at once when there is work, with growing delays while MLflow fails."""

    def __init__(self, sink: MlflowSink) -> None:
        self._sink = sink
        self._work = threading.Event()
        self._stopping = threading.Event()
        self.last_error: str | None = None
        """Why the last drain failed; None if it did not."""
        self._warned_of, self._next_warning = "", 0.0
        self._misfit: UserError | None = None
        self._checked = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mlflow-sink", daemon=True)
        self._thread.start()

    def check(self, timeout: float) -> None:
        """Wait for the first look at the experiment, for at most ``timeout`` s: MLflow may be away.

        Raises:
            UserError: the experiment cannot take our windows.
        """
        self._checked.wait(timeout)
        if self._misfit is not None:
            raise self._misfit

    def submit(self, window: Window) -> None:
        """Spool a window (on disk when this returns) and wake the thread.

        Raises:
            SpoolFullError: as many windows wait for MLflow as may; wait, then submit it again.
            NoRoomError: the disk is full; the same.
        """
        self._sink.spool.append(window)
        self.wake()

    @property
    def full(self) -> bool:
        """Whether as many windows wait for MLflow as may."""
        return self._sink.spool.full

    def wake(self) -> None:
        """There is something new, such as a finished report."""
        self._work.set()

    def close(self, timeout: float = 10.0) -> bool:
        """Drain a last time, for at most ``timeout`` s; whether nothing waits any longer. What does stays on disk."""
        self._stopping.set()
        self._work.set()
        self._thread.join(timeout)
        ended = not self._thread.is_alive()
        if ended:
            self._sink.close()
        return ended and len(self._sink.spool) == 0

    def _run(self) -> None:
        delay: float | None = 0.0
        failures = 0
        while True:
            self._work.wait(delay)
            self._work.clear()
            stopping = self._stopping.is_set()  # after the clearing, or a close in between would go unnoticed
            if self._attempt():
                delay, failures = None, 0
            else:
                delay = min(_FIRST_DELAY_S * 2**failures, _LONGEST_DELAY_S)
                failures = min(failures + 1, 16)
            if stopping:
                self._finish()
                return

    def _attempt(self) -> bool:
        started = time.monotonic()
        try:
            if not self._checked.is_set():
                self._check()
            taken = self._sink.drain()
        except Exception as error:
            # MLflow, its transport and its store raise what they like; the windows are safe, and the thread must live
            self._warn(error)
            self.last_error = first_line(error)
            return False
        if self.last_error is not None:
            _log.warning("MLflow takes windows again")
        self.last_error = None
        if taken:
            _log.info("%d windows logged in %.1f s", taken, time.monotonic() - started)
        return True

    def _check(self) -> None:
        try:
            self._sink.check()
        except UserError as error:
            self._misfit = error
            raise
        finally:
            self._checked.set()

    def _warn(self, error: Exception) -> None:
        """Once when it begins, when it becomes another failure, and again as long as it lasts."""
        # the text of a failed connection differs each time, that of a mistake of the user's says what to do
        kind = str(error) if isinstance(error, UserError) else type(error).__name__
        if self.last_error is not None and kind == self._warned_of and time.monotonic() < self._next_warning:
            return
        waiting = len(self._sink.spool)
        if isinstance(error, NoRoomError):
            _log.warning("%s; %d windows wait for MLflow on disk", error, waiting)
        else:
            room = "; the monitor waits until there is room for more" if self.full else ""
            _log.warning("MLflow takes no windows (%s); %d wait on disk%s", first_line(error), waiting, room)
        self._warned_of, self._next_warning = kind, time.monotonic() + _SECONDS_BETWEEN_WARNINGS

    def _finish(self) -> None:
        if self.last_error is not None:
            return
        try:
            self._sink.finish()
        except Exception as error:
            _log.warning("MLflow's runs could not be marked as finished: %s", error)


def chart_link(base: str, experiment_id: str) -> str:
    """The page that shows an experiment's runs as charts, laid over each other.

    ``base`` is the tracking server's address; for a database, the address where ``mlflow server`` will serve it.
    """
    return f"{base.rstrip('/')}/#/experiments/{experiment_id}/runs?compareRunsMode=CHART"


def _calls(metrics: "list[Metric]") -> "Iterator[list[Metric]]":
    """The metrics in their order, in parts that MLflow takes in one call."""
    call: list[Metric] = []
    size = 0
    for metric in metrics:
        more = _BYTES_PER_POINT + len(json.dumps(metric.key))
        if call and (len(call) == _POINTS_PER_CALL or size + more > _BYTES_PER_CALL):
            yield call
            call, size = [], 0
        call.append(metric)
        size += more
    if call:
        yield call


def _metrics(values: Values, timestamp: int, step: int) -> "list[Metric]":
    from mlflow.entities import Metric

    return [Metric(name, value, timestamp, step) for name, value in values.items()]
