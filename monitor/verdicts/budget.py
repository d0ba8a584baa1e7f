"""From how many false alerts a month are bearable to the levels of tests that are made once a slide."""

from typing import NamedTuple

_MONTH = 30 * 86_400_000
_RELATION, _DETECTOR, _PERFORMANCE = 0.7, 0.2, 0.1


class Levels(NamedTuple):
    """Levels of the tests of relation and performance in one window; mean slides to a false alarm of the detector."""

    relation: float
    performance: float
    detector: float


def levels(false_alerts_per_month: float, slide: int) -> Levels:
    """Share out ``false_alerts_per_month`` over the windows of a month of 30 days, one every ``slide`` ms.

    The expected number of false alarms is at most the sum of the levels, however windows overlap, and there are no more
    incidents than alarms. No level is above 0.05.
    """
    a_window = false_alerts_per_month * slide / _MONTH
    return Levels(
        relation=min(_RELATION * a_window, 0.05),
        performance=min(_PERFORMANCE * a_window, 0.05),
        detector=max(1 / (_DETECTOR * a_window), 20.0),
    )
