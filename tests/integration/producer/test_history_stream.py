"""A table of history through producer, scorer, join and monitor: what comes out against a group-by of the table."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from churnstream.cli import app
from contract.kafka.control import is_control
from contract.messages import Outcome
from contract.schema import load_schema
from contract.settings import Settings
from contract.topics import DEAD_LETTERS, OUTCOMES, PREDICTIONS
from contract.windows import Window
from monitor.join.worker import JoinWorker
from scorer.stream.worker import ScorerWorker
from scorer.testing import LogisticModel
from tests.support.kafka.topics import committed, environment, headers, stream_settings
from tests.support.polling import eventually
from tests.support.running import running
from tests.support.tables.toy import toy_table
from tests.support.timeline.following import following, newest_windows

SCHEMA = load_schema("bank_churn")
ZONE, FORM = "Europe/Vienna", "%d.%m.%Y %H:%M:%S"
ROWS, CUSTOMERS = 1_500, 400
DAY = 86_400_000
ARGUMENTS = ["--time-column", "seen_on", "--time-zone", ZONE, "--label-time-column", "left_on"]


def history() -> pd.DataFrame:
    """Customers who come several times, in no order, and the clocks change meanwhile; each label comes one to twenty
    days later, one in twenty never."""
    chance = np.random.default_rng(11)
    seen = pd.Timestamp("2024-02-10") + pd.to_timedelta(chance.integers(0, 70 * 86_400, ROWS), unit="s")
    left = seen + pd.to_timedelta(chance.integers(86_400, 20 * 86_400, ROWS), unit="s")
    frame = toy_table(ROWS, seed=3)
    frame["CustomerId"] = chance.integers(1, CUSTOMERS, ROWS)
    frame["Exited"] = frame["Exited"].astype("Int64")
    frame.loc[chance.random(ROWS) < 0.05, "Exited"] = pd.NA
    frame["seen_on"], frame["left_on"] = (
        # not in the hour that the clocks leave out, of which pandas makes something else
        times.where(times.floor("h") != pd.Timestamp("2024-03-31 02:00"), times + pd.Timedelta("1h")).strftime(FORM)
        for times in (seen, left)
    )
    return frame


def milliseconds(column: "pd.Series[str]") -> "pd.Series[int]":
    """Times as the table writes them, by pandas."""
    local = pd.to_datetime(column, format=FORM).dt.tz_localize(ZONE, ambiguous=True)
    return local.dt.tz_convert("UTC").dt.tz_localize(None).astype("datetime64[ms]").astype("int64")


@dataclass(frozen=True)
class ReplayedHistory:
    """What there is in the end: the table with its times in ms, windows, all outcomes, and what the replays said."""

    settings: Settings
    frame: pd.DataFrame
    windows: dict[int, Window]
    outcomes: list[Outcome]
    said: list[Result]


@pytest.fixture(scope="module")
def replayed(broker: str, tmp_path_factory: pytest.TempPathFactory) -> ReplayedHistory:
    """The table's first part, then all that has come since: what the stream is past is left out."""
    folder: Path = tmp_path_factory.mktemp("history")
    settings = stream_settings(
        broker, f"h{folder.name[-8:]}.", folder, window=7 * DAY, slide=DAY, label_lateness=20 * DAY
    )
    frame = history()
    path = folder / "history.csv"
    frame.to_csv(path, index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, value in environment(settings).items():
            patch.setenv(name, value)

        def replay(*more: str) -> Result:
            return CliRunner().invoke(app, ["replay", "--data", str(path), *ARGUMENTS, *more], catch_exceptions=False)

        def all_final() -> bool:
            windows = newest_windows(settings).values()
            return len(windows) >= 70 and all(window.status == "final" for window in windows)

        worker = ScorerWorker(settings, SCHEMA, LogisticModel)
        with running(worker), running(JoinWorker(settings, SCHEMA)), following(settings):
            said = [replay("--until", "2024-03-05", "--no-end"), replay("--resume")]
            eventually(all_final, timeout=60, message="all windows final")
    outcomes = [msgspec.json.decode(message.value() or b"", type=Outcome) for message in committed(settings, OUTCOMES)]
    frame["time"], frame["known"] = milliseconds(frame["seen_on"]), milliseconds(frame["left_on"])
    return ReplayedHistory(settings, frame, newest_windows(settings), outcomes, said)


def test_windows_are_the_group_by_of_the_tables_own_dates(replayed: ReplayedHistory) -> None:
    frame = replayed.frame
    by_day = frame.groupby(frame["time"] // DAY)
    records, labelled, churned = by_day.size(), by_day["Exited"].count(), by_day["Exited"].sum()
    first, last = records.index.min(), records.index.max()
    assert sorted(replayed.windows) == [day * DAY for day in range(first - 6, last + 1)]
    for start, window in replayed.windows.items():
        days = range(start // DAY, start // DAY + 7)
        expected = [int(sum(counts.get(day, 0) for day in days)) for counts in (records, labelled, churned)]
        found = window.performance
        assert [window.records, window.labelled, found.tp + found.fn] == expected


def test_label_delays_are_the_tables(replayed: ReplayedHistory) -> None:
    frame = replayed.frame[replayed.frame["Exited"].notna()]
    expected = Counter(
        zip(
            frame["CustomerId"].astype(str), frame["time"], frame["known"] - frame["time"], frame["Exited"], strict=True
        )
    )
    found = Counter((o.customer_id, o.event_time, o.label_time - o.event_time, o.label) for o in replayed.outcomes)
    assert found == expected


def test_what_was_sent_before_is_dropped_and_nothing_is_refused(replayed: ReplayedHistory) -> None:
    first, second = replayed.said
    half = int((replayed.frame["time"] < pd.Timestamp("2024-03-05", tz=ZONE).value // 10**6).sum())
    assert 300 < half < 600
    assert f"{half:,} records and" in first.stdout
    left_out = re.search(r"([0-9,]+) skipped because the stream has passed them", second.stdout)
    assert left_out is not None
    assert int(left_out[1]) > 10
    assert "times in 'seen_on' are read as day.month.year, in Europe/Vienna" in second.stderr
    assert "warning" not in second.stderr
    messages = [message for message in committed(replayed.settings, PREDICTIONS) if not is_control(message)]
    sent = Counter(msgspec.json.decode(message.value() or b"")["record_id"] for message in messages)
    assert len(sent) == ROWS
    assert 0 < sum(times == 2 for times in sent.values()) <= half
    letters = Counter(headers(letter)["reason"] for letter in committed(replayed.settings, DEAD_LETTERS))
    assert letters == {}
