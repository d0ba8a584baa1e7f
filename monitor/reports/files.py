"""Which windows get a report, what it is called, and where it lies: one HTML file a window, the newest ones kept.

Everything follows from the window, so a report made again (after a crash, or for a later revision) takes the place of
the one before. ``<report>.json`` beside ``<report>.html`` says that MLflow has not got it yet; it is written after the
HTML, and a crash between the two leaves a local report that MLflow lacks.
"""

import logging
import uuid
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec

from contract.messages import ModelRef, encode
from contract.windows import Drift, Window
from contract.worker.private import private_folder
from contract.worker.room import needing_room
from monitor.files import write_durably
from monitor.naming import file_time, file_title, iso_time, model_title, verdict, version_title

_log = logging.getLogger("churnstream.report")
WORKSPACE = "workspace"
"""Folder in the state folder that `evidently ui --workspace` serves."""
_MOST_NAMED = 10
_MOST_REPORTED = 1_000
"""Windows whose report is remembered, so that it follows a verdict that changes: more than can change at once."""
_FARTHER = 2.0
"""How many times as far as in the last report columns have to be from the reference, to be news."""
_NAMESPACE = uuid.UUID("6f1f0c52-95ac-5f0e-8f0b-3f1f8a5f7f0a")


class ReportedDrift(NamedTuple):
    """What the reports on one drift have said: the columns that drifted, and the largest distance of any."""

    columns: frozenset[str]
    distance: float

    @classmethod
    def of(cls, drift: Drift) -> "ReportedDrift":
        distances = (feature.distance for feature in drift.features.values() if feature.drifted)
        return cls(frozenset(drift.drifted_columns), max(distances, default=0.0))

    def and_then(self, later: "ReportedDrift") -> "ReportedDrift":
        """Both, if the drift has gone on; else the later one alone."""
        if not self.columns or not later.columns:
            return later
        return ReportedDrift(self.columns | later.columns, max(self.distance, later.distance))


def wants_report(window: Window, said: ReportedDrift | None) -> bool:
    """Whether a window says something that the reports before it did not: that there is drift, or none any more; a
    column that had not drifted; a distance twice as large. Or it is the first judged window of a model (``said`` None).

    A column that comes and goes is no news. Pure.
    """
    if not window.drift.judged:
        return False
    if said is None:
        return True
    now = ReportedDrift.of(window.drift)
    if not now.columns or not said.columns:
        return now.columns != said.columns
    return not now.columns <= said.columns or now.distance >= _FARTHER * said.distance


class ReportChoice:
    """``wants_report`` over a stream of windows, in which final ones of long ago come between provisional ones of now.

    A model's windows are compared in the order of their starts; an earlier one is only asked about again if it had a
    report and its own verdict has changed since. In memory, two entries a model and those of the last reports: after a
    restart the first window has a report again.
    """

    def __init__(self) -> None:
        self._newest: dict[ModelRef, int] = {}
        self._said: dict[ModelRef, ReportedDrift] = {}
        self._reported: OrderedDict[str, list[str]] = OrderedDict()

    def wants(self, window: Window) -> bool:
        """Whether a window that comes now gets a report; if so, it is taken to be made."""
        model, newest = window.model, self._newest.get(window.model)
        columns = window.drift.drifted_columns
        is_newest = newest is None or window.start > newest
        if is_newest:
            self._newest[model] = window.start
            wanted = wants_report(window, self._said.get(model))
        else:
            wanted = window.drift.judged and self._reported.get(window.key, columns) != columns
        if wanted:
            self._reported[window.key] = columns
            if len(self._reported) > _MOST_REPORTED:
                self._reported.popitem(last=False)
            if is_newest:
                now = ReportedDrift.of(window.drift)
                self._said[model] = self._said.get(model, now).and_then(now)
        return wanted


def strength(window: Window) -> tuple[int, float, int]:
    """Of the larger one a report says more: more columns have drifted, or one has further, or it is the later one."""
    distances = (column.distance for column in window.drift.features.values())
    return len(window.drift.drifted_columns), max(distances, default=0.0), window.start


def report_name(window: Window) -> str:
    """``churn v3 · 2024-01-08T00:00:00Z to 2024-01-15T00:00:00Z · drifted: Age``."""
    columns = window.drift.drifted_columns
    named = ", ".join(columns[:_MOST_NAMED]) + (" and others" if len(columns) > _MOST_NAMED else "")
    said = verdict(window.drift) + (f": {named}" if columns else "")
    return f"{model_title(window.model)} · {iso_time(window.start)} to {iso_time(window.end)} · {said}"


class _Marker(msgspec.Struct, frozen=True):
    model: ModelRef


@dataclass(frozen=True)
class WaitingReport:
    """A report that MLflow has not got yet: its HTML file, the model whose inputs run it belongs to, and the file's
    time of writing in ns.
    """

    html: Path
    model: ModelRef
    written: int


class ReportFolder:
    """``<state_dir>/reports/<model>-<version>/<window start>_<verdict>.html``, at most ``limit`` of them."""

    def __init__(self, state_dir: Path, limit: int) -> None:
        self.path = _reports_folder(state_dir)
        self._limit = limit

    def save(self, window: Window, html: str) -> Path:
        """Write a window's report and its marker, whole or not at all; other reports of the window go.

        Raises:
            NoRoomError: the disk is full; the window has no report.
        """
        folder = self.path / _folder_name(window.model)
        private_folder(self.path)
        private_folder(folder)
        start = file_time(window.start)
        target = folder / f"{start}_{verdict(window.drift)}.html"
        for other in folder.glob(f"{start}_*.html"):
            if other != target:
                _remove(other)
        with needing_room(self.path):
            write_durably(target, html.encode())
            write_durably(target.with_suffix(".json"), encode(_Marker(window.model)))
        return target

    def discard_surplus(self) -> list[uuid.UUID]:
        """Delete the reports written longest ago until ``limit`` are left; the deleted ones' workspace ids."""
        reports = sorted(self.path.glob("*/*.html"), key=lambda path: (path.stat().st_mtime_ns, path))
        surplus = reports[: max(len(reports) - self._limit, 0)]
        for path in surplus:
            _remove(path)
        return [_workspace_id(path.parent.name, path.name.partition("_")[0]) for path in surplus]

    def waiting(self) -> list[WaitingReport]:
        """Reports that MLflow has not got yet, by model and window."""
        waiting = []
        for marker in sorted(self.path.glob("*/*.json")):
            try:
                model = msgspec.json.decode(marker.read_bytes(), type=_Marker).model
                html = marker.with_suffix(".html")
                waiting.append(WaitingReport(html, model, html.stat().st_mtime_ns))
            except FileNotFoundError:  # discarded since it was listed
                marker.unlink(missing_ok=True)
            except msgspec.DecodeError as error:
                _log.error("%s is damaged (%s); its report stays on disk and is not sent to MLflow", marker, error)
                marker.unlink(missing_ok=True)
        return waiting

    def uploaded(self, report: WaitingReport) -> None:
        """MLflow has the report; one that was written anew in the meantime goes on waiting."""
        if report.html.exists() and report.html.stat().st_mtime_ns != report.written:
            return
        report.html.with_suffix(".json").unlink(missing_ok=True)


def report_file(state_dir: Path, window: Window) -> Path | None:
    """The file of a window's report in a monitor's state folder; None: it has none there."""
    folder = _reports_folder(state_dir) / _folder_name(window.model)
    return next(iter(sorted(folder.glob(f"{file_time(window.start)}_*.html"))), None)


def workspace_id(window: Window) -> uuid.UUID:
    """The id of a window's report in Evidently's workspace: always the same for the same window."""
    return _workspace_id(_folder_name(window.model), file_time(window.start))


def project_id(experiment: str) -> uuid.UUID:
    """The id of the project in Evidently's workspace that holds an experiment's reports."""
    return uuid.uuid5(_NAMESPACE, experiment)


def _reports_folder(state_dir: Path) -> Path:
    return state_dir / "reports"


def _folder_name(model: ModelRef) -> str:
    return f"{file_title(model.name)}-{version_title(model).replace(' ', '-')}"


def _workspace_id(folder: str, start: str) -> uuid.UUID:
    return uuid.uuid5(_NAMESPACE, f"{folder}/{start}")


def _remove(html: Path) -> None:
    html.with_suffix(".json").unlink(missing_ok=True)
    html.unlink(missing_ok=True)
