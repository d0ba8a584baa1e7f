"""From how many false alerts a month are bearable to the levels of tests that are made once a slide."""

from typing import NamedTuple

_MONTH = 30 * 86_400_000
_INPUTS, _RELATION, _DETECTOR, _PERFORMANCE, _SEGMENTS = 0.25, 0.5, 0.1, 0.05, 0.1
"""Shares of the budget; they add up to 1."""
_HIGHEST = 0.01
"""Level of any test of one window, however few windows there are a month."""


class Levels(NamedTuple):
    """Levels of the tests in one window, of all segments together; mean slides to a false alarm of the detector."""

    inputs: float
    relation: float
    performance: float
    segments: float
    detector: float


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
        segments=min(_SEGMENTS * a_window, _HIGHEST),
        detector=max(1 / (_DETECTOR * a_window), 20.0),
    )
