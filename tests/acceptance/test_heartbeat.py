"""Each worker's sign of life: there once it works, fresh while its loop turns, stale when it hangs."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from contract.settings import Settings
from tests.support.kafka.topics import environment, stream_settings
from tests.support.polling import eventually
from tests.support.worker_process import Kind, worker_processes

COMFORTABLE_SECONDS = 60


@pytest.fixture
def settings(broker: str, topic_prefix: str, tmp_path: Path) -> Settings:
    return stream_settings(broker, topic_prefix, tmp_path, heartbeat=tmp_path / "heartbeat")


def beats(path: Path, more: int = 1) -> None:
    """Wait for ``more`` touches of the file."""
    for _ in range(more):
        before = path.stat().st_mtime_ns if path.exists() else 0
        eventually(
            lambda before=before: path.exists() and path.stat().st_mtime_ns > before,
            timeout=COMFORTABLE_SECONDS,
            message=f"{path.name} is touched",
        )


@pytest.mark.parametrize("kind", ["score", "join"])
def test_the_heartbeat_lasts_as_long_as_the_loop_turns(kind: Kind, settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "heartbeat"
    with worker_processes(tmp_path) as workers:
        worker = workers.start(kind, settings)
        beats(path, more=3)
        worker.send(signal.SIGSTOP)
        eventually(lambda: worker.stopped)
        last = path.stat().st_mtime_ns
        worker.send(signal.SIGCONT)
        beats(path)
        assert path.stat().st_mtime_ns > last
        worker.finish()


def test_the_monitor_has_one_too(settings: Settings, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "churnstream", "monitor"]
    given = environment(settings) | {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'mlflow.db'}"}
    with subprocess.Popen(command, cwd=tmp_path, env=given) as process:
        try:
            beats(tmp_path / "heartbeat", more=3)
            process.send_signal(signal.SIGTERM)
            assert process.wait(COMFORTABLE_SECONDS) == 0
        finally:
            process.kill()
