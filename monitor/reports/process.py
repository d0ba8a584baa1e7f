"""Reports in a process of their own, so that Evidently's imports and memory never touch the monitor.

Nothing here waits for a report: requests queue up to a bound, the oldest one making room, and a thread hands them over
one at a time. A report that fails or kills its process is lost and logged, and the next request starts a new process.
The process ends with its parent, however that ends. Reports are files, written whole or not at all.
"""

import contextlib
import logging
import multiprocessing
import os
import signal
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from contract.errors import ChurnstreamError
from contract.settings import Settings
from contract.windows import Window
from contract.worker.logs import failure
from contract.worker.private import private_folder
from contract.worker.room import needing_room
from monitor.reports.files import WORKSPACE, ReportFolder
from monitor.reports.shown import MAX_ROWS
from monitor.timeline.samples import Sample

_log = logging.getLogger("churnstream.report")
_REPORT_TIMEOUT_S = 300.0


@dataclass(frozen=True)
class ReportRequest:
    """A window, its sample and the file of its model's reference sample (``monitor.reports.reference``)."""

    window: Window
    sample: Sample
    reference: Path


@dataclass(frozen=True)
class _ReportMade:
    path: Path | None
    problem: str = ""


class ReportProcess:
    """The parent's side. ``request`` never blocks; ``on_report`` is called with each file made, in a thread of ours."""

    def __init__(
        self, settings: Settings, on_report: Callable[[Path], None] = lambda _path: None, *, most_waiting: int = 16
    ) -> None:
        self._settings = settings
        self._on_report = on_report
        self._waiting: deque[ReportRequest] = deque()
        self._most_waiting = most_waiting
        self._changed = threading.Condition()
        self._closing = False
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None
        self.dropped = 0
        """Requests that made room for newer ones."""
        self.failed = 0
        """Requests that were taken up and gave no report."""
        self._thread = threading.Thread(target=self._hand_over, name="reports", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """The process that makes reports now; None while there is none."""
        return None if self._process is None else self._process.pid

    @property
    def waiting(self) -> int:
        """Requests that nobody has taken up yet."""
        with self._changed:
            return len(self._waiting)

    def request(self, window: Window, sample: Sample, reference: Path) -> None:
        """Ask for the report of a window. With ``max_reports`` 0 nothing is made."""
        if self._settings.max_reports == 0:
            return
        with self._changed:
            if self._closing:
                return
            if len(self._waiting) >= self._most_waiting:
                oldest = self._waiting.popleft()
                self.dropped += 1
                _log.warning("reports are made too slowly: window %s gets none", oldest.window.key)
            self._waiting.append(ReportRequest(window, sample.first(MAX_ROWS), reference))
            self._changed.notify()

    def close(self, timeout: float = 30.0) -> bool:
        """Wait until those waiting are made, for at most ``timeout`` s, and end the process; whether all were made."""
        deadline = time.monotonic() + timeout
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout)
        finished = not self._thread.is_alive()
        if not finished:
            with self._changed:
                _log.warning("reports abandoned: one in progress, %d waiting", len(self._waiting))
                self._waiting.clear()
        process = self._process
        if process is not None:
            process.join(max(deadline - time.monotonic(), 0.0) if finished else 0.0)
            process.kill()
            process.join()
        return finished

    def _hand_over(self) -> None:
        # a process inherits the mask of the thread that starts it: Ctrl-C must not meet it before it can ignore it
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        if self._settings.max_reports:
            # its imports take seconds, which the first report need not wait for
            with contextlib.suppress(OSError):
                self._connected()
        while (request := self._next()) is not None:
            answer = self._make(request)
            if answer.path is None:
                self.failed += 1
                _log.warning("no report for window %s: %s", request.window.key, answer.problem)
                continue
            _log.info("report %s", answer.path)
            try:
                self._on_report(answer.path)
            except Exception:
                _log.exception("report %s was made, but the steps after it failed", answer.path)
        if self._connection is not None:
            self._connection.close()

    def _next(self) -> ReportRequest | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            return self._waiting.popleft() if self._waiting else None

    def _make(self, request: ReportRequest) -> _ReportMade:
        try:
            connection = self._connected()
            connection.send(request)
            if not connection.poll(_REPORT_TIMEOUT_S):
                self._abandon()
                return _ReportMade(None, f"not made within {_REPORT_TIMEOUT_S:g} s")
            answer: _ReportMade = connection.recv()
        except (OSError, EOFError) as error:
            code = self._abandon()
            return _ReportMade(None, f"its process ended (exit code {code}, {type(error).__name__})")
        return answer

    def _connected(self) -> Connection:
        if self._process is not None and self._process.is_alive() and self._connection is not None:
            return self._connection
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(self._settings, theirs), name="churnstream-reports", daemon=True)
        process.start()
        theirs.close()  # so that reading meets the end of the file when the process ends
        self._process, self._connection = process, ours
        return ours

    def _abandon(self) -> int | None:
        process, connection = self._process, self._connection
        self._process = self._connection = None
        if connection is not None:
            connection.close()
        if process is None:
            return None
        process.kill()
        process.join()
        return process.exitcode


def _serve(settings: Settings, connection: Connection) -> None:
    """The process's main: make one report after the other until the parent has no more, or is no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which still wants what waits
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ.setdefault("DO_NOT_TRACK", "1")  # Evidently reads it when it is imported
    warnings.simplefilter("ignore")
    import monitor.reports.report  # noqa: F401  # Evidently, before the first request needs it

    while True:
        try:
            request: ReportRequest = connection.recv()
        except (EOFError, OSError):
            return
        try:
            answer = _ReportMade(_make_report(settings, request))
        except Exception as error:
            told = isinstance(error, ChurnstreamError)  # our own say what is wrong, others' need their name
            answer = _ReportMade(None, str(error) if told else failure(error))
        with contextlib.suppress(OSError):
            connection.send(answer)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _make_report(settings: Settings, request: ReportRequest) -> Path:
    from evidently.ui.workspace import Workspace

    from contract.schema import load_schema
    from monitor.reports.made import report_of
    from monitor.reports.page import report_page
    from monitor.reports.report import add_to_workspace, remove_from_workspace

    window = request.window
    report = report_of(settings, load_schema(settings.dataset), window, request.sample, request.reference)
    with needing_room(settings.state_dir):
        workspace = Workspace.create(str(private_folder(settings.state_dir / WORKSPACE)))
        folder = ReportFolder(settings.state_dir, settings.max_reports)
        path = folder.save(window, report_page(report))
        add_to_workspace(workspace, settings.experiment, window, report)
    remove_from_workspace(workspace, settings.experiment, folder.discard_surplus())
    return path
