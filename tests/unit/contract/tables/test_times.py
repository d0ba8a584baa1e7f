from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from contract.dates.columns import TimeColumn
from contract.errors import UserError
from contract.tables.times import NO_TIME, UNREADABLE, Moments, TimeColumnReader, parse_moment, recognised

DAY = 86_400_000
NEW_YEARS_EVE = 1_735_603_200_000  # 2024-12-31T00:00:00Z


def reader(cells: Any, format: str | None = None, zone: str | None = None) -> TimeColumnReader:
    made = TimeColumnReader(TimeColumn("when", format, zone), "table.csv")
    made.look(cells)
    return made.decide()


def read(cells: Any, format: str | None = None, zone: str | None = None) -> Moments:
    return reader(cells, format, zone).read(cells)


@pytest.mark.parametrize(
    "written",
    [
        "2024-12-31",
        " 2024-12-31 ",
        "2024/12/31",
        "2024.12.31",
        "2024-12-31T00:00:00Z",
        "2024-12-31 00:00",
        "2024-12-31T01:00:00.000+01:00",
        "2024-12-30T19:00:00-0500",
        "20241231T000000Z",
        "20241231",
        "20241231000000",
        "31.12.2024",
        "31.12.2024 00:00:00",
        "31/12/2024",
        "12/31/2024",
        "12/31/2024 12:00:00 AM",
        "12-31-2024",
        "31 Dec 2024",
        "31-DEC-2024",
        "31-DEC-24",
        "31DEC2024",
        "31. December 2024",
        "Dec 31, 2024",
        "December 31, 2024 0:00",
        "1735603200",
        "1735603200.0",
        "1735603200000",
        "1735603200000000",
        "1735603200000000000",
        "45657",
        "45657.0",
        1735603200,
        1735603200.0,
        45657,
        45657.0,
        20241231,
        np.int64(1735603200000),
        date(2024, 12, 31),
        datetime(2024, 12, 31),
        datetime(2024, 12, 31, tzinfo=UTC),
        pd.Timestamp("2024-12-31"),
        pd.Timestamp("2024-12-31T01:00", tz="Europe/Vienna"),
    ],
)
def test_a_day_is_read_however_it_is_written(written: object) -> None:
    assert read([written]).times.tolist() == [NEW_YEARS_EVE]


@pytest.mark.parametrize(
    ("written", "clock"),
    [
        ("2024-12-31T06:07:08.9", timedelta(hours=6, minutes=7, seconds=8, milliseconds=900)),
        ("2024-12-31 23:59:60", timedelta(hours=23, minutes=59, seconds=59)),
        ("12/31/2024, 6:07 PM", timedelta(hours=18, minutes=7)),
        ("12/31/2024 12:30 p.m.", timedelta(hours=12, minutes=30)),
        ("45657.75", timedelta(hours=18)),
        ("1735603200.5", timedelta(milliseconds=500)),
        ("202412310607", timedelta(hours=6, minutes=7)),
        ("20241231060708", timedelta(hours=6, minutes=7, seconds=8)),
    ],
)
def test_a_time_of_day_is_kept(written: str, clock: timedelta) -> None:
    assert read([written]).times.tolist() == [NEW_YEARS_EVE + clock // timedelta(milliseconds=1)]


@pytest.mark.parametrize("kind", ["int64", "float64"])
def test_numbers_of_a_parquet_file_are_read_at_once(kind: str) -> None:
    cells = np.array([1735603200000, 1735603200000 + DAY], dtype=kind)
    assert read(cells).times.tolist() == [NEW_YEARS_EVE, NEW_YEARS_EVE + DAY]
    with_gap = np.array([45657.0, np.nan])
    assert read(with_gap).times.tolist() == [NEW_YEARS_EVE, NO_TIME]


@pytest.mark.parametrize("nothing", ["", " ", "NA", "NaT", "-", "?", "0000-00-00", None, float("nan"), pd.NaT])
def test_a_cell_that_holds_nothing_has_no_time(nothing: object) -> None:
    assert read(["2024-12-31", nothing]).times.tolist() == [NEW_YEARS_EVE, NO_TIME]


def test_one_cell_proves_for_all_whether_the_day_stands_first() -> None:
    cells = ["03/04/2024", "13/04/2024"]
    assert read(cells).times.tolist() == [
        parse_moment(day, reader(cells)._zone, "") for day in ("2024-04-03", "2024-04-13")
    ]
    assert reader(cells).said == "times in 'when' are read as day/month/year, in UTC"
    assert reader(["03/04/2024", "04/13/2024"]).said == "times in 'when' are read as month/day/year, in UTC"
    assert reader(["03.04.2024"]).said == "times in 'when' are read as day.month.year, in UTC"
    assert reader(["02/02/2024", "03/03/2024"]).read(["03/03/2024"]).times.tolist() == [1_709_424_000_000]


@pytest.mark.parametrize("mark", ["/", "-"])
def test_what_can_be_two_days_is_refused_with_both_formats(mark: str) -> None:
    cells = [f"01{mark}{month:02}{mark}2024" for month in range(1, 13)]
    with pytest.raises(UserError) as refused:
        read(cells)
    for format in (f"%d{mark}%m{mark}%Y", f"%m{mark}%d{mark}%Y"):
        assert f"--time-format '{format}'" in str(refused.value)
        assert len(set(read(cells, format).times.tolist())) == 12
    assert read(cells, f"%d{mark}%m{mark}%Y").times[1] != read(cells, f"%m{mark}%d{mark}%Y").times[1]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["13/04/2024", "04/13/2024"], "the day first in data row 1 and the month first in data row 2"),
        (["31.12.24"], "years of two digits .data row 1.*'%d.%m.%y'"),
        (["", None], "is empty; name a column"),
        (["France", "Spain"], "holds no times in data row 1 and 1 more; .*--time-format"),
        ([2024, 2023], "holds no times in data row 1"),
        ([1735603200, 1735603200000], "in two ways, seconds since 1970 .data row 1. and milliseconds since 1970"),
        ([datetime(2024, 4, 3), "13/04/2024"], "took the day for the month where it could"),
        (["2024-04-03", "soon"], "holds no time in data row 2;"),
        ([True, False], "holds no times"),
    ],
)
def test_what_cannot_be_read_is_refused_by_row(cells: list[Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read(cells)


def test_a_stray_cell_among_a_hundred_has_no_time() -> None:
    cells = ["2024-12-31"] * 99 + ["soon"]
    assert read(cells).times.tolist() == [NEW_YEARS_EVE] * 99 + [UNREADABLE]
    cells = ["2024-12-31"] * 99 + ["2024-02-30"]
    assert read(cells).times[-1] == UNREADABLE
    with pytest.raises(UserError, match=r"data row 100 and 1 more"):
        read(["2024-12-31"] * 99 + ["soon"] * 2)


def test_a_format_is_taken_as_it_is_told() -> None:
    assert read(["2024Dec31"], "%Y%b%d").times.tolist() == [NEW_YEARS_EVE]
    assert read(["31.12.24", datetime(2024, 12, 31)], "%d.%m.%y").times.tolist() == [NEW_YEARS_EVE] * 2
    assert read(np.array([20241231]), "%Y%m%d").times.tolist() == [NEW_YEARS_EVE]
    assert read(["2024"], "%Y").times.tolist() == [1_704_067_200_000]
    assert read(["31.12.2024 01:00 +0100"], "%d.%m.%Y %H:%M %z").times.tolist() == [NEW_YEARS_EVE]
    with pytest.raises(UserError, match=r"data row 1; they do not have the format '%d\.%m\.%Y'"):
        read(["2024-12-31"], "%d.%m.%Y")
    assert reader(["31.12.24"], "%d.%m.%y").said == "times in 'when' are read as %d.%m.%y, in UTC"


def test_times_without_an_offset_are_the_zones() -> None:
    hour = 3_600_000
    for cells in (["2024-12-31 00:00", "2024-12-31T00:00+01:00"], ["31.12.2024"], [20241231], [45657.0]):
        assert set(read(cells, zone="Europe/Vienna").times.tolist()) == {NEW_YEARS_EVE - hour}
    assert read(["1735603200"], zone="Europe/Vienna").times.tolist() == [NEW_YEARS_EVE]
    assert read(np.array([20241231]), zone="Europe/Vienna").times.tolist() == [NEW_YEARS_EVE - hour]
    assert reader(["31.12.2024"], zone="Europe/Vienna").said.endswith("day.month.year, in Europe/Vienna")
    assert reader(["1735603200"], zone="Europe/Vienna").said.endswith("seconds since 1970")
    assert reader(["2024-12-31T00:00Z"], zone="Europe/Vienna").said.endswith("year-month-day")


def test_a_change_of_the_clocks_is_counted() -> None:
    """In Vienna there was no 02:30 on 2024-03-31, and there were two on 2024-10-27."""
    found = read(["2024-03-31 02:30", "2024-03-31 02:45", "2024-10-27 02:30", "2024-07-01 12:00"], zone="Europe/Vienna")
    assert (found.skipped, found.doubled) == (2, 1)
    said = [datetime.fromtimestamp(time / 1_000, UTC).isoformat() for time in found.times.tolist()]
    assert said[0] == said[1] == "2024-03-31T01:00:00+00:00"
    assert said[2] == "2024-10-27T00:30:00+00:00"
    midnight = read(["2018-11-04"], zone="America/Sao_Paulo")
    assert midnight.skipped == 1
    assert midnight.times.tolist() == [1_541_300_400_000]  # 03:00Z, as 01:00 then was


def test_times_far_away_are_told_apart_from_none() -> None:
    found = read(["9999-12-31", "0001-01-01", "1900-01-01"], zone="Europe/Vienna").times
    assert (found > UNREADABLE).all()
    assert found[0] > parse_moment("9998-01-01", reader(["2024-12-31"])._zone, "")


def test_months_are_their_first_days() -> None:
    made = reader(["2024-11", "2024-12"])
    assert made.said == "times in 'when' are read as year-month, the first of the month, in UTC"
    assert made.read(["2024-12"]).times.tolist() == read([202412]).times.tolist() == [1_733_011_200_000]


def test_a_column_of_times_is_recognised() -> None:
    assert recognised(["2024-12-31", ""]) == "year-month-day"
    assert recognised(["31/12/2024"]) == "numbers with slashes"
    assert recognised([45657, 45658.5]) == "days as Excel counts them"
    assert (
        recognised(["", None]) is recognised(["France"]) is recognised([1, 2]) is recognised(["2024-12-31", 3]) is None
    )


def test_a_moment_without_an_offset_is_the_zones() -> None:
    zone = reader(["2024-12-31"], zone="Europe/Vienna")._zone
    assert parse_moment("2024-12-31", zone, "--since") == NEW_YEARS_EVE - 3_600_000
    assert parse_moment("2024-12-31T00:00Z", zone, "--since") == NEW_YEARS_EVE
    with pytest.raises(UserError, match="--since: 'soon' is not a time; write ISO 8601"):
        parse_moment("soon", zone, "--since")
