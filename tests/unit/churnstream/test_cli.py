import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from churnstream import cli
from contract.errors import UserError


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CHURNSTREAM_")}
    command = [sys.executable, "-m", "churnstream", *arguments]
    root = str(Path(cli.__file__).parent.parent)
    return subprocess.run(
        command, cwd=cwd, env=environment | {"PYTHONPATH": root}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("arguments", [[], ["kafka"], ["kafka", "start"]])
def test_help_names_what_there_is(arguments: list[str], tmp_path: Path) -> None:
    done = run(*arguments, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert {"": "kafka", "kafka": "status", "start": "--port"}[(arguments or [""])[-1]] in done.stdout


@pytest.mark.parametrize(
    "state", [b"not JSON", b"", b"[]", b"\xff\xfe", b'{"port": "x"}', b'{"pid": 1}', b'{"port": 9092, "pid": [1]}']
)
def test_a_users_mistake_is_a_message_and_no_traceback(state: bytes, tmp_path: Path) -> None:
    (tmp_path / "broker.json").write_bytes(state)
    done = run("kafka", "status", "--dir", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"error: {tmp_path / 'broker.json'}")
    assert done.stderr.count("\n") == 1


def test_status_of_no_broker_is_exit_code_1(tmp_path: Path) -> None:
    done = run("kafka", "status", "--dir", str(tmp_path), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    assert "churnstream kafka start" in done.stdout


@pytest.mark.parametrize(("error", "code"), [(UserError("setting x"), 2), (KeyboardInterrupt(), 130)])
def test_how_a_command_ends(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    app = typer.Typer(pretty_exceptions_enable=False)

    @app.command()
    def fail() -> None:
        raise error

    monkeypatch.setattr(cli, "app", app)
    monkeypatch.setattr(sys, "argv", ["churnstream"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == code
    assert "Traceback" not in capsys.readouterr().err


def test_telemetry_is_off_unless_the_user_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DO_NOT_TRACK", raising=False)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "false")
    monkeypatch.setattr(sys, "argv", ["churnstream", "--help"])
    with pytest.raises(SystemExit):
        cli.main()
    assert os.environ["DO_NOT_TRACK"] == "1"
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "false"
