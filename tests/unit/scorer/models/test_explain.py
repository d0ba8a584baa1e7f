"""Explanations add up to the margin, and the margin is the probability's."""

import dataclasses
import math
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from xgboost import XGBClassifier, XGBRFClassifier

from contract.messages import ModelRef
from contract.models.registry import TRUSTED_TYPES
from contract.records import columns_frame, features_type
from contract.schema import Schema, parse_schema
from scorer.models.direct import direct
from scorer.models.explain import Explanation, NotExplainableError, explainer
from scorer.models.loaded import Model
from tests.support.models import small_pipeline
from training.kinds.kinds import KINDS
from training.kinds.sampling import SAMPLINGS, Sampling, strip_training

SCHEMA = parse_schema(
    {
        "name": "calls",
        "id": "id",
        "on_violation": "score",
        "label": {"column": "left"},
        "features": {
            "calls": {"kind": "numeric", "missing": True},
            "plan": {"kind": "categorical", "categories": ["flat", "prepaid", "business"], "missing": True},
            "tier": {"kind": "ordinal", "min": 0, "max": 5, "missing": True},
            "region": {"kind": "categorical", "categories": ["north", "south"]},
            "abroad": {"kind": "flag"},
        },
    }
)
FEATURES = features_type(SCHEMA)
ROWS = 400
CATEGORIES = {name: list(SCHEMA.feature(name).categories) for name in SCHEMA.categorical}
RECORDS = st.lists(
    st.builds(
        FEATURES,
        calls=st.floats(-1e6, 1e6) | st.integers(0, 9) | st.none(),
        plan=st.sampled_from([*CATEGORIES["plan"], "other", None]),
        tier=st.integers(-1, 6) | st.none(),
        region=st.sampled_from([*CATEGORIES["region"], "elsewhere"]),
        abroad=st.integers(0, 1),
    ),
    min_size=1,
    max_size=20,
)


@cache
def table(rule: str = "several") -> tuple[pd.DataFrame, npt.NDArray[np.int64]]:
    """Random rows with gaps; the label depends on several features, or on the plan alone. A quarter have label 1."""
    rng = np.random.default_rng(0)
    frame = columns_frame(
        SCHEMA,
        [
            np.where(rng.random(ROWS) < 0.1, None, rng.integers(0, 9, ROWS).astype(object)),
            rng.choice(np.array(["flat", "prepaid", "business", None], dtype=object), ROWS),
            rng.integers(0, 6, ROWS),
            rng.choice(["north", "south"], ROWS),
            rng.integers(0, 2, ROWS),
        ],
    )
    if rule == "plan":
        return frame, (frame["plan"] == "prepaid").astype(int).to_numpy()
    score = (
        frame["calls"].fillna(0) + 3 * (frame["plan"] == "flat") + 2 * frame["abroad"] * (frame["region"] == "north")
    )
    return frame, (score + rng.normal(size=ROWS) > np.quantile(score, 0.75)).astype(int).to_numpy()


def model_of(classifier: Any, schema: Schema = SCHEMA) -> Model:
    return Model(ModelRef("churn", 3), 0.5, schema, classifier)


@cache
def fitted(kind: str, sampling: Sampling) -> Any:
    """A pipeline as it is registered and loaded again."""
    pipeline = small_pipeline(kind, sampling, SCHEMA, ratio=3.0).fit(*table())
    strip_training(pipeline)
    return skops.io.loads(skops.io.dumps(pipeline), trusted=list(TRUSTED_TYPES))


def adds_up(model: Model, records: list[msgspec.Struct]) -> list[Explanation]:
    explanations = explainer(model).explain(records)
    probabilities, _ = model.score(records)
    assert len(explanations) == len(records)
    for one, probability in zip(explanations, probabilities, strict=True):
        assert list(one.contributions) == list(SCHEMA.names)
        parts = [one.bias, *one.contributions.values()]
        scale = max(1.0, *map(abs, parts))
        assert sum(parts) == pytest.approx(one.margin, rel=1e-4, abs=1e-5 * scale)
        assert 1 / (1 + math.exp(-one.margin)) == pytest.approx(probability, abs=1e-6)
    return explanations


@pytest.mark.parametrize("sampling", SAMPLINGS)
@settings(max_examples=40, deadline=None)
@given(records=RECORDS)
def test_contributions_add_up_to_the_margin_and_the_margin_is_the_probability_s(
    sampling: Sampling, records: list[msgspec.Struct]
) -> None:
    adds_up(model_of(fitted("xgboost", sampling)), records)


def sample(count: int = 40) -> list[msgspec.Struct]:
    frame = table()[0].astype(object)
    return [FEATURES(**row) for row in frame.where(frame.notna(), None).head(count).to_dict("records")]


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_a_record_is_explained_alone_as_in_a_batch(sampling: Sampling) -> None:
    found = explainer(model_of(fitted("xgboost", sampling)))
    assert found.explain(sample()) == [found.explain([record])[0] for record in sample()]
    assert found.explain([]) == []


def test_the_direct_way_s_model_is_explained_with_its_probability() -> None:
    classifier = fitted("xgboost", "weights")
    model = dataclasses.replace(model_of(classifier), direct=direct(classifier, SCHEMA))
    assert model.direct is not None
    assert adds_up(model, sample()) == adds_up(model_of(classifier), sample())


def xgboost(encoder: ColumnTransformer, rule: str = "several", **parameters: Any) -> Any:
    given = {"n_estimators": 10, "max_depth": 3, "n_jobs": 1, "random_state": 0} | parameters
    return Pipeline([("prepare", encoder), ("classify", XGBClassifier(**given))]).fit(*table(rule))


def indicators(*names: str) -> OneHotEncoder:
    return OneHotEncoder(categories=[CATEGORIES[name] for name in names], handle_unknown="ignore", sparse_output=False)


USUAL = ColumnTransformer(
    [("categories", indicators("plan", "region"), ["plan", "region"]), ("numbers", "passthrough", list(SCHEMA.numeric))]
)
REORDERED = ColumnTransformer(
    [
        ("flags", "passthrough", ["abroad"]),
        ("categories", indicators("region", "plan"), ["region", "plan"]),
        ("numbers", "passthrough", ["tier", "calls"]),
    ]
)


def test_columns_are_told_apart_in_any_order() -> None:
    usual, reordered = (adds_up(model_of(xgboost(clone(each))), sample()) for each in (USUAL, REORDERED))
    for one, other in zip(usual, reordered, strict=True):
        assert one.contributions == pytest.approx(other.contributions, abs=1e-5)
    # the label does not depend on it
    assert max(abs(one.contributions["tier"]) for one in usual) < max(abs(one.contributions["calls"]) for one in usual)


@pytest.mark.parametrize("encoder", [USUAL, REORDERED])
def test_the_only_feature_that_splits_has_the_whole_contribution(encoder: ColumnTransformer) -> None:
    model = model_of(xgboost(clone(encoder), "plan", base_score=0.2))
    explanations = adds_up(model, sample())
    for record, one in zip(sample(), explanations, strict=True):
        assert one.contributions == dict.fromkeys(SCHEMA.names, 0.0) | {"plan": one.contributions["plan"]}
        assert one.margin - one.bias == pytest.approx(one.contributions["plan"], rel=1e-4)
        assert (one.contributions["plan"] > 0) is (record.plan == "prepaid")  # type: ignore[attr-defined]


def test_one_split_s_values_are_those_of_the_definition() -> None:
    """One tree with one split: its leaves, minus their mean over the training rows weighed by the hessian."""
    classifier = xgboost(clone(USUAL), "plan", n_estimators=1, max_depth=1, base_score=0.5, reg_lambda=0.0)
    rows, y = table("plan")
    share = y.mean()
    learning_rate = 0.3
    # gradient / hessian at probability 1/2 is ±2
    leaves = {True: 2 * learning_rate, False: -2 * learning_rate}
    expected = share * leaves[True] + (1 - share) * leaves[False]
    for record, one in zip(sample(), adds_up(model_of(classifier), sample()), strict=True):
        leaf = leaves[record.plan == "prepaid"]  # type: ignore[attr-defined]
        assert one.margin == pytest.approx(leaf, abs=1e-5)
        assert one.bias == pytest.approx(expected, abs=1e-5)
        assert one.contributions["plan"] == pytest.approx(leaf - expected, abs=1e-5)
    assert len(rows) == ROWS


def test_a_feature_that_the_model_leaves_out_contributes_nothing() -> None:
    only = ColumnTransformer([("numbers", "passthrough", ["calls", "abroad"])])
    for one in adds_up(model_of(xgboost(only)), sample()):
        assert [one.contributions[name] for name in ("plan", "tier", "region")] == [0.0, 0.0, 0.0]


def test_a_model_that_was_stopped_early_is_explained_by_the_trees_that_score() -> None:
    X, y = table()
    matrix = clone(USUAL).fit(X).transform(X)
    trees = XGBClassifier(n_estimators=200, early_stopping_rounds=1, learning_rate=0.9, n_jobs=1)
    trees.fit(matrix[:200], y[:200], eval_set=[(matrix[200:], y[200:])], verbose=False)
    assert trees.best_iteration + 1 < trees.get_booster().num_boosted_rounds()
    adds_up(model_of(Pipeline([("prepare", clone(USUAL).fit(X)), ("classify", trees)])), sample())


@pytest.mark.parametrize("sampling", ["plain", "smote"])
def test_several_threads_get_what_one_gets(sampling: Sampling) -> None:
    found = explainer(model_of(fitted("xgboost", sampling)))
    expected = [found.explain([record]) for record in sample()]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            assert list(pool.map(lambda record: found.explain([record]), sample())) == expected


NAMES = {
    "knn": "KNeighborsClassifier",
    "tree": "DecisionTreeClassifier",
    "forest": "RandomForestClassifier",
    "svm": "LinearSVC",
    "logistic": "LogisticRegression",
    "naive_bayes": "GaussianNB",
    "mlp": "MLPClassifier",
    "voting": "VotingClassifier",
    "stacking": "StackingClassifier",
}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "xgboost"])
def test_every_other_kind_is_refused_by_name_and_with_the_remedy(kind: str) -> None:
    with pytest.raises(NotExplainableError) as caught:
        explainer(model_of(fitted(kind, "plain")))
    assert str(caught.value) == (
        f"churn v3 is of type {NAMES[kind]}, and only XGBoost models can be explained; train one with "
        "`churnstream train --data TABLE --force`"
    )


def test_a_calibrated_model_is_refused() -> None:
    for kind, expected in (("xgboost", r"calibrated \(sigmoid\)"), ("logistic", "of type LogisticRegression")):
        pipeline = small_pipeline(kind, "plain", SCHEMA)
        whole = CalibratedClassifierCV(pipeline, method="sigmoid", ensemble=False, cv=2).fit(*table())
        with pytest.raises(NotExplainableError, match=expected):
            explainer(model_of(whole))


def other_makes() -> list[Any]:
    X, y = table()
    numbers = X[list(SCHEMA.numeric)]
    leaving = ColumnTransformer([("categories", indicators("plan"), ["plan"])], remainder="drop")
    scaled = ColumnTransformer([("numbers", StandardScaler(), list(SCHEMA.numeric))])
    return [
        xgboost(scaled),
        xgboost(clone(USUAL), booster="gblinear"),
        xgboost(clone(USUAL), booster="dart"),
        xgboost(clone(USUAL), objective="binary:logitraw"),
        XGBClassifier(n_estimators=2).fit(numbers, y),
        Pipeline([("classify", XGBClassifier(n_estimators=2))]).fit(numbers, y),
        Pipeline([("prepare", clone(leaving)), ("scale", StandardScaler()), ("classify", XGBClassifier())]).fit(X, y),
    ]


def test_an_xgboost_model_of_another_make_is_refused() -> None:
    for classifier in other_makes():
        with pytest.raises(NotExplainableError, match="that churnstream did not make"):
            explainer(model_of(classifier))
    forest = Pipeline([("prepare", clone(USUAL)), ("classify", XGBRFClassifier(n_estimators=2))]).fit(*table())
    with pytest.raises(NotExplainableError, match="of type XGBRFClassifier"):
        explainer(model_of(forest))
