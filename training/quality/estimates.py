"""Shares, means and ROC AUC with intervals in closed form, also where customers have several rows each. Pure."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from contract.arrays import Floats, Integers, Labels, Mask
from training.quality.evaluate import CONFIDENCE


@dataclass(frozen=True)
class IntervalEstimate:
    """A share, mean or AUC of ``rows`` rows, at least one, with its interval at ``CONFIDENCE``."""

    value: float
    low: float
    high: float
    rows: int


def wilson(successes: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """Low and high ends of Wilson's score interval at ``CONFIDENCE`` (Wilson, JASA 22, 1927); counts are above 0."""
    z = float(stats.norm.ppf((1 + CONFIDENCE) / 2))
    share = successes / counts
    centre = (share + z**2 / (2 * counts)) / (1 + z**2 / counts)
    reach = z * np.sqrt(share * (1 - share) / counts + z**2 / (4 * counts**2)) / (1 + z**2 / counts)
    return np.maximum(centre - reach, 0.0), np.minimum(centre + reach, 1.0)


def share(hits: Mask, customers: Integers) -> IntervalEstimate | None:
    """How many of the rows are hits; None of no rows. ``customers`` numbers whom each row is about.

    Wilson's interval, of as many rows as independent ones would tell as much: the number of rows divided by the design
    effect, which is 1 where each customer has one row (Kish, Survey Sampling, 1965; for intervals of this kind Korn &
    Graubard, Survey Methodology 24, 1998).
    """
    rows = len(hits)
    if rows == 0:
        return None
    value = float(hits.mean())
    independent = rows / _design_effect(hits, value, customers)
    low, high = wilson(np.array([value * independent]), np.array([independent]))
    # rounding can put an end a hair inside
    return IntervalEstimate(value, min(float(low[0]), value), max(float(high[0]), value), rows)


def mean(values: Floats, customers: Integers) -> IntervalEstimate | None:
    """The mean of the rows' values with Student's interval; rows of one customer count as one draw. None of no rows.

    The variance is that of customers' sums (Cochran, Sampling Techniques, 1977, chapter 11), which is the usual one
    where each customer has one row. Of a single customer nothing is known of the spread: the interval is infinite.
    """
    rows = len(values)
    if rows == 0:
        return None
    value = float(values.mean())
    sums = _sums(values - value, customers)
    if len(sums) < 2:
        return IntervalEstimate(value, -np.inf, np.inf, rows)
    spread = float(np.sqrt((sums**2).sum() * len(sums) / (len(sums) - 1))) / rows
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(sums) - 1)) * spread
    return IntervalEstimate(value, value - reach, value + reach, rows)


def roc_auc(y: Labels, scores: Floats, customers: Integers) -> IntervalEstimate | None:
    """ROC AUC with DeLong's interval (Biometrics 44, 1988) on the logit scale, which keeps it inside 0 and 1.

    Rows of one customer count as one draw (Obuchowski, Biometrics 53, 1997). None where a label is missing; where the
    model errs in no pair or in each, nothing is known of the spread, and the interval is the value.
    """
    positive = y == 1
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not positives or not negatives:
        return None
    ranks = stats.rankdata(scores)
    below = np.empty(len(y))
    below[positive] = (ranks[positive] - stats.rankdata(scores[positive])) / negatives
    below[~positive] = 1 - (ranks[~positive] - stats.rankdata(scores[~positive])) / positives
    value = float(below[positive].mean())
    if not 0 < value < 1:
        return IntervalEstimate(value, value, value, len(y))
    influence: Floats = (below - value) / np.where(positive, float(positives), float(negatives))
    sums = _sums(influence, customers)
    spread = float(np.sqrt((sums**2).sum() * len(sums) / max(len(sums) - 1, 1)))
    reach = float(stats.norm.ppf((1 + CONFIDENCE) / 2)) * spread / (value * (1 - value))
    middle = np.log(value / (1 - value))
    low, high = (float(1 / (1 + np.exp(-(middle + sign * reach)))) for sign in (-1, 1))
    return IntervalEstimate(value, low, high, len(y))


def f1(y: Labels, called: Mask, customers: Integers) -> IntervalEstimate | None:
    """F1 of decisions with a normal interval by the delta method; None where no row is called or churned."""
    said, truth = called.astype(np.float64), y.astype(np.float64)
    size = float((said + truth).mean()) if len(y) else 0.0
    if not size:
        return None
    value = 2 * float((said * truth).mean()) / size
    influence = mean((2 * said * truth - value * (said + truth)) / size, customers)
    if influence is None:
        return None
    return IntervalEstimate(value, max(0.0, value + influence.low), min(1.0, value + influence.high), len(y))


def difference(first: IntervalEstimate, second: IntervalEstimate) -> IntervalEstimate:
    """First minus second share of two groups without a customer in common.

    The interval is Newcombe's, from the groups' own (Statistics in Medicine 17, 1998, method 10).
    """
    value = first.value - second.value
    below = np.hypot(first.value - first.low, second.high - second.value)
    above = np.hypot(first.high - first.value, second.value - second.low)
    return IntervalEstimate(value, float(value - below), float(value + above), first.rows + second.rows)


def _design_effect(hits: Mask, value: float, customers: Integers) -> float:
    sums = _sums(hits.astype(np.float64) - value, customers)
    independent = value * (1 - value) * len(hits)
    if len(sums) in (1, len(hits)) or independent == 0:
        # one customer, or one value: the rows cannot tell how alike those of a customer are; the careful guess
        return len(hits) / len(sums)
    return max(1.0, float((sums**2).sum()) * len(sums) / (len(sums) - 1) / independent)


def _sums(values: Floats, customers: Integers) -> Floats:
    _, place = np.unique(customers, return_inverse=True)
    return np.bincount(place, weights=values).astype(np.float64)
