"""What the machine refuses is one line with the path and a remedy, and never a traceback."""

import errno
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer

from churnstream import cli
from churnstream.failures import explained
from tests.support.paths import ROOT

SECRET = "S3cret.Pw"


def ended(error: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and standard error of a command that fails so."""
    app = typer.Typer(pretty_exceptions_enable=False)

    @app.command()
    def fail() -> None:
        raise error

    monkeypatch.setattr(cli, "app", app)
    monkeypatch.setattr(sys, "argv", ["churnstream"])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    code = exit_.value.code
    assert isinstance(code, int)
    return code, capsys.readouterr().err


def wrapped(cause: Exception) -> Exception:
    """As a library wraps what it met."""
    outer = RuntimeError("API request failed")
    outer.__cause__ = cause
    return outer


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(errno.ENOSPC, "x", "/state/1"), "/state/1 cannot be used (No space left on device); make room"),
        (OSError(errno.ENOSPC, "x"), "a file cannot be used (No space left on device); make room"),
        (OSError(errno.EDQUOT, "x", "/state"), "/state cannot be used (Disk quota exceeded); make room"),
        (PermissionError(errno.EACCES, "x", "/state"), "/state cannot be used (Permission denied); grant access"),
        (OSError(errno.EROFS, "x", Path("/state")), "/state cannot be used (Read-only file system); grant access"),
        (OSError(errno.EMFILE, "x", "a.csv"), "a.csv cannot be used (Too many open files); raise the limit"),
        (sqlite3.OperationalError("database or disk is full"), "(database or disk is full); make room"),
        (sqlite3.DatabaseError("database disk image is malformed"), "restore it from a backup"),
        (sqlite3.DatabaseError("file is not a database"), "restore it from a backup"),
        (sqlite3.OperationalError("attempt to write a readonly database"), "grant access"),
        (wrapped(OSError(errno.ENOSPC, "x", "/tmp/a")), "/tmp/a cannot be used (No space left on device); make room"),
        (wrapped(wrapped(sqlite3.OperationalError("disk I/O error"))), "the disk is failing"),
        (MemoryError(), "not enough memory"),
    ],
)  # fmt: skip
def test_a_failure_of_the_machine_is_one_line(
    error: Exception, says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = ended(error, monkeypatch, capsys)
    assert code == 2
    assert said.startswith("error: ")
    assert says in said
    assert said.count("\n") == 1


def test_what_nobody_expected_is_a_traceback_without_secrets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = ended(ValueError(f"http://user:{SECRET}@host"), monkeypatch, capsys)
    assert code == 1
    assert "Traceback" in said
    assert "ValueError: http://user:***@host" in said
    assert SECRET not in said


def test_an_error_of_a_library_is_not_taken_for_one_of_the_disk() -> None:
    assert explained(OSError("no errno")) is None
    assert explained(sqlite3.OperationalError("no such table: runs")) is None


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")
def test_a_full_disk_behind_a_pipe_is_one_line(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "churnstream", "kafka", "status", "--dir", str(tmp_path)],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr


def test_a_reader_that_goes_is_no_traceback() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "churnstream", "--help"],
        cwd=ROOT,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert "Traceback" not in done.stderr


def test_ctrl_c_while_a_command_is_imported_is_no_traceback(tmp_path: Path) -> None:
    # a module that takes long to import, in the place of one that does
    (tmp_path / "typer.py").write_text("import sys, time\nprint('importing', flush=True)\ntime.sleep(60)\n")
    # a test run in the background is started deaf to Ctrl-C, and hands that down
    hearing = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    process = subprocess.Popen(
        [sys.executable, "-c", f"{hearing}; from churnstream.start import main; main()"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "importing\n"
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (130, "")
    assert time.monotonic() - began < 30
