"""Windows and reports on their way to MLflow: from the spool into six runs a model version, none lost.

A window leaves the spool only after MLflow has all of its points. Each point has a place of its own, which the window
and its revision name: the window's step, and its end plus the revision in ms as timestamp. So logging a window again,
be it after a crash or by another monitor, gives MLflow the same points, and it keeps each once. While MLflow is away
the spool keeps everything. A report is uploaded the same way; its marker goes after the upload.

What a monitor has published but not spooled, or has spooled on another machine, is read back from ``windows``: a tag of
the experiment says up to which offset MLflow has everything.

What MLflow refuses for good, while it takes other things, is set aside: its file stays, the log and a tag of the
model's inputs run say so, and what is behind it goes on.
"""

import logging
from collections import defaultdict
from itertools import islice
from typing import TYPE_CHECKING

from contract.alerts import ModelVerdict
from contract.messages import ModelRef
from contract.models.mlflow_access import mlflow_client
from contract.settings import Settings
from contract.topics import WINDOWS
from contract.windows import Window, WindowMessage
from contract.worker.clock import Clock
from monitor.mlflow_sink.calls import calls_of, metrics_of
from monitor.mlflow_sink.logged import Logged
from monitor.mlflow_sink.offsets import PROGRESS_TAG, HandedOver, Progress, WindowsTopic, progress_of
from monitor.mlflow_sink.points import REPEATING, RunKind, Values, values_by_run
from monitor.mlflow_sink.reading_back import read_back
from monitor.mlflow_sink.refusals import first_line, is_refusal
from monitor.mlflow_sink.runs import Axis, Runs, find_experiment, open_axis
from monitor.mlflow_sink.spool import Spool, Spooled, SpoolFullError
from monitor.mlflow_sink.trained import TrainedFigures
from monitor.mlflow_sink.verdict_tags import WaitingVerdicts, tag_verdict
from monitor.naming import iso_time, model_title
from monitor.reports.files import ReportFolder

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

_log = logging.getLogger("churnstream.sink")
_WINDOWS_PER_DRAIN = 200
_MOST_TAG_CHARACTERS = 1_000
_TAGGED: tuple[RunKind, RunKind] = ("realised", "estimated")
REFUSED_TAG = "churnstream.refused"
"""Tag of a model's inputs run: what MLflow refused last, and why."""


class MlflowSink:
    """The adapter itself. ``spool`` and ``handed_over`` are used by any thread; the rest belongs to one."""

    def __init__(self, settings: Settings, clock: Clock, topic: WindowsTopic | None = None) -> None:
        """``topic`` is what windows are read back from; without one only those given to the spool are logged."""
        folder = settings.state_dir / "monitor"
        self.spool = Spool(folder / "spool", settings.spool_limit)
        self.handed_over = HandedOver()
        self.verdicts = WaitingVerdicts()
        for leftover in folder.glob("logged.sqlite*"):  # the release before kept there what it had logged
            leftover.unlink()
        self._settings = settings
        self._clock = clock
        self._topic = topic
        self._logged = Logged()
        self._reports = ReportFolder(settings.state_dir, settings.max_reports)
        self._client: MlflowClient | None = None
        self._axis: Axis | None = None
        self._runs: Runs | None = None
        self._progress: Progress | None = None
        self._noted = 0
        self._trained: TrainedFigures | None = None
        self.axis: Axis | None = None
        """The experiment, for ``chart_link``; None until a window has been logged."""
        self.refused = 0
        """Windows that MLflow refused and that were set aside."""

    def check(self) -> None:
        """Refuse to begin with an experiment that cannot take our windows.

        Raises:
            UserError: it was deleted, holds another stream, or counts its steps by another slide.
            Exception: whatever MLflow or its transport raises.
        """
        find_experiment(self._connected(), self._settings)

    def drain(self) -> int:
        """Give MLflow all that waits; returns the number of windows that it took.

        Raises:
            UserError: the experiment cannot take our windows; nothing is lost.
            Exception: whatever MLflow or its transport raises; nothing is lost, call again later.
        """
        try:
            taken = self._drain_spool()
            self._note_progress()
            self._tag_verdicts()
            self._upload_reports()
        except Exception:
            self._look_up_again()
            raise
        return taken

    def read_back(self) -> None:
        """Spool what stands on ``windows`` and was not given to the spool, as far as ``take_up`` has said. Drains it
        where it is full.

        Raises:
            NothingCameError: the broker does not answer; call again later.
            NoRoomError: the disk is full; the same.
            Exception: as ``drain``.
        """
        if self._topic is None:
            return
        while self.handed_over.is_behind:
            try:
                begin = self.handed_over.begin_at(self._found_progress().offset)
            except Exception:
                self._look_up_again()
                raise
            self.handed_over.finish(read_back(self._settings, self._topic.stream, begin, self._spool_again))

    def finish(self) -> None:
        """Mark the runs as finished. Raises what MLflow raises."""
        if self._runs is not None:
            self._runs.finish()

    def _spool_again(self, message: WindowMessage | None, offset: int) -> None:
        while message is not None:
            try:
                self.spool.append(message, offset)
                break
            except SpoolFullError:
                self.drain()
        self.handed_over.read(offset + 1)

    def _drain_spool(self) -> int:
        taken = 0
        while batch := self._next_batch():
            taken += self._log_or_set_aside(batch)
        return taken

    def _next_batch(self) -> list[Spooled]:
        if len(self.spool):
            self._found_progress()  # may find that what waits is of no use
        return list(islice(self.spool, _WINDOWS_PER_DRAIN))

    def _look_up_again(self) -> None:
        """Whatever has failed, a run may have been deleted or the server replaced."""
        self._axis = self._runs = self._progress = self._trained = None

    def _found_progress(self) -> Progress:
        """What MLflow says of its progress, looked up once and after each failure."""
        if self._progress is None:
            if self._topic is None:
                self._progress = Progress(0, 0, "")
                return self._progress
            found = find_experiment(self._connected(), self._settings)
            tag = None if found is None else found.tags.get(PROGRESS_TAG)
            progress = progress_of(tag, self._topic.identity)
            if tag is not None and progress.tag != tag:
                self._begin_anew()
            if progress.offset < self._noted:
                self._logged.clear()
                self.handed_over.go_back_to(progress.offset)
            self._progress = progress
        return self._progress

    def _begin_anew(self) -> None:
        waited = self.spool.remove_left()
        _log.warning(
            "MLflow has windows of an earlier topic %s; those of this one are logged beside them, and %d that waited "
            "here are read back from this one, if it has them",
            self._settings.topic(WINDOWS),
            waited,
        )

    def _note_progress(self) -> None:
        """Say in MLflow itself up to which offset it has everything."""
        until = self.handed_over.until  # before the spool, which is filled first
        waiting = self.spool.first_offset
        if self._topic is None or self._axis is None or until is None:
            return
        progress = self._found_progress()
        offset = until if waiting is None else min(until, waiting)
        if offset > progress.offset:
            self._note(self._axis.experiment_id, progress._replace(offset=offset))

    def _note(self, experiment_id: str, progress: Progress) -> None:
        self._connected().set_experiment_tag(experiment_id, PROGRESS_TAG, progress.tag)
        self._progress, self._noted = progress, progress.offset

    def _log_or_set_aside(self, batch: list[Spooled]) -> int:
        """The number of windows that MLflow took."""
        try:
            self._log_windows(batch)
        except Exception as error:
            if not is_refusal(error):
                raise
            # a run that was deleted is refused as well: with new look-ups, and alone, only what is wrong itself is
            self._look_up_again()
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
        named = _named(spooled.message)
        # raises where MLflow takes nothing at all: then it is no fault of the window's
        self._note_refusal(spooled.message.model, f"{named}: {reason}", runs)
        kept = self.spool.set_aside(spooled)
        self.refused += 1
        _log.error(
            "MLflow refuses %s (%s); it is kept as %s and the others are logged, %d refused so far",
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
        axis, runs = self._open(batch[0].message)
        progress = self._found_progress()
        points: dict[str, list[Metric]] = defaultdict(list)
        self._logged.discard()
        for message in (spooled.message for spooled in batch):
            timestamp, step = progress.timestamp(message.end, message.revision), axis.step(message)
            by_run = values_by_run(message)
            if isinstance(message, Window) and (reached := self._reached(message.model)):
                by_run["trained"] = reached
            for kind, values in by_run.items():
                run_id = runs.get(message.model, kind, self._clock.now())
                if kind in REPEATING and isinstance(message, Window):
                    values = self._logged.news(run_id, message, values)
                # what was reached in training is the same in each revision, and one point for all of them
                at = progress.timestamp(message.end, 0) if kind == "trained" else timestamp
                points[run_id] += metrics_of(values, at, step)
        for run_id, metrics in points.items():
            for call in calls_of(metrics):
                self._connected().log_batch(run_id, call)
        self._logged.commit()
        for spooled in batch:
            self.spool.remove(spooled)

    def _tag_verdicts(self) -> None:
        for verdict in self.verdicts.waiting():
            try:
                if not self._tag(verdict):
                    return
            except Exception as error:
                if not is_refusal(error):
                    raise
                # a run that was deleted is refused as well
                self._look_up_again()
                self._tag_once_more(verdict)
            self.verdicts.done(verdict)

    def _tag(self, verdict: ModelVerdict) -> bool:
        """Whether there is an experiment for it, which the first window makes."""
        runs = self._existing_runs()
        if runs is None:
            return False
        realised, estimated = (
            runs.known(verdict.model, kind) or runs.get(verdict.model, kind, self._clock.now()) for kind in _TAGGED
        )
        tag_verdict(self._connected(), verdict, realised=realised, estimated=estimated)
        return True

    def _tag_once_more(self, verdict: ModelVerdict) -> None:
        try:
            self._tag(verdict)
        except Exception as error:
            if not is_refusal(error):
                raise
            _log.error("MLflow refuses the verdict on %s (%s)", model_title(verdict.model), first_line(error))

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
            found = find_experiment(self._connected(), self._settings)
            if found is not None:
                self._runs = Runs(self._connected(), found.experiment_id)
        return self._runs

    def _open(self, first: WindowMessage) -> tuple[Axis, Runs]:
        client = self._connected()
        if self._axis is None:
            axis = open_axis(client, self._settings, first, self._clock.now())
            if self._topic is not None:
                # before the first point: whoever comes after a crash must know which topic the points are of
                self._note(axis.experiment_id, self._found_progress())
            self._axis = self.axis = axis
        if self._runs is None:
            self._runs = Runs(client, self._axis.experiment_id)
        return self._axis, self._runs

    def _reached(self, model: ModelRef) -> Values:
        if self._trained is None:
            self._trained = TrainedFigures(self._connected())
        return self._trained.of(model)

    def _connected(self) -> "MlflowClient":
        if self._client is None:
            self._client = mlflow_client(self._settings.mlflow_tracking_uri)
        return self._client


def _named(message: WindowMessage) -> str:
    if isinstance(message, Window):
        return f"window {message.key}, {message.status}, revision {message.revision}"
    return f"{message.key} until {iso_time(message.end)}, revision {message.revision}"
