"""A damaged or misplaced file of the user is one line with its name and a remedy, whichever command meets it."""

import sys
from pathlib import Path

import pytest

from churnstream import cli

JUNK = bytes(range(256)) * 8
CASES: list[tuple[list[str], str, bytes | None]] = [
    # the command, the file that is damaged, what it holds; None: a folder in its place
    (["data", "infer", "table.csv"], "table.csv", JUNK),
    (["data", "infer", "table.csv"], "table.csv", b""),
    (["data", "infer", "table.csv"], "table.csv", None),
    (["data", "infer", "table.xlsx"], "table.xlsx", JUNK),
    (["data", "infer", "table.xlsx"], "table.xlsx", b"PK\x03\x04"),
    (["data", "infer", "table.parquet"], "table.parquet", b"PAR1" + JUNK + b"PAR1"),
    (["data", "infer", "table.parquet"], "table.parquet", None),
    (["train", "--data", "table.xlsx"], "table.xlsx", JUNK),
    (["train", "--data", "table.csv", "--dataset", "own.toml"], "own.toml", JUNK),
    (["train", "--data", "table.csv", "--dataset", "own.toml"], "own.toml", b"name = "),
    (["train", "--data", "table.csv", "--dataset", "own.toml"], "own.toml", b"name = 1"),
    (["train", "--data", "table.csv", "--dataset", "own.toml"], "own.toml", None),
    (["train", "--data", "table.csv", "--dataset", "own.toml"], ".env", JUNK),
    (["mlflow", "--dir", "run"], "run/mlflow.db", JUNK),
    (["mlflow", "--dir", "run"], "run/mlflow.db", None),
    (["mlflow", "--dir", "run"], "run", JUNK),
    (["kafka", "status", "--dir", "broker"], "broker/broker.json", None),
    (["kafka", "status", "--dir", "broker"], "broker/broker.json", b'{"port": -1e99}'),
    (["kafka", "stop", "--dir", "broker"], "broker/broker.json", JUNK),
]


@pytest.mark.parametrize(("arguments", "name", "content"), CASES)
def test_a_damaged_file_is_one_line(
    arguments: list[str],
    name: str,
    content: bytes | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHURNSTREAM_STATE_DIR", str(tmp_path / "state"))
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    monkeypatch.setattr(sys, "argv", ["churnstream", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr().err
    assert (ended.value.code, said.count("\n")) == (2, 1), said
    assert said.startswith("error: ")
    assert Path(name).name in said or "database" in said
