"""Which rows are learned from: by customer a row's side stands still, by time nothing of the future is known."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from contract.durations import DAY
from contract.errors import UserError
from contract.schema import Schema, parse_schema
from contract.split.held_out import SPLIT_RULE, held_out
from training.table.division import HELD_OUT, LEARNED, NEITHER, TIME_RULE, divide
from training.table.prepare import Table, read_table

ROWS = 1_000
FIRST = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp() * 1_000)


def schema(*, known: bool = True, dates: bool = True, **label: str) -> Schema:
    times = {"time": "day"} if dates else {}
    if known:
        times["label_time"] = "known"
    made = {"name": "t", "id": "Id", "label": {"column": "y", **label}, **times}
    return parse_schema({**made, "features": {"x": {"kind": "numeric"}}})


def history(rows: int = ROWS, *, wait: str = "20d", each: int = 1) -> pd.DataFrame:
    """A row every eight hours from 2024 on, in no order; labels known after ``wait``; ``each`` rows a customer."""
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(rows) * 8, unit="h")
    return (
        pd.DataFrame(
            {
                "Id": np.arange(rows) % (rows // each),
                "x": np.arange(rows) / 7,
                "y": np.arange(rows) % 3 == 0,
                "day": days.strftime("%Y-%m-%d %H:%M"),
                "known": (days + pd.Timedelta(wait)).strftime("%Y-%m-%d %H:%M"),
            }
        )
        .assign(y=lambda frame: frame["y"].astype(int))
        .sample(frac=1, random_state=2)
    )


def read(frame: pd.DataFrame, of: Schema, until: str | None = None) -> Table:
    return read_table(frame, of, "table", times=True, until=until)


def test_a_customers_side_stays_the_same_when_a_table_grows_or_stands_in_another_order() -> None:
    of = schema(known=False, dates=False)
    old = read(history(), of)
    grown = history(3 * ROWS, each=2)
    new = read(grown, of)
    sides = {}
    for rows in (old, new):
        made = divide(rows, of, None, seed=4, share=0.15)
        assert (made.split, made.rule) == ("customer", SPLIT_RULE)
        assert made.rows is rows
        assert (made.sides == np.where(made.test, HELD_OUT, LEARNED)).all()
        for customer, held in zip(rows.customers, made.test, strict=True):
            assert sides.setdefault(customer, held) == held
    assert len(sides) == 1_500
    assert made.test.tolist() == held_out(new.customers, 4, 0.15).tolist()
    assert (
        f"of {len(set(new.customers[made.test]))} customers are held out by a hash of the id (split seed 4)"
        in made.said
    )


def test_by_time_only_what_was_known_before_the_held_out_rows_is_learned_from() -> None:
    of = schema()
    rows = read(history(), of)
    made = divide(rows, of, None, seed=0, share=0.15)
    assert (made.split, made.rule, made.gap) == ("time", TIME_RULE, 20 * DAY)
    assert made.test_from is not None
    assert made.learned_before is not None
    assert rows.times is not None
    assert made.rows.times is not None
    assert made.test.sum() == 150
    assert (made.rows.times[made.test] >= made.test_from).all()
    assert made.rows.times[~made.test].max() + 20 * DAY < made.test_from
    assert made.rows.times[~made.test].max() == made.learned_before - 1
    assert made.test_until == rows.times.max() + 1
    assert len(made.rows.y) == len(made.rows.X) == ROWS - (made.sides == NEITHER).sum()
    assert (made.sides == NEITHER).sum() == 60  # twenty days of three rows
    assert made.rows.X["x"].tolist() == rows.X["x"][made.sides != NEITHER].tolist()
    assert made.rows.rows_read - len(made.rows.y) == rows.rows_read - len(rows.y)
    assert "with a gap of 20d, as long as labels take; 60 rows are on neither side" in made.said
    assert made.rows.data_hash == rows.data_hash


def test_a_gap_can_be_given_and_what_is_not_yet_known_is_left_out_all_the_same() -> None:
    of = schema()
    made = divide(read(history(), of), of, "time", seed=0, share=0.15, gap="5d")
    assert made.gap == 5 * DAY
    assert (made.sides == NEITHER).sum() == 60
    wide = divide(read(history(), of), of, "time", seed=0, share=0.15, gap="50d")
    assert (wide.sides == NEITHER).sum() == 150
    assert "a gap of 50d, as --gap says" in wide.said


def test_without_times_of_labels_the_gap_is_the_horizon_of_silence_or_none() -> None:
    of = schema(known=False)
    made = divide(read(history(), of), of, None, seed=0, share=0.2)
    assert (made.gap, (made.sides == NEITHER).sum()) == (0, 0)
    assert "without a gap, because the table does not say when labels were known" in made.said
    silent = schema(known=False, absent="negative", horizon="30d")
    assert divide(read(history(), silent), silent, None, seed=0, share=0.2).gap == 30 * DAY


def test_a_snapshot_is_on_one_side_as_a_whole() -> None:
    of = schema(known=False)
    frame = history().assign(day=lambda each: each["day"].str[:7])
    made = divide(read(frame, of), of, "time", seed=0, share=0.15)
    assert made.test_from == int(datetime(2024, 10, 1, tzinfo=UTC).timestamp() * 1_000)


def test_what_training_may_know_until_a_moment_bounds_the_future_too() -> None:
    of = schema()
    made = divide(read(history(), of, until="2024-09-01"), of, "time", seed=0, share=0.15)
    end = int(datetime(2024, 9, 1, tzinfo=UTC).timestamp() * 1_000) - 20 * DAY
    assert made.rows.times is not None
    assert made.rows.times.max() < end == made.test_until


def test_where_customers_repeat_they_are_divided_unless_time_is_asked_for() -> None:
    of = schema()
    rows = read(history(each=4), of)
    made = divide(rows, of, None, seed=0, share=0.15)
    assert made.split == "customer"
    assert made.doubt is not None
    assert "--split time" in made.doubt
    assert made.learned_before is not None
    asked = divide(rows, of, "time", seed=0, share=0.15)
    assert asked.doubt is not None
    assert "held-out rows are of customers that the model knows from earlier rows" in asked.doubt


def test_what_cannot_be_divided_by_time_is_divided_by_customer_or_refused() -> None:
    of = schema(known=False)
    one_day = read(history().assign(day="2024-01-01"), of)
    made = divide(one_day, of, None, seed=0, share=0.15)
    assert made.split == "customer"
    assert "all rows are from one moment" in str(made.doubt)
    with pytest.raises(UserError, match="all rows are from one moment"):
        divide(one_day, of, "time", seed=0, share=0.15)
    with pytest.raises(UserError, match="20 of each label"):
        divide(read(history(), of), of, "time", seed=0, share=0.15, gap="300d")
    slow = schema()
    with pytest.raises(UserError, match="20 of each label"):
        divide(read(history(wait="400d"), slow), slow, "time", seed=0, share=0.15)
    undated = schema(known=False, dates=False)
    with pytest.raises(UserError, match="--time-column"):
        divide(read(history(), undated), undated, "time", seed=0, share=0.15)
    with pytest.raises(UserError, match="--split time"):
        divide(read(history(), undated), undated, None, seed=0, share=0.15, gap="3d")
    with pytest.raises(UserError, match="--gap: 'soon' is not a duration"):
        divide(read(history(), of), of, "time", seed=0, share=0.15, gap="soon")


def test_labels_that_were_never_known_teach_nothing() -> None:
    of = schema()
    frame = history()
    frame.loc[frame["y"] == 1, "known"] = ""
    with pytest.raises(UserError, match="would never be known"):
        divide(read(frame, of), of, "time", seed=0, share=0.15)
    some = history()
    some.loc[::10, "known"] = ""
    rows = read(some, of)
    made = divide(rows, of, "time", seed=0, share=0.15)
    assert made.rows.known is not None
    assert made.test_from is not None
    assert made.rows.known[~made.test].max() < made.test_from
