"""What holds for the windows of all models."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from contract.messages import ModelRef
from contract.windows import Drift, Window
from monitor.timeline.samples import Sample, SampleStore
from monitor.timeline.spec import WindowSpec
from monitor.timeline.sums import SumsLayout
from monitor.window_sums import WindowSums

Judge = Callable[[ModelRef, Sample, Sequence[Drift | None]], Drift]
"""The drift of a window's sample against the reference of the model, given the verdicts on the disjoint windows before
it: the nearest first, None where there is none.
"""

JudgeAgain = Callable[[ModelRef, Drift, Sequence[Drift | None]], Drift]
"""What ``Judge`` says of the same window where those before it are others by now; its sample is not needed."""

Complete = Callable[[Window, WindowSums], Window]
"""A window with the verdicts that follow from its sums."""


@dataclass(frozen=True)
class BookRules:
    """The settings of a book; see ``WindowBook``. Durations are ms of event time."""

    spec: WindowSpec
    layout: SumsLayout
    label_lateness: int
    label_tolerance: int
    sample_size: int
    judge: Judge
    judge_again: JudgeAgain
    complete: Complete
    samples: SampleStore
    horizon: int | None

    @property
    def overlap(self) -> int:
        """How many windows a pane is part of."""
        return self.spec.size // self.spec.slide

    @property
    def keeping(self) -> int:
        """How long after its start a pane may change, or a window that holds it: until then it is kept."""
        return self.spec.size + 2 * self.label_lateness + self.label_tolerance


class LostPanes(NamedTuple):
    """Where panes are missing: within event times from ``start`` to ``end`` (ms), which ``windows`` windows span."""

    start: int
    end: int
    windows: int

    def touches(self, start: int, end: int) -> bool:
        """Whether a window from ``start`` to ``end`` may lack one of them."""
        return start < self.end and end > self.start
