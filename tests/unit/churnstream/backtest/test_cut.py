"""Where a table of history is cut in two."""

import numpy as np
import pandas as pd
import pytest

from churnstream.backtest.cut import DatedRows, choose_cut, given_cut
from contract.arrays import Integers
from contract.durations import DAY, HOUR
from contract.errors import UserError

START = int(pd.Timestamp("2023-01-01").value // 1_000_000)


def rows(times: Integers, delay: int = 0, churn: float = 0.2) -> DatedRows:
    labels = (np.random.default_rng(0).random(len(times)) < churn).astype(np.int64)
    return DatedRows(times, times + delay, labels)


def spread(days: float, count: int) -> Integers:
    return START + np.linspace(0, days * DAY - 1, count).astype(np.int64)


def test_half_of_the_rows_are_learned_from_and_the_cut_is_the_start_of_a_day() -> None:
    cut = choose_cut(rows(spread(200, 10_000)), "t")
    assert cut.at == START + 100 * DAY
    assert (cut.known, cut.unknown, cut.replayed) == (5_000, 0, 5_000)


def test_what_was_not_known_by_the_cut_is_not_counted() -> None:
    cut = choose_cut(rows(spread(200, 10_000), delay=30 * DAY), "t")
    assert cut.at == START + 100 * DAY
    assert cut.unknown == 1_500
    assert cut.known == 3_500


def test_the_cut_is_later_where_too_few_labels_were_known_by_the_middle() -> None:
    # in half of the time only rows of a tenth of it had their label
    cut = choose_cut(rows(spread(200, 6_000), delay=80 * DAY), "t")
    assert cut.at > START + 100 * DAY
    assert cut.known >= 1_000


def test_rare_churners_make_the_cut_later() -> None:
    cut = choose_cut(rows(spread(200, 8_000), churn=0.02), "t")
    assert cut.positives >= 100
    assert cut.at > START + 100 * DAY


def test_a_small_table_is_cut_where_training_just_works() -> None:
    cut = choose_cut(rows(spread(200, 500)), "t")
    assert cut.known >= 240
    assert cut.replayed >= 100


def test_snapshots_are_not_cut_in_two() -> None:
    months = pd.date_range("2022-01-31", periods=12, freq="ME")
    times = np.repeat(np.asarray(months).astype("datetime64[ms]").astype(np.int64), 500)
    cut = choose_cut(rows(times), "t")
    assert cut.at in set(times.tolist())
    assert cut.known == 3_000


def test_of_two_snapshots_the_second_is_replayed() -> None:
    times = np.repeat([START, START + 365 * DAY], [4_000, 1_000])
    cut = choose_cut(rows(times), "t")
    assert (cut.known, cut.replayed) == (4_000, 1_000)


def test_a_table_of_two_days_is_cut_at_an_hour() -> None:
    cut = choose_cut(rows(spread(2, 5_000)), "t")
    assert cut.at == START + DAY
    assert choose_cut(rows(spread(3, 5_000)), "t").at % DAY == 12 * HOUR


def test_rows_of_one_day_are_refused_with_the_remedies() -> None:
    with pytest.raises(UserError, match=r"t: all rows are dated 2023-01-01.*--time-column.*--no-dates"):
        choose_cut(rows(spread(0.9, 5_000)), "t")


def test_a_history_whose_labels_came_too_late_is_refused_with_what_was_known() -> None:
    with pytest.raises(UserError, match=r"before 2023-06-10 the labels of 0 rows were known: 0 .*\(8,000 rows had"):
        choose_cut(rows(spread(200, 10_000), delay=900 * DAY), "t")


def test_a_class_that_is_missing_before_the_cut_is_refused() -> None:
    times = spread(200, 10_000)
    late = DatedRows(times, times, (times > START + 190 * DAY).astype(np.int64))
    with pytest.raises(UserError, match=r"0 of customers who left and 8,000 of others"):
        choose_cut(late, "t")


def test_rows_without_a_label_are_not_learned_from() -> None:
    times = spread(200, 10_000)
    found = rows(times)
    found.labels[::2] = -1
    assert choose_cut(found, "t").known == 2_500


def test_a_cut_that_was_asked_for_is_taken_as_it_is() -> None:
    at = START + 60 * DAY + 5 * HOUR
    assert given_cut(rows(spread(200, 10_000)), at, "t").at == at


@pytest.mark.parametrize(("days", "side"), [(-1, "before"), (300, "after")])
def test_a_cut_with_nothing_on_one_side_is_refused(days: int, side: str) -> None:
    with pytest.raises(UserError, match=rf"no row lies {side} --until .*dated 2023-01-01T00:00:00Z to 2023-07-19"):
        given_cut(rows(spread(200, 10_000)), START + days * DAY, "t")


def test_a_cut_with_too_little_before_it_is_refused() -> None:
    with pytest.raises(UserError, match="before 2023-01-03 the labels of 100 rows were known"):
        given_cut(rows(spread(200, 10_000)), START + 2 * DAY, "t")
