"""Which features tell the label: alone, two together, or because they name the customer. Pure.

All pairs are looked at, on a sample and in steps: a number is cut into ``_FEWEST_BINS`` to ``_MOST_BINS`` parts of
equal mass, fewer the more features there are, so that the whole screen is a few products of matrices. Numbers that go
together closely are compared by what is left of one when the other is known. Not seen are three features that tell the
label only together, and two whose pattern is finer than the parts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata
from sklearn.model_selection import StratifiedKFold
from sklearn.tree import DecisionTreeClassifier

from contract.arrays import Floats, Labels
from contract.bounds import LARGEST_NUMBER
from contract.schema import Feature

GIVEAWAY_AUC = 0.98
"""Area under the ROC curve of one feature alone, out of sample, from which it is suspected to know the answer."""
Codes = npt.NDArray[np.int64]
_Counts = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]

_FOLDS = 3
_DEPTH = 3
_CELLS = 3_000_000
_MOST_ROWS, _FEWEST_ROWS = 30_000, 2_000
_PAIR_ROWS, _CONFIRMED_ROWS = 2_000, 10_000
_PAIR_COLUMNS = 4_000
_FEWEST_BINS, _MOST_BINS = 4, 16
_WORTH_A_LOOK = 0.9
_MOST_LOOKED_AT = 40
_CLOSE = 0.9
_MOST_CLOSE = 200
_MORE_THAN_ALONE = 0.01
_MOST_TOLD = 5
_NOTHING = 1e-9
_FEWEST_NAMES = 50
_NAMED_OFTEN = 50.0
_GLANCE = 10_000
_SPREAD = 0x9E3779B97F4A7C15


@dataclass(frozen=True)
class Pair:
    """Two features, by name, that tell the label together; ``auc`` as ``GIVEAWAY_AUC`` has it."""

    one: str
    other: str
    auc: float


@dataclass(frozen=True)
class LookedAt:
    """Some rows; ``customers`` is None where none repeats."""

    X: pd.DataFrame
    y: Labels
    customers: npt.NDArray[np.object_] | None


def few_of_many(y: Labels, features: int, most: int = _MOST_ROWS) -> Codes:
    """Row numbers, in order, of so many of each label that looking at ``features`` takes seconds; all of a small table.

    ROC AUC does not depend on how many of each label there are.
    """
    each = max(_FEWEST_ROWS, min(most, _CELLS // max(features, 1) // 2))
    rng = np.random.default_rng(0)
    taken = [
        rows if len(rows) <= each else rng.choice(rows, each, replace=False)
        for rows in map(np.flatnonzero, (y == 0, y == 1))
    ]
    return np.sort(np.concatenate(taken))


def single_feature_auc(
    column: "pd.Series[float]", y: Labels, *, categorical: bool, customers: npt.NDArray[np.object_] | None = None
) -> float:
    """ROC AUC of a tree of depth 3 on one feature, each third of the rows scored by a tree of the others.

    A missing value is a value like any other. Categories are ordered by their share of label 1 among the other rows.
    All rows of a customer are in one third.
    """
    if not categorical:
        return _out_of_sample(_numbers(column).reshape(-1, 1), y, customers, _DEPTH)
    scores = np.zeros(len(y))
    names = column.fillna("")
    for train, test in _folds(y, customers):
        shares = pd.Series(y[train]).groupby(names.iloc[train].to_numpy()).mean()
        scores[test] = names.iloc[test].map(shares).fillna(y[train].mean())
    return _auc(y, scores)


def telling_pairs(
    X: pd.DataFrame,
    y: Labels,
    features: Sequence[Feature],
    alone: dict[str, float],
    customers: npt.NDArray[np.object_] | None = None,
) -> list[Pair]:
    """Pairs of features whose AUC together reaches ``GIVEAWAY_AUC`` and is above either's ``alone``; the best first.

    At most ``_MOST_TOLD``. ``customers`` of the rows are to be given where they repeat.
    """
    if len(features) < 2:
        return []
    drawn = few_of_many(y, 1, _PAIR_ROWS)
    few = LookedAt(X.iloc[drawn], y[drawn], _each(customers, drawn))
    near = _screened(few, features) | _close(few, features)
    rows = few_of_many(y, 1, _CONFIRMED_ROWS)
    many = LookedAt(X.iloc[rows], y[rows], _each(customers, rows))
    found = []
    for one, other in sorted(near):
        pair = features[one], features[other]
        together = _pair_auc(many, pair)
        if together >= max(GIVEAWAY_AUC, max(alone[each.name] for each in pair) + _MORE_THAN_ALONE):
            found.append(Pair(pair[0].name, pair[1].name, together))
    return sorted(found, key=lambda pair: -pair.auc)[:_MOST_TOLD]


def names_customers(
    column: "pd.Series[float]", y: Labels, customers: npt.NDArray[np.object_] | None = None, *, of_values: int = 1
) -> bool:
    """Whether rows of different ids that share the value share the label, and those of the next value do not.

    So does the number of a customer with several rows, where something else was taken for the id. ``customers`` are
    those ids; None where none repeats. Of a numeric column, every ``of_values``-th value or so will do.
    """
    if column.iloc[:_GLANCE].nunique() < min(_FEWEST_NAMES, len(column) // 20):
        return False
    known = column.notna().to_numpy()
    if of_values > 1 and column.dtype == np.float64:
        known &= (column.to_numpy().view(np.uint64) * np.uint64(_SPREAD) >> np.uint64(40)) % np.uint64(of_values) == 0
    codes, y = pd.factorize(column[known], sort=True)[0], y[known]
    who = np.arange(len(y)) if customers is None else pd.factorize(customers[known])[0]
    different = int(codes.max(initial=-1)) + 1
    if different < _FEWEST_NAMES or not 1 < len(codes) / different <= _NAMED_OFTEN:
        return False
    # a table may be sorted by its label
    order = np.lexsort((np.random.default_rng(_SPREAD).random(len(codes)), codes))
    codes, labels, who = codes[order], y[order], who[order]
    step, alike = np.diff(codes), labels[1:] == labels[:-1]
    same = alike[(step == 0) & (who[1:] != who[:-1])]
    following = alike[step == 1]
    if len(same) < _FEWEST_NAMES or len(following) < _FEWEST_NAMES:
        return False
    apart, usual = 1 - float(same.mean()), 1 - float(following.mean())
    noise = 5 * float(np.sqrt(usual * (1 - usual) * (1 / len(same) + 1 / len(following))))
    return apart < usual / 4 and apart < usual - noise


def _screened(rows: LookedAt, features: Sequence[Feature]) -> set[tuple[int, int]]:
    """Pairs, by place, whose cells, counted on one half of the rows, rank the other half well; the best of them."""
    bins = min(max(_PAIR_COLUMNS // len(features), _FEWEST_BINS), _MOST_BINS)
    codes = np.stack([_binned(rows.X[feature.name], bins, feature) for feature in features])
    auc = np.zeros((len(features), len(features)))
    for learned, tried in _folds(rows.y, rows.customers, 2):
        auc += _ranked(*_halves(codes, rows.y, bins, learned, tried), bins) / 2
    auc = np.triu(auc, 1)
    best = np.argsort(-auc, axis=None, kind="stable")[:_MOST_LOOKED_AT]
    return {(int(place) // len(auc), int(place) % len(auc)) for place in best if auc.flat[place] >= _WORTH_A_LOOK}


def _binned(column: "pd.Series[float]", bins: int, feature: Feature) -> Codes:
    """Each cell's bin, from 0: missing ones have the last; rare categories share one, numbers are cut by their mass."""
    if feature.is_categorical:
        counted = column.value_counts()
        common = {name: place for place, name in enumerate(counted.index[: bins - 2])}
        return np.where(column.isna(), bins - 1, column.map(common).fillna(bins - 2)).astype(np.int64)
    values = _numbers(column)
    missing = np.isnan(values)
    distinct = np.unique(values[~missing])
    if len(distinct) > bins - 1:
        distinct = np.unique(np.quantile(values[~missing], np.arange(1, bins - 1) / (bins - 1), method="higher"))
    return np.where(missing, bins - 1, np.searchsorted(distinct, values, side="right").clip(0, bins - 2))


def _halves(codes: Codes, y: Labels, bins: int, learned: Codes, tried: Codes) -> tuple[_Counts, _Counts]:
    return _cells(codes[:, learned], y[learned], bins), _cells(codes[:, tried], y[tried], bins)


def _cells(codes: Codes, y: Labels, bins: int) -> _Counts:
    """How many rows of label 0 and of label 1 are in each bin of one feature and each of another, for all pairs."""
    counts = []
    for value in (0, 1):
        chosen = codes[:, y == value]
        held = np.zeros((chosen.shape[1], len(codes) * bins), dtype=np.float32)
        places = chosen + np.arange(len(codes))[:, np.newaxis] * bins
        held[np.arange(chosen.shape[1])[np.newaxis], places] = 1
        counts.append(held.T @ held)
    return counts[0], counts[1]


def _ranked(learned: _Counts, tried: _Counts, bins: int) -> Floats:
    """ROC AUC of each pair on the ``tried`` counts, whose cells are ranked by the ``learned`` ones."""
    count = len(learned[0]) // bins
    auc = np.zeros((count, count))
    for place in range(count):
        stripe = slice(place * bins, (place + 1) * bins)
        (stayed, left), (negative, positive) = (
            [counts[stripe].reshape(bins, count, bins).swapaxes(0, 1).reshape(count, -1) for counts in both]
            for both in (learned, tried)
        )
        share = (left + 0.5) / (left + stayed + 1)
        order = np.argsort(share, axis=1)
        negative, positive = (np.take_along_axis(counts, order, axis=1) for counts in (negative, positive))
        below = np.cumsum(negative, axis=1) - negative / 2
        auc[place] = (positive * below).sum(axis=1) / (positive.sum(axis=1) * negative.sum(axis=1)).clip(1)
    return auc


def _close(rows: LookedAt, features: Sequence[Feature]) -> set[tuple[int, int]]:
    """Pairs, by place, of numbers that go together closely, where what is left of one tells the label."""
    places = [place for place, feature in enumerate(features) if not feature.is_categorical]
    values = np.stack([_numbers(rows.X[features[place].name]) for place in places]) if places else np.empty((0, 1))
    spread = np.nanstd(values, axis=1)
    places = [place for place, wide in zip(places, spread, strict=True) if wide > 0]
    if len(places) < 2:
        return set()
    values = values[spread > 0]
    middle = np.nanmean(values, axis=1, keepdims=True)
    together = np.triu(np.abs(np.corrcoef(np.where(np.isnan(values), middle, values))), 1)
    closest = np.argsort(-together, axis=None, kind="stable")[:_MOST_CLOSE]
    found = set()
    for at in closest:
        one, other = divmod(int(at), len(places))
        if together[one, other] < _CLOSE:
            break
        rest = _rest(values[one], values[other])
        if _out_of_sample(rest.reshape(-1, 1), rows.y, rows.customers, _DEPTH) >= _WORTH_A_LOOK:
            found.add((places[one], places[other]))
    return found


def _pair_auc(rows: LookedAt, pair: tuple[Feature, Feature]) -> float:
    """Of the cells of both, or of a tree that takes both, whichever is higher."""
    codes = np.stack([_binned(rows.X[each.name], _MOST_BINS, each) for each in pair])
    auc = 0.0
    for learned, tried in _folds(rows.y, rows.customers, 2):
        auc += float(_ranked(*_halves(codes, rows.y, _MOST_BINS, learned, tried), _MOST_BINS)[0, 1]) / 2
    values = [
        pd.factorize(rows.X[each.name])[0].astype(np.float64) if each.is_categorical else _numbers(rows.X[each.name])
        for each in pair
    ]
    if not any(each.is_categorical for each in pair):
        values.append(_rest(*values))
    return max(auc, _out_of_sample(np.column_stack(values), rows.y, rows.customers, None))


def _rest(one: Floats, other: Floats) -> Floats:
    """What is left of ``other`` when the straight line that fits it best over ``one`` is taken off."""
    known = ~(np.isnan(one) | np.isnan(other))
    if known.sum() < 2 or np.ptp(one[known]) == 0:
        return other
    slope, level = np.polyfit(one[known], other[known], 1)
    # or the last bits of equal columns would be taken for something
    left: Floats = other - level - slope * one
    left[np.abs(left) < _NOTHING * np.nanmax(np.abs(other))] = 0.0
    return left


def _out_of_sample(values: Floats, y: Labels, customers: npt.NDArray[np.object_] | None, depth: int | None) -> float:
    scores = np.zeros(len(y))
    for train, test in _folds(y, customers):
        tree = DecisionTreeClassifier(max_depth=depth, min_samples_leaf=5, random_state=0)
        tree.fit(values[train], y[train])
        scores[test] = tree.predict_proba(values[test])[:, -1] if len(tree.classes_) == 2 else tree.classes_[0]
    return _auc(y, scores)


def _auc(y: Labels, scores: Floats) -> float:
    """The area under the ROC curve, from Mann and Whitney's statistic; scikit-learn's checks take longer than it."""
    positives = int(y.sum())
    ranks = float(rankdata(scores)[y == 1].sum())
    return (ranks - positives * (positives + 1) / 2) / (positives * (len(y) - positives))


def _folds(y: Labels, customers: npt.NDArray[np.object_] | None, count: int = _FOLDS) -> Iterator[tuple[Codes, Codes]]:
    """Stratified; all rows of a customer are in one fold."""
    who = None if customers is None else pd.factorize(customers)[0]
    if who is None or who.max() + 1 == len(who):
        yield from StratifiedKFold(count, shuffle=True, random_state=0).split(y, y)
        return
    left = np.zeros(int(who.max()) + 1, dtype=np.int64)
    np.maximum.at(left, who, y)
    drawn = np.random.default_rng(0).permutation(len(left))
    dealt = np.empty(len(left), dtype=np.int64)
    dealt[drawn[np.argsort(left[drawn], kind="stable")]] = np.arange(len(left)) % count
    for fold in range(count):
        inside = dealt[who] == fold
        yield np.flatnonzero(~inside), np.flatnonzero(inside)


def _numbers(column: "pd.Series[float]") -> Floats:
    return column.to_numpy(np.float64).clip(-LARGEST_NUMBER, LARGEST_NUMBER)


def _each(customers: npt.NDArray[np.object_] | None, rows: Codes) -> npt.NDArray[np.object_] | None:
    return None if customers is None else customers[rows]
