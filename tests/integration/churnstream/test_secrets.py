"""No command prints the password of MLflow's address, whatever MLflow, its database or the network has to say."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from churnstream.cli import app
from producer.synthetic import write_csv

SECRET = "S3cretPw"
SERVER = f"http://user:{SECRET}@127.0.0.1:1"
COMMANDS = [
    ["train", "--data", "table.csv"],
    ["train", "--data", "table.csv", "--all"],
    ["explore", "--data", "table.csv"],
    ["compare", "1", "2"],
    ["promote", "1"],
    ["rollback"],
    ["score"],
    ["init"],
    ["doctor"],
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broker: str, topic_prefix: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", broker)
    monkeypatch.setenv("CHURNSTREAM_TOPIC_PREFIX", topic_prefix)
    monkeypatch.setenv("CHURNSTREAM_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    write_csv(tmp_path / "table.csv", 500, seed=1)


def said(arguments: list[str]) -> tuple[int, str]:
    done = CliRunner(env={"COLUMNS": "300"}).invoke(app, arguments)
    return done.exit_code, f"{done.output}{done.exception!s}"


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_command_that_does_not_reach_mlflow_hides_the_password(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", SERVER)
    code, text = said(arguments)
    assert code != 0
    assert SECRET not in text
    assert "user:***@127.0.0.1:1" in text


@pytest.mark.parametrize(
    ("uri", "package"),
    [
        (f"postgresql://user:{SECRET}@127.0.0.1:1/mlflow", "psycopg[binary]"),
        (f"mysql+pymysql://user:{SECRET}@127.0.0.1:1/mlflow", "pymysql"),
        (f"mssql+pyodbc://user:{SECRET}@127.0.0.1:1/mlflow", "pyodbc"),
    ],
)
def test_a_missing_database_driver_is_one_line_that_names_the_package(
    uri: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    for arguments in (["promote", "1"], ["score"], ["train", "--data", "table.csv"], ["doctor"]):
        code, text = said(arguments)
        assert code != 0
        assert SECRET not in text
        assert f"pip install '{package}'" in text
        assert "does not answer" not in text
