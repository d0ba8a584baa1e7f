"""What users get wrong when they begin: each is one line with what to do, and comes soon.

Elsewhere: a Kafka that cannot be used (``tests/integration/contract/test_reachability.py``), a port of MLflow that is
taken and packages of the same names (``tests/unit/churnstream``), tables in other encodings.
"""

import os
import sys
import time
from pathlib import Path

import pytest

from churnstream import cli
from tests.support.paths import ROOT

SECONDS = 10.0
"""That an answer may take on a machine under load, once the command is imported. Waiting for Kafka is 3 s of it."""
SECRET = "S3cretPw"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, with no variable set that a command goes by."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("KAFKA_", "CHURNSTREAM_", "MLFLOW_TRACKING"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CHURNSTREAM_STATE_DIR", str(tmp_path / "state"))
    shipped = (ROOT / "contract" / "datasets" / "bank_churn.toml").read_text(encoding="utf-8")
    (tmp_path / "odd.toml").write_text(shipped.replace('kind = "numeric"', 'kind = "numric"', 1), encoding="utf-8")
    return tmp_path


@pytest.fixture(scope="module", autouse=True)
def imported() -> None:
    """What commands import takes seconds the first time, and is not what is measured."""
    import mlflow.exceptions  # noqa: F401
    import sqlalchemy  # noqa: F401

    import training.registered.promotion
    import training.train  # noqa: F401


NOWHERE = "127.0.0.1:1"
"""Nobody listens there. One that was looked for would give each of several test processes other tests."""


@pytest.mark.parametrize(
    ("command", "variables", "says"),
    [
        ("score", {"CHURNSTREAM_WINDWO": "3d"}, "variable CHURNSTREAM_WINDWO is not known; write CHURNSTREAM_WINDOW"),
        ("score", {"CHURNSTREAM_TRACKING_URI": "x"}, "CHURNSTREAM_TRACKING_URI is not read; write MLFLOW_TRACKING_URI"),
        ("score", {"CHURNSTREAM_BOOTSTRAP_SERVERS": "x"}, "is not read; write KAFKA_BOOTSTRAP_SERVERS, or unset it"),
        ("score", {"KAFKA_GROUP_ID": "mine"}, "KAFKA_GROUP_ID (group.id) is not accepted, because"),
        (
            "score",
            {"KAFKA_SASL_PASSWRD": SECRET},
            "unset KAFKA_SASL_PASSWRD (did you mean KAFKA_SASL_PASSWORD?)",
        ),
        ("score --dataset odd.toml", {}, ".kind`; give one of numeric, ordinal, categorical, flag; see"),
        ("train --data .", {}, ". is a folder; give the path of a file in it"),
        (f"score --bootstrap-servers {NOWHERE}", {}, f"no broker answers at {NOWHERE} (PLAINTEXT): Connect to"),
        (f"alerts --bootstrap-servers {NOWHERE}", {}, f"no broker answers at {NOWHERE} (PLAINTEXT): Connect to"),
        (f"reset --bootstrap-servers {NOWHERE}", {}, f"no broker answers at {NOWHERE} (PLAINTEXT): Connect to"),
        (
            f"replay --rows 9 --bootstrap-servers {NOWHERE}",
            {},
            f"no broker answers at {NOWHERE} (PLAINTEXT): Connect to",
        ),
        (
            f"join --bootstrap-servers {NOWHERE}",
            {"KAFKA_PORT": "tcp://10.0.0.1:9092", "KAFKA_SERVICE_HOST": "10.0.0.1", "KAFKA_PORT_9092_TCP_PROTO": "tcp"},
            f"no broker answers at {NOWHERE} (PLAINTEXT): Connect to",
        ),
        (
            "promote 2",
            {"MLFLOW_TRACKING_URI": f"http://me:{SECRET}@{NOWHERE}"},
            f"the model registry http://me:***@{NOWHERE} cannot be used (Connection refused); start MLflow, or check",
        ),
        ("promote 2", {}, "there is no model registry at mlflow.db (MLFLOW_TRACKING_URI); register a model with"),
    ],
)
def test_a_wrong_start_is_told_in_one_line_and_soon(
    command: str,
    variables: dict[str, str],
    says: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["churnstream", *command.split()])
    began = time.monotonic()
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert time.monotonic() - began < SECONDS
    told = capsys.readouterr().err
    assert ended.value.code == 2, told
    assert says in told
    assert told.startswith("error: ")
    assert told.count("\n") == 1
    assert SECRET not in told
    assert not (folder / "mlflow.db").exists()
