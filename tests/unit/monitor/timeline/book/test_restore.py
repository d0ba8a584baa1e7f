"""A book that is taken up from the topics: what is lost is not said wrongly, and revisions go on."""

from collections.abc import Sequence

import msgspec

from contract.messages import ModelRef
from contract.panes import Pane, PaneSample, SampleRow
from contract.windows import Drift, Window
from monitor.timeline.metrics import performance
from monitor.timeline.samples import Sample
from monitor.timeline.spec import WindowSpec
from monitor.timeline.sums import Sums
from monitor.timeline.windows import WindowBook
from tests.support.timeline.book import (
    LATENESS,
    MODEL,
    PredictedRow,
    from_topic,
    new_book,
    newest,
    pane,
    progress,
    sample,
    statuses,
    take,
)

TUMBLING = WindowSpec(10, 10)
A, B, C = (PredictedRow(name, 0, time, 0.8, label=1) for name, time in (("a", 5), ("b", 6), ("c", 65)))


def test_a_restored_book_keeps_what_its_panes_do_not_know() -> None:
    whole = new_book(1)
    emitted = [one.window for one in take(whole, pane(0, [A, B]), pane(60, [C]), progress(None, ended=True))]
    points = whole.cumulative_due()
    short = new_book(1)
    for message in (pane(0, [A]), pane(60, [C]), progress(None, ended=True)):
        short.update(message)
    short.restore(emitted, cumulative=from_topic(points))
    assert short.due() == [], "nothing wrong over what is right"
    assert {model: (lost.start, lost.end, lost.windows) for model, lost in short.lost.items()} == {MODEL: (-20, 30, 3)}
    assert statuses(take(short, pane(60, [C._replace(label=0)]))) == [
        (40, "final", 1),
        (50, "final", 1),
        (60, "final", 1),
    ]
    assert short.cumulative_due() == [], "no cumulative metrics without the lost panes"


def test_nothing_is_judged_lost_before_every_partition_has_reported_again() -> None:
    b = B._replace(partition=1)
    whole = new_book(2)
    ends = [progress(None, ended=True), progress(None, partition=1, ended=True)]
    emitted = [one.window for one in take(whole, pane(0, [A]), pane(0, [b], partition=1), *ends)]
    again = new_book(2)
    for message in (pane(0, [A]), ends[0]):
        again.update(message)
    again.restore(emitted)
    assert again.due() == []
    assert take(again, pane(0, [b], partition=1), ends[1]) == []
    assert not again.lost


def test_windows_of_another_stream_or_size_are_forgotten_but_for_their_revisions() -> None:
    whole = new_book(1)
    emitted = [one.window for one in take(whole, pane(0, [A]), progress(None, ended=True))]
    others = [msgspec.structs.replace(window, revision=4) for window in emitted]
    for windows, earlier in (([], others), ([msgspec.structs.replace(w, end=w.end + 10) for w in others], [])):
        again = new_book(1)
        for message in (pane(0, [A]), progress(None, ended=True)):
            again.update(message)
        again.restore(windows, earlier=earlier)
        assert statuses(again.due()) == [(-20, "final", 5), (-10, "final", 5), (0, "final", 5)]
        assert not again.lost


def test_cumulative_metrics_of_another_stream_are_forgotten_but_for_their_revisions() -> None:
    whole = new_book(1, spec=TUMBLING)
    take(whole, pane(0, [A]), progress(None, ended=True))
    (point,) = whole.cumulative_due()
    again = new_book(1, spec=TUMBLING)
    for message in (pane(0, [A]), pane(60, [C]), progress(None, ended=True)):
        again.update(message)
    again.restore([], earlier_cumulative=[msgspec.structs.replace(point, revision=6)])
    again.due()
    assert [(one.end, one.revision) for one in again.cumulative_due()] == [(10, 7), (70, 0)]


def test_a_window_of_another_release_is_not_said_again_for_having_been_reckoned_otherwise() -> None:
    whole = new_book(1, spec=TUMBLING)
    (emitted,) = [one.window for one in take(whole, pane(0, [A]), progress(None, ended=True))]
    otherwise = msgspec.structs.replace(emitted, delay_p50_hours=0.5)
    again = new_book(1, spec=TUMBLING)
    for message in (pane(0, [A]), progress(None, ended=True)):
        again.update(message)
    again.restore([otherwise])
    assert again.due() == []
    assert statuses(take(again, pane(0, [A, B]))) == [(0, "final", 1)]


def test_what_was_read_and_not_said_is_said_by_the_next_book() -> None:
    unlabelled = [A._replace(label=None), B._replace(label=None)]
    first = new_book(1, spec=TUMBLING)
    said = [one.window for one in take(first, pane(0, unlabelled), progress(10))]
    assert [one.status for one in said] == ["provisional"]
    second = new_book(1, spec=TUMBLING)
    for message in (pane(0, [A, B]), progress(20)):
        second.update(message)
    second.restore(newest(said).values())
    assert statuses(second.due()) == [(0, "final", 1)]


def test_a_provisional_window_taken_up_is_not_said_again_in_the_same_slide() -> None:
    unlabelled = [A._replace(label=None), B]
    first = new_book(1, spec=TUMBLING)
    said = [one.window for one in take(first, pane(0, [A._replace(label=None), B._replace(label=None)]), progress(10))]
    second = new_book(1, spec=TUMBLING)
    for message in (pane(0, unlabelled), progress(15)):
        second.update(message)
    second.restore(newest(said).values())
    assert second.due() == []
    assert statuses(take(second, progress(20))) == [(0, "provisional", 1)]


def judgements(calls: list[int]) -> WindowBook:
    def counting(_model: ModelRef, drawn: Sample, _previous: Sequence[Drift | None]) -> Drift:
        calls.append(drawn.records)
        return Drift(judged=True, drifted=False, share=0.0)

    return WindowBook(TUMBLING, partitions=1, label_lateness=LATENESS, sample_size=5, judge=counting)


def test_a_verdict_is_taken_up_unless_it_was_outdated() -> None:
    calls: list[int] = []
    messages = pane(0, [A, B]), sample(0, [A, B]), progress(10)
    said: list[Window] = [one.window for one in take(judgements(calls), *messages)]
    assert calls == [2]
    for outdated, judged in ((False, []), (True, [2])):
        calls.clear()
        again = judgements(calls)
        for message in messages:
            again.update(message)
        drift = msgspec.structs.replace(said[0].drift, outdated=outdated)
        again.restore([msgspec.structs.replace(said[0], drift=drift)])
        again.due()
        assert calls == judged


def bare(one: Pane) -> Pane:
    """A pane as a release without segments writes it."""
    return msgspec.structs.replace(one, summary=msgspec.structs.replace(one.summary, segments={}))


def segments_of(window: Window) -> list[tuple[str, int]]:
    return [(one.name, one.records) for one in window.segments]


def test_a_window_counts_the_segments_of_those_of_its_panes_that_have_any() -> None:
    old, new = PredictedRow("old", 0, 5, 0.8, label=1), PredictedRow("new", 0, 15, 0.3, label=0)
    due = take(new_book(1), bare(pane(0, [old])), pane(10, [new]), progress(None, ended=True))
    assert {one.window.start: (one.window.records, segments_of(one.window)) for one in due} == {
        -20: (1, []),
        -10: (2, [("Age: 20 to below 60", 1)]),
        0: (2, [("Age: 20 to below 60", 1)]),
        10: (1, [("Age: 20 to below 60", 1)]),
    }


def test_windows_that_were_said_without_segments_are_said_again_when_their_panes_have_them_and_not_before() -> None:
    whole = new_book(1, spec=TUMBLING)
    emitted = [one.window for one in take(whole, bare(pane(0, [A])), bare(pane(60, [C])), progress(None, ended=True))]
    assert not any(one.segments for one in emitted)
    again = new_book(1, spec=TUMBLING)
    for message in (bare(pane(0, [A])), pane(60, [C]), progress(None, ended=True)):
        again.update(message)
    again.restore(emitted)
    assert again.due() == [], "not for the segments alone, because all counts are said"
    (due,) = take(again, pane(0, [A]))
    assert (due.window.start, due.window.revision, segments_of(due.window)) == (0, 1, [("Age: 60 and above", 1)])
    assert take(again, pane(0, [A])) == []


def of_customers(drawn: PaneSample, hashes: list[int], rows: list[int]) -> PaneSample:
    kept = len(hashes)
    return msgspec.structs.replace(drawn, hashes=hashes, rows=rows, probabilities=[0.8] * kept, columns=[[40.0] * kept])


def test_how_often_customers_come_is_said_and_kept_when_their_sample_is_gone() -> None:
    records = [A, B, A._replace(name="d"), B._replace(name="e")]
    messages = pane(0, records), of_customers(sample(0, records), [3, 9], [3, 1]), progress(10)
    (said,) = [one.window for one in take(new_book(1, spec=TUMBLING), *messages)]
    assert (said.customers, said.design_effect) == (2, (9 + 1) / 4)
    again = new_book(1, spec=TUMBLING)
    for message in (messages[0], progress(10)):
        again.update(message)
    again.restore([said])
    (corrected,) = take(again, pane(0, [A._replace(label=0), *records[1:]]))
    assert (corrected.window.customers, corrected.window.design_effect) == (2, (9 + 1) / 4)
    assert corrected.window.performance.intervals != performance(Sums.of(pane(0, records).summary)).intervals


def test_panes_of_the_release_before_stand_beside_those_by_customer() -> None:
    wide = WindowSpec(20, 10)
    before, later = [A, B], [C._replace(time=15), A._replace(name="d", time=16), B._replace(name="e", time=17)]
    old = pane(0, before)
    old.summary.sample = [
        SampleRow(number, one.name, 0.8, 1, 1, (40.0,)) for number, one in zip((4, 5), before, strict=True)
    ]
    messages = old, pane(10, later), of_customers(sample(10, later), [3], [3]), progress(None, ended=True)
    said = {one.window.start: one.window for one in take(new_book(1, spec=wide), *messages)}
    assert (said[-10].customers, said[-10].design_effect) == (2, 1.0)
    # each of the two records of the old pane counts as a customer, beside one with three
    assert (said[0].customers, said[0].design_effect) == (3, (1 + 1 + 9) / 5)
    assert (said[10].customers, said[10].design_effect) == (1, 3.0)
