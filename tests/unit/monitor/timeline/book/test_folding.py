"""What nothing can change any more is folded, and nothing is said otherwise for it; memory does not grow with time."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.panes import Fold, PaneMessage
from contract.windows import Cumulative, Window
from monitor.timeline.metrics import performance
from monitor.timeline.samples import MemorySamples
from monitor.timeline.spec import WindowSpec
from monitor.timeline.sums import Sums
from monitor.timeline.windows import Folding, WindowBook
from tests.support.sizes import size
from tests.support.timeline.book import (
    LATENESS,
    MODEL,
    OTHER,
    TOLERANCE,
    PredictedRow,
    from_topic,
    new_book,
    newest,
    pane,
    progress,
    sample,
    statuses,
    summarise,
    take,
    with_segments,
)

TUMBLING = WindowSpec(10, 10)
KEEPING = 10 + 2 * LATENESS + TOLERANCE
NOTHING = Folding([], [])


def day(start: int, label: int | None = 1) -> list[PredictedRow]:
    return [PredictedRow(f"{start}/{i}", 0, start, 0.2 + 0.6 * (i % 2), label=label) for i in range(3)]


def decoded(fold: Fold) -> Fold:
    return msgspec.json.decode(msgspec.json.encode(fold), type=Fold)


def test_a_pane_is_folded_when_no_window_that_holds_it_can_change_and_not_before() -> None:
    book = new_book(1, spec=TUMBLING)
    take(book, pane(0, day(0)), sample(0, day(0)), pane(10, day(10)), progress(KEEPING - 1))
    book.cumulative_due()
    assert book.foldable() == NOTHING
    take(book, progress(KEEPING))
    folding = book.foldable()
    assert book.foldable() == folding, "nothing changes before it is confirmed"
    (fold,) = folding.folds
    assert (fold.model, fold.until) == (MODEL, 10)
    assert performance(Sums.of(fold.summary)) == performance(Sums.of(summarise(day(0))))
    assert fold.summary.delay_hours == summarise(day(0)).delay_hours
    assert folding.keys == ["churn/1/champion/0/0", "churn/1/champion/0/0/sample"]
    book.folded(folding)
    assert book.foldable() == NOTHING


def test_an_idle_partition_holds_up_no_folding_and_one_that_is_behind_does() -> None:
    for other, folds in ((progress(0, partition=1, idle=True), 1), (progress(0, partition=1), 0)):
        book = new_book(2, spec=TUMBLING)
        take(book, pane(0, day(0)), progress(KEEPING), other)
        book.cumulative_due()
        assert len(book.foldable().folds) == folds


def test_nothing_is_folded_that_has_not_been_said() -> None:
    book = new_book(1, spec=TUMBLING)
    for message in (pane(0, day(0)), pane(10, day(10)), progress(200)):
        book.update(message)
    assert book.foldable() == NOTHING
    assert statuses(book.due(most=1)) == [(0, "final", 0)]
    assert book.foldable() == NOTHING, "nor before its cumulative metrics"
    book.cumulative_due()
    assert [fold.until for fold in book.foldable().folds] == [10]


def test_a_pane_that_comes_after_it_was_folded_changes_nothing_and_is_deleted() -> None:
    book = new_book(1, spec=TUMBLING)
    take(book, pane(0, day(0)), progress(200))
    book.cumulative_due()
    book.folded(book.foldable())
    assert take(book, pane(0, day(0, label=0)), sample(0, day(0))) == []
    assert book.passed_over == 2
    folding = book.foldable()
    assert folding == Folding([], ["churn/1/champion/0/0", "churn/1/champion/0/0/sample"])
    book.folded(folding)
    assert book.foldable() == NOTHING


def test_a_window_one_of_whose_panes_is_folded_stays_as_it_is() -> None:
    book = new_book(1)
    messages = pane(0, day(0)), pane(20, day(20)), progress(30 + 2 * LATENESS + TOLERANCE)
    said = [one.window for one in take(book, *messages)]
    points = book.cumulative_due()
    folding = book.foldable()
    assert [fold.until for fold in folding.folds] == [10]
    book.folded(folding)
    again = new_book(1)
    for message in (*folding.folds, *messages[1:]):
        again.update(message)
    again.restore(newest(said).values(), cumulative=from_topic(points))
    for one in (book, again):
        assert statuses(take(one, pane(20, day(20, label=0)))) == [(10, "final", 1), (20, "final", 1)]
        take(one, progress(1_000))
        assert len(one.cumulative_due()) == 1
        assert [fold.until for fold in one.foldable().folds] == [30]


def test_panes_are_folded_in_parts() -> None:
    book = new_book(1, spec=TUMBLING)
    take(book, *(pane(start, day(start)) for start in range(0, 100, 10)), progress(1_000))
    book.cumulative_due()
    untils = []
    while folding := book.foldable(most=4):
        if not folding.folds:
            break
        assert len(folding.keys) <= 4
        untils.append(folding.folds[0].until)
        book.folded(folding)
    assert untils == [40, 80, 100]


def test_samples_are_spent_when_all_windows_of_their_pane_are_final() -> None:
    samples = MemorySamples()
    book = new_book(1, samples=samples)
    key = "churn/1/champion/0/0/sample"
    take(book, pane(0, day(0)), sample(0, day(0)), progress(20))
    assert book.spent_samples() == []
    take(book, progress(30))
    assert book.spent_samples() == [key]
    assert samples.get(key) is not None
    book.dropped([key])
    assert book.spent_samples() == []
    assert samples.get(key) is None
    (window, *_) = [one.window for one in take(book, pane(0, [*day(0), PredictedRow("late", 0, 5, 0.5, label=1)]))]
    assert (window.records, window.drift.outdated) == (4, True), "a verdict of fewer predictions says so"


def test_a_sample_that_was_deleted_is_not_deleted_again() -> None:
    book = new_book(1, spec=TUMBLING)
    for message in (pane(0, day(0)), sample(0, day(0)), progress(20)):
        book.update(message)
    book.tombstone("churn/1/champion/0/0/sample")
    book.tombstone("churn/1/champion/0/0")
    for key in ("somebody/else", "churn/1/champion/x/0/sample", "churn/1/champion/0//sample", "/sample", ""):
        book.tombstone(key)
    assert len(book.due()) == 1
    assert book.spent_samples() == []


def test_where_windows_must_be_read_from_follows_what_may_still_change() -> None:
    book = new_book(1, spec=TUMBLING)
    assert book.windows_from is None
    offset = 0
    said: dict[int, int] = {}
    for start in range(0, 400, 10):
        for one in take(book, pane(start, day(start)), progress(start + 10)):
            book.wrote(one.window, offset)
            said[one.window.start] = offset
            offset += 1
        points = book.cumulative_due()
        for point in points:
            book.wrote(point, offset)
            offset += 1
        book.folded(book.foldable())
        kept = [at for at in said if at + KEEPING > start + 10]
        assert book.windows_from == min(said[at] for at in kept)


def test_a_model_that_scores_no_more_does_not_hold_back_where_windows_are_read_from() -> None:
    book = new_book(1, spec=TUMBLING)
    offset = 0
    for start in range(0, 400, 10):
        due = take(book, pane(start, day(start), model=OTHER if start < 20 else MODEL), progress(start + 10))
        for message in (*(one.window for one in due), *book.cumulative_due()):
            book.wrote(message, offset)
            offset += 1
        book.folded(book.foldable())
    assert book.windows_from is not None
    assert book.windows_from > 40, "the points of the other model stand before that"


@settings(max_examples=size(ci=15, full=300))
@given(
    st.lists(st.tuples(st.integers(0, 400), st.sampled_from([0, 1, None]), st.integers(0, LATENESS)), max_size=25),
    st.sets(st.integers(0, 60), max_size=3),
)
def test_folding_and_restarts_change_nothing_that_is_said(
    records: list[tuple[int, int | None, int]], crashes: set[int]
) -> None:
    rows = [
        PredictedRow(f"{i}", 0, time, 0.8, label=label, delay=delay) for i, (time, label, delay) in enumerate(records)
    ]
    plain, folding = Player(folds=False), Player(folds=True)
    for step in range(61):
        now = step * 10
        if step in crashes:
            folding.restart()
        for player in (plain, folding):
            player.play(rows, now)
    assert folding.said == plain.said
    assert folding.points == plain.points
    assert len(folding.topic) <= 2 * (30 + 2 * LATENESS + TOLERANCE) // 10 + 4


class Player:
    """A book beside the topics that it is taken up from."""

    def __init__(self, folds: bool) -> None:
        self.folds = folds
        self.book = new_book(1)
        self.topic: dict[str, PaneMessage] = {}
        self.said: list[Window] = []
        self.points: list[Cumulative] = []

    def play(self, rows: list[PredictedRow], now: int) -> None:
        """What has come by event time ``now``."""
        known = [
            one._replace(label=one.label if one.time + one.delay <= now else None) for one in rows if one.time <= now
        ]
        messages: list[PaneMessage] = []
        for start in sorted({one.time // 10 * 10 for one in known}):
            if now - LATENESS - 40 <= start:
                messages.append(pane(start, [one for one in known if start <= one.time < start + 10]))
        messages.append(progress(now - 10, now - 10))
        for message in messages:
            self.topic[message.key] = message
        # a nowcast is told from the panes that are not folded
        self.said += [msgspec.structs.replace(one.window, nowcast=None) for one in take(self.book, *messages)]
        self.points += self.book.cumulative_due()
        if self.folds:
            folding = self.book.foldable()
            for fold in folding.folds:
                self.topic[fold.key] = decoded(fold)
            for key in folding.keys:
                del self.topic[key]
            self.book.folded(folding)

    def restart(self) -> None:
        """A new book, from what is on the topics."""
        self.book = WindowBook(
            self.book._rules.spec,
            partitions=1,
            label_lateness=LATENESS,
            label_tolerance=TOLERANCE,
            sample_size=50,
            complete=with_segments,
            judge=self.book._rules.judge,
        )
        for message in self.topic.values():
            self.book.update(message)
        self.book.restore(newest(self.said).values(), cumulative=from_topic(self.points))
