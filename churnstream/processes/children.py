"""The demo's worker processes: started with a log each, watched, and ended with their owner."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from churnstream.processes.logged import start_logged
from churnstream.processes.orphans import OrphanGuard
from contract.errors import UserError


class Child:
    """One ``churnstream`` command in a process of its own; what it says goes to its log."""

    def __init__(self, name: str, arguments: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self.log_path = folder / "logs" / f"{name}.log"
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "churnstream", *arguments]
        self._process = start_logged(command, self.log_path, folder=folder, environment={**os.environ, **environment})

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def wait(self, timeout: float, expected: int = 0) -> int:
        """Wait for its end, at most ``timeout`` seconds, and return its exit code, which is 0 or ``expected``.

        Raises:
            UserError: it failed, or did not end in time; the message shows the end of its log.
        """
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise UserError(f"{self.name} did not end within {timeout:.0f} s; {self.explain()}") from None
        if code != expected:
            self.check()
        return code

    def check(self) -> None:
        """Raises:
        UserError: it has ended with an error; the message shows the end of its log.
        """
        if self.exit_code not in (None, 0):
            raise UserError(f"{self.name} ended with exit code {self.exit_code}; {self.explain()}")

    def explain(self) -> str:
        """Where its log is, and the last lines of it."""
        return f"its log, {self.log_path}, ends with:\n" + "\n".join(self.last_lines(5))

    def last_lines(self, count: int) -> list[str]:
        """The last ``count`` lines of its log, or as many as there are."""
        return self.log_path.read_text(errors="replace").splitlines()[-count:]

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it still runs."""
        if self.exit_code is None:
            self._process.send_signal(number)

    def end(self, timeout: float) -> None:
        """Give it ``timeout`` seconds to end by itself, then SIGKILL."""
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Children:
    """Several of them: none outlives this process, whatever ends it. ``environment`` is that of the next to start."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self.environment = dict(environment)
        self._folder = folder
        self._guard = OrphanGuard()
        self._running: list[Child] = []

    def start(self, name: str, *arguments: str, variables: Mapping[str, str] | None = None) -> Child:
        """Start ``churnstream ARGUMENTS``; ``variables`` are in its environment alone."""
        child = Child(name, arguments, {**self.environment, **(variables or {})}, self._folder)
        self._guard.watch(child.pid)
        self._running.append(child)
        return child

    def check(self) -> None:
        """Raises:
        UserError: one of them has failed.
        """
        for child in self._running:
            child.check()

    def stop(self, timeout: float = 20.0) -> None:
        """End all of them: SIGTERM, once, for a second one means at once; SIGKILL after ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        for child in reversed(self._running):
            child.signal(signal.SIGTERM)
        for child in reversed(self._running):
            child.end(max(deadline - time.monotonic(), 0.1))
            self._guard.forget(child.pid)
        self._running.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._guard.close()
