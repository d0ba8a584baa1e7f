"""What can be trained: one table of the kinds of model, and each as a pipeline, unfitted.

A kind is one entry of ``KINDS``: how its inputs are prepared, its classifier, how class weights are given, and what its
hyper-parameters may be. Everything it is built of can be saved by skops (``contract.models.registry.TRUSTED_TYPES``).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from imblearn.pipeline import Pipeline
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier, StackingClassifier, VotingClassifier
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier

from contract.schema import Schema
from training.kinds.encoding import Steps, polynomial, scaled, trees
from training.kinds.sampling import Sampling, oversampler, smote_steps
from training.kinds.spaces import Between, Grid, OneOf, Parameters, Space

XGBOOST: Parameters = {
    "n_estimators": 200,
    "max_depth": 4,
    "learning_rate": 0.05,
    "subsample": 0.8,
    "colsample_bytree": 0.8,
    "min_child_weight": 5,
    "reg_lambda": 1.0,
}
STACKED = 3
"""How many of the best kinds a stacking is made of."""
INNER_FOLDS = 3
"""Folds inside a training fold, whose predictions the stacking's last model learns from."""

Pace = Literal["quick", "medium", "slow"]
"""Under 10, under 25, and more milliseconds for 1,000 rows of the public table on one core, with the kind's defaults.

The rule that chooses goes by this and not by a clock, so that the same command chooses the same model every time.
"""
PACES: tuple[Pace, ...] = get_args(Pace)
Members = Sequence[tuple[str, Pipeline]]
Weights = Callable[[float], Parameters]
"""Parameters of a classifier that give both classes the same weight; takes the negatives per positive."""


@dataclass(frozen=True)
class ModelKind:
    """One kind of model.

    ``classifier(seed, **parameters)`` makes it, ``steps`` the ones before it from the schema. ``weights`` is None where
    the classifier takes no class weights: rows of the smaller class are then repeated, which weighs them the same.
    ``grid`` is the small grid, ``exhaustive`` the large one, ``space`` what random and Bayesian search draw from; each
    names only what differs from ``defaults``. A kind with ``of_best`` is made of so many of the best other kinds; only
    of those with probabilities, unless it ``takes_margins``, too. ``pace`` is how long it takes to score, as a class.
    """

    name: str
    title: str
    classifier: Callable[..., BaseEstimator]
    steps: Callable[[Schema], Steps]
    weights: Weights | None
    defaults: Parameters
    grid: Grid
    exhaustive: Grid
    space: Space = field(default_factory=dict)
    pace: Pace = "medium"
    of_best: int = 0
    takes_margins: bool = True


def _nothing(_schema: Schema) -> Steps:
    return []


def _nothing_more(_ratio: float) -> Parameters:
    return {}


def _balanced(_ratio: float) -> Parameters:
    return {"class_weight": "balanced"}


def _xgboost(seed: int, **parameters: Any) -> BaseEstimator:
    # a fit takes a fifth of a second; on a busy machine several threads wait for each other ten times as long
    return XGBClassifier(random_state=seed, n_jobs=1, **parameters)


def _neighbours(_seed: int, **parameters: Any) -> BaseEstimator:
    # brute force is as quick on some thousand rows, and skops knows no search tree
    return KNeighborsClassifier(algorithm="brute", **parameters)


def _tree(seed: int, **parameters: Any) -> BaseEstimator:
    return DecisionTreeClassifier(random_state=seed, **parameters)


def _forest(seed: int, **parameters: Any) -> BaseEstimator:
    return RandomForestClassifier(random_state=seed, n_jobs=1, **parameters)


def _svm(seed: int, *, gamma: float, components: int, **parameters: Any) -> BaseEstimator:
    """An RBF kernel on ``components`` landmarks (Nyström): seconds where the exact one takes minutes."""
    kernel = Nystroem(gamma=gamma, n_components=components, random_state=seed)
    return make_pipeline(kernel, LinearSVC(random_state=seed, **parameters))


def _logistic(_seed: int, **parameters: Any) -> BaseEstimator:
    return LogisticRegression(max_iter=1_000, **parameters)


def _bayes(_seed: int, **parameters: Any) -> BaseEstimator:
    return GaussianNB(**parameters)


def _network(seed: int, *, layers: str, **parameters: Any) -> BaseEstimator:
    """``layers`` as ``32-16``. It stops after ``max_iter`` passes: no rows are spared to stop earlier by."""
    sizes = tuple(int(size) for size in layers.split("-"))
    return MLPClassifier(hidden_layer_sizes=sizes, random_state=seed, **parameters)


def _stacking(seed: int, *, members: Members, **parameters: Any) -> BaseEstimator:
    """The last model sees powers of the members' probabilities: a straight line through them is badly calibrated."""
    folds = StratifiedKFold(INNER_FOLDS, shuffle=True, random_state=seed)
    powers = PolynomialFeatures(3, include_bias=False)
    last = make_pipeline(powers, StandardScaler(), LogisticRegression(max_iter=1_000, **parameters))
    return StackingClassifier(list(members), last, cv=folds, n_jobs=1)


def _voting(_seed: int, *, members: Members) -> BaseEstimator:
    return VotingClassifier(list(members), voting="soft", n_jobs=1)


KINDS: dict[str, ModelKind] = {
    kind.name: kind
    for kind in (
        ModelKind(
            "xgboost",
            "XGBoost",
            _xgboost,
            trees,
            lambda ratio: {"scale_pos_weight": ratio},
            XGBOOST,
            # the report's grid
            {"max_depth": (3, 4, 5), "learning_rate": (0.1, 0.01, 0.001), "n_estimators": (100, 200, 300)},
            {
                "max_depth": (2, 3, 4, 5, 6),
                "learning_rate": (0.2, 0.1, 0.05, 0.02),
                "n_estimators": (100, 200, 400),
                "colsample_bytree": (0.6, 1.0),
                "min_child_weight": (1, 3, 10),
            },
            {
                "max_depth": Between(2, 6),
                "learning_rate": Between(0.02, 0.2, log=True),
                "n_estimators": Between(100, 400),
                "subsample": Between(0.6, 1.0),
                "colsample_bytree": Between(0.5, 1.0),
                "min_child_weight": Between(1, 20, log=True),
                "reg_lambda": Between(0.5, 20.0, log=True),
            },
        ),
        ModelKind(
            "knn",
            "k-nearest neighbours",
            _neighbours,
            scaled,
            None,
            {"n_neighbors": 31, "weights": "distance", "p": 2},
            {"n_neighbors": (5, 15, 31, 61), "weights": ("uniform", "distance")},
            {"n_neighbors": (3, 5, 9, 15, 21, 31, 45, 61, 91), "weights": ("uniform", "distance"), "p": (1, 2)},
            {"n_neighbors": Between(3, 120, log=True), "weights": OneOf(("uniform", "distance")), "p": OneOf((1, 2))},
            pace="slow",
        ),
        ModelKind(
            "tree",
            "decision tree",
            _tree,
            trees,
            _balanced,
            {"max_depth": 6, "min_samples_leaf": 20, "criterion": "gini"},
            {"max_depth": (4, 6, 8, 10), "min_samples_leaf": (5, 20, 50)},
            {
                "max_depth": (3, 4, 5, 6, 7, 8, 10, 14),
                "min_samples_leaf": (1, 5, 10, 20, 50, 100),
                "criterion": ("gini", "entropy"),
            },
            {
                "max_depth": Between(3, 16),
                "min_samples_leaf": Between(2, 120, log=True),
                "criterion": OneOf(("gini", "entropy")),
            },
            pace="quick",
        ),
        ModelKind(
            "forest",
            "random forest",
            _forest,
            trees,
            _balanced,
            {"n_estimators": 100, "min_samples_leaf": 5, "max_features": 0.4},
            {"min_samples_leaf": (2, 5, 10), "max_features": (0.3, 0.5)},
            {"n_estimators": (100, 300), "min_samples_leaf": (1, 2, 5, 10, 20), "max_features": (0.2, 0.3, 0.4, 0.6)},
            {
                "n_estimators": Between(50, 200),
                "min_samples_leaf": Between(2, 20, log=True),
                "max_features": Between(0.2, 0.7),
            },
        ),
        ModelKind(
            "svm",
            "SVM",
            _svm,
            scaled,
            _balanced,
            {"C": 1.0, "gamma": 0.05, "components": 200},
            {"C": (0.1, 1.0, 10.0), "gamma": (0.02, 0.05, 0.1)},
            {"C": (0.03, 0.1, 0.3, 1.0, 3.0), "gamma": (0.01, 0.03, 0.1, 0.3), "components": (100, 200, 400)},
            {
                "C": Between(0.03, 10.0, log=True),
                "gamma": Between(0.005, 0.2, log=True),
                "components": Between(100, 300),
            },
        ),
        ModelKind(
            "logistic",
            "logistic regression",
            _logistic,
            polynomial,
            _balanced,
            {"C": 0.01},
            {"C": (0.001, 0.003, 0.01, 0.03, 0.1)},
            {"C": tuple(round(10 ** (exponent / 4), 6) for exponent in range(-14, 1))},
            {"C": Between(0.0003, 1.0, log=True)},
        ),
        ModelKind(
            "naive_bayes",
            "Gaussian naive Bayes",
            _bayes,
            scaled,
            # weights change nothing in it but the classes' own probabilities
            lambda _ratio: {"priors": (0.5, 0.5)},
            {"var_smoothing": 1e-3},
            {"var_smoothing": (1e-9, 1e-6, 1e-3, 1e-2, 1e-1)},
            {"var_smoothing": tuple(10.0**exponent for exponent in range(-10, 1))},
            {"var_smoothing": Between(1e-9, 1.0, log=True)},
            pace="quick",
        ),
        ModelKind(
            "mlp",
            "neural network",
            _network,
            scaled,
            None,
            {"layers": "32-16", "alpha": 0.3, "learning_rate_init": 0.002, "max_iter": 30, "activation": "relu"},
            {"layers": ("16", "32-16"), "alpha": (0.1, 0.3, 1.0)},
            {
                "layers": ("8", "16", "32", "32-16", "64-32"),
                "alpha": (0.03, 0.1, 0.3, 1.0, 3.0),
                "learning_rate_init": (0.001, 0.003),
                "activation": ("relu", "tanh"),
            },
            {
                "layers": OneOf(("8", "16", "32", "32-16", "64-32")),
                "alpha": Between(0.03, 3.0, log=True),
                "learning_rate_init": Between(0.0005, 0.01, log=True),
                "max_iter": Between(10, 50),
                "activation": OneOf(("relu", "tanh")),
            },
            pace="quick",
        ),
        ModelKind(
            "voting",
            "mean of the best three",
            _voting,
            _nothing,
            _nothing_more,
            {},
            {},
            {},
            pace="slow",
            of_best=STACKED,
            takes_margins=False,
        ),
        ModelKind(
            "stacking",
            "stacking of the best three",
            _stacking,
            _nothing,
            _nothing_more,
            {"C": 1.0},
            {"C": (0.1, 1.0)},
            {"C": (0.01, 0.1, 1.0, 10.0)},
            {"C": Between(0.01, 10.0, log=True)},
            pace="slow",
            of_best=STACKED,
        ),
    )
}


def build(
    kind: ModelKind,
    sampling: Sampling,
    schema: Schema,
    seed: int,
    parameters: Parameters,
    *,
    ratio: float,
    members: Members = (),
) -> Pipeline:
    """The whole pipeline, unfitted; ``parameters`` go over the kind's defaults.

    ``ratio`` is the training rows' negatives per positive, for the class weights. ``members`` are the pipelines that a
    stacking is made of: each weighs or resamples for itself, inside each inner fold, and nothing is done around them.
    """
    given = kind.defaults | parameters
    before: Steps = []
    if sampling == "weights" and kind.weights is not None:
        given = given | kind.weights(ratio)
    elif sampling == "weights":
        before = [("sample", oversampler(seed))]
    elif sampling == "smote" and not members:
        before = smote_steps(schema, seed)
    if members:
        given = given | {"members": members}
    return Pipeline([*before, *kind.steps(schema), ("classify", kind.classifier(seed, **given))])


def xgboost_pipeline(schema: Schema, seed: int, **parameters: Any) -> Pipeline:
    """Gradient-boosted trees as they come, neither weighted nor resampled."""
    return build(KINDS["xgboost"], "plain", schema, seed, parameters, ratio=1.0)
