"""Windows and incidents as rows, tables and files."""

import io
import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pandas as pd
import pytest

from churnstream.frames.alerts import ALERT_COLUMNS, alert_row
from churnstream.frames.files import as_csv, as_json, write_parquet
from churnstream.frames.moments import Moment, frame, span
from churnstream.frames.windows import WINDOW_COLUMNS, window_row
from contract.errors import UserError
from tests.support.dashboard.told import incident
from tests.support.messages import DAY, START
from tests.support.windows import drift, final, nowcast, performance, window

TIMES = ("start", "end", "untrusted_since")


def table(*rows: dict[str, object]) -> pd.DataFrame:
    return frame(rows, WINDOW_COLUMNS, TIMES)


def test_a_window_is_a_row_with_dates_in_utc() -> None:
    measured = msgspec.structs.replace(performance(0.75), intervals={"f1": (0.7, 0.8)})
    found = table(
        window_row(window(0, nowcast=nowcast(0.72))),
        window_row(final(1, performance=measured, drift=drift({"Age": 0.3, "score": 0.1}, ("Age",)))),
    )
    first, second = found.iloc[0], found.iloc[1]
    assert first.start == pd.Timestamp("2025-01-01", tz="UTC")
    assert second.end == pd.Timestamp("2025-01-09", tz="UTC")
    assert (first.status, first.coverage, first.realised_f1, first.nowcast_f1) == ("provisional", 0.5, 0.75, 0.72)
    assert (second.status, second.realised_f1_low, second.estimated_f1_high) == ("final", 0.7, 0.74)
    assert pd.isna(second.nowcast_f1)
    assert pd.isna(second.untrusted_since)
    assert (second.drifted_columns, second.distance_Age, second.drift_share) == ("Age", 0.3, 0.5)


def test_columns_are_those_that_are_named_also_without_a_row() -> None:
    empty, full = table(), table(window_row(final(0)))
    assert list(empty) == list(WINDOW_COLUMNS)
    assert list(full) == [*WINDOW_COLUMNS, "distance_Age", "distance_score"]
    assert all(full[name].dtype == kind for name, kind in empty.dtypes.items())
    assert [str(empty[name].dtype) for name in TIMES] == ["datetime64[ms, UTC]"] * 3


def test_a_time_keeps_its_milliseconds_beside_one_that_is_not_known() -> None:
    late = START + 123
    found = table(window_row(final(0)), window_row(final(1, untrusted_since=late)))
    assert found.untrusted_since.isna().tolist() == [True, False]
    assert int(found.untrusted_since[1].timestamp() * 1_000) == late


def test_a_window_of_which_nothing_is_known_yet_has_no_metrics() -> None:
    row = window_row(window(0, labelled=0, performance=performance(None, labelled=0)))
    assert not [name for name in row if name.startswith("realised_")]


def test_an_incident_is_a_row_also_one_of_no_model() -> None:
    found = frame([alert_row(incident()), alert_row(incident(model=None))], ALERT_COLUMNS, ("start", "end", "at"))
    assert list(found) == list(ALERT_COLUMNS)
    assert (found.kind[0], found.standing[0], found.features[0], found.version[0]) == ("drift", True, "Age", 3)
    assert pd.isna(found.version[1])
    assert found["at"].isna().all()


def test_files_hold_what_the_table_does(tmp_path: Path) -> None:
    made = table(window_row(final(0)), window_row(window(1)))
    write_parquet(made, tmp_path / "windows.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "windows.parquet"), made)
    read = pd.read_csv(io.StringIO(as_csv(made)), parse_dates=["start", "end"])
    assert read.start.tolist() == made.start.tolist()
    assert read.realised_f1.tolist() == made.realised_f1.tolist()
    objects = json.loads(as_json(made))
    assert [one["start"] for one in objects] == ["2025-01-01T00:00:00.000Z", "2025-01-02T00:00:00.000Z"]
    assert (objects[0]["distance_Age"], objects[0]["untrusted_since"]) == (0.02, None)
    assert json.loads(as_json(table())) == []
    assert as_csv(table()).count("\n") == 1


def test_a_folder_is_no_parquet_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a folder"):
        write_parquet(table(), tmp_path)


@pytest.mark.parametrize(
    "moment",
    [
        "2025-01-02",
        "2025-01-02T00:00",
        "2025-01-02T01:00+01:00",
        START + DAY,
        datetime(2025, 1, 2),  # a user's, which counts as UTC
        datetime(2025, 1, 2, tzinfo=UTC),
        datetime(2025, 1, 2, 1, tzinfo=timezone(timedelta(hours=1))),
    ],
)
def test_a_moment_is_in_utc_unless_it_says_otherwise(moment: Moment) -> None:
    within = span(moment, None)
    assert (within.holds(START + DAY), within.holds(START + DAY - 1)) == (True, False)
    within = span(None, moment)
    assert (within.holds(START + DAY), within.holds(START + DAY - 1)) == (False, True)


def test_what_is_no_moment_is_told() -> None:
    with pytest.raises(UserError, match="since got 'yesterday', which is not a time; give a date"):
        span("yesterday", None)
