"""Whether a window will be worse than the rows held out in training, as nowcast or estimate expect it of its labels."""

import math
from collections.abc import Iterator
from typing import Literal, NamedTuple

import msgspec
from scipy import stats

from contract.models.calibration import CalibrationBins
from contract.windows import Estimate, Estimated, Outlook, Window
from monitor.intervals import Z95
from monitor.verdicts.worsening import MARGIN, held_out_brier

LOOKS = 50
"""Times at most that a window is looked at while its labels come: it is said again with each further 2 % of them."""


class _Expectation(NamedTuple):
    basis: Literal["nowcast", "estimate"]
    brier: Estimate
    share: float


def judge_outlook(window: Window, held_out: CalibrationBins, *, alpha: float, min_records: int) -> Outlook | None:
    """One-sided z test of the Brier score expected of a window against the held-out one and ``MARGIN``; None below
    ``min_records`` records, or where neither nowcast nor estimate has a Brier score.

    The standard errors are those of the expectation's interval and of the held-out rows. ``alpha`` bounds the chance of
    a false alarm in all that is ever expected of one window: half of it goes to the estimate, which does not change as
    labels come, and half to the nowcast, divided by ``LOOKS`` (Bonferroni). The expectation that is the worse, measured
    by its share of the level, is returned.
    """
    if window.records < min_records:
        return None
    then, error_then = held_out_brier(held_out)
    worst, least = None, math.inf
    for expected in _expectations(window):
        outlook = _outlook(expected, then, error_then, alpha)
        if outlook.p_value / expected.share < least:
            worst, least = outlook, outlook.p_value / expected.share
    return worst


def without_estimate(window: Window, since: int) -> Window:
    """A window whose estimate is not to be trusted, because labels have shown that from ``since`` on (event time, ms)
    scores mean something else: it has no estimated metrics, and none serves as evidence.

    Expected counts go, too: they are made of the same probabilities. The nowcast stays, because it goes by the labels
    that have come.
    """
    outlook = window.outlook
    withdrawn = Estimated(records=window.estimated.records, tn=0.0, fp=0.0, fn=0.0, tp=0.0)
    return msgspec.structs.replace(
        window,
        estimated=withdrawn,
        outlook=None if outlook is not None and outlook.basis == "estimate" else outlook,
        untrusted_since=since,
    )


def _expectations(window: Window) -> Iterator[_Expectation]:
    estimate = window.estimated.brier
    if estimate is not None:
        yield _Expectation("estimate", estimate, 0.5)
    nowcast = None if window.nowcast is None else window.nowcast.performance.brier
    if nowcast is not None:
        yield _Expectation("nowcast", nowcast, 0.5 / LOOKS)


def _outlook(expected: _Expectation, then: float, error_then: float, alpha: float) -> Outlook:
    brier = expected.brier
    error_now = _error(brier)
    excess, reach = brier.value - then, Z95 * math.hypot(error_now, error_then)
    error = math.hypot(error_now, error_then * (1 + MARGIN))
    beyond = brier.value - then * (1 + MARGIN)
    p_value = float(stats.norm.sf(beyond / error)) if error > 0 else float(beyond <= 0)
    return Outlook(
        basis=expected.basis,
        reference=then,
        excess=Estimate(excess, excess - reach, excess + reach),
        p_value=p_value,
        worse=p_value < alpha * expected.share,
    )


def _error(estimate: Estimate) -> float:
    """The standard error that an interval was made of; it may have been cut off at 0 or at 1."""
    return max(estimate.high - estimate.value, estimate.value - estimate.low) / Z95
