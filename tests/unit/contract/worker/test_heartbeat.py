"""The file by which a health check knows that a worker works."""

import os
from pathlib import Path

import pytest

from contract.worker import heartbeat
from contract.worker.heartbeat import Heartbeat


def test_a_beat_touches_the_file_but_not_more_often_than_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(heartbeat.time, "monotonic", lambda: now)
    path = tmp_path / "heartbeat"
    beats = Heartbeat(path)
    assert not path.exists()
    beats.beat()
    os.utime(path, (0, 0))
    now += 0.9
    beats.beat()
    assert path.stat().st_mtime == 0
    now += 0.2
    beats.beat()
    assert path.stat().st_mtime > 0


def test_without_a_path_there_is_no_heartbeat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Heartbeat(None).beat()
    assert list(tmp_path.iterdir()) == []
