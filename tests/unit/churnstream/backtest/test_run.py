"""``churnstream backtest`` up to the run itself: what is refused, what is run, and how it is run again."""

import io
import shlex
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from churnstream.backtest import run as backtest
from churnstream.backtest.plan import Wishes
from churnstream.backtest.run import OwnTable, run_own_table
from churnstream.commands.demo import demo
from churnstream.demo.kept import SCHEMA, places
from churnstream.demo.run import LocalRun
from churnstream.live.watch import Snapshot
from contract.errors import UserError
from contract.schema import load_schema
from contract.tables.times import TimeOptions


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[LocalRun]]:
    """What would be run."""
    found: list[LocalRun] = []
    monkeypatch.setattr(backtest, "run_demo", lambda run, _console: found.append(run))
    before = signal.getsignal(signal.SIGTERM)
    yield found
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    rows = 1_000
    path = tmp_path / "my club.csv"
    pd.DataFrame(
        {
            "customer_id": np.arange(5_000, 5_000 + rows) * 7 % 100_003,
            "snapshot_date": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(rows) // 5, unit="D"),
            "visits": rng.integers(0, 40, rows),
            "churn": (rng.random(rows) < 0.3).astype(int),
        }
    ).to_csv(path, index=False)
    return path


def own(table: Path, folder: Path, schema: str | None = None, wishes: Wishes | None = None) -> OwnTable:
    return OwnTable(table, schema, folder / "runs", "churnstream", wishes or Wishes(), accepts=True)


def quiet() -> Console:
    return Console(file=io.StringIO(), width=200)


def test_a_table_is_drafted_planned_and_run_in_a_folder_of_its_own(
    table: Path, tmp_path: Path, runs: list[LocalRun]
) -> None:
    run_own_table(own(table, tmp_path), quiet())
    (run,) = runs
    kept = run.folder / SCHEMA
    assert run.plan.variables["CHURNSTREAM_DATASET"] == str(kept)
    assert places(run.folder)["CHURNSTREAM_DATASET"] == str(kept)
    schema = load_schema(str(kept))
    assert schema.time is not None
    assert schema.time.column == "snapshot_date"
    training, replay = run.plan.prepare(run.folder)
    assert training[:2] == replay[:2] == ["--data", str(table)]
    assert run.plan.own_dates


def test_the_end_says_the_answer_and_how_to_repeat_it_without_a_question(
    table: Path, tmp_path: Path, runs: list[LocalRun]
) -> None:
    times = TimeOptions("snapshot_date")
    wishes = Wishes(times, until="2024-04-01", window="28d", slide="7d", drifts=("visits:shift=3",))
    run_own_table(own(table, tmp_path, wishes=wishes), quiet())
    answer, again, stack = runs[0].plan.concluding(Snapshot())
    assert answer.startswith("Did the model drift? ")
    words = shlex.split(again.partition(":")[2])
    kept = runs[0].folder / SCHEMA
    assert words[:5] == ["churnstream", "backtest", str(table), "--schema", str(kept)]
    flags = ["--until", "2024-04-01", "--window", "28d", "--slide", "7d", "--drift", "visits:shift=3"]
    assert words[5:] == [*flags, "--time-column", "snapshot_date"]
    assert shlex.split(stack.partition(":")[2]) == [
        f"DATA={table}",
        f"SCHEMA={kept}",
        "WINDOW=28d",
        "SLIDE=7d",
        "LABEL_LATENESS=1d",
        "docker",
        "compose",
        "up",
    ]


def test_a_schema_that_is_given_is_repeated_as_it_was_given(table: Path, tmp_path: Path, runs: list[LocalRun]) -> None:
    run_own_table(own(table, tmp_path), quiet())
    given = runs[0].folder / SCHEMA
    run_own_table(own(table, tmp_path, schema=str(given), wishes=Wishes(by_date=False, force=True)), quiet())
    assert (runs[1].folder / SCHEMA).read_text() == given.read_text()
    again = runs[1].plan.concluding(Snapshot())[1]
    assert again.endswith(f"--schema {given} --no-dates --force")


def test_a_table_that_cannot_be_read_leaves_no_folder(tmp_path: Path, runs: list[LocalRun]) -> None:
    empty = tmp_path / "empty.csv"
    empty.write_text("customer_id,churn\n")
    with pytest.raises(UserError, match="has no rows"):
        run_own_table(own(empty, tmp_path), quiet())
    with pytest.raises(UserError, match=r"nowhere\.csv is not a file"):
        run_own_table(own(tmp_path / "nowhere.csv", tmp_path), quiet())
    assert not list(tmp_path.glob("runs/*"))
    assert runs == []


def test_rows_of_one_day_are_refused_before_anything_is_run(table: Path, tmp_path: Path, runs: list[LocalRun]) -> None:
    pd.read_csv(table).assign(snapshot_date="2024-05-31").to_csv(table, index=False)
    wishes = Wishes(TimeOptions("snapshot_date"))
    with pytest.raises(UserError, match=r"all rows are dated 2024-05-31.*--no-dates"):
        run_own_table(own(table, tmp_path, wishes=wishes), quiet())
    assert runs == []


def test_the_demo_on_a_table_is_a_backtest_without_drift(table: Path, tmp_path: Path, runs: list[LocalRun]) -> None:
    demo(data=table, base=tmp_path / "runs", yes=True)
    demo(data=table, base=tmp_path / "runs", yes=True, drift=["visits:shift=3"])
    replays = [run.plan.prepare(run.folder)[1] for run in runs]
    assert "--drift" not in replays[0]
    assert replays[1][-2:] == ["--drift", "visits:shift=3"]
    assert not any(run.plan.acts for run in runs)


def test_the_demos_own_bank_takes_no_schema() -> None:
    with pytest.raises(UserError, match="--schema, --drift and --force need your own table"):
        demo(schema="mine.toml")
