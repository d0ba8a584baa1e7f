"""Whether a run's workers are ready."""

from pathlib import Path
from typing import cast

import pytest

from churnstream.demo import ready
from churnstream.demo.ready import WorkersReady
from churnstream.processes.children import Child
from contract.errors import UserError
from monitor.files import references_folder


class StartedWorker:
    def __init__(self, name: str, folder: Path, failure: str | None = None) -> None:
        self.name, self.log_path, self._failure = name, folder / "logs" / f"{name}.log", failure

    def check(self) -> None:
        if self._failure is not None:
            raise UserError(self._failure)


def started(workers: WorkersReady, folder: Path, name: str, failure: str | None = None) -> Path:
    """The file by which it shows that it is ready."""
    workers.expect(cast(Child, StartedWorker(name, folder, failure)))
    return Path(workers.variables(name)["CHURNSTREAM_HEARTBEAT"])


def test_all_are_waited_for_and_the_monitor_for_its_reference_too(tmp_path: Path) -> None:
    workers = WorkersReady(tmp_path)
    score, monitor = (started(workers, tmp_path, name) for name in ("score", "monitor"))
    assert workers.missing == ["score", "monitor", "the monitor's reference sample"]
    score.touch()
    monitor.touch()
    assert workers.missing == ["the monitor's reference sample"]
    references_folder(tmp_path).mkdir()
    (references_folder(tmp_path) / "churn-v1-run.parquet").touch()
    assert workers.missing == []
    workers.wait()


def test_a_worker_that_has_ended_is_not_waited_for(tmp_path: Path) -> None:
    workers = WorkersReady(tmp_path)
    started(workers, tmp_path, "score", "score ended with exit code 2; no champion")
    with pytest.raises(UserError, match="score ended with exit code 2; no champion"):
        workers.wait()


def test_what_never_gets_ready_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ready, "MOST_SECONDS", 0.0)
    workers = WorkersReady(tmp_path)
    started(workers, tmp_path, "join").touch()
    started(workers, tmp_path, "score")
    with pytest.raises(UserError, match=r"not ready after 0 s: score; see the logs in .*logs"):
        workers.wait()
