import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from contract.durations import DAY
from contract.errors import UserError
from contract.schema import Schema, load_schema, parse_schema
from contract.settings import load_settings
from contract.split.held_out import held_out
from contract.tables.times import EVENT_TIME, TimeOptions
from contract.topics import CUSTOMERS, LABELS
from producer.history import HistorySource
from producer.history_told import history_warnings, told
from producer.opening import open_source
from producer.scenario import Scenario
from producer.scenario_options import ScenarioOptions
from producer.sorting import sorted_chunks
from producer.sources import RowSelection
from producer.stream import StreamMessage, stream
from tests.unit.producer.tables import csv, table

BANK = load_schema("bank_churn")
FIRST = 1_704_067_200_000  # 2024-01-01
ROWS = 60


def dated(rows: int = ROWS, **changed: Any) -> pd.DataFrame:
    """A table whose rows come every six hours, out of order, each label a week after its record."""
    when = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(rows) * 6, unit="h")
    order = np.random.default_rng(3).permutation(rows)
    columns = {"when": when.strftime("%Y-%m-%d %H:%M"), "known": (when + pd.Timedelta("7d")).strftime("%Y-%m-%d %H:%M")}
    return table(rows, **(columns | changed)).iloc[order].reset_index(drop=True)


def history(**label: Any) -> Schema:
    return TimeOptions("when", label_column="known").over(with_label(**label))


def with_label(**label: Any) -> Schema:
    return replace(BANK, label=msgspec.structs.replace(BANK.label, **label))


def opened(folder: Path, frame: pd.DataFrame, schema: Schema | None = None, **chosen: Any) -> HistorySource:
    return HistorySource(csv(folder, frame), schema or history(), RowSelection(**chosen), chunk_rows=7)


def sent(source: HistorySource, name: str = "t") -> list[StreamMessage]:
    own_times = source.facts.first, source.facts.last
    return list(stream(source, ScenarioOptions().build(source.schema, own_times), name))


def by_record(messages: list[StreamMessage], topic: str) -> dict[str, dict[str, Any]]:
    values = [json.loads(message.value) for message in messages if message.topic == topic]
    assert len({value["record_id"] for value in values}) == len(values)
    return {value["record_id"]: value for value in values}


def test_rows_and_labels_come_in_order_of_their_own_times(tmp_path: Path) -> None:
    frame = dated()
    messages = sent(opened(tmp_path, frame))
    times = [message.event_time for message in messages]
    assert times == sorted(times)
    records, labels = by_record(messages, CUSTOMERS), by_record(messages, LABELS)
    expected = pd.DataFrame(
        {
            "customer": frame["CustomerId"].astype(str),
            "time": pd.to_datetime(frame["when"]).astype("datetime64[ms]").astype("int64"),
            "known": pd.to_datetime(frame["known"]).astype("datetime64[ms]").astype("int64"),
            "label": frame["Exited"],
        }
    ).sort_values("time")
    assert [(r["customer_id"], r["event_time"]) for r in records.values()] == list(
        expected[["customer", "time"]].itertuples(index=False, name=None)
    )
    assert [(label["customer_id"], label["event_time"], label["label"]) for label in labels.values()] == list(
        expected[["customer", "known", "label"]].itertuples(index=False, name=None)
    )
    assert records.keys() == labels.keys()
    assert all("when" not in record["features"] for record in records.values())


def test_a_record_keeps_its_name_when_rows_are_added_or_stand_in_another_order(tmp_path: Path) -> None:
    frame = dated()
    twice = pd.concat([frame, frame.iloc[:3]], ignore_index=True)
    before = by_record(sent(opened(tmp_path, twice)), CUSTOMERS)
    assert sum(name.endswith("-2") for name in before) == 3
    later = dated(ROWS + 10).sample(frac=1, random_state=1)
    after = by_record(sent(opened(tmp_path, pd.concat([later, twice.iloc[-3:]]))), CUSTOMERS)
    assert {name: after[name] for name in before} == before
    part = by_record(sent(opened(tmp_path, twice, since="2024-01-05", until="2024-01-10")), CUSTOMERS)
    assert {name: before[name] for name in part} == part


def test_what_is_drawn_for_a_row_stays_when_rows_are_added(tmp_path: Path) -> None:
    """Delays, shares of labels and drift are drawn by the record's name, and not by its place."""
    schema = TimeOptions("when").over(BANK)

    def labels(rows: int) -> dict[str, dict[str, Any]]:
        source = opened(tmp_path, dated(rows), schema)
        options = ScenarioOptions(label_share=0.5, drifts=("flip=0.5",))
        scenario = options.build(schema, (source.facts.first, source.facts.last))
        return by_record(list(stream(source, scenario, "t")), LABELS)

    few, more = labels(ROWS), labels(ROWS + 20)
    assert 0.3 * ROWS < len(few) < 0.7 * ROWS
    assert {name: more[name] for name in few} == few


def test_only_rows_of_the_time_asked_for_are_sent(tmp_path: Path) -> None:
    source = opened(tmp_path, dated(), since="2024-01-03", until="2024-01-05T12:00:00+06:00")
    assert (source.facts.first, source.facts.last) == (FIRST + 2 * DAY, FIRST + 4 * DAY)
    assert len(source) == 9
    assert source.facts.outside == ROWS - 9
    zoned = TimeOptions(zone="Europe/Vienna").over(history())
    assert opened(tmp_path, dated(), zoned, since="2024-01-03").facts.first == FIRST + 2 * DAY - 3_600_000
    with pytest.raises(UserError, match="is not before --until"):
        opened(tmp_path, dated(), since="2024-01-05", until="2024-01-05")
    with pytest.raises(UserError, match="no rows to send; of 60 rows 60 lie outside --since and --until"):
        opened(tmp_path, dated(), since="2025-01-01")


def test_only_customers_that_training_has_held_out_are_sent(tmp_path: Path) -> None:
    frame = dated(400)
    chosen = held_out(frame["CustomerId"].astype(str).tolist(), 3, 0.3)
    source = opened(tmp_path, frame, held_out_only=True, split_seed=3, test_share=0.3)
    customers = {record["customer_id"] for record in by_record(sent(source), CUSTOMERS).values()}
    assert customers == set(frame["CustomerId"][chosen].astype(str))
    assert source.facts.learned_from == 400 - len(source) > 200


def test_a_row_without_a_label_is_sent_and_its_label_never_comes(tmp_path: Path) -> None:
    frame = dated()
    frame["Exited"] = frame["Exited"].astype("Int64")
    frame.loc[:9, "Exited"] = pd.NA
    for schema in (history(), TimeOptions("when").over(BANK)):
        source = opened(tmp_path, frame, schema)
        messages = sent(source)
        assert len(by_record(messages, CUSTOMERS)) == ROWS
        assert len(by_record(messages, LABELS)) == ROWS - 10
        assert source.facts.unlabelled == 10
        assert "10 records have no label in the table, and none will come" in told(source)


def test_rows_without_a_usable_time_are_left_out_and_counted(tmp_path: Path) -> None:
    frame = dated(400)
    frame.loc[4:6, "when"] = ["", "1999-12-31", "2201-01-01"]
    frame.loc[9, "when"] = "soon"
    source = opened(tmp_path, frame)
    assert len(source) == 396
    (warning,) = history_warnings(source.facts, source.schema, load_settings(), 0, FIRST + 1_000 * DAY)
    assert warning == (
        "rows are left out: 1 have no time, 1 have a time that cannot be read, 2 have a time before 2000 or after 2200 "
        "(the first is data row 5)"
    )


def test_what_will_not_arrive_is_told_before(tmp_path: Path) -> None:
    frame = dated()
    when = pd.to_datetime(frame["when"])
    frame.loc[0:2, "known"] = when.loc[0:2].dt.strftime("%Y-%m-%d")  # midnight before it
    frame.loc[0:2, "when"] = when.loc[0:2].dt.strftime("%Y-%m-%d 18:00")
    frame.loc[3:4, "known"] = (when.loc[3:4] + pd.Timedelta("100d")).dt.strftime("%Y-%m-%d %H:%M")
    frame.loc[5, "known"] = ""
    source = opened(tmp_path, frame)

    def warnings(now: int, **settings: Any) -> list[str]:
        return list(history_warnings(source.facts, source.schema, load_settings(**settings), 0, now))

    early, late = warnings(FIRST + 100 * DAY)[-2:]
    assert early.startswith("3 labels are dated before their record, by up to 18h, and will be dead-lettered")
    assert "CHURNSTREAM_LABEL_TOLERANCE=1d" in early
    assert late.startswith("2 labels come later than 60d after their record")
    assert "CHURNSTREAM_LABEL_LATENESS=100d" in late
    assert len(warnings(FIRST + 100 * DAY, label_tolerance="1d", label_lateness="100d")) == 1
    assert "have no time, so they will never come" in warnings(FIRST + 100 * DAY)[0]
    ahead = next(line for line in warnings(FIRST + 10 * DAY) if "future" in line)
    assert ahead.endswith("will be dead-lettered; leave them out with --until 2024-01-11T00:00:00Z")
    assert int(ahead.split()[0]) == (source.facts.times > FIRST + 11 * DAY).sum() > 10


def test_labels_of_which_one_value_has_no_times_are_refused_unless_silence_says_it(tmp_path: Path) -> None:
    frame = dated()
    frame.loc[frame["Exited"] == 0, "known"] = ""
    with pytest.raises(UserError, match=r'40 of 40 rows with 0 in .Exited. have no time.*absent = "negative"'):
        opened(tmp_path, frame)
    source = opened(tmp_path, frame, history(absent="negative", horizon="30d"))
    assert {label["label"] for label in by_record(sent(source), LABELS).values()} == {1}
    (warning,) = history_warnings(source.facts, source.schema, load_settings(), 0, FIRST + 1_000 * DAY)
    assert warning == "40 labels of 0 have no time, so silence means the same after 30d"
    frame["known"] = ""
    frame.loc[0, "known"] = "2024-02-01 00:00"
    with pytest.raises(UserError, match=r"20 of 20 rows with 1 in 'Exited' have no time.*name another column"):
        opened(tmp_path, frame, history(absent="negative", horizon="30d"))


def test_a_label_dated_before_its_record_follows_it_at_once(tmp_path: Path) -> None:
    frame = dated(3)
    frame["known"] = "2024-01-01"
    messages = sent(opened(tmp_path, frame))
    assert [message.topic for message in messages] == [CUSTOMERS, LABELS] * 3


def test_another_value_of_a_label_is_refused(tmp_path: Path) -> None:
    frame = dated()
    frame["Exited"] = frame["Exited"].astype(object)
    frame.loc[[7, 9], "Exited"] = ["", "maybe"]
    with pytest.raises(
        UserError, match="'Exited' holds another value in data row 10, where 1, 0 or nothing is expected"
    ):
        opened(tmp_path, frame)


def test_drift_begins_at_an_offset_from_the_first_record(tmp_path: Path) -> None:
    source = opened(tmp_path, dated(Age=30), since="2024-01-03")
    options = ScenarioOptions(drifts=("Age:shift=8,from=5d",))
    scenario = options.build(source.schema, (source.facts.first, source.facts.last))
    ages = [
        (r["event_time"], r["features"]["Age"])
        for r in by_record(list(stream(source, scenario, "t")), CUSTOMERS).values()
    ]
    assert {time - FIRST >= 7 * DAY for time, age in ages if age == 38} == {True}
    assert {time - FIRST < 7 * DAY for time, age in ages if age == 30} == {True}


@pytest.mark.parametrize(
    "option",
    [
        {"start": "2025-01-01"},
        {"start": "next"},
        {"period": "30d"},
        {"weekdays": "1,1,1,1,1,0,0"},
        {"label_delay": "3d"},
    ],
)
def test_what_the_rows_say_themselves_cannot_be_told(option: dict[str, str]) -> None:
    name = next(iter(option)).replace("_", " ")
    with pytest.raises(UserError, match=f"{name} says when .*but so does column .*--no-own-dates"):
        ScenarioOptions(**option).build(history(), (FIRST, FIRST + DAY))  # type: ignore[arg-type]


def test_speed_and_rate_are_event_time_by_wall_time() -> None:
    own_times = FIRST, FIRST + 10 * DAY - 1
    assert ScenarioOptions(speed=3_600).build(history(), own_times).pace(1_000) == 3_600_000
    assert ScenarioOptions(rate=100).build(history(), own_times).pace(1_000) == DAY
    assert ScenarioOptions().build(history(), own_times).pace(1_000) is None
    assert ScenarioOptions(speed=2).build(BANK).pace(7) == 2_000
    with pytest.raises(UserError, match="rate and speed both set"):
        Scenario(rate=1, speed=1)
    with pytest.raises(UserError, match="speed got 0"):
        Scenario(speed=0)


def test_a_part_of_a_table_is_asked_for_by_its_times_alone(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--since and --until select rows .*--time-column"):
        open_source(csv(tmp_path, dated()), 1, 1, BANK, selection=RowSelection(since="2024-01-01"))
    with pytest.raises(UserError, match=r"select rows of a table; give a table with --data"):
        open_source(None, 1, 1, BANK, selection=RowSelection(held_out_only=True))
    with pytest.raises(UserError, match="leave out --passes"):
        open_source(csv(tmp_path, dated()), 1, 1, history(), passes=2)


def test_a_table_is_sorted_whatever_its_size_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQLITE_TMPDIR", str(tmp_path))
    monkeypatch.setattr("producer.sorting.MEMORY_BYTES", 1_000)
    numbers = np.random.default_rng(1).integers(0, 500, 5_000)
    frame = pd.DataFrame(
        {"by": numbers, "row": np.arange(5_000), "x": np.where(numbers % 7, numbers / 3, np.nan), "name": "é" * 100}
    )
    frame["odd"] = frame["x"].astype(object)
    frame.loc[3_000, "odd"] = "no number"
    chunks = [frame.iloc[first : first + 700] for first in range(0, 5_000, 700)]
    found = pd.concat(sorted_chunks(chunks, "by", 300), ignore_index=True)
    pd.testing.assert_frame_equal(found, frame.sort_values("by", kind="stable").reset_index(drop=True))
    assert not any(tmp_path.iterdir())


def test_a_full_disk_is_told() -> None:
    def full(_: pd.DataFrame) -> pd.DataFrame:
        raise sqlite3.OperationalError("database or disk is full")

    with pytest.raises(UserError, match=r"no room to sort them .*disk is full.*TMPDIR, or sort the table by time"):
        list(sorted_chunks(map(full, [pd.DataFrame()]), "by", 1))


def test_a_time_is_never_a_feature_nor_private() -> None:
    def refused(**options: str) -> str:
        with pytest.raises(UserError) as error:
            TimeOptions(**options).over(BANK)
        return str(error.value)

    assert "is a feature" in refused(column="Age")
    assert "is a private column" in refused(column="Surname")
    assert "is the id column" in refused(column="CustomerId")
    assert "is the label column" in refused(column="when", label_column="Exited")
    assert "did you mean Europe/Vienna?" in refused(column="when", zone="Europe/Wien na")
    assert "name the column with --time-column" in refused(zone="UTC")
    assert "no time column says when their records came" in refused(label_column="known")
    assert TimeOptions(column="RowNumber").over(BANK).fingerprint == BANK.fingerprint


def test_a_schema_names_its_times() -> None:
    raw = {
        "name": "t",
        "id": "Id",
        "label": {"column": "y"},
        "features": {"A": {"kind": "numeric"}},
        "ignored": ["when"],
    }
    time = {"column": "when", "format": "%d.%m.%Y", "zone": "Europe/Vienna"}
    schema = parse_schema({**raw, "time": time, "label_time": "known"})
    assert schema.time is not None
    assert schema.label_time is not None
    assert (schema.label_time.format, schema.label_time.zone) == ("%d.%m.%Y", "Europe/Vienna")
    assert schema.fingerprint == parse_schema(raw).fingerprint
    other = TimeOptions(column="day").over(schema)
    assert other.time is not None
    assert (other.time.column, other.time.format) == ("day", None)
    with pytest.raises(UserError, match="is a feature"):
        parse_schema({**raw, "time": "A"})


def test_a_table_without_the_column_of_times_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no column 'known', which should say when.*--label-time-column"):
        opened(tmp_path, dated().drop(columns="known"))
    assert EVENT_TIME not in next(open_source(csv(tmp_path, dated()), 1, 1, BANK).source.chunks())
