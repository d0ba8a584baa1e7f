"""Whatever the order of arrival, windows are a plain group-by, each said in its time, and a restart changes none."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from contract.messages import ModelRef
from contract.panes import JoinProgress, Pane, PaneMessage, PaneSample
from contract.windows import Cumulative, Window
from monitor.timeline.metrics import performance
from monitor.timeline.sums import Sums
from tests.support import one_by_one
from tests.support.timeline.book import (
    LATENESS,
    MODEL,
    OTHER,
    SLIDE,
    SPEC,
    TimelineEvent,
    events,
    finals,
    from_topic,
    interleave,
    new_book,
    newest,
    play,
    rows,
    run,
    summarise,
    take,
)

_batches = st.integers(1, 4)
_ALWAYS, _NEVER = 10**9, -(10**9)
_randoms = st.randoms(use_true_random=False)


def group_by(happened: list[TimelineEvent]) -> dict[str, tuple[object, ...]]:
    """Records, labelled, performance and segments of each window, by key, from all records at once."""
    found = {}
    for model in (MODEL, OTHER):
        mine = [one for one in rows(happened) if one.model == model]
        for start in {start for one in mine for start in SPEC.windows_of(one_by_one.pane_start(one.time, SLIDE))}:
            inside = summarise([one for one in mine if start <= one.time < start + SPEC.size])
            segments = [
                (name, part.records, part.labelled, part.fn + part.tp) for name, part in sorted(inside.segments.items())
            ]
            found[f"{model.key}/{start}"] = (inside.records, inside.labelled, performance(Sums.of(inside)), segments)
    return found


def contents(windows: dict[str, Window]) -> dict[str, tuple[object, ...]]:
    return {
        key: (
            one.records,
            one.labelled,
            one.performance,
            [(part.name, part.records, part.labelled, part.observed) for part in one.segments],
        )
        for key, one in windows.items()
    }


@given(events, _batches, _randoms)
def test_finals_are_a_group_by_whatever_the_order_of_arrival(
    happened: list[TimelineEvent], batch: int, random: Random
) -> None:
    queues = [play(happened, partition, batch) for partition in (0, 1)]
    found = finals(run(new_book(), interleave(queues, random)))
    assert contents(found) == group_by(happened)
    assert found == finals(run(new_book(), [messages for queue in reversed(queues) for messages in queue]))


@given(events, _batches, _randoms)
def test_cumulative_metrics_are_those_of_all_records_before(
    happened: list[TimelineEvent], batch: int, random: Random
) -> None:
    book = new_book()
    points: list[Cumulative] = []
    said: set[str] = set()
    for messages in interleave([play(happened, partition, batch) for partition in (0, 1)], random):
        said |= {one.window.key for one in take(book, *messages) if one.window.status == "final"}
        given_now = book.cumulative_due()
        assert all(f"{one.model.key}/{one.end - SPEC.size}" in said for one in given_now)
        points += given_now
        assert book.cumulative_due() == []
    assert len({(one.model, one.end, one.revision) for one in points}) == len(points)
    for model in (MODEL, OTHER):
        mine = [one for one in points if one.model == model]
        assert [one.end for one in mine] == sorted(one.end for one in mine), "only the newest is revised"
        records = [one for one in rows(happened) if one.model == model]
        if records:
            last = mine[-1]
            assert last.end == max(one_by_one.pane_start(one.time, SLIDE) for one in records) + SPEC.size
            assert last.performance == performance(Sums.of(summarise(records)), None)


class Stream:
    """What a reader of ``panes`` knows, told the plain way."""

    def __init__(self) -> None:
        self.panes: dict[str, Pane] = {}
        self.progress: dict[int, JoinProgress] = {}
        self.closing = _NEVER
        self.settled = _NEVER

    def take(self, messages: list[PaneMessage]) -> None:
        for message in messages:
            if isinstance(message, Pane):
                self.panes[message.key] = message
            elif isinstance(message, JoinProgress):
                self.progress[message.partition] = message
        if len(self.progress) == 2:
            awaited = [one for one in self.progress.values() if not one.ended]
            times = [(_time(one.watermark), _time(one.label_watermark, _ALWAYS)) for one in awaited]
            self.closing = max(self.closing, min((time for time, _ in times), default=_ALWAYS))
            self.settled = min((min(both) for both in times), default=_ALWAYS)

    def windows(self) -> dict[str, tuple[int, int, int, str | None]]:
        """End, records, labelled and status of each window, by key."""
        counts: dict[tuple[ModelRef, int], tuple[int, int]] = {}
        for pane in self.panes.values():
            for start in SPEC.windows_of(pane.start):
                records, labelled = counts.get((pane.model, start), (0, 0))
                counts[pane.model, start] = records + pane.summary.records, labelled + pane.summary.labelled
        found = {}
        for (model, start), (records, labelled) in counts.items():
            end = start + SPEC.size
            is_final = self.settled >= end + LATENESS or (self.closing >= end and records == labelled)
            status = "final" if is_final else "provisional" if self.closing >= end else None
            found[f"{model.key}/{start}"] = end, records, labelled, status
        return found


def _time(watermark: int | None, unknown: int = -(10**9)) -> int:
    return unknown if watermark is None else watermark


@given(events, _batches, _randoms, st.booleans())
def test_each_window_is_said_when_it_may_be_by_itself_and_no_revision_twice(
    happened: list[TimelineEvent], batch: int, random: Random, ends: bool
) -> None:
    book, stream = new_book(), Stream()
    said: dict[str, Window] = {}
    said_at: dict[str, int] = {}
    for messages in interleave([play(happened, partition, batch, end=ends) for partition in (0, 1)], random):
        changed = {one.start for one in messages if isinstance(one, Pane | PaneSample)}
        due = [one.window for one in take(book, *messages)]
        stream.take(messages)
        expected = stream.windows()
        slide = stream.closing // SLIDE
        for window in due:
            last = said.get(window.key)
            assert window.revision == (0 if last is None else last.revision + 1)
            _, records, labelled, status = expected[window.key]
            assert (window.records, window.labelled) == (records, labelled)
            if last is not None and last.status == "final":
                assert window.status == "final"
                assert changed & set(SPEC.panes_of(window.start)), "a window is revised for its own panes alone"
            else:
                assert window.status == status
                if last is not None and status == "provisional":
                    assert said_at[window.key] < slide
            said[window.key], said_at[window.key] = window, slide
        for key, (_, records, labelled, status) in expected.items():
            if key not in said:
                assert len(stream.progress) < 2 or status is None
            elif status == "final" or said[key].status == "final":
                assert (said[key].status, said[key].records, said[key].labelled) == ("final", records, labelled)
            elif said[key].records < records or (labelled - said[key].labelled) * 50 >= max(records, 1):
                assert said_at[key] == slide, "its new labels are told a slide later at the latest"


@given(events, _batches, st.lists(st.integers(0, 30), max_size=3), st.booleans(), _randoms)
def test_a_book_that_is_taken_up_again_says_nothing_twice_and_comes_to_the_same(
    happened: list[TimelineEvent], batch: int, crashes: list[int], reread: bool, random: Random
) -> None:
    # a correction leaves the counts of a pane as they were, so its redelivered past cannot be told from its present
    happened = [event._replace(corrected=False) for event in happened]
    batches = interleave([play(happened, partition, batch) for partition in (0, 1)], random)
    undisturbed = run(new_book(), batches)
    book = new_book()
    said: list[Window] = []
    points: list[Cumulative] = []
    topic: dict[str, PaneMessage] = {}
    for number, messages in enumerate(batches):
        if number in crashes:
            book = new_book()
            for message in topic.values():
                book.update(message)
            book.restore(newest(said).values(), cumulative=from_topic(points))
            assert book.due() == []
            assert book.cumulative_due() == []
            if reread:
                assert run(book, [list(topic.values())]) == []
        for message in messages:
            topic[message.key] = message
        said += [one.window for one in take(book, *messages)]
        points += book.cumulative_due()
    assert len({(one.key, one.revision) for one in said}) == len(said)
    assert len({(one.model, one.end, one.revision) for one in points}) == len(points)
    assert finals(said) == finals(undisturbed)
    for model in {one.model for one in rows(happened)}:
        last = [one for one in points if one.model == model][-1]
        total = summarise(one for one in rows(happened) if one.model == model)
        assert last.performance == performance(Sums.of(total), None)
