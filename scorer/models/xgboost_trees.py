"""The trees of an XGBoost classifier, and its margin before any of them, read from the model as XGBoost saves it."""

import json
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from xgboost import XGBClassifier

_NO_CHILD = -1
_LARGEST = 32_000_000
"""Bytes of a saved model, about 700,000 nodes. Its JSON takes ten times as much memory while it is read."""


class Leaf(NamedTuple):
    """Where a tree ends; ``value`` is added to the margin."""

    value: np.float32


class Fork(NamedTuple):
    """A node: to the left where the ``column`` is below ``cut``, or is NaN if ``missing_left``; else to the right."""

    column: int
    cut: np.float32
    missing_left: bool
    left: "Node"
    right: "Node"


Node = Leaf | Fork


class BoostedTrees(NamedTuple):
    """``start`` plus one leaf of each tree, added in this order in single precision, is the log-odds of label 1."""

    start: np.float32
    roots: tuple[Node, ...]


def read_trees(classifier: "XGBClassifier", width: int) -> BoostedTrees | None:
    """The trees of a classifier that has been fitted to ``width`` columns.

    None where its margin may be another than the sum of leaves, or its probability another than the sigmoid of it,
    and of a model that is very large.
    """
    booster = classifier.get_booster()
    if not math.isnan(classifier.missing):
        return None
    if len(booster.save_raw()) > _LARGEST:
        return None
    saved = json.loads(booster.save_raw("json"))
    learner = saved["learner"]
    model, shape = learner["gradient_booster"].get("model"), learner["learner_model_param"]
    if (
        learner["gradient_booster"]["name"] != "gbtree"
        or learner["objective"]["name"] != "binary:logistic"
        or int(shape["num_class"]) > 1
        or int(shape.get("num_target", 1)) != 1
        or int(shape["num_feature"]) != width
        or any(tree["categories"] or int(tree["tree_param"]["size_leaf_vector"]) > 1 for tree in model["trees"])
        or any(model["tree_info"])
    ):
        return None
    trees = model["trees"][: _trees_in_use(classifier, model)]
    if not trees:
        return None
    return BoostedTrees(_start(saved, width), tuple(map(_node, trees)))


def depth_of(root: Node) -> int:
    """Nodes from ``root`` to its farthest leaf, the leaf not counted."""
    return 1 + max(depth_of(root.left), depth_of(root.right)) if isinstance(root, Fork) else 0


def forks_of(root: Node) -> Iterator[Fork]:
    """All forks from ``root`` on."""
    if isinstance(root, Fork):
        yield root
        yield from forks_of(root.left)
        yield from forks_of(root.right)


def _trees_in_use(classifier: "XGBClassifier", model: dict[str, Any]) -> int:
    """Those after the best round do not predict, where training was stopped early."""
    try:
        rounds = int(classifier.best_iteration) + 1
    except AttributeError:
        return len(model["trees"])
    return int(model["iteration_indptr"][rounds])


def _start(saved: dict[str, Any], width: int) -> np.float32:
    """What XGBoost says of a model without trees: its own logarithm of the base score, to the bit."""
    from xgboost import Booster

    learner = saved["learner"]
    booster = learner["gradient_booster"]
    model = booster["model"]
    none = {
        "trees": [],
        "tree_info": [],
        "iteration_indptr": [0],
        "gbtree_model_param": model["gbtree_model_param"] | {"num_trees": "0"},
    }
    # else one without trees is taken for one that is still to be fitted
    shape = learner["learner_model_param"] | {"boost_from_average": "0"}
    bare = learner | {"learner_model_param": shape, "gradient_booster": booster | {"model": model | none}}
    empty = Booster()
    empty.load_model(bytearray(json.dumps(saved | {"learner": bare}).encode()))
    return np.float32(empty.inplace_predict(np.zeros((1, width)), predict_type="margin")[0])


def _node(tree: dict[str, Any], place: int = 0) -> Node:
    left, right = tree["left_children"][place], tree["right_children"][place]
    value = np.float32(tree["split_conditions"][place])
    if left == _NO_CHILD:
        return Leaf(value)
    return Fork(
        tree["split_indices"][place], value, bool(tree["default_left"][place]), _node(tree, left), _node(tree, right)
    )
