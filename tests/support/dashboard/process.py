"""``churnstream dashboard`` as a process, as people start it."""

import contextlib
import os
import re
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

import httpx

from churnstream.processes.logged import start_logged
from churnstream.processes.orphans import OrphanGuard
from contract.settings import Settings
from tests.support.kafka.topics import environment
from tests.support.paths import ROOT
from tests.support.polling import eventually

STARTED_SECONDS = 120.0
"""It takes three seconds of one processor, of which a busy machine may have little to give."""


@dataclass(frozen=True)
class ShownPage:
    """A running page: its process, where it is, and what it has logged."""

    process: "Popen[bytes]"
    address: str
    log_path: Path

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@contextlib.contextmanager
def shown_page(settings: Settings, folder: Path, *arguments: str, **env: str) -> Iterator[ShownPage]:
    """The page for the block, on a free port; ``arguments`` and ``env`` are further ones.

    A failure of the block shows what it logged.
    """
    log_path = folder / "dashboard.log"
    command = [sys.executable, "-m", "churnstream", "dashboard", "--port", "0", *arguments]
    given = {**environment(settings), "PYTHONPATH": os.fspath(ROOT), **env}
    with OrphanGuard() as guard:
        process = start_logged(command, log_path, folder=folder, environment=given)
        guard.watch(process.pid)

        def address() -> str | None:
            found = re.search(r"^the page: (http\S+)$", log_path.read_text(errors="replace"), re.MULTILINE)
            assert found or process.poll() is None, "it has ended"
            return found[1] if found else None

        try:
            found = eventually(address, STARTED_SECONDS, "the page says its address")
            assert httpx.get(f"{found}/health", timeout=30).status_code == 200
            yield ShownPage(process, found, log_path)
        except BaseException as error:
            error.add_note(f"--- the page (pid {process.pid}):\n{log_path.read_text(errors='replace')[-4_000:]}")
            raise
        finally:
            process.kill()
            process.wait()
            guard.forget(process.pid)
