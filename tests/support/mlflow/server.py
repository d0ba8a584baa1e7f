"""A real MLflow server for a test, on a port that stays the same when it is started again."""

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.polling import eventually


@contextmanager
def mlflow_server(folder: Path, port: int) -> Iterator[str]:
    """Its address, once it answers. Database and artifacts are in ``folder``; it is killed at the end."""
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/server.db", "--artifacts-destination", str(folder / "art")]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "server.log").open("ab") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=environment, start_new_session=True)
    address = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert server.poll() is None, (folder / "server.log").read_text()
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=1) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    try:
        eventually(answers, timeout=120)
        yield address
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
