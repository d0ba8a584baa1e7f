"""What a cache's folder loses, and what stays in it."""

import os
import time
from pathlib import Path

import pytest

from scorer.kernels import compiled
from scorer.kernels.unused import UNUSED_SECONDS, mark_used, remove_unused

DAY = 24 * 3_600.0


def made(folder: Path, name: str, days: float, read: float | None = None) -> Path:
    """A folder with one file that was written ``days`` ago, and read as long ago or ``read`` days ago."""
    entry = folder / name
    entry.mkdir()
    file = entry / "code.nbc"
    file.write_bytes(b"code")
    written = time.time() - days * DAY
    os.utime(file, (written if read is None else time.time() - read * DAY, written))
    os.utime(entry, (written, written))
    return entry


def names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


def test_only_what_was_neither_written_nor_read_for_long_goes(tmp_path: Path) -> None:
    gone = made(tmp_path, "a" * 16, 91)
    made(tmp_path, "b" * 16, 89)
    made(tmp_path, "c" * 16, 400, read=2)
    made(tmp_path, "notes", 400)
    assert remove_unused(tmp_path, "?" * 16) == [gone]
    assert names(tmp_path) == {"b" * 16, "c" * 16, "notes"}


def test_what_is_in_use_is_marked(tmp_path: Path) -> None:
    entry = made(tmp_path, "a" * 16, 400)
    mark_used(entry)
    assert remove_unused(tmp_path, "*") == []


def test_the_last_used_stay_where_they_are_too_many(tmp_path: Path) -> None:
    for number in range(5):
        file = tmp_path / f"{number}.npz"
        file.write_bytes(b"")
        os.utime(file, (time.time() - number * DAY, time.time() - number * DAY))
    assert {each.name for each in remove_unused(tmp_path, "*.npz", 3)} == {"3.npz", "4.npz"}


def test_what_was_left_half_removed_goes_and_what_cannot_be_removed_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path, ".removed-1-aaaa", 1)
    entry = made(tmp_path, "a" * 16, UNUSED_SECONDS / DAY + 1)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(PermissionError("not yours")))
        assert remove_unused(tmp_path, "?" * 16) == []
    assert names(tmp_path) == {entry.name}
    assert remove_unused(tmp_path / "there is none", "*") == []


def test_a_start_removes_old_code_and_keeps_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from numba.core import config

    made(tmp_path, "0" * 16, 100)
    made(tmp_path, compiled.sources_digest(), 100)
    made(tmp_path, "0" * 15, 100)
    monkeypatch.setitem(vars(config), "CACHE_DIR", str(tmp_path))
    assert compiled.cache_place.__wrapped__() == tmp_path / compiled.sources_digest()
    assert names(tmp_path) == {compiled.sources_digest(), "0" * 15}
