"""Windows and watermarks: nothing too early, nothing skipped, nothing twice, and the same in every order of arrival."""

from random import Random
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import UserError
from contract.messages import ModelRef
from contract.panes import JoinProgress, Pane, SampleRow, Summary
from contract.schema import parse_schema
from contract.windows import Drift, Window
from monitor import panes
from monitor.timeline.metrics import performance
from monitor.timeline.windows import Due, Watermarks, WindowBook, WindowSpec, effective_watermark

SCHEMA = parse_schema({"name": "t", "id": "Id", "label": {"column": "y"}, "features": {"Age": {"kind": "numeric"}}})
SPEC = WindowSpec(size=30, slide=10)
LATENESS = 40
DISORDER = 5
MODEL = ModelRef("churn", 1)
OTHER = ModelRef("churn", 2)


def judge(model: ModelRef, summary: Summary) -> Drift:
    """A drift that depends on the predictions, so that one computed from others is noticed."""
    return Drift(judged=True, drifted=False, share=summary.records / 1_000 + model.version)


def book(partitions: int = 2, sample_size: int = 50) -> WindowBook:
    return WindowBook(SPEC, partitions=partitions, label_lateness=LATENESS, sample_size=sample_size, judge=judge)


class PredictedRow(NamedTuple):
    name: str
    partition: int
    time: int
    probability: float
    model: ModelRef = MODEL
    label: int | None = None
    delay: int = 0

    @property
    def predicted(self) -> int:
        return int(self.probability >= 0.5)


def summarise(predictions: list[PredictedRow]) -> Summary:
    summary = panes.empty()
    for one in predictions:
        panes.add_prediction(summary, SCHEMA, one.probability, one.predicted, (40.0,))
        if one.label is not None:
            panes.add_label(summary, one.probability, one.predicted, one.label, one.delay)
    rows = [
        SampleRow(panes.record_hash(one.name), one.name, one.probability, one.predicted, one.label, (40.0,))
        for one in predictions
    ]
    summary.sample = sorted(rows, key=lambda row: row.hash)
    return summary


def pane(start: int, predictions: list[PredictedRow], partition: int = 0, model: ModelRef = MODEL) -> Pane:
    return Pane(partition=partition, start=start, slide=10, model=model, threshold=0.5, summary=summarise(predictions))


def progress(
    watermark: int | None, labels: int | None = None, partition: int = 0, ended: bool = False, idle: bool = False
) -> JoinProgress:
    return JoinProgress(partition=partition, watermark=watermark, label_watermark=labels, ended=ended, idle=idle)


def statuses(due: list[Due]) -> list[tuple[int, str, int]]:
    return [(one.window.start, one.window.status, one.window.revision) for one in due]


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


def test_the_effective_watermark_is_the_least_of_the_partitions_that_count() -> None:
    live = {0: progress(50), 1: progress(30, partition=1)}
    assert effective_watermark(live, 2) == 30
    assert effective_watermark(live, 3) is None, "one has not reported"
    assert effective_watermark(live | {2: progress(None, partition=2)}, 3) is None
    assert effective_watermark(live | {2: progress(None, partition=2, idle=True)}, 3) == 30
    assert effective_watermark(live | {2: progress(None, partition=2, ended=True)}, 3) == 30
    assert effective_watermark({0: progress(50), 1: progress(30, partition=1, idle=True)}, 2) == 50
    silent = {0: progress(50, idle=True), 1: progress(30, partition=1, ended=True)}
    assert effective_watermark(silent, 2) == 50
    assert effective_watermark({0: progress(None, idle=True)}, 1) is None


@given(
    st.lists(
        st.builds(
            progress,
            st.one_of(st.none(), st.integers(0, 100)),
            partition=st.integers(0, 2),
            ended=st.booleans(),
            idle=st.booleans(),
        )
    )
)
def test_the_books_watermark_never_goes_back(messages: list[JoinProgress]) -> None:
    one = book(3)
    seen = None
    for message in messages:
        one.update(message)
        assert seen is None or (one.watermark is not None and one.watermark >= seen)
        seen = one.watermark


def test_idle_closes_a_window_but_never_decides_a_final_one() -> None:
    idle = Watermarks.of({0: progress(100, 100), 1: progress(10, 10, partition=1, idle=True)}, 2)
    assert idle.status(30, 5, 5, LATENESS) == "provisional"
    assert idle.status(30, 5, 4, LATENESS) == "provisional"
    both = Watermarks.of({0: progress(100, 100, idle=True), 1: progress(10, 10, partition=1, idle=True)}, 2)
    assert both.status(30, 5, 5, LATENESS) == "provisional"
    awake = Watermarks.of({0: progress(100, 100), 1: progress(30, 10, partition=1)}, 2)
    assert awake.status(30, 5, 5, LATENESS) == "final"


def test_final_by_lateness_waits_for_labels_where_there_are_any() -> None:
    assert Watermarks.of({0: progress(70)}, 1).status(30, 5, 0, LATENESS) == "final"
    assert Watermarks.of({0: progress(69)}, 1).status(30, 5, 0, LATENESS) == "provisional"
    assert Watermarks.of({0: progress(70, 69)}, 1).status(30, 5, 0, LATENESS) == "provisional"
    assert Watermarks.of({0: progress(70, 70)}, 1).status(30, 5, 0, LATENESS) == "final"
    one_ended = {0: progress(70, 70), 1: progress(1, 1, partition=1, ended=True)}
    assert Watermarks.of(one_ended, 2).status(30, 5, 0, LATENESS) == "final"


def test_the_end_of_the_stream_makes_every_window_final() -> None:
    ended = {0: progress(None, ended=True), 1: progress(3, partition=1, ended=True)}
    assert Watermarks.of(ended, 2).status(10**9, 5, 0, LATENESS) == "final"
    assert Watermarks.of(ended, 3).status(10, 5, 5, LATENESS) is None


def test_a_window_is_provisional_once_then_final_from_revision_0_then_revised() -> None:
    one = book(1)
    a, b = PredictedRow("a", 0, 5, 0.8, label=1), PredictedRow("b", 0, 7, 0.2)
    one.update(pane(0, [a._replace(label=None), b]))
    one.update(progress(9))
    assert statuses(one.due()) == []
    one.update(progress(10))
    assert statuses(one.due()) == [(-20, "provisional", 0)]
    one.update(pane(0, [a, b]))
    assert statuses(one.due()) == [], "a label is no reason to publish a provisional window again"
    one.update(pane(0, [a, b._replace(label=0)]))
    one.update(progress(20))
    assert statuses(one.due()) == [(-20, "final", 0), (-10, "final", 0)]
    one.update(pane(0, [a._replace(label=0), b._replace(label=0)]))
    corrected = one.due()
    assert statuses(corrected) == [(-20, "final", 1), (-10, "final", 1)]
    assert (corrected[0].window.performance.fp, corrected[0].window.performance.tn) == (1, 1)
    assert statuses(one.due()) == []
    one.update(pane(0, [a._replace(label=0), b._replace(label=0)]))
    assert statuses(one.due()) == []


def test_finals_wait_for_the_windows_before_them() -> None:
    one = book(1)
    first, second = PredictedRow("a", 0, 5, 0.8), PredictedRow("b", 0, 65, 0.2, label=0)
    one.update(pane(0, [first]))
    one.update(pane(60, [second]))
    one.update(progress(69, 20))
    assert [s for s in statuses(one.due()) if s[1] == "final"] == []
    one.update(pane(0, [first._replace(label=1)]))
    assert [s[0] for s in statuses(one.due())] == [-20, -10, 0]
    one.update(progress(90, 20))
    assert statuses(one.due()) == [(40, "final", 0), (50, "final", 0), (60, "final", 0)]


def test_a_correction_revises_the_cumulative_part_of_every_later_window() -> None:
    one = book(1)
    first, second = PredictedRow("a", 0, 5, 0.8, label=1), PredictedRow("b", 0, 65, 0.2, label=0)
    one.update(pane(0, [first]))
    one.update(pane(60, [second]))
    one.update(progress(None, ended=True))
    before = {due.window.start: due.window for due in one.due()}
    assert before[60].cumulative == performance(summarise([first, second]))
    one.update(pane(0, [first._replace(label=0)]))
    after = {due.window.start: due.window for due in one.due()}
    assert set(after) == set(before)
    assert after[60] == msgspec.structs.replace(
        before[60], revision=1, cumulative=performance(summarise([first._replace(label=0), second]))
    )


def test_a_correction_in_the_newest_window_reaches_its_own_cumulative_part() -> None:
    one = WindowBook(WindowSpec(10, 10), partitions=1, label_lateness=LATENESS, sample_size=5, judge=judge)
    first = PredictedRow("a", 0, 5, 0.8, label=1)
    one.update(pane(0, [first]))
    one.update(progress(None, ended=True))
    one.due()
    one.update(pane(0, [first._replace(label=0)]))
    (revised,) = one.due()
    assert revised.window.cumulative == performance(summarise([first._replace(label=0)]))


def test_a_window_without_a_record_is_never_due_and_holds_nothing_up() -> None:
    one = WindowBook(WindowSpec(10, 10), partitions=1, label_lateness=LATENESS, sample_size=5, judge=judge)
    one.update(pane(0, []))
    one.update(pane(30, [PredictedRow("a", 0, 35, 0.8, label=1)]))
    one.update(progress(40))
    assert statuses(one.due()) == [(30, "final", 0)]


def test_a_late_record_is_judged_and_an_unchanged_set_is_not_judged_again() -> None:
    calls = []

    def counting(model: ModelRef, summary: Summary) -> Drift:
        calls.append(summary.records)
        return judge(model, summary)

    one = WindowBook(WindowSpec(10, 10), partitions=1, label_lateness=LATENESS, sample_size=5, judge=counting)
    a, b = PredictedRow("a", 0, 5, 0.8, label=1), PredictedRow("b", 0, 7, 0.2, label=0)
    one.update(pane(0, [a._replace(label=None)]))
    one.update(progress(10))
    one.due()
    one.update(pane(0, [a]))
    assert statuses(one.due()) == [(0, "final", 0)]
    assert calls == [1]
    one.update(pane(0, [a, b]))
    assert statuses(one.due()) == [(0, "final", 1)]
    assert calls == [1, 2]


def test_an_old_pane_delivered_again_changes_nothing() -> None:
    one = book(1)
    old = pane(0, [PredictedRow("a", 0, 5, 0.8)])
    new = pane(0, [PredictedRow("a", 0, 5, 0.8, label=1), PredictedRow("b", 0, 6, 0.8, label=1)])
    one.update(old)
    one.update(new)
    one.update(progress(None, ended=True))
    assert len(one.due()) == 3
    one.update(old)
    assert one.due() == []


def test_messages_of_a_stream_set_up_otherwise_are_refused() -> None:
    one = book(1)
    with pytest.raises(UserError, match="slide"):
        one.update(msgspec.structs.replace(pane(0, []), slide=20))
    with pytest.raises(UserError, match="partitions"):
        one.update(progress(3, partition=1))


class TimelineEvent(NamedTuple):
    """A prediction of a partition, and the labels that follow it."""

    partition: int
    time: int
    probability: float
    model: ModelRef
    label: int | None
    delay: int
    corrected: bool


_events = st.lists(
    st.builds(
        TimelineEvent,
        st.integers(0, 1),
        st.integers(-30, 120),
        st.sampled_from([0.1, 0.3, 0.5004, 0.9]),
        st.sampled_from([MODEL, OTHER]),
        st.sampled_from([0, 1, None]),
        st.integers(0, LATENESS),
        st.booleans(),
    ),
    max_size=14,
)


def play(events: list[TimelineEvent], partition: int, batch: int) -> list[list[Pane | JoinProgress]]:
    """What a join publishes for one partition: after each batch the panes that changed, then its progress.

    Predictions come in order of time and labels in order of theirs, the two topics in step.
    """
    mine = [(f"{index}/{partition}", event) for index, event in enumerate(events) if event.partition == partition]
    steps: list[tuple[int, int, str, TimelineEvent, int | None]] = []
    for name, event in mine:
        steps.append((event.time, 0, name, event, None))
        if event.label is not None:
            if event.corrected:
                steps.append((event.time + event.delay, 1, name, event, 1 - event.label))
            steps.append((event.time + event.delay, 2, name, event, event.label))
    steps.sort(key=lambda step: step[:3])
    known: dict[str, PredictedRow] = {}
    watermark = labels = None
    batches: list[list[Pane | JoinProgress]] = []
    for low in range(0, len(steps), batch):
        changed = set()
        for time, _, name, event, label in steps[low : low + batch]:
            known[name] = PredictedRow(name, partition, event.time, event.probability, event.model, label, event.delay)
            changed.add((event.model, panes.pane_start(event.time, 10)))
            if label is None:
                watermark = time - DISORDER
            else:
                labels = time - DISORDER
        batches.append([*_panes(known, partition, changed), progress(watermark, labels, partition)])
    batches.append([progress(watermark, labels, partition, ended=True)])
    return batches


def _panes(known: dict[str, PredictedRow], partition: int, keys: set[tuple[ModelRef, int]]) -> list[Pane]:
    return [
        pane(
            start,
            [one for one in known.values() if (one.model, panes.pane_start(one.time, 10)) == (model, start)],
            partition,
            model,
        )
        for model, start in sorted(keys)
    ]


def interleave(queues: list[list[list[Pane | JoinProgress]]], random: Random) -> list[list[Pane | JoinProgress]]:
    left = [list(queue) for queue in queues]
    merged = []
    while any(left):
        merged.append(random.choice([queue for queue in left if queue]).pop(0))
    return merged


def run(one: WindowBook, batches: list[list[Pane | JoinProgress]]) -> list[Due]:
    found: list[Due] = []
    for batch in batches:
        for message in batch:
            one.update(message)
        found += one.due()
    return found


def finals(due: list[Due]) -> dict[str, Window]:
    """The last final window of each key, whatever its revision."""
    return {
        one.window.key: msgspec.structs.replace(one.window, revision=0) for one in due if one.window.status == "final"
    }


@given(_events, st.integers(1, 4), st.randoms(use_true_random=False))
def test_finals_are_a_group_by_whatever_the_order_of_arrival(
    events: list[TimelineEvent], batch: int, random: Random
) -> None:
    queues = [play(events, partition, batch) for partition in (0, 1)]
    due = run(book(), interleave(queues, random))
    everything = [
        PredictedRow(f"{i}/{e.partition}", e.partition, e.time, e.probability, e.model, e.label, e.delay)
        for i, e in enumerate(events)
    ]
    expected = {}
    for model in (MODEL, OTHER):
        mine = [one for one in everything if one.model == model]
        for start in {start for one in mine for start in SPEC.windows_of(panes.pane_start(one.time, 10))}:
            inside = summarise([one for one in mine if start <= one.time < start + 30])
            before = performance(summarise([one for one in mine if one.time < start + 30]))
            expected[f"churn/{model.version}/champion/{start}"] = (
                inside.records,
                inside.labelled,
                performance(inside),
                (before.labelled, before.tn, before.fp, before.fn, before.tp, before.brier, before.log_loss),
            )
    found = finals(due)
    assert {
        key: (
            one.records,
            one.labelled,
            one.performance,
            (one.cumulative.labelled, one.cumulative.tn, one.cumulative.fp, one.cumulative.fn, one.cumulative.tp,
             one.cumulative.brier, one.cumulative.log_loss),
        )
        for key, one in found.items()
        if one.cumulative is not None
    } == expected  # fmt: skip
    assert found == finals(run(book(), [message for queue in reversed(queues) for message in queue]))


@given(_events, st.integers(1, 4), st.randoms(use_true_random=False))
def test_windows_come_when_they_may_in_order_and_once(events: list[TimelineEvent], batch: int, random: Random) -> None:
    one = book()
    newest: dict[int, JoinProgress] = {}
    seen: set[tuple[str, str, int]] = set()
    last_end: dict[ModelRef, int] = {}
    for messages in interleave([play(events, partition, batch) for partition in (0, 1)], random):
        for message in messages:
            one.update(message)
            if isinstance(message, JoinProgress):
                newest[message.partition] = message
        over = len(newest) == 2 and all(part.ended for part in newest.values())
        for window, _ in one.due():
            awaited = [part for part in newest.values() if not part.ended]
            assert len(newest) == 2
            assert over or all(part.watermark is not None and part.watermark >= window.end for part in awaited)
            if window.status == "final" and not over and window.labelled < window.records:
                assert all((part.watermark or 0) >= window.end + LATENESS for part in awaited)
                assert all(
                    part.label_watermark is None or part.label_watermark >= window.end + LATENESS for part in awaited
                )
            assert (window.key, window.status, window.revision) not in seen, "twice"
            seen.add((window.key, window.status, window.revision))
            assert window.revision == 0 or (window.key, window.status, window.revision - 1) in seen
            if window.status == "provisional":
                assert (window.key, "final", 0) not in seen
            elif window.revision == 0:
                assert window.end > last_end.get(window.model, -(10**9)), "out of order"
                last_end[window.model] = window.end


@given(_events, st.integers(1, 4), st.integers(0, 20), st.booleans(), st.randoms(use_true_random=False))
def test_a_restored_book_emits_nothing_twice_and_goes_on_the_same(
    events: list[TimelineEvent], batch: int, crash: int, reread: bool, random: Random
) -> None:
    # a correction leaves the counts of a pane as they were, so its redelivered past cannot be told from its present
    events = [event._replace(corrected=False) for event in events]
    batches = interleave([play(events, partition, batch) for partition in (0, 1)], random)
    undisturbed = run(book(), batches)
    first = run(book(), batches[:crash])
    table: dict[str, Pane | JoinProgress] = {}
    windows: dict[str, Window] = {}
    for message in (message for messages in batches[:crash] for message in messages):
        table[message.key] = message
    for one in first:
        windows[one.window.key] = msgspec.json.decode(msgspec.json.encode(one.window), type=Window)
    second = book()
    second.restore(
        windows.values(),
        [message for message in table.values() if isinstance(message, Pane)],
        [message for message in table.values() if isinstance(message, JoinProgress)],
    )
    assert second.due() == []
    if reread:
        assert run(second, batches[:crash]) == []
    assert first + run(second, batches[crash:]) == undisturbed


def test_a_restored_book_keeps_what_its_panes_do_not_know() -> None:
    a, b, c = (PredictedRow(name, 0, time, 0.8, label=1) for name, time in (("a", 5), ("b", 6), ("c", 65)))
    whole = book(1)
    for one in (pane(0, [a, b]), pane(60, [c]), progress(None, ended=True)):
        whole.update(one)
    emitted = [due.window for due in whole.due()]
    short = book(1)
    short.restore(emitted, [pane(0, [a]), pane(60, [c])], [progress(None, ended=True)])
    assert short.due() == [], "nothing wrong over what is right, and no cumulative part without the lost panes"
    assert {model: (lost.start, lost.end, lost.windows) for model, lost in short.lost.items()} == {MODEL: (-20, 30, 3)}
    short.update(pane(60, [c._replace(label=0)]))
    revised = short.due()
    assert statuses(revised) == [(40, "final", 1), (50, "final", 1), (60, "final", 1)]
    before = {window.start: window for window in emitted}
    assert all(due.window.cumulative == before[due.window.start].cumulative for due in revised)


def test_nothing_is_judged_before_every_partition_has_reported_again() -> None:
    a, b = PredictedRow("a", 0, 5, 0.8, label=1), PredictedRow("b", 1, 6, 0.8, label=1)
    whole = book(2)
    ends = [progress(None, ended=True), progress(None, partition=1, ended=True)]
    for one in (pane(0, [a]), pane(0, [b], partition=1), *ends):
        whole.update(one)
    emitted = [due.window for due in whole.due()]
    again = book(2)
    again.restore(emitted, [pane(0, [a])], ends[:1])
    assert again.due() == []
    again.update(pane(0, [b], partition=1))
    again.update(ends[1])
    assert again.due() == []
    assert not again.lost


def test_windows_of_another_stream_or_size_are_forgotten_but_for_their_revisions() -> None:
    a = PredictedRow("a", 0, 5, 0.8, label=1)
    whole = book(1)
    for one in (pane(0, [a]), progress(None, ended=True)):
        whole.update(one)
    emitted = [due.window for due in whole.due()]
    others = [msgspec.structs.replace(window, revision=4) for window in emitted]
    for windows, earlier in (([], others), ([msgspec.structs.replace(w, end=w.end + 10) for w in others], [])):
        again = book(1)
        again.restore(windows, [pane(0, [a])], [progress(None, ended=True)], earlier=earlier)
        assert statuses(again.due()) == [(-20, "final", 5), (-10, "final", 5), (0, "final", 5)]
        assert not again.lost
