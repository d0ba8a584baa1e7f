"""Evidence, slide by slide, that scores have come to mean something else: e-values that add up over time.

An e-value is at most 1 on average while nothing has changed, so evidence may be looked at after every slide. Here it is
the likelihood of the labels under a change, over that under the nearest relation that counts as unchanged: at each
score, log-odds of churning within a band around the calibration. An observation's likelihood ratio has mean 1 at the
edge of the band and less inside, because it is monotone in the chance of label 1; the product of several is an e-value,
whatever scores come.
"""

from collections.abc import Sequence

import numpy as np

from contract.arrays import Floats
from monitor.verdicts.calibration import Calibration, Labelled, design, probability_of

DEAD_ZONE = 0.1
"""Log-odds by which every score's chance of churning may lie off without counting as changed."""
_BAND = 2.0
_LEVELS = (0.5, 1.0)
_FLIPS = (0.1, 0.3)
ALTERNATIVES = 2 * len(_LEVELS) + len(_FLIPS)
"""Changes that evidence is sought for: more churners by two sizes, fewer by two, a share of the labels flipped."""

NOTHING_YET: Floats = np.full(ALTERNATIVES, -np.inf)
"""The state of a detector before any evidence; not written to."""


def log_evidence(labelled: Labelled, calibration: Calibration, dead_zone: float = DEAD_ZONE) -> tuple[float, ...]:
    """Natural logarithm of the e-value of each of ``ALTERNATIVES`` in these labels; 0 without labels.

    The band is ``dead_zone`` and the calibration's own, and twice the standard error of the calibration at that score.
    Source: Grünwald, de Heide & Koolen, Safe testing, JRSS B 86 (2024), for e-values of composite hypotheses.
    """
    base = calibration.log_odds(labelled.logit)
    columns = design(labelled.logit)
    error = np.sqrt(np.einsum("ij,jk,ik->i", columns, np.array(calibration.covariance), columns))
    half = dead_zone + calibration.dead_zone + _BAND * error
    return tuple(
        _log_ratio(labelled, changed, np.clip(changed, base - half, base + half)) for changed in _alternatives(base)
    )


def _alternatives(base: Floats) -> list[Floats]:
    churn = probability_of(base)
    flipped = [churn * (1 - share) + (1 - churn) * share for share in _FLIPS]
    return [base + sign * step for sign in (1, -1) for step in _LEVELS] + [np.log(p / (1 - p)) for p in flipped]


def _log_ratio(labelled: Labelled, changed: Floats, unchanged: Floats) -> float:
    positives = labelled.positives * (np.logaddexp(0, -unchanged) - np.logaddexp(0, -changed))
    negatives = labelled.negatives * (np.logaddexp(0, unchanged) - np.logaddexp(0, changed))
    return float((positives + negatives).sum())


def added_up(earlier: Floats, evidence: Sequence[float], threshold: float) -> tuple[Floats, bool]:
    """An e-detector's state after a further slide's log evidence, and whether it gives an alarm.

    ``earlier`` is the state before, at first -inf: one number an alternative. An alarm starts it anew. The
    mean number of slides to a false alarm is at least ``threshold``, whenever the change looked for may begin
    (Shiryaev-Roberts' form). Source: Shin, Ramdas & Rinaldo, E-detectors: a nonparametric framework for sequential
    change detection, NEJSDS 2 (2024), theorem 2.4.
    """
    state = np.logaddexp(earlier, 0) + np.array(evidence)
    if float(np.logaddexp.reduce(state)) - np.log(len(state)) < np.log(threshold):
        return state, False
    return np.full_like(state, -np.inf), True
