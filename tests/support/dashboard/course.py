"""The course of a model: its windows as they are published day by day, with the alerts and verdicts that follow.

Everything but the nowcast is worked out by the monitor's own functions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import msgspec
import numpy as np
import pandas as pd

from contract.alerts import Alert, AlertMessage
from contract.messages import ModelRef
from contract.windows import Drift, Estimate, Estimated, Nowcast, Performance, Status, Window
from monitor.budget import levels
from monitor.inputs.rule import InputRule, judge
from monitor.panes import record_hash
from monitor.segments.judging import SegmentVerdicts
from monitor.timeline.book.content import WindowFrame, compose
from monitor.timeline.metrics import performance
from monitor.timeline.samples import Repeats
from monitor.timeline.sums import Sums
from monitor.verdicts.board import AlertBoard
from monitor.verdicts.distrust import untrusted_now
from monitor.verdicts.incidents import Detectors
from monitor.verdicts.judging import Verdicts
from monitor.verdicts.outlook import without_estimate
from monitor.window_sums import WindowSums
from tests.support.dashboard.customers import (
    DELAY,
    THRESHOLD,
    centre,
    customers,
    known_version,
    summary_of,
)
from tests.support.messages import DAY, START
from tests.support.scores import Truth, calibrated
from tests.support.tables.bank_inputs import SCHEMA

CHAMPION = ModelRef("churn", 3)
SIZE_DAYS = 3
LATENESS_DAYS = 10
"""Days after its end at which a window is final."""
_LEVELS = levels(1.0, DAY)
_MIN_RECORDS = 200
_KNOWN_DELAYS_DAYS = 8


@dataclass(frozen=True)
class ModelCourse:
    """Days of one model.

    ``first`` and ``days``: from which day on it scores, and how many days; ``records`` a day. ``labels_until``: the day
    after which no label comes any more. ``changes``: from which day on customers are ``older``, more ``active``, or
    follow ``truth``. ``letters``: dead letters of each window by reason from that day on. ``noise`` makes the model
    weaker. ``until``: the day on which its labels are last looked at, if that is later than it scores.
    """

    model: ModelRef = CHAMPION
    first: int = 0
    days: int = 32
    records: int = 500
    labels_until: float = np.inf
    changes: int = 10_000
    older: float = 0.0
    active: float = 0.0
    truth: Truth = calibrated
    noise: float = 0.0
    letters: tuple[tuple[str, int], ...] = ()
    seed: int = 1
    until: int = 0

    @property
    def now(self) -> int:
        """The day on which it ends."""
        return self.first + self.days

    @cached_property
    def _days(self) -> list[pd.DataFrame]:
        found = []
        for day in range(self.first, self.now):
            rng = np.random.default_rng((self.seed, day))
            changed = day >= self.changes
            found.append(
                customers(
                    rng,
                    self.records,
                    older=self.older if changed else 0.0,
                    active=self.active if changed else 0.0,
                    truth=self.truth if changed else calibrated,
                    noise=self.noise,
                ).assign(day=float(day))
            )
        return found

    def frame(self, start: int) -> pd.DataFrame:
        """The records of the window that starts on that day."""
        return pd.concat(self._days[start - self.first : start - self.first + SIZE_DAYS], ignore_index=True)

    def starts(self) -> range:
        """Days on which windows start, all of which have closed."""
        return range(self.first, self.now - SIZE_DAYS + 1)

    def revisions(self) -> Iterator[Window]:
        """Windows in the order in which they are published: each when it closes, then as it is at the end."""
        drifts: dict[int, Drift] = {}
        end = max(self.now, self.until)
        for today in range(self.first + SIZE_DAYS, end + 1):
            opened = today - SIZE_DAYS
            if opened in self.starts():
                before = [drifts.get(opened - n * SIZE_DAYS) for n in range(1, 4)]
                drifts[opened] = self._drift(opened, before)
                yield self.window(opened, today, drifts[opened])
            settled = opened - LATENESS_DAYS
            if settled in self.starts():
                yield self.window(settled, today, drifts[settled], revision=1)
        for start in self.starts():
            if start + SIZE_DAYS + LATENESS_DAYS > end:
                yield self.window(start, end, drifts[start], revision=1)

    def window(self, start: int, today: float, drift: Drift, *, revision: int = 0) -> Window:
        """The window that starts on a day as it is known ``today``."""
        frame, known = self.frame(start), known_version(self.noise)
        come = frame[DELAY].to_numpy(np.float64) + frame["day"].to_numpy(np.float64) + 1
        labelled = come <= min(today, self.labels_until)
        sums = Sums.of(summary_of(frame, labelled))
        status: Status = "final" if today >= start + SIZE_DAYS + LATENESS_DAYS else "provisional"
        nowcast = None
        if status == "provisional" and labelled.any() and today >= self.first + _KNOWN_DELAYS_DAYS:
            nowcast = _nowcast(frame, labelled)
        made = compose(
            WindowFrame(
                self.model, START + start * DAY, START + (start + SIZE_DAYS) * DAY, status, revision, THRESHOLD
            ),
            sums,
            Repeats(len(frame), 1.0),
            drift,
            nowcast,
        )
        newest = frame[frame["day"] == start + SIZE_DAYS - 1]
        newest_sums = Sums.of(summary_of(newest, labelled[frame["day"] == start + SIZE_DAYS - 1]))
        judged = WindowSums(sums.histogram, newest_sums.histogram, sums.segments())
        made = Verdicts(lambda _: known.bins, _LEVELS, _MIN_RECORDS)(made, judged)
        made = SegmentVerdicts(SCHEMA.segments, lambda _: known.segments, _LEVELS.segments, _MIN_RECORDS)(made, judged)
        return msgspec.structs.replace(
            made,
            slide=DAY,
            slide_records=len(newest),
            dead_letters=dict(self.letters) if start + SIZE_DAYS > self.changes else {},
            missing={},
        )

    def _drift(self, start: int, before: Sequence[Drift | None]) -> Drift:
        frame = self.frame(start)
        hashes = [record_hash(f"{self.model.key}/{start}/{number}") for number in range(len(frame))]
        rule = InputRule(_LEVELS.inputs, min_records=_MIN_RECORDS)
        found = judge(frame, known_version(self.noise).inputs, before, rule=rule, customers=hashes)
        features = {}
        for name, one in found.features.items():
            mean, median = centre(frame, name)
            features[name] = msgspec.structs.replace(one, mean=mean, median=median)
        return msgspec.structs.replace(found, features=features)


Published = Window | AlertMessage


def published(*courses: ModelCourse, board: AlertBoard | None = None) -> list[Published]:
    """All that the monitor publishes of these models, in order."""
    board = new_board() if board is None else board
    said: list[Published] = []
    shown: dict[str, Window] = {}
    for window in sorted(_all(courses), key=lambda one: one[:2]):
        said += told(board, window[2])
        shown[window[2].key] = window[2]
    for course in courses:
        since = untrusted_now(board.distrust(course.model))
        if since is None:
            continue
        for one in [one for one in shown.values() if one.model == course.model and one.end > since]:
            said += told(board, msgspec.structs.replace(without_estimate(one, since), revision=one.revision + 1))
    return said


def _all(courses: Sequence[ModelCourse]) -> Iterator[tuple[int, int, Window]]:
    """Windows with what they are ordered by: courses that begin later are published in their turn."""
    for course in courses:
        for number, window in enumerate(course.revisions()):
            yield course.first * 100 + number, course.model.version, window


def told(board: AlertBoard, window: Window) -> list[Published]:
    """A window with the alerts and verdicts that it brings, in the monitor's order."""
    return [window, *board.after(window), *board.verdicts_due(window.model)]


def new_board() -> AlertBoard:
    """A board of the default rules."""
    return AlertBoard(Detectors(_LEVELS.detector, _LEVELS.worsening_detector))


def silence(since: int, *, hours: int = 9) -> Alert:
    """The alert that no predictions come; wall time."""
    return Alert(
        key=f"silence/predictions/{since}",
        state="opened",
        kind="silence",
        model=None,
        start=since,
        end=since + hours * 3_600_000,
        features=[],
        message=f"no predictions: nothing has come on predictions for {hours} hours; the longest pause of the last "
        "week was 20 minutes; check the scorer and what feeds it",
        severity="critical",
        at=since + hours * 3_600_000,
        title="no predictions",
    )


def _nowcast(frame: pd.DataFrame, labelled: "np.typing.NDArray[np.bool_]") -> Nowcast:
    """What all labels would say, less sure the fewer have come."""
    whole = performance(Sums.of(summary_of(frame, np.ones(len(frame), dtype=np.bool_))))
    labels = frame["label"].to_numpy(np.int64)
    shares = [float(labelled[labels == value].mean()) for value in (0, 1)]
    spread = 0.5 + (1 - min(shares))

    def wider(name: str) -> Estimate | None:
        value = _metric(whole, name)
        if value is None or name not in whole.intervals:
            return None
        low, high = whole.intervals[name]
        return Estimate(value, max(value - spread * (value - low), 0.0), min(value + spread * (high - value), 1.0))

    names = ("accuracy", "precision", "recall", "f1", "roc_auc", "brier")
    expected = Estimated(
        records=len(frame),
        tn=float(whole.tn),
        fp=float(whole.fp),
        fn=float(whole.fn),
        tp=float(whole.tp),
        **{name: wider(name) for name in names},
    )
    return Nowcast(performance=expected, coverage_negative=shares[0], coverage_positive=shares[1])


def _metric(found: Performance, name: str) -> float | None:
    value: float | None = getattr(found, name)
    return value
