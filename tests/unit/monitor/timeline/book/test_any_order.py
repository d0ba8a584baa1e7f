"""The same records give the same windows and the same incidents, in whatever order they came and whoever took over.

Here windows hang together in all ways that there are: verdicts on drift pool the windows before, and a relation that
has changed withdraws the estimates of others.
"""

from collections.abc import Iterable, Iterator, Sequence
from random import Random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.alerts import Alert
from contract.messages import ModelRef
from contract.panes import PaneMessage
from contract.windows import Drift, Estimate, FeatureDrift, Relation, Window
from monitor.timeline.samples import Sample
from monitor.timeline.spec import WindowSpec
from monitor.timeline.windows import WindowBook
from monitor.verdicts.board import AlertBoard
from monitor.verdicts.incidents import Detectors
from monitor.window_sums import WindowSums
from tests.support.timeline.book import (
    LATENESS,
    MODEL,
    TOLERANCE,
    PredictedRow,
    newest,
    pane,
    progress,
    sample,
)

NARROW = WindowSpec(size=20, slide=10)
SURE = Detectors(1e12)


def pooled(counts: tuple[int, ...], previous: Sequence[Drift | None]) -> Drift:
    """A verdict that each of the windows before has a part in."""
    before = [
        (1 if one is None or not one.judged else 2 + one.features["Age"].counts[0]) * place
        for place, one in enumerate(previous, 3)
    ]
    share = (sum(before) + counts[0]) % 1_009 / 1_009
    age = FeatureDrift(test="ks", distance=share, p_value=0.5, p_adjusted=1.0, drifted=share > 0.6, counts=counts)
    return Drift(judged=True, drifted=age.drifted, share=share, features={"Age": age})


def judge(_model: ModelRef, found: Sample, previous: Sequence[Drift | None] = ()) -> Drift:
    return pooled((int(found.hashes.sum() % 997), len(found)), previous)


def judge_again(_model: ModelRef, drift: Drift, previous: Sequence[Drift | None]) -> Drift:
    return pooled(drift.features["Age"].counts, previous) if drift.judged else drift


def relation(window: Window, sums: WindowSums) -> Window:
    """Labels of final windows say the relation has changed where most of them are 1."""
    if window.status != "final" or not window.labelled:
        return window
    _, negatives, positives = sums.histogram.sum(axis=1).tolist()
    changed = positives > negatives
    found = Relation(
        labelled=window.labelled,
        observed=int(positives),
        expected=Estimate(1.0, 0.0, 2.0),
        level=Estimate(0.0, 0.0, 0.0),
        slope=None,
        p_value=1e-9 if changed else 0.9,
        changed=changed,
    )
    return msgspec.structs.replace(window, relation=found)


class Monitor:
    """A book and a board, and all that they have published."""

    def __init__(self, partitions: int = 2) -> None:
        self.partitions = partitions
        self.read: list[PaneMessage] = []
        self.windows: list[Window] = []
        self.alerts: list[Alert] = []
        self.begin()

    def begin(self) -> None:
        """Take up what has been published, as a monitor does that starts."""
        self.book = WindowBook(
            NARROW,
            partitions=self.partitions,
            label_lateness=LATENESS,
            label_tolerance=TOLERANCE,
            sample_size=50,
            judge=judge,
            judge_again=judge_again,
            complete=relation,
        )
        for message in self.read:
            self.book.update(message)
        told = newest(self.windows).values()
        self.board = AlertBoard(SURE, {one.key: one for one in self.alerts}.values())
        for window in told:
            self.board.restore(window)
        self.book.restore(told)
        self.alerts += self.board.unsaid()
        self.withdraw()
        self.publish()

    def take(self, messages: Iterable[PaneMessage]) -> None:
        for message in messages:
            self.read.append(message)
            self.book.update(message)
        self.publish()

    def publish(self, most: int | None = None) -> None:
        """All that is due, or so many windows, after which it is killed."""
        while due := self.book.due(most):
            for one in due:
                self.windows.append(one.window)
                self.alerts += self.board.after(one.window)
            if most is not None:
                return
            self.withdraw()

    def withdraw(self) -> None:
        for model in self.board.models:
            self.book.distrust(model, self.board.distrust(model))

    def contents(self) -> dict[str, Window]:
        found = newest(self.windows)
        return {key: msgspec.structs.replace(one, revision=0) for key, one in found.items()}

    def incidents(self) -> list[tuple[str, str, bool]]:
        kept = {one.key: one for one in self.alerts}.values()
        return sorted(
            (one.kind, one.model.key if one.model else "", one.standing) for one in kept if one.state != "retracted"
        )


def shown_by(windows: Iterable[Window]) -> list[tuple[str, str, bool]]:
    """The incidents of windows that are all known at once."""
    board = AlertBoard(SURE)
    for window in windows:
        board.restore(window)
    return sorted((one.kind, one.model.key if one.model else "", one.standing) for one in board.unsaid())


class Arrivals:
    """Records that come late and in any order, with labels that come later still, some of them wrong at first."""

    def __init__(self, random: Random) -> None:
        self.random = random
        count = random.randint(1, 25)
        # more of the labels are 1 for some time, so that estimates are withdrawn there
        self.rows = [
            PredictedRow(f"{n}", 0, time, 0.8, label=int(random.random() < (0.9 if 60 < time < 120 else 0.2)))
            for n, time in enumerate(random.sample(range(200), count))
        ]

    def straight(self) -> list[PaneMessage]:
        return [*self._panes(self.rows), progress(None, ended=True)]

    def scattered(self) -> Iterator[list[PaneMessage]]:
        known: dict[str, PredictedRow] = {}
        watermark = 0
        firsts = [row._replace(label=self.random.choice([None, row.label, 1])) for row in self.rows]
        for row in [*self.random.sample(firsts, len(firsts)), *self.random.sample(self.rows, len(self.rows))]:
            known[row.name] = row
            start = row.time - row.time % 10
            watermark = max(watermark, self.random.randint(0, 260))
            changed = [one for one in known.values() if one.time - one.time % 10 == start]
            yield [*self._panes(changed), progress(watermark)]
        yield [progress(None, ended=True)]

    def _panes(self, rows: list[PredictedRow]) -> list[PaneMessage]:
        found: list[PaneMessage] = []
        for start in sorted({row.time - row.time % 10 for row in rows}):
            inside = [row for row in rows if row.time - row.time % 10 == start]
            found += [pane(start, inside), sample(start, inside)]
        return found


@given(random=st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_any_order_and_any_restart_give_the_same_windows_and_the_same_incidents(random: Random) -> None:
    arrivals = Arrivals(random)
    straight, other = Monitor(1), Monitor(1)
    straight.take(arrivals.straight())
    for messages in arrivals.scattered():
        if random.random() < 0.2:
            other.read += messages
            other.begin()
        else:
            other.take(messages)
    assert other.contents() == straight.contents()
    assert other.incidents() == straight.incidents() == shown_by(straight.contents().values())


def test_a_window_is_judged_again_when_one_that_it_was_pooled_with_changes_and_no_other_is() -> None:
    asked: list[int] = []

    def counting(model: ModelRef, drift: Drift, previous: Sequence[Drift | None]) -> Drift:
        asked.append(len(previous))
        return judge_again(model, drift, previous)

    monitor = Monitor(1)
    monitor.book = WindowBook(
        WindowSpec(10, 10),
        partitions=1,
        label_lateness=LATENESS,
        sample_size=50,
        judge=judge,
        judge_again=counting,
    )
    rows = [PredictedRow(f"{n}", 0, 10 * n + 5, 0.8, label=1) for n in range(30)]
    for row in rows:
        start = row.time - 5
        monitor.take([pane(start, [row]), sample(start, [row]), progress(start + 10)])
    assert not asked
    before = monitor.contents()
    late = [rows[3], PredictedRow("late", 0, 36, 0.3, label=0)]
    monitor.take([pane(30, late), sample(30, late), progress(300)])
    # fifteen windows at most are pooled with it, and each is judged once
    assert len(asked) == 15
    after = monitor.contents()
    changed = {after[key].start for key in after if after[key].drift.share != before[key].drift.share}
    assert changed == {10 * n for n in range(3, 19)}
    assert monitor.windows[-1].model == MODEL
    # with no change there is no work
    monitor.take([pane(30, late), sample(30, late), progress(310)])
    assert len(asked) == 15


def test_a_monitor_killed_between_a_window_and_those_that_rest_on_it_says_them_at_its_next_start() -> None:
    rows = [PredictedRow(f"{n}", 0, 10 * n + 5, 0.8, label=1) for n in range(12)]
    late = [rows[3], PredictedRow("late", 0, 36, 0.3, label=0)]
    monitors = [Monitor(1), Monitor(1)]
    for monitor in monitors:
        for row in rows:
            start = row.time - 5
            monitor.take([pane(start, [row]), sample(start, [row]), progress(start + 10)])
    through, killed = monitors
    through.take([pane(30, late), sample(30, late), progress(130)])
    for message in (pane(30, late), sample(30, late), progress(130)):
        killed.read.append(message)
        killed.book.update(message)
    killed.publish(most=2)
    assert killed.contents() != through.contents()
    killed.begin()
    assert killed.contents() == through.contents()
    said = len(killed.windows)
    killed.begin()
    assert len(killed.windows) == said
