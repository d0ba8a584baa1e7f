"""A real worker in a process of its own, which can be told to die or to stop at a step of the commit protocol.

Run as a module it is that process: the scorer (with a model that needs no registry), the join, the alert sinks, the
timeline (with held-out rows that need none either), or a redrive of all dead letters, on the settings of its
environment. Imported it is the test's side: start, signal, wait, and read what the process logged.
"""

import argparse
import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import psutil

from churnstream.processes.logged import start_logged
from churnstream.processes.orphans import OrphanGuard
from contract.settings import Settings
from tests.support.kafka.topics import environment
from tests.support.paths import ROOT
from tests.support.polling import eventually
from tests.support.service.bad_input import NOW

Kind = Literal["score", "join", "alerts", "timeline", "redrive"]
_LOG_TAIL = 4_000


class InjectedFault(NamedTuple):
    """The process sends itself ``signal`` when it comes to ``step`` for the ``at``-th time."""

    step: str
    at: int = 1
    signal: int = signal.SIGKILL

    def __str__(self) -> str:
        return f"{self.step}:{self.at}:{int(self.signal)}"

    @classmethod
    def parse(cls, text: str) -> "InjectedFault":
        step, at, number = text.split(":")
        return cls(step, int(at), int(number))


class WorkerProcess:
    """A started worker. Its log goes to a file, so that it never waits for a reader."""

    def __init__(self, kind: Kind, settings: Settings, log_path: Path, fault: InjectedFault | None = None) -> None:
        self._log_path = log_path
        command = [sys.executable, "-m", "tests.support.worker_process", kind]
        command += ["--fault", str(fault)] if fault else []
        self._process = start_logged(command, log_path, folder=ROOT, environment=environment(settings))

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> str:
        return self._log_path.read_text(errors="replace")

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def stopped(self) -> bool:
        """Whether SIGSTOP holds the process."""
        return self.running and psutil.Process(self.pid).status() == psutil.STATUS_STOPPED

    def send(self, number: int) -> None:
        self._process.send_signal(number)

    def work_done(self) -> tuple[int, int]:
        """Grows while the worker gets on: bytes logged, and whole seconds of CPU time, which waiting hardly takes."""
        try:
            times = psutil.Process(self.pid).cpu_times()
        except psutil.NoSuchProcess:
            return self._log_path.stat().st_size, 0
        return self._log_path.stat().st_size, int(times.user + times.system)

    def wait(self, timeout: float = 60.0) -> int:
        """The exit code; that of a process ended by signal n is -n. ``timeout`` counts from its last work."""
        eventually(lambda: not self.running, timeout, f"worker {self.pid} ends", progress=self.work_done)
        return self._process.wait()

    def wait_until_stopped(self, timeout: float = 60.0) -> None:
        """Wait until the fault's SIGSTOP holds the process; ``timeout`` counts from its last work."""
        message = f"worker {self.pid} comes to the step"
        eventually(lambda: self.stopped or not self.running, timeout, message, progress=self.work_done)
        assert self.running, f"worker {self.pid} ended"

    def finish(self) -> None:
        """SIGTERM, and an orderly end."""
        self.send(signal.SIGTERM)
        assert self.wait() == 0, f"worker {self.pid} did not end in good order"

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@dataclass
class Workers:
    """Starts workers and knows all that it started."""

    directory: Path
    guard: OrphanGuard
    started: list[WorkerProcess]

    def start(self, kind: Kind, settings: Settings, fault: InjectedFault | None = None) -> WorkerProcess:
        worker = WorkerProcess(kind, settings, self.directory / f"worker-{len(self.started)}.log", fault)
        self.guard.watch(worker.pid)
        self.started.append(worker)
        return worker

    def eventually(self, condition: Callable[[], object], message: str, timeout: float = 90.0) -> None:
        """Wait for ``condition`` while every worker that is running now keeps running.

        ``timeout`` counts from the last work of any of them: how long the whole takes depends on the machine.
        """
        watched = [worker for worker in self.started if worker.running]

        def met() -> bool:
            ended = [worker.pid for worker in watched if not worker.running]
            assert not ended, f"workers {ended} ended while waiting: {message}"
            return bool(condition())

        eventually(met, timeout, message, progress=lambda: [worker.work_done() for worker in watched])


@contextlib.contextmanager
def worker_processes(directory: Path) -> Iterator[Workers]:
    """Workers for the block. None outlives it, nor the test's own process; a failure shows what they logged."""
    with OrphanGuard() as guard:
        workers = Workers(directory, guard, [])
        try:
            yield workers
        except BaseException as error:
            for number, worker in enumerate(workers.started):
                error.add_note(f"--- worker {number} (pid {worker.pid}):\n{worker.log[-_LOG_TAIL:]}")
            raise
        finally:
            for worker in workers.started:
                worker.kill()
                guard.forget(worker.pid)


class _Checkpoint:
    def __init__(self, fault: InjectedFault) -> None:
        self._fault = fault
        self._seen = 0

    def __call__(self, step: str) -> None:
        self._seen += step == self._fault.step
        if step == self._fault.step and self._seen == self._fault.at:
            # it goes to this thread, which would take another step before the process stops
            signal.pthread_kill(threading.get_ident(), self._fault.signal)


def _main() -> None:
    from contract.errors import UserError
    from contract.kafka.transactions import no_checkpoint
    from contract.schema import load_schema
    from contract.settings import load_settings
    from contract.testing import RunningClock
    from contract.worker.logs import configure_logging
    from contract.worker.process import run_until_signalled

    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["score", "join", "alerts", "timeline", "redrive"])
    parser.add_argument("--fault", type=InjectedFault.parse)
    arguments = parser.parse_args()
    configure_logging(verbose=True)
    settings = load_settings()
    schema = load_schema(settings.dataset)
    checkpoint = _Checkpoint(arguments.fault) if arguments.fault else no_checkpoint
    # the plausibility of every test's event times is known from there on
    clock = RunningClock(NOW)

    def work(stop: threading.Event) -> None:
        if arguments.kind == "score":
            from scorer.stream.worker import ScorerWorker
            from scorer.testing import LogisticModel

            model = LogisticModel()
            ScorerWorker(settings, schema, lambda: model, clock=clock, checkpoint=checkpoint).run(stop)
        elif arguments.kind == "alerts":
            from contract.alert_rules import load_alert_rules
            from contract.kafka.stream_identity import stream_identity
            from monitor.alert_sinks.threads import AlertSinks

            rules = load_alert_rules(settings.alert_rules)
            sinks = AlertSinks(settings, stream_identity(settings), rules, clock, checkpoint=checkpoint)
            sinks.start()
            stop.wait()
            sinks.close(30.0)
        elif arguments.kind == "timeline":
            from tests.support.timeline.following import following
            from tests.support.timeline.relation_days import verdicts

            with following(settings, complete=verdicts(settings), checkpoint=checkpoint) as timeline:
                while not stop.wait(0.2) and not timeline.ended:
                    pass
        elif arguments.kind == "redrive":
            from churnstream.redrive.chosen import ChosenLetters
            from churnstream.redrive.sending import Redrive

            Redrive(settings, schema, ChosenLetters(), checkpoint=checkpoint).run(stop)
        else:
            from monitor.join.worker import JoinWorker

            JoinWorker(settings, schema, clock=clock, checkpoint=checkpoint).run(stop)

    try:
        run_until_signalled(work)
    except UserError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    _main()
