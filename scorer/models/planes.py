"""Which bytes the nodes of boosted trees compare: planes made from all forks and the encoding of the columns."""

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from scorer.kernels.boosted import ALWAYS_RIGHT, MOST_RANK, Bytes, Planes, Singles
from scorer.models.direct import EncodedFeature, Encoding
from scorer.models.xgboost_trees import Fork


class PlaneMaker:
    """Planes for all forks of a model. ``planes`` is for the loops, ``plane_of`` tells where a fork looks."""

    def __init__(self, forks: Iterable[Fork], encoding: Encoding) -> None:
        cuts: defaultdict[int, set[float]] = defaultdict(set)
        every = list(forks)
        for fork in every:
            cuts[fork.column].add(float(fork.cut))
        self._cuts = {column: np.array(sorted(found), np.float32) for column, found in cuts.items()}
        self._encoded = {column: one for one in encoding.columns for column in range(one.start, one.stop)}
        self._number: dict[tuple[int, int, bool], int] = {}
        wanted = {self._key(fork) for fork in every}
        used = [one for one in encoding.columns if any(column in cuts for column in range(one.start, one.stop))]
        base: list[int] = []
        missing: list[int] = []
        ends: list[int] = []
        tables: list[Bytes] = []
        for one in used:
            for key in sorted(key for key in wanted if one.start <= key[0] < one.stop):
                column, group, missing_left = key
                self._number[key] = len(base)
                missing.append(0 if missing_left else ALWAYS_RIGHT)
                if one.codes is None:
                    base.append(group * MOST_RANK)
                else:
                    base.append(sum(map(len, tables)))
                    tables.append(self._table(one, column, group))
            ends.append(len(base))
        numbers = [self._padded(one.start) if one.codes is None else np.empty(0, np.float32) for one in used]
        self.planes = Planes(
            np.array([one.position for one in used], np.int64),
            np.array([_steps(len(each)) for each in numbers], np.int64),
            np.concatenate([*numbers, np.empty(0, np.float32)]),
            np.cumsum([0, *map(len, numbers)], dtype=np.int64)[: len(used)],
            np.array([len(one.by_place) - 1 for one in used], np.int64),
            np.array([0, *ends], np.int64),
            np.array(base, np.int64),
            np.array(missing, np.uint8),
            np.concatenate([*tables, np.empty(0, np.uint8)]),
        )

    def plane_of(self, fork: Fork) -> tuple[int, int]:
        """The plane whose byte is above the mark iff the fork sends a record to the right."""
        return self._number[self._key(fork)], self._rank(fork) % MOST_RANK

    def _rank(self, fork: Fork) -> int:
        return int(np.searchsorted(self._cuts[fork.column], fork.cut))

    def _key(self, fork: Fork) -> tuple[int, int, bool]:
        # a category's column is never NaN
        missing_left = fork.missing_left or self._encoded[fork.column].codes is not None
        return fork.column, self._rank(fork) // MOST_RANK, missing_left

    def _padded(self, column: int) -> Singles:
        cuts = self._cuts[column]
        size = (1 << len(cuts).bit_length()) - 1
        return np.concatenate([cuts, np.full(size - len(cuts), np.nan, np.float32)])

    def _table(self, one: EncodedFeature, column: int, group: int) -> Bytes:
        values = one.by_place[:, column - one.start].astype(np.float32)
        ranks = np.searchsorted(self._cuts[column], values, side="right") - group * MOST_RANK
        return np.clip(ranks, 0, MOST_RANK).astype(np.uint8)


def _steps(size: int) -> int:
    """Of a binary search among so many cuts; -1 for none, which is a category."""
    return size.bit_length() if size else -1
