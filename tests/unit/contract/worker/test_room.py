"""A full disk is told from other failures, named once, and waited for."""

import errno
import logging
import sqlite3
import threading
from pathlib import Path

import pytest

from contract.worker import room
from contract.worker.heartbeat import Heartbeat
from contract.worker.room import NoRoomError, has_room, needing_room, wait_for_room
from tests.support.polling import eventually
from tests.support.small_disk import fill_disk, small_disk

LOG = logging.getLogger("churnstream.test")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_told_by_its_folder_and_remedy(number: int, tmp_path: Path) -> None:
    with (
        pytest.raises(NoRoomError, match=f"state folder {tmp_path} is full; make room"),
        needing_room(tmp_path),
    ):
        raise OSError(number, "no")


def test_other_failures_pass_unchanged(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), needing_room(tmp_path):
        raise PermissionError(errno.EACCES, "no")
    with pytest.raises(sqlite3.OperationalError), needing_room(tmp_path):
        sqlite3.connect(tmp_path / "a.sqlite").execute("SELECT * FROM nothing")


def test_a_database_on_a_full_disk_says_so_and_works_when_there_is_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 2_000_000) as disk:
        connection = sqlite3.connect(disk / "a.sqlite", isolation_level=None)
        connection.execute("CREATE TABLE t (b BLOB)")
        ballast = fill_disk(disk)
        assert not has_room(disk)
        with pytest.raises(NoRoomError), needing_room(disk):
            connection.execute("INSERT INTO t VALUES (?)", (bytes(400_000),))
        ballast.unlink()
        assert has_room(disk)
        assert [path.name for path in disk.iterdir()] == ["a.sqlite"]
        with needing_room(disk):
            connection.execute("INSERT INTO t VALUES (?)", (bytes(400_000),))
        connection.close()


def test_waiting_says_one_line_and_goes_on_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(room, "_SECONDS_BETWEEN_PROBES", 0.01)
    probes = iter([False, False, False, True])
    monkeypatch.setattr(room, "has_room", lambda _folder: next(probes))
    with caplog.at_level(logging.WARNING):
        wait_for_room(NoRoomError(tmp_path), threading.Event(), LOG)
    assert [record.getMessage() for record in caplog.records] == [
        f"state folder {tmp_path} is full; make room, and the work continues automatically",
        f"state folder {tmp_path} has room again; continuing",
    ]


def test_waiting_ends_with_its_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "has_room", lambda _folder: False)
    stop = threading.Event()
    waiting = threading.Thread(target=wait_for_room, args=(NoRoomError(tmp_path), stop, LOG))
    waiting.start()
    stop.set()
    eventually(lambda: not waiting.is_alive(), message="the wait ends")


def test_a_heartbeat_that_finds_no_room_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_path: Path) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(Path, "touch", full)
    Heartbeat(tmp_path / "heartbeat").beat()
