"""Whether the labels of segments have changed against their own reference, and apart from those of all."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import stats
from scipy.special import expit

from contract.arrays import Floats
from monitor.segments.likelihood import TiltedLabels, signed_root
from monitor.segments.reference import Codes, SegmentReference
from monitor.segments.weighting import weighted_to

DEAD_ZONE = 0.1
"""Log-odds by which a segment may differ without counting."""
_OF_ALL = 0.01
"""Share of the scores of all customers among those that a segment may have, because new ones may come."""
_RIDGE = 0.01
_MOST_STEPS = 50
_CONVERGED = 1e-9
_LEAST = 1e-12
_MOST_SHIFT = 5.0


@dataclass(frozen=True)
class SegmentCounts:
    """Labelled records of each segment in a window, divided by the design effect: their number, churners, and the sums
    of their scores, of the squares of these, and of squared errors. Each is (segments,).
    """

    labelled: Floats
    churners: Floats
    scores: Floats
    scores_squared: Floats
    squared_error: Floats


class SegmentChange(NamedTuple):
    """Of each segment: churners ``expected`` by its own reference, the variance of observed less expected churners, the
    p-value, and its natural logarithm, which tells segments apart whose p-values are too small for a float.
    """

    expected: Floats
    variance: Floats
    p_value: Floats
    log_p: Floats


def segment_change(
    counts: SegmentCounts, everyone: tuple[Floats, Floats], reference: SegmentReference, rows: Codes
) -> SegmentChange:
    """Test segments that have labels and reference rows (``rows``: the numbers of these segments in the reference).

    ``everyone``: labelled records and churners of all segments together by score group, divided by the design effect.

    A segment has changed if it differs from its own reference, *and* by more than what has changed for all; so its
    p-value is the larger of two (intersection-union test, Berger 1982), and 1 where the two differ in sign. What has
    changed for all is a curve over the log-odds of the score (level, slope, bend), fitted to the window as a whole.
    Two kinds of change are looked for, each with half the level: more or fewer churners, and labels that go against
    scores (a larger Brier score), which need not change the number of churners. Either is a shift of log-odds, by 1
    for every record, or by ``1 - 2p``. Tests are likelihood ratios (``monitor.segments.likelihood``); they count
    chance in the window, in the segment's reference, and in the calibration's slope.
    """
    probability, log_odds = reference.groups.probability, reference.groups.log_odds
    base = reference.calibration.log_odds(log_odds)
    slope_variance = reference.calibration.covariance[1][1]
    then, churned_then = reference.records[rows], reference.churners[rows]
    mixed = then / then.sum(axis=1, keepdims=True) + _OF_ALL * everyone[0] / max(float(everyone[0].sum()), _LEAST)
    shares = weighted_to(mixed, probability, counts.scores / counts.labelled, counts.scores_squared / counts.labelled)
    now = shares * counts.labelled[:, np.newaxis]
    common = _CommonChange.of(everyone, base, log_odds)

    def test(direction: Floats, total: Floats) -> tuple[Floats, Floats, Floats]:
        """The signed root, the reference's own shift, and the variance that the calibration's slope gives to it."""
        known = TiltedLabels(then, base, direction, (churned_then * direction).sum(axis=1))
        offset = np.clip(known.best, -_MOST_SHIFT, _MOST_SHIFT)
        variance = slope_variance * _by_slope(now, then, base, log_odds, direction, offset)
        own = signed_root(TiltedLabels(now, base, direction, total), known, variance, DEAD_ZONE)
        of_rest, variance_of_rest = common.without(now, total, direction, offset)
        apart = signed_root(TiltedLabels(now, of_rest, direction, total), known, variance_of_rest, DEAD_ZONE)
        root = np.where(np.sign(own) == np.sign(apart), np.sign(own) * np.minimum(abs(own), abs(apart)), 0.0)
        return root, offset, variance

    number, offset, unsure = test(np.ones_like(probability), counts.churners)
    # (p - y)² = p² + y (1 - 2p)
    against, _, _ = test(1 - 2 * probability, counts.squared_error - counts.scores_squared)
    log_p = np.minimum(stats.norm.logsf(abs(number)) + np.log(2), stats.norm.logsf(against))
    log_p = np.minimum(log_p + np.log(2), 0.0)
    chance = expit(base + offset[:, np.newaxis])
    information = (now * chance * (1 - chance)).sum(axis=1)
    information_then = (then * chance * (1 - chance)).sum(axis=1)
    variance = information + information**2 * (1 / np.maximum(information_then, _LEAST) + unsure)
    return SegmentChange((now * chance).sum(axis=1), variance, np.exp(log_p), log_p)


def _by_slope(now: Floats, then: Floats, base: Floats, log_odds: Floats, direction: Floats, offset: Floats) -> Floats:
    """How much a slope off by 1 moves the shift between reference and window: squared, for each segment."""
    chance = expit(base + offset[:, np.newaxis] * direction)
    moved = []
    for records in (now, then):
        weight = records * chance * (1 - chance) * direction
        moved.append((weight * log_odds).sum(axis=1) / np.maximum((weight * direction).sum(axis=1), _LEAST))
    return np.asarray((moved[0] - moved[1]) ** 2)


@dataclass(frozen=True)
class _CommonChange:
    """What has changed for all: log-odds ``base`` with the change, (groups,), and the information on the curve."""

    base: Floats
    basis: Floats
    information: Floats

    @classmethod
    def of(cls, everyone: tuple[Floats, Floats], base: Floats, log_odds: Floats) -> "_CommonChange":
        records, churners = everyone
        turned = log_odds / 2
        basis = np.column_stack([np.ones_like(turned), turned, turned**2])
        curve = np.zeros(3)
        information = _RIDGE * np.eye(3)
        for _ in range(_MOST_STEPS):
            chance = expit(base + basis @ curve)
            score = basis.T @ (churners - records * chance) - _RIDGE * curve
            weight = records * chance * (1 - chance)
            information = (basis * weight[:, np.newaxis]).T @ basis + _RIDGE * np.eye(3)
            step = np.linalg.solve(information, score)
            curve = curve + step / max(1.0, float(np.abs(basis @ step).max()))
            if float(np.abs(step).max()) < _CONVERGED:
                break
        return cls(base + basis @ curve, basis, information)

    def without(self, now: Floats, total: Floats, direction: Floats, offset: Floats) -> tuple[Floats, Floats]:
        """For each segment the log-odds as the rest of the window has them, and their variance along ``direction``.

        The curve is that of all, the segment among them. Of the information on the segment's own shift, what is left
        when the curve's is taken out tells how much of the shift the curve has taken in, and how sure the rest is.
        """
        chance = expit(self.base + offset[:, np.newaxis] * direction)
        weight = now * chance * (1 - chance)
        information = (weight * direction**2).sum(axis=1)
        shared = (weight * direction) @ self.basis
        left = information - (shared @ np.linalg.inv(self.information) * shared).sum(axis=1)
        share = np.maximum(left / np.maximum(information, _LEAST), 1e-6)
        variance = (1 / share - 1) / np.maximum(information, _LEAST)
        away = (total - (now * direction * chance).sum(axis=1)) / np.maximum(information, _LEAST)
        taken_in = np.clip(away * (1 / share - 1), -_MOST_SHIFT, _MOST_SHIFT)
        return self.base - taken_in[:, np.newaxis] * direction, variance
