"""The REST service, as a process as people start it or on a thread of the test's own, and a client of it."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import uvicorn

from churnstream.processes.orphans import OrphanGuard
from contract.settings import Settings
from scorer.rest.app import create_app
from scorer.rest.protocol import BoundedProtocol
from scorer.serving.predictor import Parts
from tests.support.kafka.topics import environment
from tests.support.paths import ROOT
from tests.support.polling import eventually


@dataclass(frozen=True)
class Served:
    """A running service: its process, its log, and a client of its address."""

    process: "subprocess.Popen[bytes]"
    log_path: Path
    client: httpx.Client

    @property
    def address(self) -> str:
        return str(self.client.base_url).rstrip("/")

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def wait_until_ready(self, timeout: float = 60.0) -> None:
        def ready() -> bool:
            assert self.process.poll() is None, "the service has ended"
            return self.client.get("/ready").status_code == 200

        eventually(ready, timeout, "the service is ready")

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@contextlib.contextmanager
def served(settings: Settings, folder: Path, *arguments: str, ready: bool = True, **env: str) -> Iterator[Served]:
    """``churnstream serve`` for the block, on a free port; ``arguments`` and ``env`` are further ones.

    A failure of the block shows what it logged.
    """
    log_path = folder / "serve.log"
    with log_path.open("wb") as log, OrphanGuard() as guard:
        process = subprocess.Popen(
            [sys.executable, "-m", "churnstream", "serve", "--port", "0", "--verbose", *arguments],
            cwd=folder,
            env={**environment(settings), "PYTHONPATH": os.fspath(ROOT), **env},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        guard.watch(process.pid)
        try:
            address = eventually(lambda: _address(process, log_path), 60, "the service says its address")
            with httpx.Client(base_url=address, timeout=30) as client:
                service = Served(process, log_path, client)
                if ready:
                    service.wait_until_ready()
                yield service
        except BaseException as error:
            error.add_note(f"--- the service (pid {process.pid}):\n{log_path.read_text(errors='replace')[-4_000:]}")
            raise
        finally:
            process.kill()
            process.wait()
            guard.forget(process.pid)


def _address(process: "subprocess.Popen[bytes]", log_path: Path) -> str | None:
    found = re.search(r"answering on (http\S+)", log_path.read_text(errors="replace"))
    assert found or process.poll() is None, "the service has ended"
    return found[1] if found else None


@contextlib.contextmanager
def answering(parts: Parts) -> Iterator[httpx.Client]:
    """The application on a thread of the test's own process, on a free port, and a client of it."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(create_app(parts, {}), http=BoundedProtocol, log_config=None, lifespan="on", ws="none")
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=30) as client:
            eventually(lambda: server.started, 30, "the application has started")
            yield client
    finally:
        server.should_exit = True
        thread.join(30)
    assert not thread.is_alive(), "the application did not stop"
