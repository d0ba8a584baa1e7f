"""When estimates without labels are no longer to be trusted, because labels have shown that scores mean something else.

Stricter than an incident of the kind ``relation``: a month may have false incidents, but an estimate that is withdrawn
without need leaves people without a number. Pure: all follows from windows in order of event time.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from contract.arrays import Floats
from contract.windows import Relation, Window
from monitor.verdicts.evidence import ALTERNATIVES, NOTHING_YET, added_up

AT_ONCE = 1e-6
"""P value of a changed window that withdraws estimates by itself."""
TWICE = 1e-3
"""P value that each of two changed windows needs, which are disjoint and less than a window's length apart."""
SLIDES_TO_A_FALSE_ALARM = 1e6
"""Of the detector, where it alone withdraws estimates: their mean number."""
CLEAN = 0.2
"""P value from which on a window speaks for the relation being as it was."""
CLEAN_WINDOWS = 2
"""Windows' lengths of event time that only clean windows cover, after which estimates are trusted again."""

_Span = tuple[int, int]


@dataclass(frozen=True)
class Withdrawal:
    """What the windows so far come to. ``since``: event time (ms) from which on estimates are not to be trusted.

    In 1,000 windows where nothing has changed it is expected 0.003 times at most: 0.001 by ``AT_ONCE``, as much by the
    detector, and as much by ``TWICE``, even where windows are so large that a calibration that is off by chance is all
    that they show.
    """

    since: int | None = None
    suspects: tuple[_Span, ...] = ()
    clean_from: int | None = None
    detector: Floats = field(default_factory=lambda: NOTHING_YET)

    def after(self, start: int, end: int, relation: Relation | None) -> "Withdrawal":
        """With a further window, which ends later than all so far. One that was not judged (None) says nothing."""
        if relation is None:
            return self
        detector, detected = self.detector, False
        if len(relation.evidence) == ALTERNATIVES:
            detector, detected = added_up(detector, relation.evidence, SLIDES_TO_A_FALSE_ALARM)
        length = end - start
        suspects = tuple(one for one in self.suspects if start - one[1] < length)
        if relation.changed and relation.p_value <= TWICE:
            again = any(one[1] <= start for one in suspects)
            suspects = (*suspects, (start, end))
        else:
            again = False
        now = detected or again or (relation.changed and relation.p_value <= AT_ONCE)
        known = replace(self, suspects=suspects, detector=detector)
        if self.since is None:
            return replace(known, since=min([start, *(one[0] for one in suspects)])) if now else known
        if now or relation.changed or relation.p_value < CLEAN:
            return replace(known, clean_from=None)
        clean_from = start if self.clean_from is None else self.clean_from
        if end - clean_from < CLEAN_WINDOWS * length:
            return replace(known, clean_from=clean_from)
        return Withdrawal(detector=detector)


def withdrawn_since(windows: Iterable[Window]) -> int | None:
    """From which event time on (ms) a model's estimates are not to be trusted; None: nothing is known against them.

    ``windows``: all that are known of the model, each at its newest revision, in order of ``end``.
    """
    course = Withdrawal()
    for one in windows:
        course = course.after(one.start, one.end, one.relation)
    return course.since
