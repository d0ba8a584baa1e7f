"""The way around the data frame gives what the frame gives, to the bit, or is not taken."""

import logging
from collections.abc import Callable
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
from imblearn.pipeline import Pipeline
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline as SkPipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from contract.bounds import LARGEST_INTEGER, LARGEST_NUMBER
from contract.messages import ModelRef
from contract.models.registry import TRUSTED_TYPES, positive_probabilities
from contract.records import columns_frame, feature_frame, features_type
from contract.schema import Feature, FeatureKind, load_schema
from scorer.models.direct import Direct, Encoding, checked_direct, direct
from scorer.models.loaded import Model
from tests.support.models import CALLS, small_pipeline
from training.kinds.kinds import KINDS
from training.kinds.sampling import SAMPLINGS, Sampling, strip_training

SCHEMA = CALLS
FEATURES = features_type(SCHEMA)
DIRECT_KINDS = {"xgboost", "tree", "forest"}
CATEGORIES, NUMBERS = list(SCHEMA.categorical), list(SCHEMA.numeric)
ROWS = 300


def _values(feature: Feature) -> st.SearchStrategy[Any]:
    if feature.kind is FeatureKind.CATEGORICAL:
        value: st.SearchStrategy[Any] = st.sampled_from([*feature.categories, "", "Flat", "elsewhere"]) | st.text()
    elif feature.kind is FeatureKind.NUMERIC:
        value = st.floats(-LARGEST_NUMBER, LARGEST_NUMBER) | st.floats(0, 100) | st.just(-0.0)
    else:
        value = st.integers(-LARGEST_INTEGER, LARGEST_INTEGER) | st.integers(0, 5)
    return value | st.none() if feature.missing else value


RECORDS = st.lists(
    st.builds(FEATURES, **{feature.name: _values(feature) for feature in SCHEMA.features}), min_size=1, max_size=20
)


@cache
def table() -> tuple[pd.DataFrame, npt.NDArray[np.int64]]:
    """Random rows with gaps, whose label depends on two of the features."""
    rng = np.random.default_rng(0)
    cells = {
        feature.name: rng.choice([*feature.categories, None], ROWS)
        if feature.is_categorical
        else np.where(rng.random(ROWS) < 0.1, None, rng.integers(0, 6, ROWS).astype(object))
        for feature in SCHEMA.features
    }
    frame = columns_frame(SCHEMA, [cells[name].tolist() for name in SCHEMA.names])
    score = frame["calls"].fillna(0) + 2 * (frame["plan"] == "flat")
    return frame, (score + rng.normal(size=ROWS) > 3.5).astype(int).to_numpy()


def structs(frame: pd.DataFrame) -> list[msgspec.Struct]:
    rows = frame.astype(object).where(frame.notna(), None)
    return [FEATURES(**row) for row in rows.to_dict("records")]


@cache
def fitted(kind: str, sampling: Sampling) -> Any:
    """A pipeline as it is registered and loaded again."""
    pipeline = small_pipeline(kind, sampling, SCHEMA).fit(*table())
    strip_training(pipeline)
    return skops.io.loads(skops.io.dumps(pipeline), trusted=list(TRUSTED_TYPES))


@cache
def calibrated(kind: str, method: str) -> Any:
    whole = CalibratedClassifierCV(small_pipeline(kind, "plain", SCHEMA), method=method, ensemble=False)
    return skops.io.loads(skops.io.dumps(whole.fit(*table())), trusted=list(TRUSTED_TYPES))


def same(found: Direct, classifier: Any, records: list[msgspec.Struct]) -> None:
    """The same matrix as the first step's, and the same probabilities, for each record alone, too."""
    frame = feature_frame(SCHEMA, records)
    pipeline = classifier.calibrated_classifiers_[0].estimator if hasattr(classifier, "method") else classifier
    expected = pipeline.steps[0][1].transform(frame)
    matrix = found.encoding.matrix(records)
    assert (matrix.dtype, matrix.shape) == (expected.dtype, expected.shape)
    # NaN and -0.0 included
    assert matrix.tobytes() == np.ascontiguousarray(expected).tobytes()
    together = found.probabilities(records)
    assert together.dtype == np.float64
    assert together.tolist() == positive_probabilities(classifier, frame).tolist()
    for number, record in enumerate(records):
        assert found.probabilities([record])[0] == positive_probabilities(classifier, frame.iloc[[number]])[0]


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_has_a_direct_way_or_none_as_its_first_step_says(kind: str, sampling: Sampling) -> None:
    expected = kind in DIRECT_KINDS and sampling != "smote"
    assert (direct(fitted(kind, sampling), SCHEMA) is not None) is expected
    assert (checked_direct(fitted(kind, sampling), SCHEMA, "churn v1") is not None) is expected


@pytest.mark.parametrize("kind", sorted(DIRECT_KINDS))
@settings(max_examples=60, deadline=None)
@given(records=RECORDS)
def test_the_direct_way_gives_the_frame_s_matrix_and_probabilities(kind: str, records: list[msgspec.Struct]) -> None:
    classifier = fitted(kind, "weights")
    found = direct(classifier, SCHEMA)
    assert found is not None
    same(found, classifier, records)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@settings(max_examples=20, deadline=None)
@given(records=RECORDS)
def test_a_calibrated_pipeline_is_calibrated_on_the_direct_way_too(method: str, records: list[msgspec.Struct]) -> None:
    classifier = calibrated("xgboost", method)
    before = classifier.calibrated_classifiers_[0].estimator
    found = direct(classifier, SCHEMA)
    assert found is not None
    same(found, classifier, records)
    assert classifier.calibrated_classifiers_[0].estimator is before, "the model itself is left as it is"


def encoder(*names: str, **changed: Any) -> OneHotEncoder:
    """0/1 columns of the schema's categories of these features, as they are known, but for what is ``changed``."""
    categories = [list(SCHEMA.feature(name).categories) for name in names or CATEGORIES]
    given = {"categories": categories, "handle_unknown": "ignore", "sparse_output": False}
    return OneHotEncoder(**(given | changed))


def columns(parts: list[tuple[str, Any, Any]], **more: Any) -> ColumnTransformer:
    return ColumnTransformer(parts, **more)


def tree(*steps: Any, kind: type[SkPipeline] = SkPipeline) -> Any:
    named = [(f"step {number}", step) for number, step in enumerate(steps)]
    return kind([*named, ("classify", DecisionTreeClassifier(max_depth=5))]).fit(*table())


@cache
def cached(make: Callable[[], Any]) -> Any:
    return make()


PLAIN = ("numbers", "passthrough", NUMBERS)


@pytest.mark.parametrize(
    "make",
    [
        lambda: tree(columns([PLAIN, ("categories", encoder(), CATEGORIES)])),
        lambda: tree(
            columns([("a", "passthrough", ["months"]), ("b", encoder("region"), ["region"]), ("c", "passthrough", [])])
        ),
        lambda: tree(
            columns([("z", encoder("region", "plan"), ["region", "plan"]), ("y", "passthrough", NUMBERS[::-1])])
        ),
        lambda: tree(columns([("y", "passthrough", ["tier"]), ("x", "drop", ["plan"]), PLAIN]), kind=Pipeline),
        lambda: tree(columns([("categories", encoder(categories=[["süd"]]), ["region"]), PLAIN])),
        lambda: tree(columns([("none", encoder(categories=[]), []), PLAIN])),
        lambda: tree(columns([("again", FunctionTransformer(), NUMBERS)])),
        lambda: SkPipeline(
            [
                ("prepare", columns([("categories", encoder(categories=[["flat", "prepaid"]]), ["plan"])])),
                ("scale", StandardScaler()),
                ("classify", LogisticRegression()),
            ]
        ).fit(*table()),
    ],
)
@settings(max_examples=15, deadline=None)
@given(records=RECORDS)
def test_other_orders_columns_and_later_steps_are_known_too(
    make: Callable[[], Any], records: list[msgspec.Struct]
) -> None:
    classifier = cached(make)
    found = direct(classifier, SCHEMA)
    assert found is not None
    same(found, classifier, records)


@pytest.mark.parametrize(
    "first",
    [
        columns([("categories", encoder(), CATEGORIES)], remainder="passthrough"),
        columns([("categories", encoder(), CATEGORIES)], remainder=FunctionTransformer()),
        columns([("categories", encoder(drop="first"), CATEGORIES), PLAIN]),
        columns([("categories", encoder(drop="if_binary"), CATEGORIES), PLAIN]),
        columns([("categories", encoder(max_categories=2, handle_unknown="infrequent_if_exist"), CATEGORIES), PLAIN]),
        columns([("categories", encoder(min_frequency=120), CATEGORIES), PLAIN]),
        columns([("categories", encoder(sparse_output=True), CATEGORIES), PLAIN]),
        columns([("categories", encoder(handle_unknown="warn"), CATEGORIES), PLAIN]),
        columns([("categories", encoder(dtype=np.float32), CATEGORIES), PLAIN]),
        columns([("categories", encoder(), CATEGORIES), PLAIN], transformer_weights={"numbers": 2.0}),
        columns([("categories", OrdinalEncoder(), CATEGORIES), PLAIN]),
        columns([("numbers", StandardScaler(), NUMBERS)]),
        columns([("numbers", FunctionTransformer(np.abs), NUMBERS)]),
        columns([("categories", encoder(categories="auto"), ["plan"])]),  # null is a category of its own
        columns([("ordinals", encoder(categories=[[0.0, 1.0, 2.0]]), ["tier"])]),
        columns([("number", "passthrough", slice(0, 1))]),
        columns([("number", "passthrough", [0])]),
        columns([("number", "passthrough", lambda frame: frame.select_dtypes("number").columns)]),
        columns([PLAIN], verbose_feature_names_out=False).set_output(transform="pandas"),
        FunctionTransformer(lambda frame: frame[NUMBERS].to_numpy()),
    ],
)
def test_any_other_first_step_goes_through_the_frame(first: Any) -> None:
    assert direct(tree(first), SCHEMA) is None


def test_a_calibration_of_several_pipelines_and_a_derived_class_go_through_the_frame() -> None:
    class Other(SkPipeline):  # type: ignore[misc]
        pass

    first = columns([("categories", encoder(), CATEGORIES), PLAIN])
    assert direct(tree(first), SCHEMA) is not None
    assert direct(tree(first, kind=Other), SCHEMA) is None
    several = CalibratedClassifierCV(small_pipeline("tree", "plain", SCHEMA), cv=3, ensemble=True).fit(*table())
    assert direct(several, SCHEMA) is None


def test_a_column_of_another_schema_goes_through_the_frame() -> None:
    assert direct(fitted("tree", "plain"), load_schema("bank_churn")) is None


def test_a_model_scores_on_its_direct_way() -> None:
    classifier, ref = fitted("xgboost", "plain"), ModelRef("churn", 1)
    records = structs(table()[0])
    found = direct(classifier, SCHEMA)
    # a classifier that cannot answer: only the direct way can
    quick, slow = Model(ref, 0.4, SCHEMA, None, direct=found), Model(ref, 0.4, SCHEMA, classifier)  # type: ignore[arg-type]
    for one, other in zip(quick.score(records), slow.score(records), strict=True):
        assert one.dtype == other.dtype
        assert one.tolist() == other.tolist()
    assert len(quick.score([])[0]) == 0


@pytest.mark.parametrize("fault", ["wrong cell", "exception"])
def test_a_direct_way_that_differs_is_not_taken_and_a_warning_says_so(
    fault: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    original = Encoding.matrix

    def faulty(self: Encoding, features: list[msgspec.Struct]) -> npt.NDArray[np.float64]:
        matrix = original(self, features)
        if fault == "exception":
            raise ValueError("no such column")
        matrix[-1, -1] = 7
        return matrix

    monkeypatch.setattr(Encoding, "matrix", faulty)
    with caplog.at_level(logging.WARNING):
        assert checked_direct(fitted("tree", "plain"), SCHEMA, "churn v3") is None
    assert "churn v3 is scored through a data frame" in caplog.text
    assert ("it differs" if fault == "wrong cell" else "ValueError: no such column") in caplog.text


def test_the_comparison_notices_exchanged_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Encoding.matrix
    monkeypatch.setattr(Encoding, "matrix", lambda self, features: original(self, features)[:, ::-1].copy())
    assert checked_direct(fitted("forest", "plain"), SCHEMA, "churn v3") is None
