"""What is done with one's own table: which part trains, what is replayed, how it is measured, and what is said."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from churnstream.backtest.plan import OwnPlan, Wishes, own_table_plan
from contract.errors import UserError
from contract.schema import FeatureKind, Schema, parse_schema
from contract.tables.options import ReadOptions
from contract.tables.times import TimeOptions

DAYS, ROWS_A_DAY = 200, 30


def schema(**more: object) -> Schema:
    return parse_schema(
        {
            "name": "club",
            "id": "member",
            "label": {"column": "left", **({"absent": "negative", "horizon": "30d"} if more.pop("silent", 0) else {})},
            "features": {"visits": {"kind": FeatureKind.ORDINAL.value, "min": 0, "max": 100}},
            **more,
        }
    )


def history(**columns: object) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = DAYS * ROWS_A_DAY
    seen = pd.Timestamp("2023-03-01") + pd.to_timedelta(np.arange(rows) // ROWS_A_DAY, unit="D")
    return pd.DataFrame(
        {
            "member": [f"M{number}" for number in range(rows)],
            "visits": rng.integers(0, 40, rows),
            "left": (rng.random(rows) < 0.2).astype(int),
            "seen": seen,
            "known": seen + pd.to_timedelta(rng.integers(1, 21, rows), unit="D"),
        }
    ).assign(**columns)


def written(frame: pd.DataFrame, folder: Path) -> Path:
    path = folder / "club.csv"
    frame.to_csv(path, index=False)
    return path


def plan(frame: pd.DataFrame, folder: Path, of: Schema, wishes: Wishes | None = None) -> OwnPlan:
    return own_table_plan(written(frame, folder), of, wishes or Wishes())


BY_DATE = {"time": "seen", "label_time": "known"}


def test_a_table_with_dates_is_cut_in_the_middle_and_replayed_from_there(tmp_path: Path) -> None:
    found = plan(history(), tmp_path, schema(**BY_DATE))
    data = ["--data", str(tmp_path / "club.csv")]
    assert found.training_arguments == [*data, "--until", "2023-06-09T00:00:00Z", "--split", "customer"]
    assert found.replay_arguments[:4] == [*data, "--since", "2023-06-09T00:00:00Z"]
    assert "--speed" in found.replay_arguments
    assert "--drift" not in found.replay_arguments
    assert "--label-delay" not in found.replay_arguments
    assert found.rows == 3_000
    # of the last 20 days before it not all labels were known
    assert 2_600 < found.learned < 2_800


def test_windows_and_label_lateness_are_the_tables_own(tmp_path: Path) -> None:
    found = plan(history(), tmp_path, schema(**BY_DATE))
    assert found.variables == {
        "CHURNSTREAM_WINDOW": "14d",
        "CHURNSTREAM_SLIDE": "1d",
        "CHURNSTREAM_LABEL_LATENESS": "20d",
        "CHURNSTREAM_LABEL_TOLERANCE": "0s",
    }


def test_what_was_chosen_is_said(tmp_path: Path) -> None:
    told = "\n".join(plan(history(), tmp_path, schema(**BY_DATE)).told)
    assert "times in 'seen' are read as" in told
    assert "cut at 2023-06-09T00:00:00Z: a champion learns from the 2," in told
    assert "the 3,000 rows after the cut are replayed" in told
    assert "windows of 14d, one every 1d, about 113 in all, with about 420 rows each" in told
    assert "label lateness: 20d (half of the labels come within 10d" in told


def test_labels_that_come_long_after_the_others_are_counted(tmp_path: Path) -> None:
    frame = history()
    frame.loc[frame.index[-5:], "known"] = pd.Timestamp("2025-12-01")
    told = "\n".join(plan(frame, tmp_path, schema(**BY_DATE)).told)
    assert "5 labels come later and are not counted; raise --label-lateness" in told


def test_labels_dated_before_their_rows_are_counted(tmp_path: Path) -> None:
    frame = history()
    frame.loc[frame.index[-7:], "known"] = pd.Timestamp("2023-01-01")
    told = "\n".join(plan(frame, tmp_path, schema(**BY_DATE)).told)
    assert "7 labels are dated before their row and are not counted; does 'known' say" in told


def test_without_a_column_for_labels_each_is_known_at_its_rows_time(tmp_path: Path) -> None:
    found = plan(history(), tmp_path, schema(time="seen"))
    assert found.replay_arguments[-2:] == ["--label-delay", "0s"]
    assert any("known at its row's own time" in line and "--label-time-column" in line for line in found.told)


def test_labels_that_are_known_some_time_after_are_not_learned_from_before(tmp_path: Path) -> None:
    found = plan(history(), tmp_path, schema(time="seen"), Wishes(label_delay="30d"))
    since = found.replay_arguments[found.replay_arguments.index("--since") + 1]
    until = found.training_arguments[found.training_arguments.index("--until") + 1]
    assert pd.Timestamp(since) - pd.Timestamp(until) == pd.Timedelta(days=30)
    assert found.replay_arguments[-2:] == ["--label-delay", "30d"]
    assert found.variables["CHURNSTREAM_LABEL_LATENESS"] == "30d"


def test_silence_is_a_label_once_its_horizon_has_passed(tmp_path: Path) -> None:
    frame = history()
    frame["known"] = frame["known"].where(frame["left"] == 1)
    found = plan(frame, tmp_path, schema(**BY_DATE, silent=True))
    assert found.variables["CHURNSTREAM_LABEL_LATENESS"] == "30d"
    # the rows of the last 30 of 100 days before the cut are silent, and not known to have stayed
    assert 2_000 < found.learned < 2_400


def test_columns_of_time_may_be_named_by_flags(tmp_path: Path) -> None:
    times = TimeOptions("seen", None, "Europe/Vienna", "known")
    wishes = Wishes(times, options=ReadOptions(encoding="utf-8"))
    found = plan(history(), tmp_path, times.over(schema()), wishes)
    flags = ["--time-column", "seen", "--time-zone", "Europe/Vienna", "--label-time-column", "known"]
    for arguments in (found.training_arguments, found.replay_arguments):
        assert arguments[2:10] == ["--encoding", "utf-8", *flags]


def test_wishes_win(tmp_path: Path) -> None:
    wishes = Wishes(until="2023-08-01", window="28d", slide="7d", label_lateness="60d", drifts=("visits:shift=3",))
    found = plan(history(), tmp_path, schema(**BY_DATE), wishes)
    assert "2023-08-01T00:00:00Z" in found.training_arguments
    assert found.variables["CHURNSTREAM_WINDOW"] == "28d"
    assert found.variables["CHURNSTREAM_SLIDE"] == "7d"
    assert found.variables["CHURNSTREAM_LABEL_LATENESS"] == "60d"
    assert found.replay_arguments[-2:] == ["--drift", "visits:shift=3"]
    assert "drift is INJECTED, as requested: visits:shift=3" in found.told


@pytest.mark.parametrize(
    ("wishes", "window", "slide"),
    [
        (Wishes(window="21d"), "21d", "1d"),
        (Wishes(slide="7d"), "14d", "7d"),
        (Wishes(slide="4d"), "12d", "4d"),
        (Wishes(window="36h"), "1d12h", "1d12h"),
        (Wishes(slide="30d"), "30d", "30d"),
    ],
)
def test_of_window_and_slide_the_other_fits(tmp_path: Path, wishes: Wishes, window: str, slide: str) -> None:
    found = plan(history(), tmp_path, schema(**BY_DATE), wishes)
    assert (found.variables["CHURNSTREAM_WINDOW"], found.variables["CHURNSTREAM_SLIDE"]) == (window, slide)


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        (Wishes(window="10d", slide="3d"), "--window must be a multiple of --slide"),
        (Wishes(window="soon"), "--window: 'soon' is not a duration"),
        (Wishes(slide="0s"), "--slide got 0s; give a duration above zero"),
        (Wishes(until="then"), "--until: 'then' is not a time"),
        (Wishes(label_delay="30d"), "--label-delay and column 'known' both say when labels were known"),
    ],
)
def test_wishes_that_cannot_be_met_are_refused(tmp_path: Path, wishes: Wishes, message: str) -> None:
    with pytest.raises(UserError, match=message):
        plan(history(), tmp_path, schema(**BY_DATE), wishes)


def test_rows_without_a_time_are_counted(tmp_path: Path) -> None:
    frame = history()
    frame.loc[frame.index[:9], "seen"] = pd.NaT
    assert "9 rows have no usable time and are left out" in plan(frame, tmp_path, schema(**BY_DATE)).told


def test_a_column_without_a_time_is_refused_with_the_remedies(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"'seen'.*"):
        plan(history(seen=""), tmp_path, schema(**BY_DATE))


def test_a_table_without_dates_is_split_by_customers_and_said_to_be_simulated(tmp_path: Path) -> None:
    found = plan(history().drop(columns=["seen", "known"]), tmp_path, schema())
    data = ["--data", str(tmp_path / "club.csv")]
    assert found.training_arguments == [*data, "--test-share", "0.5", "--split", "customer"]
    which = ["--no-own-dates", "--only", "held-out", "--test-share", "0.5", "--period", "30d"]
    assert found.replay_arguments[: 2 + len(which)] == [*data, *which]
    assert any("SIMULATED" in line and "--time-column" in line for line in found.told)
    assert found.rows + found.learned == DAYS * ROWS_A_DAY
    assert found.rows == pytest.approx(3_000, abs=200)


def test_a_model_is_forced_where_that_is_wished(tmp_path: Path) -> None:
    for of in (schema(), schema(**BY_DATE)):
        assert "--force" not in plan(history(), tmp_path, of).training_arguments
        forced = plan(history(), tmp_path, of, Wishes(force=True))
        assert "--force" in forced.training_arguments
        assert "--force" not in forced.replay_arguments


def test_dates_may_be_left_out(tmp_path: Path) -> None:
    assert not plan(history(), tmp_path, schema(**BY_DATE), Wishes(by_date=False)).by_date


@pytest.mark.parametrize("wishes", [Wishes(until="2023-05-01"), Wishes(label_delay="3d")])
def test_wishes_about_dates_need_dates(tmp_path: Path, wishes: Wishes) -> None:
    with pytest.raises(UserError, match="needs a table with dates; name their column with --time-column"):
        plan(history(), tmp_path, schema(), wishes)


def test_one_customer_cannot_be_split(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="from too few customers to train on some"):
        plan(history(member="M1"), tmp_path, schema())


def test_as_a_run_it_has_the_schema_and_time_enough_for_training(tmp_path: Path) -> None:
    found = plan(history(), tmp_path, schema(**BY_DATE))
    run = found.as_run(tmp_path / "schema.toml")
    assert run.variables["CHURNSTREAM_DATASET"] == str(tmp_path / "schema.toml")
    assert run.prepare(tmp_path) == (found.training_arguments, found.replay_arguments)
    assert run.own_dates
    assert run.training_seconds == 300
    assert replace(found, learned=1_000_000).as_run(tmp_path).training_seconds == 2_000


def test_a_long_table_is_replayed_at_full_speed(tmp_path: Path) -> None:
    found = replace(plan(history(), tmp_path, schema(**BY_DATE)), rows=1_000_000)
    assert "--speed" not in found.replay_arguments


@pytest.mark.parametrize("more", [BY_DATE, {}])
def test_rows_with_another_label_are_replayed_without_one(tmp_path: Path, more: dict[str, str]) -> None:
    frame = history().astype({"left": str})
    frame.loc[frame.index[-11:], "left"] = "U"
    found = plan(frame, tmp_path, schema(**more))
    assert found.replay_arguments[-2:] == ["--other-labels", "unknown"]
    assert any(line.startswith("11 rows have a label that is neither of the two values") for line in found.told)


def test_a_table_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no rows"):
        plan(history().iloc[:0], tmp_path, schema(**BY_DATE))
