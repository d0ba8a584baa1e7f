"""A window's life: provisional, revised as labels come, final by its own labels or its own time, and never twice."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import UserError
from contract.messages import ModelRef
from contract.windows import Drift
from monitor.timeline.book.content import digest
from monitor.timeline.samples import Sample
from monitor.timeline.spec import WindowSpec
from monitor.timeline.windows import WindowBook
from tests.support.timeline.book import (
    LATENESS,
    MODEL,
    SPEC,
    PredictedRow,
    judge,
    new_book,
    pane,
    progress,
    sample,
    statuses,
    take,
)
from tests.support.windows import window

TUMBLING = WindowSpec(10, 10)


def labelled(count: int, known: int) -> list[PredictedRow]:
    """As many predictions of the first pane, the first ``known`` of them with their label."""
    return [PredictedRow(f"r{i}", 0, 5, 0.8, label=1 if i < known else None) for i in range(count)]


@pytest.mark.parametrize(("size", "slide"), [(25, 10), (0, 10), (10, 0), (-20, -10), (5, 10)])
def test_a_size_that_is_no_multiple_of_the_slide_is_refused(size: int, slide: int) -> None:
    with pytest.raises(UserError, match=r"window .* multiple of slide"):
        WindowSpec(size, slide)


@given(st.integers(1, 12), st.integers(1, 10**9), st.integers(-(10**5), 10**5), st.integers(0, 10**9))
def test_each_record_lies_in_size_by_slide_windows(factor: int, slide: int, index: int, offset: int) -> None:
    spec = WindowSpec(factor * slide, slide)
    start = index * slide
    event_time = start + offset % slide
    windows = list(spec.windows_of(start))
    assert len(windows) == factor
    assert all(window <= event_time < window + spec.size and window % slide == 0 for window in windows)
    assert all(start in spec.panes_of(window) for window in windows)
    assert start not in spec.panes_of(windows[0] - slide)
    assert start not in spec.panes_of(windows[-1] + slide)


def test_one_count_of_revisions_runs_through_a_windows_whole_life() -> None:
    one = new_book(1)
    a, b = PredictedRow("a", 0, 5, 0.8, label=1), PredictedRow("b", 0, 7, 0.2)
    assert statuses(take(one, pane(0, [a._replace(label=None), b]), progress(9))) == []
    assert statuses(take(one, progress(10))) == [(-20, "provisional", 0)]
    assert statuses(take(one, pane(0, [a, b]))) == [], "not twice in one slide"
    assert statuses(take(one, progress(20))) == [(-20, "provisional", 1), (-10, "provisional", 0)]
    assert statuses(take(one, pane(0, [a, b._replace(label=0)]))) == [(-20, "final", 2), (-10, "final", 1)]
    corrected = take(one, pane(0, [a._replace(label=0), b._replace(label=0)]))
    assert statuses(corrected) == [(-20, "final", 3), (-10, "final", 2)]
    assert (corrected[0].window.performance.fp, corrected[0].window.performance.tn) == (1, 1)
    assert statuses(one.due()) == []
    assert statuses(take(one, pane(0, [a._replace(label=0), b._replace(label=0)]))) == []


def test_a_missing_label_holds_back_no_other_window() -> None:
    one = new_book(1, spec=TUMBLING)
    days = [[PredictedRow(f"{day}/{i}", 0, day * 10, 0.8, label=1) for i in range(3)] for day in range(4)]
    days[0][0] = days[0][0]._replace(label=None)
    due = take(one, *(pane(day * 10, rows) for day, rows in enumerate(days)), progress(40, 30))
    assert statuses(due) == [(0, "provisional", 0), (10, "final", 0), (20, "final", 0), (30, "final", 0)]
    assert statuses(take(one, progress(10 + LATENESS, 9 + LATENESS))) == []
    assert statuses(take(one, progress(10 + LATENESS, 10 + LATENESS))) == [(0, "final", 1)]


def test_a_window_is_final_in_its_time_though_a_partition_is_idle_or_its_labels_are() -> None:
    for other in (progress(3, 3, partition=1, idle=True), progress(50, 3, partition=1, labels_idle=True)):
        one = new_book(2, spec=TUMBLING)
        a = PredictedRow("a", 0, 5, 0.8)
        assert statuses(take(one, pane(0, [a]), progress(49, 49), other)) == [(0, "provisional", 0)]
        assert statuses(take(one, progress(50, 50))) == [(0, "final", 1)]
        late = take(one, pane(0, [PredictedRow("b", 1, 6, 0.2, label=0)], partition=1))
        assert statuses(late) == [(0, "final", 2)]
        assert (late[0].window.records, late[0].window.labelled) == (2, 1)


def test_the_end_of_the_stream_makes_every_window_final() -> None:
    one = new_book(2, spec=TUMBLING)
    far = 10**9
    messages = pane(0, [PredictedRow("a", 0, 5, 0.8)]), pane(far, [PredictedRow("b", 0, far, 0.8)])
    assert take(one, *messages, progress(None, ended=True)) == []
    assert statuses(take(one, progress(3, partition=1, ended=True))) == [(0, "final", 0), (far, "final", 0)]


def test_a_provisional_window_is_revised_when_one_in_fifty_of_its_predictions_has_got_its_label() -> None:
    one = new_book(1, spec=TUMBLING)
    assert statuses(take(one, pane(0, labelled(200, 0)), progress(10))) == [(0, "provisional", 0)]
    assert statuses(take(one, pane(0, labelled(200, 3)), progress(20))) == []
    assert statuses(take(one, pane(0, labelled(200, 4)))) == [(0, "provisional", 1)]
    assert statuses(take(one, pane(0, labelled(200, 100)))) == []
    assert statuses(take(one, progress(29))) == []
    (due,) = take(one, progress(30))
    assert (due.window.revision, due.window.labelled, due.window.performance.labelled) == (2, 100, 100)
    assert statuses(take(one, progress(40))) == [], "nothing has come since"


def test_a_provisional_window_is_revised_when_it_gets_predictions() -> None:
    one = new_book(1, spec=TUMBLING)
    take(one, pane(0, labelled(200, 0)), progress(10))
    assert statuses(take(one, pane(0, labelled(201, 0)))) == []
    assert statuses(take(one, progress(20))) == [(0, "provisional", 1)]


def test_a_correction_revises_the_windows_that_hold_its_pane_and_no_other() -> None:
    one = new_book(1)
    first, second = PredictedRow("a", 0, 5, 0.8, label=1), PredictedRow("b", 0, 65, 0.2, label=0)
    before = take(one, pane(0, [first]), pane(60, [second]), progress(None, ended=True))
    assert len(before) == 6
    after = take(one, pane(0, [first._replace(label=0)]))
    assert statuses(after) == [(-20, "final", 1), (-10, "final", 1), (0, "final", 1)]


def test_a_window_without_a_record_is_never_due_and_holds_nothing_up() -> None:
    one = new_book(1, spec=TUMBLING)
    due = take(one, pane(0, []), pane(30, [PredictedRow("a", 0, 35, 0.8, label=1)]), progress(40))
    assert statuses(due) == [(30, "final", 0)]


def test_an_old_pane_delivered_again_changes_nothing() -> None:
    one = new_book(1)
    old = pane(0, [PredictedRow("a", 0, 5, 0.8)])
    new = pane(0, [PredictedRow("a", 0, 5, 0.8, label=1), PredictedRow("b", 0, 6, 0.8, label=1)])
    assert len(take(one, old, new, progress(None, ended=True))) == 3
    assert take(one, old) == []


def test_messages_of_a_stream_set_up_otherwise_are_refused() -> None:
    one = new_book(1)
    with pytest.raises(UserError, match="slide"):
        one.update(msgspec.structs.replace(pane(0, []), slide=20))
    with pytest.raises(UserError, match="slide"):
        one.update(msgspec.structs.replace(sample(0, []), slide=20))
    with pytest.raises(UserError, match="partitions"):
        one.update(progress(3, partition=1))


def test_what_is_due_can_be_asked_for_in_parts() -> None:
    whole, parts = new_book(1), new_book(1)
    messages = [pane(at, [PredictedRow(f"{at}", 0, at, 0.8, label=1)]) for at in range(0, 100, 10)]
    expected = take(whole, *messages, progress(None, ended=True))
    for message in (*messages, progress(None, ended=True)):
        parts.update(message)
    found = []
    while due := parts.due(most=5):
        assert len(due) <= 5
        found += due
    assert [one.window for one in found] == [one.window for one in expected]


def test_predictions_are_judged_once() -> None:
    calls = []

    def counting(model: ModelRef, drawn: Sample, _previous: Sequence[Drift | None]) -> Drift:
        calls.append(drawn.records)
        return judge(model, drawn)

    one = WindowBook(TUMBLING, partitions=1, label_lateness=LATENESS, sample_size=5, judge=counting)
    a, b = PredictedRow("a", 0, 5, 0.8, label=1), PredictedRow("b", 0, 7, 0.2, label=0)
    unlabelled = a._replace(label=None)
    assert statuses(take(one, pane(0, [unlabelled]), sample(0, [unlabelled]), progress(10))) == [(0, "provisional", 0)]
    assert statuses(take(one, pane(0, [a]))) == [(0, "final", 1)]
    assert calls == [1]
    assert statuses(take(one, pane(0, [a, b]), sample(0, [a, b]))) == [(0, "final", 2)]
    assert calls == [1, 2]


def test_a_window_is_judged_by_the_verdicts_on_the_disjoint_windows_before_it() -> None:
    heard: list[list[float | None]] = []

    def noting(model: ModelRef, drawn: Sample, previous: Sequence[Drift | None]) -> Drift:
        heard.append([None if one is None else one.share for one in previous])
        return judge(model, drawn)

    one = WindowBook(TUMBLING, partitions=1, label_lateness=LATENESS, sample_size=5, judge=noting)
    rows = {start: [PredictedRow(f"r{start}", 0, start + 5, 0.8)] for start in (0, 10, 30)}
    for start, row in rows.items():
        take(one, pane(start, row), sample(start, row))
    verdicts = [each.window.drift.share for each in take(one, progress(40))]
    assert [len(each) for each in heard] == [15, 15, 15]
    assert [each[:4] for each in heard] == [
        [None, None, None, None],
        [verdicts[0], None, None, None],
        [None, verdicts[1], verdicts[0], None],
    ]


def first_of_all(drift: Drift, outdated: bool = False) -> Drift:
    """A verdict on a window that has none before it."""
    return msgspec.structs.replace(drift, outdated=outdated, pooled=(0,) * 15)


def test_a_window_says_more_when_its_sample_comes_and_that_a_verdict_is_of_fewer_predictions() -> None:
    one = new_book(1, spec=TUMBLING)
    a, b = PredictedRow("a", 0, 5, 0.8, label=1), PredictedRow("b", 0, 7, 0.2, label=0)
    (due,) = take(one, pane(0, [a]), progress(10))
    assert not due.window.drift.judged
    assert due.sample() is None
    (due,) = take(one, sample(0, [a]))
    assert due.window.drift == first_of_all(judge(MODEL, Sample.of(sample(0, [a]))))
    drawn = due.sample()
    assert drawn is not None
    assert drawn.probabilities.tolist() == [0.8]
    (due,) = take(one, pane(0, [a, b]))
    assert due.window.drift == first_of_all(judge(MODEL, Sample.of(sample(0, [a]))), outdated=True)
    (due,) = take(one, sample(0, [a, b]))
    assert due.window.drift == first_of_all(judge(MODEL, Sample.of(sample(0, [a, b]))))
    assert take(one, sample(0, [a, b])) == []


def test_windows_hold_the_panes_of_all_partitions_and_overlap() -> None:
    one = new_book(2)
    rows = [PredictedRow(f"{i}", i % 2, 10 * (i // 2), 0.8, label=1) for i in range(10)]
    messages = [pane(row.time, [row], row.partition) for row in rows]
    due = take(one, *messages, progress(None, ended=True), progress(None, partition=1, ended=True))
    assert {one.window.start: one.window.records for one in due} == {
        start: sum(start <= row.time < start + SPEC.size for row in rows) for start in range(-20, 50, 10)
    }


def test_dead_letters_alone_are_no_reason_to_say_a_window_again() -> None:
    """They are counted beside the panes, as far as they have been read by then."""
    counted = window(dead_letters={"out-of-range/Age": 3})
    assert digest(counted) == digest(window())
    assert digest(msgspec.structs.replace(counted, labelled=1_001)) != digest(window())
