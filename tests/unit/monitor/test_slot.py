"""A folder to oneself: no two living workers have the same, and a dead one's is found again."""

import subprocess
import sys
from pathlib import Path

import pytest

from contract.errors import UserError
from contract.settings import load_settings
from contract.testing import ManualClock
from monitor.mlflow_sink.sink import MlflowSink
from monitor.slot import STATE_FORMAT, Slot
from tests.support.windows import window

HOLD = """
import sys
from pathlib import Path
from monitor.slot import Slot

slot = Slot(Path(sys.argv[1]), sys.argv[2] or None)
print(slot.path, flush=True)
sys.stdin.read()
"""


def test_workers_without_a_name_take_the_first_free_folder(tmp_path: Path) -> None:
    slots = [Slot(tmp_path / "join", None) for _ in range(3)]
    assert [slot.path for slot in slots] == [tmp_path / "join" / str(number) for number in range(3)]
    slots[1].close()
    assert Slot(tmp_path / "join", None).path == slots[1].path


def test_a_worker_with_a_name_has_the_folder_of_that_name(tmp_path: Path) -> None:
    slot = Slot(tmp_path, "east")
    assert slot.path == tmp_path / "east"
    with pytest.raises(
        UserError, match=r"'east' \(CHURNSTREAM_INSTANCE\) is already running; stop it or choose another"
    ):
        Slot(tmp_path, "east")
    with pytest.raises(UserError, match=r"^a monitor runs here; stop it$"):
        Slot(tmp_path, "east", "a monitor runs here; stop it")
    assert Slot(tmp_path, "west").path == tmp_path / "west"
    slot.close()
    assert Slot(tmp_path, "east").path == tmp_path / "east"


@pytest.mark.parametrize("name", ["", "east"])
def test_the_folder_of_a_killed_process_is_free_again(tmp_path: Path, name: str) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path), name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            held = Path(process.stdout.readline().strip())
            if name:
                with pytest.raises(UserError):
                    Slot(tmp_path, name)
            else:
                assert Slot(tmp_path, None).path != held
        finally:
            process.kill()
            process.wait()
    assert Slot(tmp_path, name or None).path == held


@pytest.mark.parametrize("name", [None, "east"])
def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path, name: str | None) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"state folder .*file cannot be used \(.+\); set CHURNSTREAM_STATE_DIR"):
        Slot(tmp_path / "file", name)


def test_a_folder_of_another_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    Slot(tmp_path, "east").close()
    (tmp_path / "east" / "format").write_text(f"{STATE_FORMAT + 1}\n")
    for _ in range(2):
        with pytest.raises(UserError, match=r"state folder .*east has format 2, but this version reads 1; delete it"):
            Slot(tmp_path, "east")
    assert (tmp_path / "east" / "format").read_text() == f"{STATE_FORMAT + 1}\n"


def test_a_filled_folder_without_a_format_is_an_older_versions(tmp_path: Path) -> None:
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "1.sqlite").write_bytes(b"")
    with pytest.raises(UserError, match="has format 0, but this version reads 1"):
        Slot(tmp_path, None)


def test_a_crash_before_the_format_was_written_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "lock").touch()
    (tmp_path / "0" / "format").touch()
    Slot(tmp_path, None).close()
    assert (tmp_path / "0" / "format").read_text() == f"{STATE_FORMAT}\n"


def filled(path: Path, *names: str) -> Path:
    for name in names:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text("x")
    return path


def contents(path: Path) -> list[str]:
    return sorted(str(file.relative_to(path)) for file in path.rglob("*") if file.is_file())


KEPT = ["format", "identity", "lock"]


def test_state_of_topics_that_were_made_anew_is_forgotten_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    slot = Slot(tmp_path, "monitor")
    filled(slot.path, "logged.sqlite", "spool/1.json", "spool/2.json")
    for _ in range(2):
        # what says of no stream, as an earlier version left it, counts as this one's
        slot.adopt("first", "a.", "spool/*.json")
        assert contents(slot.path) == sorted([*KEPT, "logged.sqlite", "spool/1.json", "spool/2.json"])
    slot.adopt("second", "a.", "spool/*.json")
    assert contents(slot.path) == KEPT
    (line,) = caplog.messages
    assert "made again since; it is emptied, and 2 windows in it that waited for MLflow are dropped" in line
    slot.adopt("second", "a.", "spool/*.json")
    assert len(caplog.messages) == 1


def test_what_waits_of_a_stream_with_another_prefix_is_not_lost(tmp_path: Path) -> None:
    slot = Slot(tmp_path, "monitor")
    slot.adopt("first", "a.", "spool/*.json")
    filled(slot.path, "logged.sqlite", "spool/1.json")
    with pytest.raises(
        UserError, match=r"holds windows that wait for MLflow \(1\), of the stream with prefix 'a\.'; run that"
    ):
        slot.adopt("other", "b.", "spool/*.json")
    assert contents(slot.path) == sorted([*KEPT, "logged.sqlite", "spool/1.json"])
    (slot.path / "spool" / "1.json").rename(slot.path / "spool" / "1.refused")
    slot.adopt("other", "b.", "spool/*.json")
    assert contents(slot.path) == KEPT


def test_a_monitor_that_starts_again_keeps_what_waits(tmp_path: Path) -> None:
    settings = load_settings(state_dir=tmp_path, mlflow_tracking_uri="http://127.0.0.1:9", topic_prefix="a.")
    for start in range(3):
        slot = Slot(tmp_path, "monitor")
        slot.adopt("first", settings.topic_prefix, "spool/*.json")
        sink = MlflowSink(settings, ManualClock())
        assert len(sink.spool) == start
        sink.spool.append(window(start), start)
        slot.close()
