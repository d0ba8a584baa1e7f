"""Two samples of one column, as counts in the same cells: how far apart they are, and how likely that is by chance.

Several tests look at a column, because each finds what the others are blind to: Kolmogorov-Smirnov and Mann-Whitney a
shift, chi-square any change of shares, a chi-square of its own the common values of a continuous column (empty
accounts, say), and an exact test of single cells the values that are new, have vanished or are rare. Their p-values are
joined by the Cauchy combination (Liu and Xie, Journal of the American Statistical Association 115, 2020), which holds
its level at small p-values however the tests depend on each other.

Counts may be fractions: those of pooled windows that share customers are scaled down.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import special

from contract.arrays import Floats
from monitor.inputs.cells import ReferenceColumn

_LEAST_EXPECTED = 10.0
_MOST = 0.99
_KOLMOGOROV_SQUARE = np.pi**2 / 12
"""Mean square of the Kolmogorov distribution."""


class TwoSamples(NamedTuple):
    """``distance`` in [0, 1], freed of what chance adds to it, ``shares``: it is one of shares of values, not of ranks.

    ``shift`` is Mann-Whitney's: P(now > then) − P(now < then). ``hellinger`` is the squared Hellinger distance, freed
    of chance likewise; ``unseen`` the share of rows with values that the reference lacks. ``noise`` is the standard
    error of a distance (twice it is what the true one may exceed the observed one by).
    """

    p_value: float
    distance: float
    shares: bool
    shift: float
    hellinger: float
    unseen: float
    noise: float


NOTHING = TwoSamples(1.0, 0.0, True, 0.0, 0.0, 0.0, 0.0)


def compare(column: ReferenceColumn, now: Floats) -> TwoSamples:
    """Compare counts ``now`` in the cells of ``column`` with the reference's."""
    then = column.counts
    rows, reference = float(now.sum()), column.rows
    if not rows or not reference:
        return NOTHING
    known_now, known_then = _known(column, now), _known(column, then)
    p_values = [_cells(column, now)]
    ranks = shift = 0.0
    if column.seen > 1:
        p_values.append(_chi_square(_grouped(column, known_now), _grouped(column, known_then)))
        if column.ordered:
            ranks, p_ranks = _kolmogorov_smirnov(known_now, known_then)
            shift, p_shift = _mann_whitney(known_now, known_then)
            p_values += [p_ranks, p_shift]
        if column.common:
            p_values.append(_chi_square(_common(column, known_now), _common(column, known_then)))
    shares = _total_variation(*_of_shares(column, now, then))
    distance = max(ranks, shares)
    unseen = float(now[column.outside].sum()) + (float(now[column.missing]) if not then[column.missing] else 0.0)
    return TwoSamples(
        p_value=cauchy(p_values),
        distance=distance,
        shares=not column.ordered or shares > ranks,
        shift=shift,
        hellinger=_hellinger(*_all_groups(column, now, then)),
        unseen=unseen / rows,
        noise=0.5 * math.sqrt(1 / rows + 1 / reference),
    )


def cauchy(p_values: Sequence[float]) -> float:
    """The Cauchy combination of p-values, with equal weights.

    None counts for more than 0.99: the p-value of a discrete test is often 1, which would outweigh all others.
    """
    clipped = np.minimum(np.asarray(p_values), _MOST)
    smallest = float(clipped.min())
    if smallest < 1e-15:
        return min(smallest * len(clipped), 1.0)
    statistic = float(np.mean(np.tan((0.5 - clipped) * np.pi)))
    # the arc tangent of a large number loses its digits in 0.5 - …
    return float(np.arctan2(1.0, statistic) / np.pi)


def _known(column: ReferenceColumn, counts: Floats) -> Floats:
    """The counts of the cells in order; of a continuous column, what is outside its range counts to the end cells."""
    known = counts[: column.seen].copy()
    if column.continuous:
        below, above = counts[column.outside]
        known[0] += below
        known[-1] += above
    return known


def _grouped(column: ReferenceColumn, known: Floats) -> Floats:
    return np.bincount(column.groups, weights=known).astype(np.float64)


def _common(column: ReferenceColumn, known: Floats) -> Floats:
    """The counts of the column's common values, and of the rest."""
    counts = known[list(column.common)]
    return np.append(counts, known.sum() - counts.sum())


def _all_groups(column: ReferenceColumn, now: Floats, then: Floats) -> tuple[Floats, Floats]:
    """All rows, in groups of cells, what is outside or missing on its own."""
    return tuple(  # type: ignore[return-value]
        np.concatenate([_grouped(column, counts[: column.seen]), counts[column.seen :]]) for counts in (now, then)
    )


def _of_shares(column: ReferenceColumn, now: Floats, then: Floats) -> tuple[Floats, Floats]:
    """What the distance of shares is taken of: all cells, or, where ranks tell the rest, outside and missing."""
    if not column.ordered:
        return now, then
    return tuple(  # type: ignore[return-value]
        np.concatenate([[counts[: column.seen].sum()], counts[column.seen :]]) for counts in (now, then)
    )


def _kolmogorov_smirnov(now: Floats, then: Floats) -> tuple[float, float]:
    """Distance and p-value; the latter is too large rather than too small, because cells hide what is inside them."""
    n, m = now.sum(), then.sum()
    if not n or not m:
        return 0.0, 1.0
    largest = float(np.abs(np.cumsum(now) / n - np.cumsum(then) / m).max())
    noise = 1 / n + 1 / m
    return _freed(largest, _KOLMOGOROV_SQUARE * noise), float(special.kolmogorov(largest / np.sqrt(noise)))


def _mann_whitney(now: Floats, then: Floats) -> tuple[float, float]:
    """P(now > then) − P(now < then), and its p-value with the variance for ties."""
    n, m = now.sum(), then.sum()
    both = now + then
    total = n + m
    spread = 1 - float(((both / total) ** 3).sum())
    if not n or not m or spread <= 0:
        return 0.0, 1.0
    below = np.cumsum(then) - then / 2
    shift = float(2 * (now * below).sum() / (n * m) - 1)
    variance = spread * total / (3 * n * m)
    return shift, float(2 * special.ndtr(-abs(shift) / np.sqrt(variance)))


def _chi_square(now: Floats, then: Floats) -> float:
    """The p-value, the rarest values pooled until each is expected 10 times on either side.

    Fewer make chi-square's far tail too light; the test of single cells looks at the rare values.
    """
    n, m = now.sum(), then.sum()
    if not n or not m:
        return 1.0
    both = now + then
    order = np.argsort(both, kind="stable")
    now, both = now[order], both[order]
    least = _LEAST_EXPECTED * (n + m) / min(n, m)
    rare = int(np.searchsorted(both, least))
    if rare:
        if both[:rare].sum() < least:
            rare += 1
        now = np.concatenate([[now[:rare].sum()], now[rare:]])
        both = np.concatenate([[both[:rare].sum()], both[rare:]])
    if len(both) < 2:
        return 1.0
    expected = both * n / (n + m)
    statistic = float(((now - expected) ** 2 / expected).sum()) * (n + m) / m
    return float(special.chdtrc(len(both) - 1, statistic))


def _cells(column: ReferenceColumn, now: Floats) -> float:
    """The smallest p-value of single cells, corrected for their number (Bonferroni).

    Given how many rows a cell has on both sides together, each of them is of the window with the same chance. That is
    hypergeometric; the binomial tail used is larger, because rows are drawn as if they were put back.
    """
    first = column.seen if column.continuous else 0
    then = column.counts[first:].copy()
    then[column.seen - first] += column.new
    counts = now[first:]
    both = counts + then
    some = both > 0
    if not some.any():
        return 1.0
    chance = now.sum() / (now.sum() + column.rows)
    observed, of = counts[some], both[some]
    with np.errstate(invalid="ignore"):
        at_least = np.where(observed > 0, special.betainc(observed, of - observed + 1, chance), 1.0)
        at_most = np.where(observed < of, special.betaincc(observed + 1, of - observed, chance), 1.0)
    smallest = float(np.minimum(at_least, at_most).min())
    return min(2 * smallest * len(both), 1.0)


def _total_variation(now: Floats, then: Floats) -> float:
    n, m = now.sum(), then.sum()
    observed = float(np.abs(now / n - then / m).sum()) / 2
    shares = (now + then) / (n + m)
    some = int((shares > 0).sum())
    if some < 2:
        return 0.0
    # mean absolute value of normal variables; between its square and its mean square lies a factor of pi/2, less the
    # more values there are
    by_chance = float(np.sqrt(2 / np.pi * shares * (1 - shares) * (1 / n + 1 / m)).sum()) / 2
    return min(_freed(observed, by_chance**2 * (1 + (np.pi / 2 - 1) / (some - 1))), 1.0)


def _hellinger(now: Floats, then: Floats) -> float:
    n, m = now.sum(), then.sum()
    cells = int(((now + then) > 0).sum())
    affinity = float(np.sqrt((now / n) * (then / m)).sum())
    return float(max(1 - affinity - (cells - 1) / 8 * (1 / n + 1 / m), 0.0))


def _freed(distance: float, by_chance: float) -> float:
    """A distance without what chance alone adds to its square."""
    return float(np.sqrt(max(distance**2 - by_chance, 0.0)))
