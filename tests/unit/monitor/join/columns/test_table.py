"""Rows of predictions: kept, labelled, forgotten by chunk, and few of a wrong date hold no others."""

import numpy as np
import pytest

from monitor.join.columns.chunk import (
    CHUNK_ROWS,
    LONGEST_DELAY,
    NEGATIVE,
    POSITIVE,
    ROW,
    Chunk,
    NewRows,
    delays,
    event_times,
    row_type,
    segments,
)
from monitor.join.columns.table import RowTable
from monitor.join.rules import TopicProgress

HOUR = 3_600_000
COMBINATIONS = 300


def new_rows(keys: range, times: list[int]) -> NewRows:
    count = len(keys)
    return NewRows(
        np.array(list(keys), np.uint64) * np.uint64(0x9E3779B97F4A7C15),
        np.arange(count).astype(np.uint64),
        np.array(times, np.int64),
        np.linspace(0, 1, count),
        np.zeros(count, np.int64),
        np.array(times, np.int64) // 10_000 * 10_000,
        np.repeat([0, 1], [count - count // 3, count // 3]),
        np.arange(count) * 7 % COMBINATIONS,
    )


@pytest.mark.parametrize(("combinations", "width"), [(1, 36), (256, 37), (257, 38), (2**16, 38), (2**24, 40)])
def test_a_row_takes_no_more_than_its_segments_need(combinations: int, width: int) -> None:
    assert row_type(combinations).itemsize == width
    assert row_type(combinations).names[: len(ROW.names or ())] == ROW.names


def test_rows_and_labels_are_those_that_were_put() -> None:
    table = RowTable(row_type(COMBINATIONS))
    count = CHUNK_ROWS + 1_000
    new = new_rows(range(count), [HOUR * 100 + at * 7 for at in range(count)])
    rows = table.append(new, TopicProgress(5))
    assert (table.find(new.keys) == rows).all()
    assert (table.find(new.keys + np.uint64(1)) == -1).all()
    found = table.rows(rows[::3])
    assert (event_times(found) == new.times[::3]).all()
    assert (segments(found) == new.segments[::3]).all()
    assert (table.epochs(rows[::7]) == new.epochs[::7]).all()
    chunk, at = table.chunk_of(int(rows[-5]))
    assert chunk.latest.at(at) == new.latest[-5]
    told = np.array([0, -3, LONGEST_DELAY, -LONGEST_DELAY, 2**33])
    states = np.array([NEGATIVE, POSITIVE, POSITIVE, NEGATIVE, POSITIVE], np.uint8)
    chosen = rows[[0, 5, 70, CHUNK_ROWS - 1, CHUNK_ROWS]]
    changes = list(table.put_labels(chosen, states, told, TopicProgress(9)))
    assert sorted(change.serial for change in changes) == [0, 1]
    assert (delays(table.rows(chosen)) == told).all()
    assert (table.rows(chosen)["state"] == states).all()
    assert (segments(table.rows(rows)) == new.segments).all()
    assert [chunk.label_origin for chunk in table.chunks] == [TopicProgress(9)] * 2


def test_a_chunk_is_forgotten_with_its_last_row_and_few_rows_of_a_wrong_date_move_on() -> None:
    table = RowTable(row_type(COMBINATIONS))
    for number in range(4):
        times = [HOUR * (number + 1)] * CHUNK_ROWS
        # one in a thousand says a year later
        times[::1_000] = [HOUR * 9_000] * len(times[::1_000])
        table.append(new_rows(range(number * CHUNK_ROWS, (number + 1) * CHUNK_ROWS), times), TopicProgress(number))
    ahead = new_rows(range(0, 4 * CHUNK_ROWS, 1), [0] * 4 * CHUNK_ROWS).keys[::CHUNK_ROWS]
    assert (table.find(ahead) >= 0).all()
    gone = table.forget(HOUR * 4)
    assert [chunk.serial for chunk in gone] == [0, 1, 2]
    assert len(list(table.chunks)) == 2
    assert (table.find(ahead) >= 0).all()
    early = new_rows(range(3 * CHUNK_ROWS), [0] * 3 * CHUNK_ROWS).keys
    assert np.count_nonzero(table.find(early) >= 0) == 3 * len(range(0, CHUNK_ROWS, 1_000))
    second = new_rows(range(CHUNK_ROWS, 2 * CHUNK_ROWS), [0] * CHUNK_ROWS)
    moved = table.rows(table.find(second.keys[::1_000]))
    assert (segments(moved) == second.segments[::1_000]).all()
    oldest = min(chunk.origin.offset for chunk in table.chunks)
    assert oldest == 0, "a rebuilt state begins where the oldest row stands"


def test_a_row_that_is_forgotten_is_not_found_before_its_chunk_goes() -> None:
    table = RowTable()
    new = new_rows(range(100), [HOUR] * 50 + [HOUR * 5] * 50)
    table.append(new, TopicProgress())
    table.forget(HOUR * 2)
    assert (table.find(new.keys[:50]) == -1).all()
    assert (table.find(new.keys[50:]) >= 0).all()


def test_restored_chunks_are_found_as_before() -> None:
    table = RowTable(row_type(COMBINATIONS))
    new = new_rows(range(3_000), [HOUR + at * 5_000 for at in range(3_000)])
    table.append(new, TopicProgress())
    (chunk,) = table.chunks
    again = Chunk(chunk.serial, chunk.origin, row=chunk.row)
    for first, end in ((0, 1), (1, 2_000), (2_000, 3_000)):
        again.restore(chunk.rows[first:end].copy(), chunk.latest.part(first, end), chunk.epochs.part(first, end))
    restored = RowTable(row_type(COMBINATIONS))
    restored.restore([again])
    numbers = restored.find(new.keys)
    assert (restored.rows(numbers) == table.rows(table.find(new.keys))).all()
    assert (restored.epochs(numbers) == new.epochs).all()
    assert (again.latest.of(np.arange(3_000)) == new.latest).all()
