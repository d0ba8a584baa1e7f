"""Whether a window's labels still go with its scores as they did when the model was made (concept drift).

Inputs may change without that: what is tested is labels given scores, not how many scores there are of each size.
"""

import numpy as np
from scipy import special

from contract.arrays import Floats
from contract.windows import Estimate, Relation
from monitor.intervals import Z95
from monitor.verdicts.calibration import Calibration, Histogram, Labelled, design, probability_of
from monitor.verdicts.evidence import DEAD_ZONE, log_evidence

SMALLEST_CHANGE = 0.1
"""Log-odds of level or of slope from which on a change counts, however sure it is."""
LEVEL_SHARE = 0.8
"""Of the error that is allowed, what the test of the level may spend; the joint one has the rest."""
LEAST_EXPECTED = 10.0
"""Expected churners, and expected others, below which a window is not tested."""
_NO_SPREAD = 1e-9


def judge_relation(
    histogram: Histogram,
    newest: Histogram,
    calibration: Calibration,
    *,
    alpha: float,
    min_records: int,
    inputs_drifted: bool,
    effect: float = 1.0,
    recurrence: float = 1.0,
) -> Relation | None:
    """The verdict on a window of mature labels; None where these are too few: below ``min_records`` or
    ``LEAST_EXPECTED``.

    Two score tests at the calibration: of its level (observed less expected churners), and of level and slope together.
    Bonferroni's correction gives the level most of the error, because a flip is plain to the joint test, and another
    label rate is not. Their variance counts what chance does in the window, and the calibration's own sampling error.
    ``changed`` iff the smaller adjusted p value is below ``alpha`` and level or slope differ by
    ``SMALLEST_CHANGE``. Where the inputs drifted, scores need not be as good as they were although churn follows them
    as before, so both may differ by ``DEAD_ZONE`` without counting. ``histogram`` is the window's, as in
    ``Labelled.of``, and ``newest`` that of its last slide, whose evidence is kept for the detector. Where customers
    have several records, all records count as if there were ``effect`` times fewer, and, as evidence, which adds up
    over windows, ``recurrence`` times fewer still.

    Source: Cox, Two further applications of a model for binary regression, Biometrika 45 (1958); Rao's score test.
    """
    labelled = Labelled.of(histogram, effect)
    found = _ScoreTest.of(labelled, calibration)
    records = float(labelled.records.sum())
    if records < min_records or not LEAST_EXPECTED <= found.expected <= records - LEAST_EXPECTED:
        return None
    dead_zone = calibration.dead_zone + (DEAD_ZONE if inputs_drifted else 0.0)
    p_value = min(1.0, found.p_level(dead_zone) / LEVEL_SHARE, found.p_joint(dead_zone) / (1 - LEVEL_SHARE))
    level, slope = found.effects
    expected = found.expected * effect
    spread = Z95 * float(np.sqrt(found.variance[0, 0])) * effect
    _, negatives, positives = histogram.sum(axis=1).tolist()
    sizes = [abs(one.value) for one in (level, slope) if one is not None]
    return Relation(
        labelled=negatives + positives,
        observed=positives,
        expected=Estimate(expected, max(expected - spread, 0.0), min(expected + spread, float(negatives + positives))),
        level=level,
        slope=slope,
        p_value=p_value,
        changed=p_value < alpha and max(sizes) >= SMALLEST_CHANGE,
        evidence=log_evidence(
            Labelled.of(newest, effect * recurrence), calibration, DEAD_ZONE * (2 if inputs_drifted else 1)
        ),
    )


class _ScoreTest:
    """The scores (derivatives of the log-likelihood) of level and slope, their information and their variance."""

    def __init__(self, score: Floats, information: Floats, variance: Floats, expected: float) -> None:
        self.score = score
        self.information = information
        self.variance = variance
        self.expected = expected

    @classmethod
    def of(cls, labelled: Labelled, calibration: Calibration) -> "_ScoreTest":
        logit = labelled.logit
        churn = probability_of(calibration.log_odds(logit))
        weight = labelled.records * churn * (1 - churn)
        total = float(weight.sum())
        # the slope turns about the scores' weighted mean, so that its score is uncorrelated with the level's
        turned = logit - (float((weight * logit).sum()) / total if total else 0.0)
        columns = np.column_stack([np.ones_like(logit), turned])
        weighted = columns * weight[:, np.newaxis]
        information = weighted.T @ columns
        # how the scores move with the calibration's own level and slope
        moved = weighted.T @ design(logit)
        return cls(
            columns.T @ (labelled.positives - labelled.records * churn),
            information,
            information + moved @ np.array(calibration.covariance) @ moved.T,
            float((labelled.records * churn).sum()),
        )

    @property
    def effects(self) -> tuple[Estimate, Estimate | None]:
        """Level and slope: one step from the calibration towards the window's own, with its interval at 95 %.

        The slope is None where all records have the same score.
        """
        return self._effect(0), self._effect(1) if float(self.information[1, 1]) > _NO_SPREAD else None

    def _effect(self, which: int) -> Estimate:
        information = float(self.information[which, which])
        value = float(self.score[which]) / information
        reach = Z95 * float(np.sqrt(self.variance[which, which])) / information
        return Estimate(value, value - reach, value + reach)

    def p_level(self, dead_zone: float) -> float:
        """Two-sided p value of the level, for the nearest level within the dead zone."""
        excess = max(abs(float(self.score[0])) - dead_zone * float(self.information[0, 0]), 0.0)
        return float(2 * special.ndtr(-excess / np.sqrt(self.variance[0, 0])))

    def p_joint(self, dead_zone: float) -> float:
        """P value of level and slope together, for the level and slope within the dead zone that explain most."""
        level, slope = self.effects
        nearest = np.clip([level.value, 0.0 if slope is None else slope.value], -dead_zone, dead_zone)
        rest = self.score - self.information @ nearest
        # the tail of chi-square with two degrees of freedom
        return float(np.exp(-float(rest @ np.linalg.pinv(self.variance, hermitian=True) @ rest) / 2))
