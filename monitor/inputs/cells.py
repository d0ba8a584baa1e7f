"""A column of the reference as cells: what a window's column is counted in, so that windows can be pooled by adding.

A column of few values has a cell for each. One of many has cells between its quantiles, and one for each value that
many rows share, such as an account balance of 0. Three cells come last: values that the reference does not have (below
its range, and above it), and missing ones.
"""

import zlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from contract.arrays import Floats
from contract.schema import Feature, FeatureKind

Cells = NDArray[np.intp]
"""The cell of each row."""

FEW_LEVELS = 32
"""Values in the reference up to which a numeric or ordinal feature has a cell for each."""
MOST_VALUES = 64
"""Categories up to which a feature has a cell for each; more share as many cells by hash."""
_QUANTILES = 20
_ATOM = 0.025
_COMMON = 0.1
_DIGITS = 1e-6
"""What single floats may differ by, of a value."""
_GROUP = 0.08
_BELOW, _ABOVE, _MISSING = range(3)


@dataclass(frozen=True)
class ReferenceColumn:
    """The cells of one column and the reference's ``counts`` in them.

    The first ``seen`` cells are those of values that the reference has or the schema lists. They stand in order of
    value if ``ordered``. ``continuous``: the cells are ranges. ``groups`` joins them to ranges of about a tenth of the
    rows each. ``common`` are the cells of a continuous column that are one value with a tenth of the rows or more.

    ``new`` is the number of reference rows whose value no other row has: of as many rows again, about that many have
    values that the reference lacks (Good, Biometrika 40, 1953). It is 0 for ranges, because the chance to lie outside
    of the reference's is known exactly.
    """

    seen: int
    ordered: bool
    continuous: bool
    counts: Floats
    groups: NDArray[np.intp]
    common: tuple[int, ...]
    new: int
    _cuts: Floats
    _cell_of: NDArray[np.intp]
    _values: "pd.Index[Any]"

    @property
    def rows(self) -> float:
        """The reference's rows."""
        return float(self.counts.sum())

    @property
    def has_numbers(self) -> bool:
        """Whether its values are numbers, and no categories."""
        return self.continuous or self._values.dtype == np.float64

    @property
    def outside(self) -> slice:
        """The cells of values that the reference does not have."""
        return slice(self.seen + _BELOW, self.seen + _ABOVE + 1)

    @property
    def missing(self) -> int:
        """The cell of missing values."""
        return self.seen + _MISSING

    def cells(self, column: "pd.Series[float]") -> Cells:
        """The cell of each value of a column, of any dtype that holds the feature's values."""
        if self.continuous:
            return self._ranges(numbers(column))
        if self.has_numbers:
            return self._known(pd.Index(numbers(column)))
        texts = column.astype(object)
        if len(self._values):
            return self._known(pd.Index(texts.where(texts.notna(), None), dtype=object))
        return _by_hash(texts)

    def known_values(self) -> list[tuple[Any, Any]]:
        """Lowest and highest value of each of the ``seen`` cells, in their order; empty where cells are hashes.

        A cell of one value, or a category, has it twice. The low end of a range belongs to the cell before it, if there
        is one, the high end to the range itself, unless that value has a cell of its own.
        """
        if not self.continuous:
            return [(value, value) for value in self._values.tolist()]
        places = np.flatnonzero((self._cell_of < self.seen) & (self._cell_of >= 0))
        cells = self._cell_of[places]
        first = places[np.searchsorted(cells, np.arange(self.seen), side="left")]
        last = places[np.searchsorted(cells, np.arange(self.seen), side="right") - 1]
        # a place between two cuts has an even number
        lows = self._cuts[np.where(first % 2, first // 2, first // 2 - 1)]
        highs = self._cuts[last // 2]
        return list(zip(lows.tolist(), highs.tolist(), strict=True))

    def count(self, cells: Cells) -> Floats:
        """How many rows each cell has."""
        return np.bincount(cells, minlength=len(self.counts)).astype(np.float64)

    def _ranges(self, values: Floats) -> Cells:
        places = np.searchsorted(self._cuts, values, side="left") + np.searchsorted(self._cuts, values, side="right")
        cells = self._cell_of[np.minimum(places, len(self._cell_of) - 1)]
        return np.where(np.isnan(values), self.missing, cells)

    def _known(self, values: "pd.Index[Any]") -> Cells:
        cells = self._values.get_indexer(values)
        return np.where(values.isna(), self.missing, np.where(cells < 0, self.seen + _BELOW, cells))


def column_of(reference: "pd.Series[float]", feature: Feature, *, between: bool = False) -> ReferenceColumn:
    """The cells that a feature's column in the reference gives.

    ``between``: a value between two that the reference has counts with the nearer one, and none of them has a cell to
    itself. So it is with scores: an isotonic calibration maps most rows to a few steps, others to what lies between,
    and serving computes all of them in single floats, so that they differ in their last digits.
    """
    if feature.kind is FeatureKind.CATEGORICAL:
        texts = reference.astype(object)
        present = sorted({value for value in texts[texts.notna()] if value not in feature.categories}, key=str)
        values = pd.Index([*feature.categories, *present], dtype=object)
        if len(values) > MOST_VALUES:
            return _made(reference, values[:0], seen=MOST_VALUES)
        return _made(reference, values)
    known = numbers(reference)
    known = np.sort(known[~np.isnan(known)])
    levels = np.unique(known)
    if between and len(levels) > 1:
        return _made_of_ranges(reference, known, between=True)
    if feature.kind is FeatureKind.FLAG:
        return _made(reference, pd.Index(np.union1d(levels, [0.0, 1.0])))
    if len(levels) <= FEW_LEVELS:
        return _made(reference, pd.Index(levels, dtype=np.float64), ordered=True)
    return _made_of_ranges(reference, known)


def numbers(column: "pd.Series[float]") -> Floats:
    """A column as doubles, missing values as NaN."""
    return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan), dtype=np.float64)


def _made(
    reference: "pd.Series[float]", values: "pd.Index[Any]", *, seen: int | None = None, ordered: bool = False
) -> ReferenceColumn:
    seen = len(values) if seen is None else seen
    nothing = np.zeros(0, dtype=np.intp)
    empty = ReferenceColumn(
        seen=seen,
        ordered=ordered,
        continuous=False,
        counts=np.zeros(seen + 3),
        groups=np.arange(seen, dtype=np.intp),
        common=(),
        new=0,
        _cuts=np.zeros(0),
        _cell_of=nothing,
        _values=values,
    )
    counts = empty.count(empty.cells(reference))
    new = int((counts[:seen] == 1).sum()) if len(values) else 0
    return replace(empty, counts=counts, new=new)


def _made_of_ranges(reference: "pd.Series[float]", known: Floats, *, between: bool = False) -> ReferenceColumn:
    levels, rows = np.unique(known, return_counts=True)
    atoms = levels[rows >= (_ATOM * len(known) if not between else np.inf)]
    quantiles = np.quantile(known, np.linspace(0.0, 1.0, _QUANTILES + 1), method="inverted_cdf")
    if between:
        above = np.searchsorted(levels, quantiles[1:-1]) + 1
        inner = above[above < len(levels)]
        ends = np.maximum([levels[1] - levels[0], levels[-1] - levels[-2]], _DIGITS * np.abs(levels[[0, -1]])) / 2
        quantiles = np.array([levels[0] - ends[0], *(levels[inner - 1] + levels[inner]) / 2, levels[-1] + ends[1]])
    cuts = np.union1d(atoms, quantiles)
    # place 2i lies between two cuts, place 2i + 1 is cut i itself, and belongs to the range below if it is no atom
    places = np.searchsorted(cuts, known, side="left") + np.searchsorted(cuts, known, side="right")
    filled = np.bincount(places, minlength=2 * len(cuts) + 1)
    own = np.isin(cuts, atoms)
    cell_of = np.zeros(2 * len(cuts) + 1, dtype=np.intp)
    seen = 0
    for cut in range(len(cuts)):
        cell_of[2 * cut] = seen
        seen += int(own[cut] and filled[2 * cut] > 0)
        cell_of[2 * cut + 1] = seen
        # the smallest value begins a range, each other cut ends one
        seen += int(own[cut] or cut > 0)
    cell_of[0], cell_of[-1] = seen + _BELOW, seen + _ABOVE
    empty = ReferenceColumn(
        seen=seen,
        ordered=True,
        continuous=True,
        counts=np.zeros(seen + 3),
        groups=np.zeros(seen, dtype=np.intp),
        common=tuple(
            int(cell_of[2 * cut + 1])
            for cut in np.flatnonzero(own & np.isin(cuts, levels[rows >= _COMMON * len(known)]))
        ),
        new=0,
        _cuts=cuts,
        _cell_of=cell_of,
        _values=pd.Index([], dtype=np.float64),
    )
    counts = empty.count(empty.cells(reference))
    return replace(empty, counts=counts, groups=_groups(counts[:seen] / len(known)))


def _groups(shares: Floats) -> NDArray[np.intp]:
    """Neighbours together until a group has its share; what is left over at the end goes with the last."""
    groups = np.zeros(len(shares), dtype=np.intp)
    group, held = 0, 0.0
    for place, share in enumerate(shares):
        if held >= _GROUP:
            group, held = group + 1, 0.0
        groups[place] = group
        held += share
    if held < _GROUP / 2 and group:
        groups[groups == group] = group - 1
    return groups


def _by_hash(texts: "pd.Series[float]") -> Cells:
    codes, values = pd.factorize(texts.where(texts.notna(), None))
    cells = [zlib.crc32(str(value).encode("utf-8", "surrogatepass")) % MOST_VALUES for value in values]
    return np.array([*cells, MOST_VALUES + _MISSING], dtype=np.intp)[codes]
