"""From how many false alerts a month are bearable to the levels of tests that are made once a slide."""

from typing import NamedTuple

_MONTH = 30 * 86_400_000
_INPUTS, _RELATION, _DETECTOR, _PERFORMANCE, _OUTLOOK, _WORSENING, _SEGMENTS = 0.5, 0.2, 0.1, 0.03, 0.02, 0.05, 0.1
"""Shares of the budget; they add up to 1."""
_HIGHEST = 0.01
"""Level of any test of one window, however few windows there are a month."""
_SOONEST = 20.0
"""Mean slides to a false alarm of any detector, however few there are a month."""


class Levels(NamedTuple):
    """Levels of the tests in one window, of all segments together; mean slides to a false alarm of the two detectors,
    that of the relation and that of worse performance.
    """

    inputs: float
    relation: float
    performance: float
    outlook: float
    segments: float
    detector: float
    worsening_detector: float


def levels(false_alerts_per_month: float, slide: int) -> Levels:
    """Share out ``false_alerts_per_month`` over the windows of a month of 30 days, one every ``slide`` ms.

    The expected number of false alarms is at most the sum of the levels, however windows overlap, and there are no more
    incidents than alarms.
    """
    a_window = false_alerts_per_month * slide / _MONTH
    return Levels(
        inputs=min(_INPUTS * a_window, _HIGHEST),
        relation=min(_RELATION * a_window, _HIGHEST),
        performance=min(_PERFORMANCE * a_window, _HIGHEST),
        outlook=min(_OUTLOOK * a_window, _HIGHEST),
        segments=min(_SEGMENTS * a_window, _HIGHEST),
        detector=max(1 / (_DETECTOR * a_window), _SOONEST),
        worsening_detector=max(1 / (_WORSENING * a_window), _SOONEST),
    )
