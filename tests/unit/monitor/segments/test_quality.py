"""How often segments are named that have not changed, and how often the one that has is named first (a part of
``benchmarks/segment_quality.py``, with bounds).
"""

import numpy as np
import pytest

from monitor.budget import levels
from monitor.segments.judging import SegmentVerdicts
from tests.support.messages import DAY
from tests.support.segments import SEGMENTS, SMALL, SegmentCustomers, SegmentTruth, as_scored, in_small
from tests.support.sizes import size

LEVEL = levels(0.5, DAY).segments


def first_named(truth: SegmentTruth, windows: int, rows: int, seed: int) -> list[str | None]:
    """The segment that each window names first; references of 10,000 rows, a new one every 20 windows."""
    rng = np.random.default_rng(seed)
    found: list[str | None] = []
    for number in range(windows):
        if number % 20 == 0:
            reference = SegmentCustomers.drawn(rng, 10_000).reference()
            verdicts = SegmentVerdicts(SEGMENTS, lambda _, known=reference: known, LEVEL, 200)  # type: ignore[misc]
        customers = SegmentCustomers.drawn(rng, rows, truth)
        first = verdicts(customers.window(), customers.sums()).segments[0]
        found.append(first.name if first.changed else None)
    return found


def test_nothing_is_named_where_nothing_changed() -> None:
    windows = size(ci=150, full=3_000)
    named = [one for one in first_named(as_scored, windows, 5_000, 41) if one is not None]
    # four standard errors above the level
    assert len(named) <= windows * LEVEL + 4 * np.sqrt(windows * LEVEL)


@pytest.mark.parametrize(
    ("truth", "least"),
    [
        (in_small(lambda score: 1 - score), 0.97),
        (in_small(lambda score: 0.3 + 0.4 * score), 0.9),
        (in_small(lambda score: 2.5 * score), 0.9),
        (in_small(lambda score: 0.2 * score), 0.8),
    ],
    ids=["flipped", "30 % flipped", "more churners", "fewer churners"],
)
def test_a_twentieth_of_the_records_that_changed_is_named_first(truth: SegmentTruth, least: float) -> None:
    named = first_named(truth, size(ci=40, full=400), 5_000, 42)
    assert named.count(SMALL) >= least * len(named)
    assert set(named) <= {SMALL, None}
