"""MLflow's pages as ``churnstream mlflow`` opens them: the address that it prints, served."""

import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from churnstream.local_kafka.broker import free_port
from tests.support.polling import eventually

_FIRST = "timelines: "


@contextmanager
def printed_timelines(folder: Path) -> Iterator[str]:
    """The link that ``churnstream mlflow`` prints for a folder with a store, once the server answers."""
    port = free_port()
    command = [sys.executable, "-m", "churnstream", "mlflow", "--dir", str(folder), "--port", str(port)]
    with (folder / "mlflow-server.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        assert line.startswith(_FIRST), (line, (folder / "mlflow-server.log").read_text())
        eventually(lambda: _answers(f"http://127.0.0.1:{port}/health"), timeout=240)
        yield line.removeprefix(_FIRST)
    finally:
        process.terminate()
        process.communicate(timeout=30)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
