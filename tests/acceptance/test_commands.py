"""Every command teaches with ``--help``, and meets a mistake with one clear line instead of a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from churnstream.cli import app
from churnstream.local_kafka.broker import free_port
from tests.support.sizes import size

COMMANDS = [
    "train",
    "replay",
    "score",
    "serve",
    "join",
    "monitor",
    "alerts",
    "kafka",
    "demo",
    "mlflow",
    "windows",
    "doctor",
    "data",
    "reset",
    "dead-letters",
    "redrive",
    "init",
    "showcase",
]


def churnstream(*arguments: str, folder: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "churnstream", *arguments],
        cwd=folder,
        env={**os.environ, "CHURNSTREAM_STATE_DIR": str(folder), "COLUMNS": "200", **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_help_names_every_command(tmp_path: Path) -> None:
    shown = churnstream("--help", folder=tmp_path).stdout
    assert [command for command in COMMANDS if f" {command} " not in shown] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_says_what_it_does(command: str) -> None:
    # in this process: how one is started is the same for all, and each start imports for a second
    shown = CliRunner().invoke(app, [command, "--help"])
    assert shown.exit_code == 0
    assert len(shown.stdout) > 300


@pytest.mark.parametrize(
    ("arguments", "env", "says"),
    [
        (["score"], {"CHURNSTREAM_PARTITIONS": "none"}, "setting partitions (--partitions, CHURNSTREAM_PARTITIONS)"),
        (["score"], {"CHURNSTREAM_DATASET": "casino"}, "data set 'casino' is not known"),
        (["join"], {"CHURNSTREAM_LABEL_LATENESS": "soon"}, "'soon' is not a duration"),
        (["monitor", "--window", "36h"], {}, "window must be a multiple of slide"),
        (["score", "--topic-prefix", "a b"], {}, "topic_prefix"),
        (["score"], {"KAFKA_NO_SUCH_PROPERTY": "1"}, "KAFKA_… variables"),
        (["serve", "--port", "65536"], {}, "setting http_port (--port, CHURNSTREAM_HTTP_PORT)"),
        (
            ["serve", "--local"],
            {"CHURNSTREAM_HTTP_TOKEN": "short"},
            "got a secret (str): a bearer token has at least 16",
        ),
        (["serve", "--local"], {"CHURNSTREAM_HTTP_QUEUE": "10"}, "http_queue must be at least http_max_records"),
        (["train", "--data", "nowhere.csv"], {}, "nowhere.csv"),
        (["replay", "--data", "nowhere.csv"], {}, "nowhere.csv"),
        (["replay", "--drift", "Age:sideways=3"], {}, "sideways"),
        (["mlflow"], {}, "there is no earlier demo"),
        (["showcase"], {"MLFLOW_TRACKING_URI": "sqlite:///a.db"}, "MLFLOW_TRACKING_URI got 'sqlite:///a.db'; give a"),
        (["showcase", "--reports", "localhost"], {"MLFLOW_TRACKING_URI": "http://127.0.0.1:5000"}, "--reports got"),
    ],
)
def test_a_mistake_is_one_clear_line(arguments: list[str], env: dict[str, str], says: str, tmp_path: Path) -> None:
    ended = churnstream(*arguments, folder=tmp_path, **env)
    assert ended.returncode == 2, ended.stderr
    assert says in ended.stderr
    assert ended.stderr.startswith("error: ")
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("command", size(ci=["score", "monitor"], full=["score", "join", "monitor", "init"]))
def test_a_worker_without_kafka_says_where_it_looked(command: str, tmp_path: Path) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    ended = churnstream(
        command, folder=tmp_path, KAFKA_BOOTSTRAP_SERVERS=nowhere, CHURNSTREAM_REQUEST_TIMEOUT_MS="2000"
    )
    assert ended.returncode == 2, ended.stderr
    assert "no broker answers" in ended.stderr
    assert "KAFKA_BOOTSTRAP_SERVERS" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_scorer_without_a_model_says_how_to_make_one(broker: str, topic_prefix: str, tmp_path: Path) -> None:
    ended = churnstream(
        "score",
        folder=tmp_path,
        KAFKA_BOOTSTRAP_SERVERS=broker,
        CHURNSTREAM_TOPIC_PREFIX=topic_prefix,
        MLFLOW_TRACKING_URI=f"sqlite:///{tmp_path / 'mlflow.db'}",
    )
    assert ended.returncode == 2, ended.stderr
    assert "churnstream train" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_doctor_without_kafka_says_what_to_do_and_checks_the_rest(tmp_path: Path) -> None:
    ended = churnstream(
        "doctor",
        folder=tmp_path,
        KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{free_port()}",
        MLFLOW_TRACKING_URI=f"sqlite:///{tmp_path / 'mlflow.db'}",
    )
    assert ended.returncode == 1, ended.stderr
    rows = {line.split()[1]: line.split()[0] for line in ended.stdout.splitlines() if line[:4].strip()}
    assert rows["schema"] == "ok"
    assert rows["broker"] == "FAIL"
    assert "churnstream kafka start" in ended.stdout
    assert rows["disk"] == "ok"
