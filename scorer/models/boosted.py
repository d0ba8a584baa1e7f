"""Boosted trees without XGBoost: the same probabilities from columns, to the bit.

For an XGBoost classifier of two classes, calibrated or not, behind an encoding that ``scorer.models.direct`` knows. The
loops are in ``scorer.kernels.boosted``. Whatever is not known here to be the same is left to XGBoost.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import msgspec
import numpy as np
from scipy.special import expit

from contract.arrays import Floats
from contract.schema import Schema
from scorer.kernels.boosted import ALWAYS_RIGHT, LEAST_DEPTH, MOST_DEPTH, Planes, Singles, Trees, margins, scratch
from scorer.models.calibrators import as_arrays
from scorer.models.columns import CheckedColumns
from scorer.models.direct import Encoding
from scorer.models.planes import PlaneMaker
from scorer.models.xgboost_trees import Fork, Leaf, Node, depth_of, forks_of, read_trees

MOST_LEAVES = 1 << 20
"""Of all padded trees: 13 MB. XGBoost models of more are left to XGBoost."""
_LOWEST_MARGIN = np.float32(-88.7)
"""XGBoost's sigmoid takes a margin below it for this one, so that its exponential stays finite."""
_OVER_ONE = 1e-5
"""So far above 1 scikit-learn takes a calibrated probability for 1."""


@dataclass(frozen=True, eq=False)
class Boosted:
    """The trees of a classifier, its margin before any of them, and what calibrates its probabilities, if anything.

    ``used`` has the positions in the schema of the features that the trees look at, each with the places of its
    categories, or None if it is a number; ``features`` is how many the schema has.
    """

    used: dict[int, dict[str, int] | None]
    features: int
    planes: Planes
    trees: Trees
    start: np.float32
    calibrator: Any = None

    def probabilities(self, features: Sequence[msgspec.Struct]) -> Floats:
        """Probability of label 1 for each struct, of which there is at least one."""
        values = list(zip(*map(msgspec.structs.astuple, features), strict=True))
        columns = np.zeros((self.features, len(features)))
        for position, places in self.used.items():
            if places is None:
                columns[position] = np.array(values[position], dtype=np.float64)
            else:
                found = map(places.get, values[position], repeat(math.nan))
                columns[position] = np.fromiter(found, np.float64, len(features))
        return self.of_columns(CheckedColumns(columns))

    def cuts_of(self, position: int) -> Floats:
        """Where the trees cut the number at ``position`` of the schema, ascending; nowhere, if they do not use it."""
        found = [
            self.planes.cuts[at : at + (1 << steps) - 1]
            for feature, steps, at in zip(
                self.planes.feature.tolist(), self.planes.steps.tolist(), self.planes.cuts_at.tolist(), strict=True
            )
            if feature == position and steps > 0
        ]
        cuts = np.concatenate([*found, np.empty(0, np.float32)]).astype(np.float64)
        return cuts[~np.isnan(cuts)]

    def of_columns(self, columns: CheckedColumns) -> Floats:
        """The same from columns."""
        sums = np.empty(len(columns), np.float32)
        # for other strides, or memory that cannot be written to, the loops would be compiled anew
        values = np.require(columns.values, np.float64, ["C", "W"])
        margins(values, self.planes, self.trees, self.start, scratch(self.planes, self.trees, len(columns)), sums)
        single: Singles = expit(np.maximum(sums, _LOWEST_MARGIN))
        if self.calibrator is None:
            return single.astype(np.float64)
        calibrated: Floats = np.asarray(self.calibrator.predict(single), dtype=np.float64)
        calibrated[(calibrated > 1.0) & (calibrated <= 1.0 + _OVER_ONE)] = 1.0
        return calibrated


def boosted(classifier: Any, encoding: Encoding, schema: Schema) -> Boosted | None:
    """The trees of ``classifier``, which takes the matrix of ``encoding``; None where they may not give the same."""
    xgboost, calibrator = _parts(classifier)
    read = None if xgboost is None else read_trees(xgboost, encoding.width)
    if read is None or not all(_is_known(one.position, one.codes, schema) for one in encoding.columns):
        return None
    depths = [max(LEAST_DEPTH, depth_of(root)) for root in read.roots]
    if max(depths) > MOST_DEPTH or sum(1 << depth for depth in depths) > MOST_LEAVES:
        return None
    maker = PlaneMaker([fork for root in read.roots for fork in forks_of(root)], encoding)
    # trees of one leaf each look at nothing
    if not len(maker.planes.base):
        return None
    trees = _complete(read.roots, depths, maker.plane_of)
    return Boosted(places_of(maker.planes, schema), len(schema.features), maker.planes, trees, read.start, calibrator)


def places_of(planes: Planes, schema: Schema) -> dict[int, dict[str, int] | None]:
    """The positions of the features that ``planes`` are made of, each with the places of its categories, if any."""
    used: dict[int, dict[str, int] | None] = {}
    for position in planes.feature.tolist():
        one = schema.features[position]
        places = {category: place for place, category in enumerate(one.categories)}
        used[position] = places if one.is_categorical else None
    return used


def _parts(classifier: Any) -> tuple[Any, Any]:
    """The XGBoost classifier, and what calibrates its probability of label 1; None each where there is none."""
    from sklearn.calibration import CalibratedClassifierCV
    from xgboost import XGBClassifier

    calibrator = None
    if type(classifier) is CalibratedClassifierCV and classifier.method in ("sigmoid", "isotonic"):
        (inner,) = classifier.calibrated_classifiers_
        (fitted,) = inner.calibrators
        calibrator = as_arrays(fitted) or fitted
        classifier = inner.estimator
    return (classifier if type(classifier) is XGBClassifier else None), calibrator


def _is_known(position: int, codes: dict[str, int] | None, schema: Schema) -> bool:
    """Whether each text that sets a column of the matrix has a place in the schema."""
    return codes is None or codes.keys() <= set(schema.features[position].categories)


def _complete(roots: Sequence[Node], depths: Sequence[int], plane_of: Callable[[Fork], tuple[int, int]]) -> Trees:
    """Trees in which each leaf is as deep as the deepest: below one that is not, every record goes to the left."""
    nodes = [(1 << depth) - 1 for depth in depths]
    plane = np.zeros(sum(nodes), np.int64)
    mark = np.full(sum(nodes), ALWAYS_RIGHT, np.uint8)
    leaves = np.zeros(sum(nodes) + len(nodes), np.float32)
    nodes_at = np.cumsum([0, *nodes], dtype=np.int64)[:-1]
    leaves_at = nodes_at + np.arange(len(nodes))

    def put(node: Node, place: int, level: int, tree: int) -> None:
        if isinstance(node, Leaf):
            # the leftmost leaf below the place
            below = depths[tree] - level
            leaves[leaves_at[tree] + ((place + 1) << below) - (1 << depths[tree])] = node.value
            return
        plane[nodes_at[tree] + place], mark[nodes_at[tree] + place] = plane_of(node)
        put(node.left, 2 * place + 1, level + 1, tree)
        put(node.right, 2 * place + 2, level + 1, tree)

    for tree, root in enumerate(roots):
        put(root, 0, 0, tree)
    return Trees(np.array(depths, np.int64), nodes_at, leaves_at, plane, mark, leaves)
