"""Every kind of model with every sampling: saved and loaded, alone and in a batch, and without leakage."""

import json
import zipfile
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import skops.io
from imblearn.pipeline import Pipeline
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from contract.models.registry import TRUSTED_TYPES, positive_probabilities
from contract.records import columns_frame
from contract.schema import Schema, load_schema
from tests.support.models import small_pipeline
from tests.support.sizes import size
from tests.support.tables.toy import toy_table
from training.kinds.kinds import KINDS
from training.kinds.sampling import SAMPLINGS, Sampling, smote_steps, strip_training
from training.selection.fitting import Fitted, fit, validate
from training.table.prepare import Table, read_table
from training.table.split import folds

SCHEMA = load_schema("bank_churn")
ALL = [(kind, sampling) for kind in KINDS for sampling in SAMPLINGS]
ALONE = size(ci=5, full=20)


@pytest.fixture(scope="module")
def rows() -> Table:
    return read_table(toy_table(500), SCHEMA)


@pytest.fixture(scope="module")
def fitted(rows: Table) -> Callable[[str, Sampling], Fitted]:
    """Each kind with each sampling, fitted once, and not to be changed."""

    @cache
    def fit_once(kind: str, sampling: Sampling) -> Fitted:
        return fit(small_pipeline(kind, sampling, SCHEMA), rows.X, rows.y, folds(rows.customers, rows.y, 0, 2))

    return fit_once


def types_in(model: bytes) -> str:
    with zipfile.ZipFile(BytesIO(model)) as file:
        return json.dumps(json.loads(file.read("schema.json")))


@pytest.mark.parametrize(("kind", "sampling"), ALL)
def test_a_row_alone_in_a_batch_before_saving_and_after_has_one_probability(
    fitted: Callable[[str, Sampling], Fitted], kind: str, sampling: Sampling
) -> None:
    classifier = deepcopy(fitted(kind, sampling).classifier)
    batch = read_table(toy_table(200, seed=5), SCHEMA).X
    before = positive_probabilities(classifier, batch)
    strip_training(classifier)
    saved = skops.io.dumps(classifier)
    loaded = skops.io.loads(saved, trusted=list(TRUSTED_TYPES))
    assert np.abs(positive_probabilities(loaded, batch) - before).max() <= 1e-6
    alone = [positive_probabilities(loaded, batch.iloc[[row]])[0] for row in range(ALONE)]
    assert np.abs(np.array(alone) - before[:ALONE]).max() <= 1e-6
    assert ((before >= 0) & (before <= 1)).all()
    assert np.std(before) > 0.01
    assert "over_sampling" not in types_in(saved)
    assert "Optimizer" not in types_in(saved)


@pytest.mark.parametrize("kind", KINDS)
def test_unknown_categories_and_missing_numbers_are_scored(
    fitted: Callable[[str, Sampling], Fitted], kind: str
) -> None:
    strange = columns_frame(
        SCHEMA, [["Italy", None] if name in SCHEMA.categorical else [None, None] for name in SCHEMA.names]
    )
    assert np.isfinite(positive_probabilities(fitted(kind, "smote").classifier, strange)).all()


@pytest.mark.parametrize(
    ("kind", "sampling"),
    [
        *((kind, sampling) for kind in ("xgboost", "knn", "forest", "logistic") for sampling in ("weights", "smote")),
        ("tree", "weights"),
        ("naive_bayes", "weights"),
        ("mlp", "weights"),
    ],
)
def test_weights_and_smote_make_the_rarer_class_weigh_more(kind: str, sampling: Sampling) -> None:
    rare = toy_table(1_500).query("Exited == 0 or CustomerId % 4 == 0")
    rows = read_table(rare, SCHEMA)
    ratio = float((rows.y == 0).sum() / (rows.y == 1).sum())
    assert ratio > 4
    fresh = read_table(toy_table(1_500, seed=7), SCHEMA).X
    plain, raised = (
        small_pipeline(kind, each, SCHEMA, ratio=ratio).fit(rows.X, rows.y).predict_proba(fresh)[:, 1].mean()
        for each in ("plain", sampling)
    )
    assert raised > plain + 0.03


class ProbeColumn(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Learns nothing, but writes down which rows it is fitted on and asked about, by the id in a column."""

    log: list[tuple[str, npt.NDArray[np.float64]]] = []  # noqa: RUF012 # clones share it

    def fit(self, X: pd.DataFrame, _y: npt.NDArray[np.int64]) -> "ProbeColumn":
        self.classes_ = np.array([0, 1])
        self.log.append(("fit", X["EstimatedSalary"].to_numpy()))
        return self

    def predict(self, _X: pd.DataFrame) -> npt.NDArray[np.int64]:
        raise AssertionError("probabilities are asked for")

    def predict_proba(self, X: pd.DataFrame) -> npt.NDArray[np.float64]:
        self.log.append(("score", X["EstimatedSalary"].to_numpy()))
        return np.column_stack([np.full(len(X), 0.6), np.full(len(X), 0.4)])


@pytest.mark.parametrize("stacked", [False, True])
def test_synthetic_rows_never_reach_a_fold_that_is_scored(rows: Table, stacked: bool) -> None:
    ids = np.arange(len(rows.y)) * 1_000.0
    X = rows.X.assign(EstimatedSalary=ids)
    ProbeColumn.log.clear()
    probe = Pipeline([*smote_steps(SCHEMA, 0), ("classify", ProbeColumn())])
    if stacked:
        probe = Pipeline([("classify", StackingClassifier([("probe", probe)], LogisticRegression(), cv=3))])
    splits = folds(rows.customers, rows.y, 0)
    validate(probe, X, rows.y, splits)
    real = set(ids)
    fitted_on: set[float] = set()
    fits = scored = 0
    for what, seen in ProbeColumn.log:
        if what == "fit":
            fits += 1
            fitted_on = set(seen)
            assert fitted_on - real, "SMOTE has added rows, or the test would show nothing"
            outer = min(fits - 1, 19) // 4 if stacked else fits - 1
            # nothing of the outer fold's validation rows, real or not, is learned from
            assert not fitted_on & set(ids[splits[outer][1]])
        else:
            scored += 1
            assert set(seen) <= real
            if not stacked:
                assert set(seen) == set(ids[splits[fits - 1][1]])
            assert len(seen) == len(set(seen))
    assert (fits, scored) == ((20, 20) if stacked else (5, 5))


@pytest.mark.parametrize(("kind", "sampling"), [("xgboost", "smote"), ("logistic", "smote"), ("knn", "weights")])
def test_labels_that_mean_nothing_cannot_be_predicted(kind: str, sampling: Sampling) -> None:
    table = toy_table(size(ci=3_000, full=6_000))
    table["Exited"] = np.random.default_rng(1).permutation(table["Exited"])
    rows = read_table(table, SCHEMA)
    found = validate(small_pipeline(kind, sampling, SCHEMA), rows.X, rows.y, folds(rows.customers, rows.y, 0))
    assert roc_auc_score(rows.y, found.scores) == pytest.approx(0.5, abs=0.03)


def other_schema(folder: Path, features: str) -> Schema:
    path = folder / "other.toml"
    path.write_text(f'name = "other"\nid = "id"\non_violation = "score"\n[label]\ncolumn = "left"\n{features}')
    return load_schema(str(path))


NUMBERS = "".join(f'[features.n{number}]\nkind = "numeric"\nmissing = true\n' for number in range(3))
NAMES = "".join(
    f'[features.c{number}]\nkind = "categorical"\ncategories = ["a", "b"]\nmissing = true\n' for number in range(3)
)


@pytest.mark.parametrize("features", [NUMBERS, NAMES, NUMBERS + NAMES])
@pytest.mark.parametrize("kind", ["xgboost", "logistic", "knn", "mlp"])
@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_any_mixture_of_columns_with_gaps_can_be_learned_from(
    tmp_path: Path, features: str, kind: str, sampling: Sampling
) -> None:
    schema = other_schema(tmp_path, features)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"id": range(400), "left": rng.integers(0, 4, 400) // 3})
    for feature in schema.features:
        column: pd.Series[float] | pd.Series[str]
        if feature.is_categorical:
            column = pd.Series(rng.choice(["a", "b", "c"], 400), dtype=object).where(frame["left"] == 0, "a")
        else:
            column = pd.Series(rng.normal(size=400) + frame["left"])
        frame[feature.name] = column.where(rng.random(400) > 0.1, None)
    rows = read_table(frame, schema)
    found = validate(small_pipeline(kind, sampling, schema), rows.X, rows.y, folds(rows.customers, rows.y, 0, 3))
    assert roc_auc_score(rows.y, found.scores) > 0.7
