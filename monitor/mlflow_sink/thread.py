"""The sink's thread: it drains at once when there is work, with growing delays while MLflow or Kafka fails."""

import logging
import threading
import time
from collections.abc import Sequence

from contract.alerts import ModelVerdict
from contract.errors import UserError
from contract.kafka.rereading import NothingCameError
from contract.windows import WindowMessage
from contract.worker.room import NoRoomError
from monitor.mlflow_sink.refusals import first_line
from monitor.mlflow_sink.sink import MlflowSink
from monitor.signals import MLFLOW_OUTAGES, MLFLOW_UP, SPOOLED

_log = logging.getLogger("churnstream.sink")
_SECONDS_BETWEEN_WARNINGS = 600.0
_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.5, 30.0


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

    def take_up(self, end: int) -> None:
        """From the offset ``end`` of ``windows`` on, everything will be submitted. What stands before it and MLflow has
        not got is read back by the thread, once MLflow answers.
        """
        self._sink.handed_over.take_up(end)
        self.wake()

    def submit(self, message: WindowMessage, offset: int) -> None:
        """Spool what stands at ``offset`` of ``windows``, committed (on disk when this returns), and wake the thread.

        Offsets ascend.

        Raises:
            SpoolFullError: as many windows wait for MLflow as may; wait, then submit it again.
            NoRoomError: the disk is full; the same.
        """
        self._sink.spool.append(message, offset)
        self._sink.handed_over.submitted(offset)
        self.wake()

    def tell(self, verdicts: Sequence[ModelVerdict]) -> None:
        """Let MLflow have these verdicts, and wake the thread. They are in memory alone: a start tells them anew."""
        self._sink.verdicts.put(verdicts)
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
        return not self._thread.is_alive() and len(self._sink.spool) == 0

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
            if self._sink.handed_over.is_behind:
                self._sink.read_back()
                taken += self._sink.drain()
        except Exception as error:
            # MLflow, its transport and its store raise what they like; the windows are safe, and the thread must live
            self._warn(error)
            if self.last_error is None:
                MLFLOW_OUTAGES.inc()
            self.last_error = first_line(error)
            self._measure()
            return False
        if self.last_error is not None:
            _log.warning("MLflow accepts windows again")
        self.last_error = None
        self._measure()
        if taken:
            _log.info("%d windows logged in %.1f s", taken, time.monotonic() - started)
        return True

    def _measure(self) -> None:
        SPOOLED.set(len(self._sink.spool))
        MLFLOW_UP.set(self.last_error is None)

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
        elif isinstance(error, NothingCameError):
            _log.warning("what an earlier monitor left for MLflow cannot be read back yet (%s)", error)
        else:
            room = "; the monitor waits until there is room for more" if self.full else ""
            _log.warning("MLflow accepts no windows (%s); %d wait on disk%s", first_line(error), waiting, room)
        self._warned_of, self._next_warning = kind, time.monotonic() + _SECONDS_BETWEEN_WARNINGS

    def _finish(self) -> None:
        if self.last_error is not None:
            return
        try:
            self._sink.finish()
        except Exception as error:
            _log.warning("MLflow's runs could not be marked as finished: %s", error)
