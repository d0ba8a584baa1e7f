"""Windows of labels as the monitor judges them: one by one, in streams of slides, and their metrics by definition."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from label_sources import Source, draw, histogram_of, nothing

from contract.arrays import Floats, Labels
from contract.panes import UNIT, Expected, ScoreBin, Summary
from contract.windows import Relation, Worsening
from monitor.budget import Levels
from monitor.timeline.sums import Sums
from monitor.verdicts.calibration import Calibration, Histogram
from monitor.verdicts.evidence import NOTHING_YET, added_up
from monitor.verdicts.incidents import CLEAN_WINDOWS
from monitor.verdicts.relation import judge_relation
from monitor.verdicts.withdrawal import Withdrawal
from monitor.verdicts.worsening import NO_WORSENING_YET, judge_worsening

MIN_RECORDS = 200
METRICS = ("accuracy", "f1", "roc_auc", "brier")


class Judged(NamedTuple):
    """What a window's labels say of relation and performance."""

    relation: Relation | None
    worsening: Worsening | None

    @property
    def changed(self) -> bool:
        return self.relation is not None and self.relation.changed

    @property
    def worse(self) -> bool:
        return self.worsening is not None and self.worsening.worse


class Judge:
    """Judges windows of one source at given levels."""

    def __init__(self, source: Source, levels: Levels, min_records: int = MIN_RECORDS) -> None:
        self.levels = levels
        self._stored = source.stored
        self._calibration: Calibration = source.calibration
        self._min_records = min_records

    def __call__(
        self,
        window: Histogram,
        newest: Histogram | None = None,
        *,
        inputs_drifted: bool = False,
        effect: float = 1.0,
    ) -> Judged:
        slide = window if newest is None else newest
        return Judged(
            judge_relation(
                window,
                slide,
                self._calibration,
                alpha=self.levels.relation,
                min_records=self._min_records,
                inputs_drifted=inputs_drifted,
                effect=effect,
            ),
            judge_worsening(
                window,
                slide,
                self._stored,
                alpha=self.levels.performance,
                min_records=self._min_records,
                effect=effect,
            ),
        )


@dataclass
class StreamAlarms:
    """How many alarms a stream gave, by what gave them; ``first`` is the slide of the first, from 1."""

    slides: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    first: dict[str, int] = field(default_factory=dict)

    def note(self, kind: str) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.first.setdefault(kind, self.slides)


@dataclass
class _Episode:
    """A kind's incident: it stands until so many slides were clean."""

    over_after: int
    quiet: int = -1

    def opens(self, wrong: bool) -> bool:
        """Whether an incident begins with this slide."""
        standing = 0 <= self.quiet < self.over_after
        self.quiet = 0 if wrong else self.quiet + (self.quiet >= 0)
        return wrong and not standing


def watched(
    judge: Judge,
    slides: int,
    draw_slide: Callable[[], Histogram],
    length: int,
    until: str | None = None,
) -> StreamAlarms:
    """The incidents of a stream: windows of ``length`` slides, one ending with each slide.

    By ``relation`` and ``performance`` the windows' tests, by ``detector`` and ``worsening`` the detectors, and by
    ``withdrawn`` the estimate's withdrawal. Ends with the first incident of ``until``.
    """
    recent: deque[Histogram] = deque(maxlen=length)
    alarms = StreamAlarms()
    courses = {kind: _Episode(CLEAN_WINDOWS * length) for kind in ("relation", "performance")}
    relation_state, worsening_state, withdrawal = NOTHING_YET, NO_WORSENING_YET, Withdrawal()
    window: Histogram | None = None
    for number in range(slides):
        newest = draw_slide()
        window = newest if window is None else window + newest
        if len(recent) == length:
            window = window - recent[0]
        recent.append(newest)
        alarms.slides = number + 1
        if len(recent) < length:
            continue
        found = judge(window, newest)
        for kind, wrong in (("relation", found.changed), ("performance", found.worse)):
            if courses[kind].opens(wrong):
                alarms.note(kind)
        if found.relation is not None:
            relation_state, alarm = added_up(relation_state, found.relation.evidence, judge.levels.detector)
            if alarm:
                alarms.note("detector")
        if found.worsening is not None:
            evidence = found.worsening.evidence
            worsening_state, alarm = added_up(worsening_state, evidence, judge.levels.worsening_detector)
            if alarm:
                alarms.note("worsening")
        before = withdrawal.since
        withdrawal = withdrawal.after(number + 1 - length, number + 1, found.relation)
        if withdrawal.since is not None and before is None:
            alarms.note("withdrawn")
        if until in alarms.first:
            break
    return alarms


def summary_of(scores: Floats, labels: Labels, threshold: float, times: npt.NDArray[np.int64] | None = None) -> Summary:
    """What a pane of such records holds, all of them labelled; ``times``: records of each customer, one by default."""
    times = np.ones(len(scores), dtype=np.int64) if times is None else times
    said, churned = scores >= threshold, labels == 1
    histogram = histogram_of(scores, labels, times)
    tn, fp, fn, tp = (
        int(times[part].sum()) for part in (~said & ~churned, said & ~churned, ~said & churned, said & churned)
    )
    expected = [
        Expected(int(n.sum()), round(float((n * p).sum()) * UNIT), round(float((n * p**2).sum()) * UNIT))
        for n, p in ((times[~said], scores[~said]), (times[said], scores[said]))
    ]
    own = np.clip(np.where(churned, scores, 1 - scores), 1e-15, 1.0)
    return Summary(
        records=int(times.sum()),
        labelled=int(times.sum()),
        tn=tn,
        fp=fp,
        fn=fn,
        tp=tp,
        squared_error=round(float((times * (scores - labels) ** 2).sum()) * UNIT),
        log_loss=round(float(-(times * np.log(own)).sum()) * UNIT),
        expected_negative=expected[0],
        expected_positive=expected[1],
        scores={int(at): ScoreBin(*histogram[:, at].tolist()) for at in np.flatnonzero(histogram[0])},
    )


def sums_of(scores: Floats, labels: Labels, threshold: float, times: npt.NDArray[np.int64] | None = None) -> Sums:
    """``summary_of`` as the timeline adds it up."""
    return Sums.of(summary_of(scores, labels, threshold, times))


def expected_metrics(
    scores: Floats, chance: Floats, threshold: float, times: npt.NDArray[np.int64] | None = None
) -> dict[str, float]:
    """Metrics of scores whose labels are 1 by that chance; realised ones where it is 0 or 1."""
    n = np.ones(len(scores)) if times is None else times.astype(np.float64)
    said = scores >= threshold
    hit = n * chance
    tp, fn = float(hit[said].sum()), float(hit[~said].sum())
    order = np.argsort(scores, kind="stable")
    positives, negatives = hit[order], (n - hit)[order]
    self_pairs = float((n * chance * (1 - chance)).sum())
    wins = float((positives * (np.cumsum(negatives) - negatives / 2)).sum()) - self_pairs / 2
    return {
        "accuracy": (tp + float((n - hit)[~said].sum())) / float(n.sum()),
        "f1": 2 * tp / (tp + fn + float(n[said].sum())),
        "roc_auc": wins / (float(positives.sum() * negatives.sum()) - self_pairs),
        "brier": float((n * (scores**2 + chance * (1 - 2 * scores))).sum() / n.sum()),
    }


def plain_slide(source: Source, size: int, rng: np.random.Generator) -> Callable[[], Histogram]:
    """Draws slides of so many records where nothing has changed."""

    def one() -> Histogram:
        scores, _, labels = draw(source, size, nothing, rng)
        return histogram_of(scores, labels)

    return one
