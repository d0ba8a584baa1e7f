import subprocess
import sys
from pathlib import Path

from contract.worker.private import private_folder

WORKER = """
import sqlite3, sys
from pathlib import Path
from contract.worker.private import keep_files_private
keep_files_private()
state = Path(sys.argv[1])
from monitor.join.store import JoinStore
from monitor.mlflow_sink.spool import Spool
from monitor.reports.files import ReportFolder
from monitor.slot import Slot
from tests.support.windows import window
slot = Slot(state, "monitor")
Spool(state / "monitor" / "spool", 10).append(window(), 0)
ReportFolder(state, 10).save(window(), "page")
(state / "monitor" / "faust").mkdir()
"""


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_folder_of_ours_is_for_its_user_alone_and_those_above_it_that_it_makes(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir(mode=0o755)
    made = private_folder(tmp_path / "theirs" / "state" / "monitor")
    assert [mode(made), mode(made.parent), mode(tmp_path / "theirs")] == [0o700, 0o700, 0o755]


def test_a_folder_of_an_earlier_version_loses_the_rights_of_others(tmp_path: Path) -> None:
    (tmp_path / "monitor").mkdir(mode=0o755)
    assert mode(private_folder(tmp_path / "monitor")) == 0o700


def test_nobody_else_can_read_what_a_worker_keeps(tmp_path: Path) -> None:
    state = tmp_path / "state"
    subprocess.run([sys.executable, "-c", WORKER, str(state)], check=True, umask=0o022)
    kept = [state, *state.rglob("*")]
    assert {path.suffix for path in kept} >= {".json", ".html"}
    assert [path for path in kept if mode(path) & 0o077] == []
