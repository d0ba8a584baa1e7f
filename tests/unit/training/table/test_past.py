from typing import Any

import numpy as np
import pandas as pd
import pytest

from contract.errors import UserError
from contract.schema import Schema, parse_schema
from training.table.prepare import read_table

ROWS = 1_000
MIDDLE = "2024-07-01"


def schema(**label: str) -> Schema:
    return parse_schema(
        {
            "name": "t",
            "id": "Id",
            "label": {"column": "y", **label},
            "time": {"column": "day", "zone": "Europe/Vienna"},
            "label_time": "known",
            "features": {"x": {"kind": "numeric"}},
        }
    )


def table() -> pd.DataFrame:
    """A row every eight hours of 2024; labels known twenty days later, every tenth never, every thirteenth empty."""
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(ROWS) * 8, unit="h")
    known = (days + pd.Timedelta("20d")).strftime("%Y-%m-%d %H:%M").to_numpy(object)
    known[::10] = ""
    labels: Any = (np.arange(ROWS) % 3 == 0).astype(object)
    labels[::13] = None
    columns = {"Id": np.arange(ROWS), "x": np.arange(ROWS) / 7, "y": labels, "known": known}
    return pd.DataFrame(columns | {"day": days.strftime("%d.%m.%Y %H:%M")}).sample(frac=1, random_state=2)


def rows_known(frame: pd.DataFrame, before: str) -> "pd.Series[bool]":
    """By pandas: rows that came, and whose label was known, before a moment in Vienna."""
    moment = pd.Timestamp(before)
    day = pd.to_datetime(frame["day"], format="%d.%m.%Y %H:%M")
    known = pd.to_datetime(frame["known"], errors="coerce")
    return (day < moment) & (known < moment) & frame["y"].notna()


def test_training_sees_what_was_known_at_that_moment_and_no_more() -> None:
    frame = table()
    rows = read_table(frame, schema(), "table", until=MIDDLE)
    expected = rows_known(frame, MIDDLE)
    assert rows.customers.tolist() == frame["Id"][expected].astype(str).tolist()
    assert rows.past is not None
    day = pd.to_datetime(frame["day"], format="%d.%m.%Y %H:%M")
    assert rows.past.later == (day >= pd.Timestamp(MIDDLE)).sum()
    assert rows.past.unknown == (day < pd.Timestamp(MIDDLE)).sum() - expected.sum()
    assert rows.past.moment == "2024-06-30T22:00:00+00:00"
    assert f"rows of 2024-07-01 and later are left out ({rows.past.later})" in rows.repairs
    assert "times in 'day' are read as day.month.year, in Europe/Vienna" in rows.repairs
    assert rows.rows_read == expected.sum()


@pytest.mark.parametrize("nothing", ["", "9999-12-31 00:00", "1900-01-01 00:00"])
def test_a_label_of_0_without_a_time_is_known_by_silence_if_the_schema_says_so(nothing: str) -> None:
    frame = table()
    frame.loc[frame["y"] == 0, "known"] = nothing
    with pytest.raises(UserError, match=r'rows with 0 in \'y\' have no time in \'known\'.*absent = "negative"'):
        read_table(frame, schema(), "table", until=MIDDLE)
    rows = read_table(frame, schema(absent="negative", horizon="30d"), "table", until=MIDDLE)
    day = pd.to_datetime(frame["day"], format="%d.%m.%Y %H:%M")
    silent = (frame["y"] == 0) & (day < pd.Timestamp(MIDDLE) - pd.Timedelta("30d"))
    assert (rows.y == 0).sum() == silent.sum()


def test_without_times_of_labels_they_are_known_with_their_record() -> None:
    raw = {"name": "t", "id": "Id", "label": {"column": "y"}, "time": "day", "features": {"x": {"kind": "numeric"}}}
    frame = table()
    rows = read_table(frame, parse_schema(raw), "table", until=MIDDLE)
    day = pd.to_datetime(frame["day"], format="%d.%m.%Y %H:%M")
    assert len(rows.y) == ((day < pd.Timestamp(MIDDLE)) & frame["y"].notna()).sum()


def test_a_bad_label_before_the_moment_is_still_a_bad_row() -> None:
    frame = table()
    day = pd.to_datetime(frame["day"], format="%d.%m.%Y %H:%M")
    first = frame.index[(day < pd.Timestamp("2024-02-01")) & (frame["known"] != "")][0]
    frame.loc[first, "y"] = 7
    with pytest.raises(UserError, match="holds a value other than 1 or 0"):
        read_table(frame, schema(), "table", until=MIDDLE, on_bad_rows="stop")


def test_rows_without_a_time_are_left_out_and_said() -> None:
    frame = table()
    frame.loc[range(5), "day"] = ""
    rows = read_table(frame, schema(), "table", until="2025-01-01")
    assert "rows without a usable time are left out (5)" in rows.repairs


@pytest.mark.parametrize(
    ("until", "message"),
    [
        ("2020-01-01", r"no row before --until 2020-01-01 whose label was known by then \(1,000 rows came later"),
        ("soon", "--until: 'soon' is not a time"),
    ],
)
def test_a_moment_that_leaves_nothing_is_refused(until: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_table(table(), schema(), "table", until=until)


def test_a_table_without_a_time_has_no_past() -> None:
    raw = {"name": "t", "id": "Id", "label": {"column": "y"}, "features": {"x": {"kind": "numeric"}}}
    with pytest.raises(UserError, match=r"--until needs to know when the rows of table came; .*--time-column"):
        read_table(table(), parse_schema(raw), "table", until=MIDDLE)
