import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.metrics import brier_score_loss, f1_score

from contract.arrays import Mask
from contract.models.registry import TRUSTED_TYPES, positive_probabilities
from contract.records import columns_frame
from contract.schema import load_schema
from contract.split.held_out import held_out
from tests.support.tables.toy import toy_table
from training.kinds.kinds import xgboost_pipeline
from training.selection import fitting
from training.selection.develop import develop
from training.selection.fitting import THRESHOLD_DRAWS, best_threshold, fit, stable_threshold, validate
from training.table.prepare import Table, read_table
from training.table.split import folds

SCHEMA = load_schema("bank_churn")
TREES = 30


@pytest.fixture(scope="module")
def rows() -> Table:
    return read_table(toy_table(800), SCHEMA)


def poisoned(rows: Table, test: Mask) -> Table:
    """The same rows, those to be held out with wrong labels and absurd features."""
    X = rows.X.copy()
    for name in SCHEMA.numeric:
        X.loc[test, name] = 1e9
    for name in SCHEMA.categorical:
        X.loc[test, name] = "nowhere"
    return Table(X, np.where(test, 1 - rows.y, rows.y), rows.customers, "", rows.rows_read, {}, 0)


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_in_the_test_set_reaches_the_model_or_the_threshold(rows: Table, seed: int) -> None:
    test = held_out(rows.customers)
    clean, spoiled = develop(rows, test, SCHEMA, seed), develop(poisoned(rows, test), test, SCHEMA, seed)
    assert spoiled.fitted.threshold == clean.fitted.threshold
    assert spoiled.fitted.calibration == clean.fitted.calibration
    assert spoiled.fitted.validated.brier == clean.fitted.validated.brier
    clean_scores = positive_probabilities(clean.fitted.classifier, rows.X)
    assert (positive_probabilities(spoiled.fitted.classifier, rows.X) == clean_scores).all()
    assert not (spoiled.held_out.scores == clean.held_out.scores).all()


def test_scores_as_served_are_values_that_the_served_map_gives(rows: Table) -> None:
    # trees that are far too sure of themselves, so that an isotonic map is chosen
    pipeline = xgboost_pipeline(SCHEMA, 0, n_estimators=200, max_depth=8, learning_rate=0.5)
    fitted = fit(pipeline, rows.X, rows.y, folds(rows.customers, rows.y, 0))
    assert fitted.calibration == "isotonic"
    classifier: Any = fitted.classifier
    (served,) = classifier.calibrated_classifiers_[0].calibrators
    # but for the last digit where the map interpolates within a step
    assert np.isin(fitted.validated.as_served, served.y_thresholds_.astype(np.float64)).mean() > 0.95


def test_each_validation_probability_is_by_a_model_that_has_not_seen_the_row(rows: Table) -> None:
    splits = folds(rows.customers, rows.y, 0)
    pipeline = xgboost_pipeline(SCHEMA, 0, n_estimators=TREES)
    fitted = fit(pipeline, rows.X, rows.y, splits)
    by_hand = np.empty(len(rows.y))
    for training, validation in splits:
        model = clone(pipeline).fit(rows.X.iloc[training], rows.y[training])
        by_hand[validation] = positive_probabilities(model, rows.X.iloc[validation])
    assert fitted.validated.brier["none"] == brier_score_loss(rows.y, by_hand)
    assert not hasattr(pipeline.steps[-1][1], "classes_")


def test_the_threshold_has_nearly_the_best_f1_of_the_validation_probabilities(rows: Table) -> None:
    fitted = fit(xgboost_pipeline(SCHEMA, 0, n_estimators=TREES), rows.X, rows.y, folds(rows.customers, rows.y, 0))
    best = max(f1_score(rows.y, fitted.validated.scores >= score) for score in np.unique(fitted.validated.scores))
    assert best - 0.01 <= f1_score(rows.y, fitted.validated.scores >= fitted.threshold) <= best


def test_the_threshold_is_nearer_to_the_truth_than_the_best_one_of_a_sample() -> None:
    # with the true probabilities as scores, the threshold with the best expected F1 is known from many rows
    many = np.random.default_rng(0).random(1_000_000) ** 2
    levels = np.sort(many)[::-1]
    expected = 2 * np.cumsum(levels) / (np.arange(1, len(levels) + 1) + levels.sum())
    truth = levels[np.argmax(expected)]
    misses = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        scores = rng.random(2_000) ** 2
        y = (rng.random(2_000) < scores).astype(np.int64)
        misses.append([(choose(y, scores) - truth) ** 2 for choose in (stable_threshold, best_threshold)])
    stable, best = np.mean(misses, axis=0)
    assert stable < 0.8 * best


@settings(deadline=None)  # no timing is asserted
@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.25, 0.5, 1.0]))), min_size=1
    )
)
@example([(0, 0.0), (1, 5e-324)])  # no double lies between the two
def test_no_threshold_beats_the_best_one(pairs: list[tuple[int, float]]) -> None:
    y = np.array([label for label, _ in pairs])
    scores = np.array([score for _, score in pairs])
    threshold = best_threshold(y, scores)
    assert 0 <= threshold <= 1
    best = max((f1_score(y, scores >= score, zero_division=0) for score in set(scores) - {0.0}), default=0.0)
    assert f1_score(y, scores >= threshold, zero_division=0) >= best - 1e-12


@pytest.mark.parametrize("trees", [5, 300])
def test_a_badly_calibrated_model_is_calibrated_and_costs_one_model(trees: int) -> None:
    rows = read_table(toy_table(1_500), SCHEMA)
    pipeline = xgboost_pipeline(SCHEMA, 0, n_estimators=trees, scale_pos_weight=20)
    fitted = fit(pipeline, rows.X, rows.y, folds(rows.customers, rows.y, 0))
    brier = fitted.validated.brier
    assert fitted.calibration == min(brier, key=lambda method: brier[method]) != "none"
    assert fitted.validated.brier[fitted.calibration] == brier_score_loss(rows.y, fitted.validated.scores)
    assert len(fitted.classifier.calibrated_classifiers_) == 1  # type: ignore[attr-defined]
    fresh = read_table(toy_table(1_500, seed=9), SCHEMA)
    raw = positive_probabilities(clone(pipeline).fit(rows.X, rows.y), fresh.X)
    calibrated = positive_probabilities(fitted.classifier, fresh.X)
    assert brier_score_loss(fresh.y, calibrated) < brier_score_loss(fresh.y, raw) - 0.01
    loaded = skops.io.loads(skops.io.dumps(fitted.classifier), trusted=list(TRUSTED_TYPES))
    assert (positive_probabilities(loaded, fresh.X) == calibrated).all()


def test_unknown_categories_and_missing_numbers_are_scored(rows: Table) -> None:
    fitted = xgboost_pipeline(SCHEMA, 0, n_estimators=TREES).fit(rows.X, rows.y)
    strange: pd.DataFrame = columns_frame(
        SCHEMA, [["Italy", None] if name in SCHEMA.categorical else [None, None] for name in SCHEMA.names]
    )
    assert np.isfinite(positive_probabilities(fitted, strange)).all()


def test_folds_fitted_in_threads_give_what_they_give_one_after_another(
    rows: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    splits = folds(rows.customers, rows.y, 0)
    pipeline = xgboost_pipeline(SCHEMA, 0, n_estimators=TREES)
    told: list[tuple[float, str]] = []
    alone = validate(pipeline, rows.X, rows.y, splits, tell=lambda done, doing: told.append((done, doing)))
    monkeypatch.setattr(fitting, "LARGE", 1)
    filters = list(warnings.filters)
    beside = validate(pipeline, rows.X, rows.y, splits, jobs=3)
    assert warnings.filters == filters
    assert (beside.scores == alone.scores).all()
    assert (beside.threshold, beside.brier) == (alone.threshold, alone.brier)
    assert told == [*((number / 5, f"fitting fold {number + 1} of 5") for number in range(5)), (1.0, told[-1][1])]


def test_a_model_fitted_beside_the_folds_is_the_one_that_is_fitted_after_them(
    rows: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = xgboost_pipeline(SCHEMA, 0, n_estimators=TREES, max_depth=3, learning_rate=0.15)
    splits = folds(rows.customers, rows.y, 0)
    after = fit(pipeline, rows.X, rows.y, splits)
    monkeypatch.setattr(fitting, "LARGE", 1)
    beside = validate(pipeline, rows.X, rows.y, splits, jobs=2, whole=True)
    fitted = fit(pipeline, rows.X, rows.y, splits, jobs=2, validated=beside)

    assert after.calibration == fitted.calibration == "none", "else the table shows nothing"
    assert fitted.classifier is beside.whole
    assert (fitted.classifier.predict_proba(rows.X) == after.classifier.predict_proba(rows.X)).all()
    assert (beside.scores == after.validated.scores).all()
    assert beside.threshold == after.threshold


@pytest.mark.parametrize("seed", range(20))
def test_the_stable_threshold_is_the_mean_of_the_best_ones_of_its_samples(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = np.round(rng.random(60), 1 + seed % 3)
    y = (rng.random(60) < scores).astype(np.int64)
    drawn = np.random.default_rng(0)
    samples = [drawn.integers(0, 60, 60) for _ in range(THRESHOLD_DRAWS)]
    assert stable_threshold(y, scores) == np.mean([best_threshold(y[rows], scores[rows]) for rows in samples])
