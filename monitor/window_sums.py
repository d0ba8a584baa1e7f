"""What the verdicts on a window follow from, besides what the window itself says."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from contract.arrays import Integers
from contract.panes import SegmentSums


@dataclass(frozen=True)
class WindowSums:
    """Sums of one model's window.

    ``histogram``: records, negatives and positives of each score bin, (3, SCORE_BINS); ``newest``: those of its last
    slide. Both are valid while the window is judged. ``segments``: by name, those of the segments that have records.
    ``recurrence``: the design effect of customers of this window that were in those before it, too; what adds up over
    windows is divided by it.
    """

    histogram: Integers
    newest: Integers
    segments: Mapping[str, SegmentSums] = field(default_factory=dict)
    recurrence: float = 1.0
