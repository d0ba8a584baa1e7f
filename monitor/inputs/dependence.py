"""Two columns together: has a relation among them changed although each column on its own has not?

Two things are looked at. Values that are common on their own and never together in the reference, such as a country and
an empty account: a window that has them together. And correlations, of the ranks that numbers have in the reference and
of indicators of categories. The noise of a correlation is taken from the reference's rows themselves (its influence
function: Devlin, Gnanadesikan and Kettenring, Biometrika 62, 1975), so no distribution is assumed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import special

from contract.arrays import Floats, Mask
from monitor.inputs.cells import Cells, ReferenceColumn

LEAST_CHANGE = 0.1
"""Smallest change of a correlation that counts."""
LEAST_TOGETHER = 0.005
"""Smallest share of rows with two values that were never together that counts."""
_MOST_INDICATORS = 6
_LEAST_SHARE = 0.05
_LEAST_EXPECTED = 20.0
_LEAST_VARIANCE = 1e-6
Tables = tuple[tuple[str, Floats], ...]
"""Variables: the column of each, and what the column's cells stand for in it."""
MOST_VARIABLES = 64
"""Ranks and indicators that are looked at, in the order of the columns; the others are judged on their own only."""


@dataclass(frozen=True)
class DependenceChange:
    """The pair of columns whose relation has changed most plainly; p corrected for all that was looked at.

    ``then`` and ``now`` are correlations, or the shares of rows with two values that were never ``together``.
    """

    columns: tuple[str, str]
    kind: Literal["correlation", "together"]
    then: float
    now: float
    p_value: float

    @property
    def counts(self) -> bool:
        """Whether it has changed by enough to matter."""
        return abs(self.now - self.then) >= (LEAST_CHANGE if self.kind == "correlation" else LEAST_TOGETHER)


@dataclass(frozen=True)
class Correlations:
    """The reference's: of the pairs of variables ``first`` and ``second``, and their variances at one row."""

    tables: Tables
    first: tuple[int, ...]
    second: tuple[int, ...]
    values: Floats
    variances: Floats

    def change(self, cells: Mapping[str, Cells], rows: int, reference: int) -> DependenceChange | None:
        """The most plain one, of those that count if any does; None without a pair to look at."""
        if not self.first:
            return None
        variables, varied = _standardised(self.tables, cells)
        now = (variables.T @ variables)[self.first, self.second] / rows
        known = varied[list(self.first)] & varied[list(self.second)]
        difference = np.where(known, now - self.values, 0.0)
        noise = np.sqrt(self.variances * (1 / rows + 1 / reference))
        p_values = np.minimum(2 * special.ndtr(-np.abs(difference) / noise) * len(noise), 1.0)
        found = int(np.lexsort((-np.abs(difference), p_values, np.abs(difference) < LEAST_CHANGE))[0])
        return DependenceChange(
            columns=(self.tables[self.first[found]][0], self.tables[self.second[found]][0]),
            kind="correlation",
            then=float(self.values[found]),
            now=float(now[found]) if known[found] else float(self.values[found]),
            p_value=float(p_values[found]),
        )


@dataclass(frozen=True)
class Strangers:
    """Cells of two columns each that the reference never has together, of ``looked_at`` pairs that it ought to have."""

    pairs: tuple[tuple[str, int, str, int], ...]
    looked_at: int

    def change(self, cells: Mapping[str, Cells], rows: int, reference: int) -> DependenceChange | None:
        """The pair that is most often together now; None if there is no pair."""
        if not self.pairs:
            return None
        together = [int(((cells[one] == i) & (cells[other] == j)).sum()) for one, i, other, j in self.pairs]
        most = int(np.argmax(together))
        # that all of so many rows are among the window's: at most the chance of one to the power of their number
        by_chance = (rows / (rows + reference)) ** together[most]
        return DependenceChange(
            columns=(self.pairs[most][0], self.pairs[most][2]),
            kind="together",
            then=0.0,
            now=together[most] / rows,
            p_value=min(by_chance * self.looked_at, 1.0),
        )


@dataclass(frozen=True)
class Dependence:
    """What the reference's ``rows`` say of pairs of columns."""

    correlations: Correlations
    strangers: Strangers
    rows: int

    def change(self, cells: Mapping[str, Cells]) -> DependenceChange | None:
        """Compare with a window's rows, by the cell that each column has them in; None without a pair to look at."""
        rows = len(next(iter(cells.values()))) if cells else 0
        if not rows:
            return None
        found = [each.change(cells, rows, self.rows) for each in (self.correlations, self.strangers)]
        changes = [replace(each, p_value=min(2 * each.p_value, 1.0)) for each in found if each is not None]
        return min(changes, key=lambda each: (not each.counts, each.p_value), default=None)


def dependence_of(columns: Mapping[str, ReferenceColumn], cells: Mapping[str, Cells]) -> Dependence:
    """The relations of the reference's rows, given the cell of each row by column."""
    rows = len(next(iter(cells.values()))) if cells else 0
    return Dependence(_correlations(columns, cells, rows), _strangers(columns, cells, rows), rows)


def _correlations(columns: Mapping[str, ReferenceColumn], cells: Mapping[str, Cells], rows: int) -> Correlations:
    tables = tuple((name, table) for name, column in columns.items() for table in _tables(column))[:MOST_VARIABLES]
    if not rows or not tables:
        return Correlations(tables, (), (), np.zeros(0), np.zeros(0))
    z, varied = _standardised(tables, cells)
    r = z.T @ z / rows
    squares = z**2
    fourth = squares.T @ squares / rows
    skew = (z**3).T @ z / rows
    kurtosis = (squares**2).mean(axis=0)
    # the variance of z1 z2 - r (z1^2 + z2^2) / 2
    variance = fourth - r * (skew + skew.T) + r**2 / 4 * (kurtosis[:, None] + kurtosis[None, :] + 2 * fourth)
    pairs = [
        (i, j)
        for i in range(len(tables))
        for j in range(i)
        if tables[i][0] != tables[j][0] and varied[i] and varied[j] and variance[i, j] > _LEAST_VARIANCE
    ]
    first, second = tuple(i for i, _ in pairs), tuple(j for _, j in pairs)
    return Correlations(tables, first, second, r[first, second], variance[first, second])


def _strangers(columns: Mapping[str, ReferenceColumn], cells: Mapping[str, Cells], rows: int) -> Strangers:
    values = [
        (name, cell)
        for name, column in columns.items()
        for cell in (column.common if column.continuous else range(column.seen))
        if rows and column.counts[cell] / rows >= _LEAST_SHARE
    ][:MOST_VARIABLES]
    if not values:
        return Strangers((), 0)
    has = np.column_stack([cells[name] == cell for name, cell in values]).astype(np.float64)
    together, alone = has.T @ has, has.sum(axis=0)
    pairs = [
        (i, j)
        for i in range(len(values))
        for j in range(i)
        if values[i][0] != values[j][0] and alone[i] * alone[j] / rows >= _LEAST_EXPECTED
    ]
    never = tuple((*values[i], *values[j]) for i, j in pairs if not together[i, j])
    return Strangers(never, len(pairs))


def _tables(column: ReferenceColumn) -> list[Floats]:
    """What each cell stands for in a variable of the column; NaN: in none."""
    counts = column.counts[: column.seen]
    total = counts.sum()
    if column.seen < 2 or not total:
        return []
    if column.ordered:
        ranks = (np.cumsum(counts) - counts / 2) / total
        return [np.concatenate([ranks, [0.0, 1.0] if column.continuous else [np.nan, np.nan], [np.nan]])]
    shares = counts / column.rows
    common = [int(cell) for cell in np.argsort(-shares, kind="stable")[:_MOST_INDICATORS]]
    if column.seen == 2:
        common = common[:1]
    kept = [cell for cell in sorted(common) if _LEAST_SHARE <= shares[cell] <= 1 - _LEAST_SHARE]
    return [(np.arange(len(column.counts)) == cell).astype(np.float64) for cell in kept]


def _standardised(tables: Tables, cells: Mapping[str, Cells]) -> tuple[Floats, Mask]:
    """One column a variable, with mean 0 and mean square 1, and which of them vary at all. NaN becomes the mean."""
    values = np.column_stack([table[cells[name]] for name, table in tables])
    absent = np.isnan(values)
    if absent.any():
        present = np.maximum((~absent).sum(axis=0), 1)
        means = np.where(absent, 0.0, values).sum(axis=0) / present
        values = np.where(absent, means, values)
    values = values - values.mean(axis=0)
    deviations = values.std(axis=0)
    varied = deviations > 1e-9
    return values / np.where(varied, deviations, 1.0), varied
