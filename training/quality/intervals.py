"""How far a metric on held-out rows may be off, and whether two models' metrics differ by more than chance.

Rows are drawn with replacement, all metrics of a draw are computed together, and the interval is the draws' percentile
interval (Efron & Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13). A draw is a count per distinct
probability and label, so that a thousand draws are a few matrix operations. Where customers have several rows,
customers are drawn, each with all of theirs (Davison & Hinkley, Bootstrap Methods and their Application, 1997,
section 3.8): rows of one customer tell less than as many rows of others.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from joblib import Parallel, cpu_count, delayed
from scipy import sparse, stats

from contract.arrays import Floats, Integers, Labels
from training.quality.clusters import Customers, clusters_of
from training.quality.evaluate import CALIBRATION_BINS, CONFIDENCE, calibration_error

DRAWS = 1_000
METRICS = (
    "accuracy",
    "precision",
    "recall",
    "f1",
    "roc_auc",
    "average_precision",
    "brier",
    "log_loss",
    "calibration_error",
)
"""What has an interval: every metric of ``evaluate`` that is not a count."""
LOWER_IS_BETTER = frozenset({"brier", "log_loss", "calibration_error"})
EXACT_BELOW = 25
"""Discordant rows below which McNemar's test is the exact one."""
BESIDE_FROM = 10_000
"""Rows from which draws are measured in threads; of fewer, threads take longer to begin than they save."""

_CELLS = 2_000_000  # numbers in one block of draws: some 16 MB an array
_CACHED = 200_000  # numbers in one part of a block
_MOST_BESIDE = 4
_BIASED = "calibration_error"
_EPSILON = float(np.finfo(np.float64).eps)

Draws = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ScoredRows:
    """One model's probabilities of label 1 for some rows, and the threshold from which it says 1."""

    probabilities: Floats
    threshold: float

    @property
    def decisions(self) -> npt.NDArray[np.bool_]:
        return self.probabilities >= self.threshold


@dataclass(frozen=True)
class Difference:
    """One model's metric minus another's on the same rows, with its interval at ``CONFIDENCE``."""

    value: float
    low: float
    high: float

    @property
    def beyond_noise(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class McNemar:
    """Rows on which only the first and only the second model was right; two-sided p value of equal error rates."""

    only_first: int
    only_second: int
    p: float
    exact: bool


def bootstrap(
    y: Labels,
    probabilities: Floats,
    threshold: float,
    *,
    seed: int,
    draws: int = DRAWS,
    customers: Customers | None = None,
) -> dict[str, tuple[float, float]]:
    """Low and high end of each of ``METRICS`` at ``CONFIDENCE``; ``y`` holds both labels.

    Rows are drawn without regard to their label, so that the share of label 1 varies as it does between samples. A draw
    with one label only does not count for the metrics that are undefined there.

    The calibration error lies high where rows are few, because it takes chance in a bin as miscalibration, and the
    draws lie as much higher again. So twice their mean distance from the value is taken off the low end of its
    interval; the high end is left, which makes the interval a wide one.
    """
    rng = np.random.default_rng(seed)
    grouped = _Grouped(y, probabilities, threshold, clusters_of(customers))
    values = _measured(_draw(rng, grouped.units, len(y), draws), grouped.metrics, len(y))
    found = {name: percentiles(values[name]) for name in METRICS}
    return found | {_BIASED: _less_bias(values[_BIASED], calibration_error(y, probabilities))}


def paired_bootstrap(
    y: Labels,
    first: ScoredRows,
    second: ScoredRows,
    *,
    seed: int,
    draws: int = DRAWS,
    customers: Customers | None = None,
) -> dict[str, Difference]:
    """First model's metric minus the second's, for each of ``METRICS``; both are measured on the same draws."""
    rng = np.random.default_rng(seed)
    clusters = clusters_of(customers)
    one, other = (_Grouped(y, model.probabilities, model.threshold, clusters) for model in (first, second))
    once = np.arange(one.units)[np.newaxis]
    here, there = one.metrics(once), other.metrics(once)

    def differences(drawn: Draws) -> dict[str, Floats]:
        left, right = one.metrics(drawn), other.metrics(drawn)
        return {name: left[name] - right[name] for name in METRICS}

    values = _measured(_draw(rng, one.units, len(y), draws), differences, len(y))
    return {name: Difference(float(here[name][0] - there[name][0]), *percentiles(values[name])) for name in METRICS}


def mcnemar(y: Labels, first: ScoredRows, second: ScoredRows, customers: Customers | None = None) -> McNemar:
    """McNemar's test on the two models' decisions.

    Chi-square with one degree of freedom and Edwards' continuity correction, (|b − c| − 1)² / (b + c) (McNemar,
    Psychometrika 12, 1947; Edwards, Psychometrika 13, 1948); the exact binomial test where b + c < ``EXACT_BELOW``.

    Where ``customers`` repeat, (|Σ(bₖ − cₖ)| − 1)² / Σ(bₖ − cₖ)² over them (Obuchowski, Statistics in Medicine 17,
    1998, for many clusters), which is the same where each has one row; where fewer than ``EXACT_BELOW`` have bₖ ≠ cₖ,
    each of these has the sign of bₖ − cₖ by a fair coin, and all its outcomes are counted.
    """
    truth = y == 1
    right, right_too = first.decisions == truth, second.decisions == truth
    b, c = int((right & ~right_too).sum()), int((~right & right_too).sum())
    clusters = clusters_of(customers)
    if clusters is not None:
        lead = np.bincount(clusters, weights=right.astype(np.float64) - right_too).astype(np.int64)
        return McNemar(b, c, *_clustered_p(lead[lead != 0]))
    if b + c < EXACT_BELOW:
        p = float(stats.binomtest(b, b + c, 0.5).pvalue) if b + c else 1.0
        return McNemar(b, c, p, exact=True)
    statistic = max(abs(b - c) - 1, 0) ** 2 / (b + c)
    return McNemar(b, c, float(stats.chi2.sf(statistic, 1)), exact=False)


def _clustered_p(lead: Integers) -> tuple[float, bool]:
    """p value of leads, none of them 0, that are as likely to be of the one sign as of the other; whether exact."""
    found = abs(int(lead.sum()))
    if len(lead) >= EXACT_BELOW:
        return float(stats.chi2.sf(max(found - 1, 0) ** 2 / int((lead**2).sum()), 1)), False
    chances = np.ones(1)  # of each sum of signed leads, the lowest first
    for size in np.abs(lead):
        chances = (np.pad(chances, (0, 2 * size)) + np.pad(chances, (2 * size, 0))) / 2
    sums = np.arange(len(chances)) - len(chances) // 2
    return min(float(chances[np.abs(sums) >= found].sum()), 1.0), True


def percentiles(values: Floats) -> tuple[float, float]:
    """Low and high end of the percentile interval of a metric's values over the draws; NaN does not count."""
    low, high = np.nanquantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def ends(intervals: Mapping[str, tuple[float, float]], prefix: str = "") -> dict[str, float]:
    """The intervals as metrics of their own: ``<prefix><name>_low`` and ``<prefix><name>_high``."""
    return {
        f"{prefix}{name}_{end}": value
        for name, interval in intervals.items()
        for end, value in zip(("low", "high"), interval, strict=True)
    }


def _less_bias(drawn: Floats, value: float) -> tuple[float, float]:
    low, high = percentiles(drawn)
    bias = max(0.0, float(drawn.mean()) - value)
    return max(0.0, min(low - 2 * bias, value)), max(high, value)


class _Grouped:
    """Rows put together by probability and label, so that a draw is a table of counts.

    What is drawn is one of ``units``: a row or, where ``clusters`` say which rows belong together, a cluster.
    """

    def __init__(self, y: Labels, probabilities: Floats, threshold: float, clusters: Integers | None = None) -> None:
        self._levels, place = np.unique(probabilities, return_inverse=True)
        self._cells = 2 * place.astype(np.int64) + y
        self._predicted = self._levels >= threshold
        inside = np.clip(self._levels, _EPSILON, 1 - _EPSILON)
        self._surprise = -np.log1p(-inside), -np.log(inside)
        self.units = len(y)
        self._clustered: sparse.csr_matrix | None = None
        if clusters is not None:
            self.units = int(clusters.max()) + 1
            shape = self.units, 2 * len(self._levels)
            self._clustered = sparse.csr_matrix((np.ones(len(y)), (clusters, self._cells)), shape=shape)

    def _counts(self, drawn: Draws) -> Floats:
        """How often each cell is in each draw."""
        draws = len(drawn)
        if self._clustered is not None:
            flat = drawn + np.arange(draws)[:, np.newaxis] * self.units
            times = np.bincount(flat.ravel(), minlength=draws * self.units).reshape(draws, self.units)
            counts: Floats = sparse.csr_matrix(times.astype(np.float64)).dot(self._clustered).toarray()
            return counts
        width = 2 * len(self._levels)
        flat = self._cells[drawn] + np.arange(draws)[:, np.newaxis] * width
        return np.bincount(flat.ravel(), minlength=draws * width).reshape(draws, width).astype(np.float64)

    def metrics(self, drawn: Draws) -> dict[str, Floats]:
        """Each of ``METRICS`` for each draw; ``drawn`` holds one draw of units per row of it."""
        counts = self._counts(drawn).reshape(len(drawn), -1, 2)
        negative, positive = counts[:, :, 0], counts[:, :, 1]
        negatives, positives = negative.sum(axis=1), positive.sum(axis=1)
        size = negatives + positives
        true_positives = positive[:, self._predicted].sum(axis=1)
        false_positives = negative[:, self._predicted].sum(axis=1)
        said = true_positives + false_positives
        return {
            "accuracy": (true_positives + negatives - false_positives) / size,
            "precision": _ratio(true_positives, said, 0.0),
            "recall": _ratio(true_positives, positives, np.nan),
            "f1": _ratio(2 * true_positives, said + positives, 0.0),
            "roc_auc": _roc_auc(negative, positive, negatives * positives),
            "average_precision": _average_precision(negative, positive, positives),
            "brier": (negative @ self._levels**2 + positive @ (1 - self._levels) ** 2) / size,
            "log_loss": (negative @ self._surprise[0] + positive @ self._surprise[1]) / size,
            "calibration_error": self._calibration_error(negative + positive, positive) / size,
        }

    def _calibration_error(self, weight: Floats, positive: Floats) -> Floats:
        middle = np.cumsum(weight, axis=1) - weight / 2
        bins = (middle * (CALIBRATION_BINS / weight.sum(axis=1, keepdims=True))).astype(np.int64)
        # a level that was not drawn has no mass; its middle may lie at the upper end
        bins = np.minimum(bins, CALIBRATION_BINS - 1) + np.arange(len(weight))[:, np.newaxis] * CALIBRATION_BINS
        excess = (positive - weight * self._levels).ravel()
        summed = np.bincount(bins.ravel(), weights=excess, minlength=len(weight) * CALIBRATION_BINS)
        error: Floats = np.abs(summed).reshape(len(weight), CALIBRATION_BINS).sum(axis=1)
        return error


def _roc_auc(negative: Floats, positive: Floats, pairs: Floats) -> Floats:
    below = np.cumsum(negative, axis=1) - negative / 2
    return _ratio((positive * below).sum(axis=1), pairs, np.nan)


def _average_precision(negative: Floats, positive: Floats, positives: Floats) -> Floats:
    found = np.cumsum(positive[:, ::-1], axis=1)
    said = found + np.cumsum(negative[:, ::-1], axis=1)
    return _ratio((positive[:, ::-1] * _ratio(found, said, 0.0)).sum(axis=1), positives, np.nan)


def _ratio(above: Floats, below: Floats, otherwise: float) -> Floats:
    """``above / below``, and ``otherwise`` where that is 0 / 0."""
    return np.divide(above, below, out=np.full_like(below, otherwise), where=below > 0)


def _measured(blocks: Iterator[Draws], metrics: Callable[[Draws], dict[str, Floats]], rows: int) -> dict[str, Floats]:
    """Each of ``METRICS`` of all draws, which are the same however these are measured.

    Of many ``rows``, parts of a block that a core's cache holds are measured beside one another.
    """
    if rows < BESIDE_FROM:
        parts = [metrics(drawn) for drawn in blocks]
    else:
        beside = Parallel(n_jobs=min(cpu_count(), _MOST_BESIDE), prefer="threads")
        parts = beside(delayed(metrics)(part) for drawn in blocks for part in _parts(drawn, rows))
    return {name: np.concatenate([part[name] for part in parts]) for name in METRICS}


def _parts(drawn: Draws, rows: int) -> list[Draws]:
    """Of at least two draws each where there are so many: NumPy adds up a single row in another order."""
    size = max(2, _CACHED // (2 * rows))
    return np.array_split(drawn, max(1, len(drawn) // size))


def _draw(rng: np.random.Generator, units: int, rows: int, draws: int) -> Iterator[Draws]:
    """``draws`` draws of ``units`` units, in blocks that keep the tables of counts small; ``rows`` bound a table."""
    block = max(1, _CELLS // (2 * rows))
    for start in range(0, draws, block):
        yield rng.integers(0, units, (min(block, draws - start), units))
