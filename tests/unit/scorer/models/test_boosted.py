"""Compiled trees give XGBoost's probabilities, to the bit, or are not used."""

import logging
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn.pipeline import Pipeline
from sklearn.calibration import CalibratedClassifierCV
from xgboost import XGBClassifier

from contract.bounds import LARGEST_INTEGER, LARGEST_NUMBER
from contract.messages import ModelRef
from contract.models.registry import positive_probabilities
from contract.records import features_type
from contract.schema import Feature, parse_schema
from scorer.kernels import boosted as loops
from scorer.models import boosted_check
from scorer.models.boosted import Boosted, boosted
from scorer.models.boosted_check import with_compiled_trees
from scorer.models.columns import CheckedColumns
from scorer.models.direct import Direct, direct
from scorer.models.loaded import Model
from tests.support.models import CALLS
from tests.support.sizes import size
from training.kinds.encoding import trees as encoded

SCHEMA = CALLS
FEATURES = features_type(SCHEMA)
ROWS = 3_000
SIZES = (1, 2, 8, 9, 63, 64, 65, 1_023, 1_024, 1_025, ROWS)
"""Records of a call: few, part of a vector, a block and its neighbours, several blocks."""


@cache
def table() -> tuple[CheckedColumns, npt.NDArray[np.int64]]:
    """Random records with gaps, whose label depends on three of the features."""
    rng = np.random.default_rng(0)
    values = np.array(
        [
            rng.normal(30, 20, ROWS),
            rng.integers(0, 3, ROWS),
            rng.integers(0, 6, ROWS),
            rng.integers(0, 2, ROWS),
            rng.integers(0, 2, ROWS),
            rng.uniform(0, 99.5, ROWS),
        ]
    )
    values[rng.random(values.shape) < 0.1] = np.nan
    score = np.nan_to_num(values[0]) / 20 + 2 * (values[1] == 0) + np.sin(np.nan_to_num(values[5]))
    return CheckedColumns(values), (score + rng.normal(size=ROWS) > 2.5).astype(np.int64)


@cache
def fitted(calibration: str | None = None, **parameters: Any) -> Any:
    given = {"n_estimators": 12, "max_depth": 4, "n_jobs": 1, "random_state": 0} | parameters
    pipeline = Pipeline([*encoded(SCHEMA), ("classify", XGBClassifier(**given))])
    whole = CalibratedClassifierCV(pipeline, method=calibration, ensemble=False) if calibration else pipeline
    columns, labels = table()
    return whole.fit(columns.frame(SCHEMA), labels)


def ways(classifier: Any) -> tuple[Direct, Boosted | None]:
    found = direct(classifier, SCHEMA)
    assert found is not None
    return found, boosted(found.rest, found.encoding, SCHEMA)


def same(classifier: Any) -> Boosted:
    """The compiled trees, which give the bits of the whole pipeline for any number of records."""
    _, compiled = ways(classifier)
    assert compiled is not None
    columns, _ = table()
    expected = positive_probabilities(classifier, columns.frame(SCHEMA))
    assert 0 < expected.min() < expected.max() < 1
    for count in SIZES:
        got = compiled.of_columns(columns.part(0, count))
        assert got.dtype == np.float64
        assert got.tolist() == expected[:count].tolist(), count
    return compiled


@pytest.mark.parametrize("depth", range(1, loops.MOST_DEPTH + 1))
def test_trees_of_each_depth(depth: int) -> None:
    compiled = same(fitted(max_depth=depth, min_child_weight=0, gamma=0.3))
    assert compiled.trees.depth.max() == max(loops.LEAST_DEPTH, depth)


@pytest.mark.parametrize(
    "parameters",
    [
        {"scale_pos_weight": 3.0, "subsample": 0.5, "colsample_bytree": 0.5},
        {"base_score": 0.03},
        {"num_parallel_tree": 3},
        {"gamma": 40.0, "n_estimators": 30},  # some trees have one leaf
        {"max_delta_step": 100, "learning_rate": 30.0, "reg_lambda": 0, "n_estimators": 40},  # margins beyond 88.7
        {"tree_method": "exact"},
        {"grow_policy": "lossguide", "max_leaves": 9, "max_depth": 6},
    ],
)
def test_other_trees(parameters: dict[str, Any]) -> None:
    classifier = fitted(**parameters)
    _, compiled = ways(classifier)
    assert compiled is not None
    columns, _ = table()
    expected = positive_probabilities(classifier, columns.frame(SCHEMA))
    assert compiled.of_columns(columns).tolist() == expected.tolist()
    if "learning_rate" in parameters:
        margins = classifier[-1].predict(classifier[:-1].transform(columns.frame(SCHEMA)), output_margin=True)
        assert margins.min() < -88.7
        assert margins.max() > 88.7


def test_more_cuts_than_a_byte_tells_apart() -> None:
    compiled = same(fitted(max_bin=2_000, n_estimators=60, max_depth=6, min_child_weight=0))
    assert len(compiled.cuts_of(0)) > loops.MOST_RANK
    # two would be enough for all that a byte tells apart, with gaps to the left and to the right
    assert compiled.planes.planes_at[1] > 2


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibrated_trees(method: str) -> None:
    classifier = fitted(calibration=method)
    _, compiled = ways(classifier)
    assert compiled is not None
    columns, _ = table()
    assert compiled.of_columns(columns).tolist() == positive_probabilities(classifier, columns.frame(SCHEMA)).tolist()


def test_training_that_was_stopped_early_predicts_with_its_best_rounds() -> None:
    columns, labels = table()
    first = direct(fitted(), SCHEMA)
    assert first is not None
    matrix = first.encoding.matrix_of_columns(columns)
    classifier = XGBClassifier(n_estimators=200, max_depth=6, learning_rate=0.5, n_jobs=1, early_stopping_rounds=5)
    classifier.fit(matrix[:500], labels[:500], eval_set=[(matrix[500:], labels[500:])], verbose=False)
    found = boosted(classifier, first.encoding, SCHEMA)
    assert found is not None
    assert len(found.trees.depth) == classifier.best_iteration + 1 < classifier.get_booster().num_boosted_rounds()
    assert found.of_columns(columns).tolist() == classifier.predict_proba(matrix)[:, 1].astype(np.float64).tolist()


@pytest.mark.parametrize("parameters", [{"n_estimators": 200}, {"n_estimators": 300, "max_depth": 5}])
def test_records_at_random_and_at_the_cuts(parameters: dict[str, Any]) -> None:
    slow, compiled = ways(fitted(**parameters))
    assert compiled is not None
    rng = np.random.default_rng(1)
    for _ in range(size(ci=1, full=340)):
        values = np.array(
            [
                rng.choice(compiled.cuts_of(0), ROWS) + rng.choice([0, 0, 1e-6, -1e-6, 1e3, 1e30], ROWS),
                rng.integers(0, 3, ROWS),
                rng.normal(2, 3, ROWS).round(),
                rng.integers(0, 2, ROWS),
                rng.integers(-1, 3, ROWS),
                rng.choice(compiled.cuts_of(5), ROWS) * rng.choice([1, 1, 1 + 1e-8, 1 - 1e-8, 2], ROWS),
            ]
        )
        values[rng.random(values.shape) < rng.choice([0.01, 0.3])] = np.nan
        columns = CheckedColumns(values)
        expected = slow.of_columns(columns)
        assert compiled.of_columns(columns).tobytes() == expected.tobytes()
        few = int(rng.integers(1, 200))
        assert compiled.of_columns(columns.part(0, few)).tobytes() == expected[:few].tobytes()


def test_a_model_that_looks_at_many_columns_takes_smaller_blocks() -> None:
    names = [f"n{number}" for number in range(400)]
    wide = parse_schema(
        {
            "name": "wide",
            "id": "id",
            "on_violation": "score",
            "label": {"column": "left"},
            "features": {name: {"kind": "numeric", "missing": True} for name in names},
        }
    )
    rng = np.random.default_rng(2)
    values = rng.normal(size=(400, 1_100))
    values[rng.random(values.shape) < 0.1] = np.nan
    columns = CheckedColumns(values)
    labels = (np.nan_to_num(values).sum(axis=0) > 0).astype(int)
    given = {"n_estimators": 40, "max_depth": 4, "colsample_bytree": 0.2, "n_jobs": 1, "random_state": 0}
    pipeline = Pipeline([*encoded(wide), ("classify", XGBClassifier(**given))]).fit(columns.frame(wide), labels)
    slow = direct(pipeline, wide)
    assert slow is not None
    compiled = boosted(slow.rest, slow.encoding, wide)
    assert compiled is not None
    assert len(loops.scratch(compiled.planes, compiled.trees, 1_100).ranks) < 1_024
    assert compiled.of_columns(columns).tolist() == slow.of_columns(columns).tolist()


def _values(feature: Feature) -> st.SearchStrategy[Any]:
    if feature.is_categorical:
        value: st.SearchStrategy[Any] = st.sampled_from([*feature.categories, "", "Flat", "elsewhere"])
    elif feature.kind.value == "numeric":
        value = st.floats(-LARGEST_NUMBER, LARGEST_NUMBER) | st.floats(0, 100) | st.just(-0.0)
    else:
        value = st.integers(-LARGEST_INTEGER, LARGEST_INTEGER) | st.integers(0, 5)
    return value | st.none() if feature.missing else value


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.builds(FEATURES, **{feature.name: _values(feature) for feature in SCHEMA.features}), min_size=1, max_size=30
    )
)
def test_structs_give_the_same_as_the_matrix(records: list[msgspec.Struct]) -> None:
    slow, compiled = ways(fitted())
    assert compiled is not None
    assert compiled.probabilities(records).tolist() == slow.probabilities(records).tolist()


@pytest.mark.parametrize(
    "parameters",
    [
        {"max_depth": loops.MOST_DEPTH + 1, "min_child_weight": 0, "n_estimators": 30},
        {"booster": "dart"},
        {"booster": "gblinear", "max_depth": None},
        {"objective": "binary:hinge"},
        {"objective": "reg:squarederror"},
        {"missing": 0.0},
        {"gamma": 1e9},  # leaves only
    ],
)
def test_what_is_left_to_xgboost(parameters: dict[str, Any]) -> None:
    assert ways(fitted(**parameters))[1] is None


def test_a_very_large_model_is_left_to_xgboost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scorer.models.xgboost_trees._LARGEST", 10_000)
    assert ways(fitted())[1] is None
    monkeypatch.undo()
    monkeypatch.setattr("scorer.models.boosted.MOST_LEAVES", 12 * 16 - 1)
    assert ways(fitted())[1] is None
    monkeypatch.undo()
    assert ways(fitted())[1] is not None


def test_a_category_that_is_not_the_schema_s_is_left_to_xgboost() -> None:
    found, compiled = ways(fitted())
    assert compiled is not None
    changed = [replace(one, codes=one.codes | {"elsewhere": 0}) if one.codes else one for one in found.encoding.columns]
    assert boosted(found.rest, replace(found.encoding, columns=tuple(changed)), SCHEMA) is None


def test_a_model_scores_with_its_compiled_trees() -> None:
    classifier, (columns, _) = fitted(), table()
    found, _ = ways(classifier)
    quick = with_compiled_trees(found, SCHEMA, "churn v1", columns.frame(SCHEMA)[:5])
    assert quick.compiled is not None
    # a classifier that cannot answer: only the compiled trees can
    model = Model(ModelRef("churn", 1), 0.4, SCHEMA, None, direct=replace(quick, rest=None))  # type: ignore[arg-type]
    slow = Model(ModelRef("churn", 1), 0.4, SCHEMA, classifier)
    for one, other in zip(model.score_columns(columns), slow.score_columns(columns), strict=True):
        assert one.dtype == other.dtype
        assert one.tolist() == other.tolist()


def test_one_compilation_serves_all_models() -> None:
    loops.warm()
    _, compiled = ways(fitted())
    assert compiled is not None
    columns, _ = table()
    frozen = columns.values.copy()
    frozen.flags.writeable = False
    for values in (columns.values, columns.values[:, :10], np.asfortranarray(columns.values), frozen):
        compiled.of_columns(CheckedColumns(values))
    assert len(loops.margins.signatures) == 1  # type: ignore[attr-defined]


def test_threads_do_not_disturb_each_other() -> None:
    _, compiled = ways(fitted(n_estimators=50))
    assert compiled is not None
    columns, _ = table()
    parts = [columns.part(start, ROWS) for start in range(0, 800, 100)]
    expected = [compiled.of_columns(part).tolist() for part in parts]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            assert [found.tolist() for found in pool.map(compiled.of_columns, parts)] == expected


Fault = Callable[[Boosted], Boosted]


def _leaf_one_bit_off(found: Boosted) -> Boosted:
    leaves = np.nextafter(found.trees.leaves, np.float32(np.inf))
    return replace(found, trees=found.trees._replace(leaves=leaves))


def _start_one_bit_off(found: Boosted) -> Boosted:
    return replace(found, start=np.nextafter(found.start, np.float32(1)))


def _one_cut_one_bit_off(found: Boosted) -> Boosted:
    cuts = found.planes.cuts.copy()
    middle = int(found.planes.cuts_at[0]) + len(found.cuts_of(0)) // 2
    cuts[middle] = np.nextafter(cuts[middle], np.float32(np.inf))
    return replace(found, planes=found.planes._replace(cuts=cuts))


def _gaps_to_the_other_side(found: Boosted) -> Boosted:
    return replace(found, planes=found.planes._replace(missing=255 - found.planes.missing))


def _trees_in_another_order(found: Boosted) -> Boosted:
    trees = found.trees
    return replace(
        found,
        trees=trees._replace(
            depth=trees.depth[::-1].copy(), nodes_at=trees.nodes_at[::-1].copy(), leaves_at=trees.leaves_at[::-1].copy()
        ),
    )


def _categories_exchanged(found: Boosted) -> Boosted:
    return replace(found, planes=found.planes._replace(table=found.planes.table[::-1].copy()))


@pytest.mark.parametrize(
    "fault",
    [
        _leaf_one_bit_off,
        _start_one_bit_off,
        _one_cut_one_bit_off,
        _gaps_to_the_other_side,
        _trees_in_another_order,
        _categories_exchanged,
    ],
)
def test_trees_that_differ_are_not_used_and_a_warning_says_so(
    fault: Fault, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    found, _ = ways(fitted())
    columns, _ = table()
    monkeypatch.setattr("scorer.models.boosted.boosted", lambda *given: fault(boosted(*given)))  # type: ignore[arg-type]
    with caplog.at_level(logging.WARNING):
        assert with_compiled_trees(found, SCHEMA, "churn v3", columns.frame(SCHEMA)[:5]) is found
    assert "churn v3 is scored by XGBoost, because compiled trees cannot be used: they differ" in caplog.text


def test_a_failure_leaves_the_model_to_xgboost(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(*_given: object) -> None:
        raise KeyError("split_conditions")

    found, _ = ways(fitted())
    monkeypatch.setattr("scorer.models.boosted.boosted", failing)
    with caplog.at_level(logging.WARNING):
        assert with_compiled_trees(found, SCHEMA, "churn v3", table()[0].frame(SCHEMA)[:5]) is found
    assert "KeyError: 'split_conditions'" in caplog.text


def test_without_numba_xgboost_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boosted_check, "available", lambda: False)
    found, _ = ways(fitted())
    assert with_compiled_trees(found, SCHEMA, "churn v3", table()[0].frame(SCHEMA)[:5]) is found


UNCOMPILED = """
import numba, numpy as np
from scorer.kernels import boosted as loops
from tests.unit.scorer.models.test_boosted import fitted, table, ways
assert numba.config.DISABLE_JIT and not hasattr(loops.margins, "py_func")
slow, plain = ways(fitted(n_estimators=3, max_depth=3))
for size in (3, 70):
    part = table()[0].part(0, size)
    assert plain.of_columns(part).tolist() == slow.of_columns(part).tolist()
print("same")
"""


def test_the_loops_as_plain_python_give_the_same() -> None:
    told = subprocess.run(
        [sys.executable, "-c", UNCOMPILED],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.stdout == "same\n", told.stderr
