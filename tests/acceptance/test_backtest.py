"""``churnstream backtest`` from outside: from a file to the answer, with one command and without editing."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from churnstream.demo.kept import SCHEMA, kept_stream
from contract.durations import parse_duration
from contract.schema import load_schema
from contract.settings import load_settings
from contract.topics import WINDOWS
from contract.windows import Window, decode_window, window_message_type
from tests.support.kafka.topics import committed
from tests.support.paths import REAL_TABLE
from tests.support.sizes import size
from tests.support.tables.own import FIVE, TableShape

ROWS = size(ci=1_500, full=6_000)
BY_NAME = {shape.name: shape for shape in FIVE}


def churnstream(*arguments: str, folder: Path) -> tuple[int, str]:
    """The command's exit code and all that it said, where nobody can be asked."""
    done = subprocess.run(
        [sys.executable, "-m", "churnstream", *arguments],
        cwd=folder,
        env={**os.environ, "COLUMNS": "160"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def final_windows(folder: Path) -> list[Window]:
    """Those of a kept run, its newest revision each."""
    with kept_stream(folder) as variables:
        settings = load_settings(
            kafka={"bootstrap.servers": variables["KAFKA_BOOTSTRAP_SERVERS"]},
            partitions=int(variables["CHURNSTREAM_PARTITIONS"]),
        )
        found = {
            message.key(): decode_window(message.value() or b"")
            for message in committed(settings, WINDOWS)
            if message.value() and window_message_type(message.key()) is Window
        }
    return sorted((window for window in found.values() if window.status == "final"), key=lambda window: window.start)


def grouped(rows: pd.DataFrame, time: str, window: int, slide: int) -> dict[int, int]:
    """Records of each window (start in ms) that holds any, counted from the table."""
    times = pd.to_datetime(rows[time], format="mixed", dayfirst="." in str(rows[time].iloc[0]))
    moments = times.astype("datetime64[ms]").astype("int64")
    starts = {
        int(moment) // slide * slide - step * slide for moment in moments.unique() for step in range(window // slide)
    }
    return {start: int(((moments >= start) & (moments < start + window)).sum()) for start in sorted(starts)}


@pytest.mark.timeout(200)
@pytest.mark.skipif(size(ci=True, full=False), reason="a whole way; with CHURNSTREAM_LONG_TESTS=1")
def test_a_model_that_guesses_is_told_with_the_reason_and_nothing_is_scored(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names = [f"C{number}" for number in range(1_200)]
    frame = pd.DataFrame({"customer": names, "visits": rng.integers(0, 40, 1_200), "churn": rng.integers(0, 2, 1_200)})
    frame.to_csv(tmp_path / "history.csv", index=False)
    code, said = churnstream("backtest", "history.csv", "--dir", "runs", folder=tmp_path)
    last = said.strip().splitlines()[-1]
    assert code == 2, said
    assert last.startswith(
        "error: there is no champion, so nothing can be scored: churn v1 does not take @champion: its"
    )
    assert "which is no better than guessing" in last
    assert "continue anyway with --force" in last


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", size(ci=["monthly_snapshots"], full=list(BY_NAME)))
def test_a_table_of_history_is_measured_by_its_own_dates(name: str, tmp_path: Path) -> None:
    shape: TableShape = BY_NAME[name]
    table = shape.written(tmp_path, rows=ROWS)
    code, said = churnstream("backtest", os.fspath(table), "--dir", "runs", folder=tmp_path)
    assert code == 0, said
    (folder,) = (tmp_path / "runs").iterdir()

    schema = load_schema(os.fspath(folder / SCHEMA))
    assert (schema.id_column, schema.label.column) == (shape.right.id, shape.right.label)
    assert schema.time is not None
    assert schema.time.column == shape.right.time
    for doubt in shape.right.doubts:
        assert re.search(f"DOUBT: .*{re.escape(doubt)}", said), doubt
    # nothing is changed in one's own rows
    assert "--drift" not in said
    assert "INJECTED" not in said

    chosen = re.search(r"windows of (\w+), one (?:every (\w+)|for each)", said)
    cut = re.search(r"cut at (\S+): .* the ([\d,]+) rows after the cut are replayed", said)
    assert chosen is not None, said
    assert cut is not None, said
    frame = shape.frame(ROWS)
    times = pd.to_datetime(frame[schema.time.column], format="mixed", dayfirst=name == "umlauts")
    replayed = frame[times >= pd.Timestamp(cut[1]).tz_localize(None)]
    count = int(cut[2].replace(",", ""))
    assert len(replayed) == count
    assert f"{count:,} records replayed, {count:,} predictions, {count:,} outcomes, 0 dead letters" in said
    window, slide = parse_duration(chosen[1]), parse_duration(chosen[2] or chosen[1])
    found = {one.start: one.records for one in final_windows(folder)}
    assert found == grouped(replayed, schema.time.column, window, slide)

    lines = said.splitlines()
    (answer,) = [line for line in lines if line.startswith("Did churn v1 drift? ")]
    # where to look comes first
    assert any(line.startswith("the model's page:") for line in lines[: lines.index(answer)])
    again = next(line for line in lines if line.startswith("run it again:"))
    assert f"backtest {table} --schema runs/{folder.name}/{SCHEMA}" in again


@pytest.mark.timeout(600)
@pytest.mark.skipif(not REAL_TABLE.is_file(), reason=f"{REAL_TABLE} is not there")
@pytest.mark.skipif(size(ci=True, full=False), reason="a whole way; with CHURNSTREAM_LONG_TESTS=1")
def test_the_public_table_is_split_by_customers(tmp_path: Path) -> None:
    code, said = churnstream("demo", "--data", os.fspath(REAL_TABLE), "--dir", "runs", folder=tmp_path)
    assert code == 0, said
    assert "order and dates are SIMULATED" in said
    assert re.search(r"churn v1 drift\? No, it has held up", said), said
    assert ", 0 dead letters" in said
