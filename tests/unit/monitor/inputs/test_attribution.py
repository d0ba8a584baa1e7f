"""The columns that move the score are named, each by how far it moves it."""

import time
import tracemalloc

import numpy as np
import pandas as pd
import pytest

from contract.schema import Feature, FeatureKind, load_schema
from monitor.inputs.attribution import attribution, cell_effects
from monitor.inputs.cells import column_of
from monitor.inputs.rule import InputReference, InputRule, judge, judge_again
from tests.unit.monitor.inputs.test_rule import bank, with_score

SCHEMA = load_schema("bank_churn")


@pytest.fixture(scope="module")
def reference() -> InputReference:
    return InputReference.of(bank(np.random.default_rng(1), 10_000), SCHEMA)


def attributed(reference: InputReference, current: pd.DataFrame) -> dict[str, float]:
    drift = judge(current, reference, rule=InputRule())
    return {name: one.attribution for name, one in drift.features.items() if one.attribution is not None}


def moved(reference: pd.DataFrame, current: pd.DataFrame) -> float:
    """By how much the mean log-odds of the score have."""
    now, then = (np.log(frame["score"] / (1 - frame["score"])).mean() for frame in (current, reference))
    return float(now - then)


def test_of_an_additive_score_each_column_carries_what_it_moves(reference: InputReference) -> None:
    rng = np.random.default_rng(2)
    current = bank(rng, 20_000, germany=0.5)
    current = with_score(current.assign(Age=np.minimum(current["Age"] + 4, 92)))
    found = attributed(reference, current)
    # 0.06 a year, and 0.9 for a quarter more from Germany
    assert found["Age"] == pytest.approx(0.24, abs=0.04)
    assert found["Geography"] == pytest.approx(0.9 * (0.5 - 0.251), abs=0.03)
    assert sum(found.values()) == pytest.approx(moved(bank(np.random.default_rng(1), 10_000), current), abs=0.05)
    others = [abs(value) for name, value in found.items() if name not in ("Age", "Geography")]
    assert max(others) < 0.02
    assert "score" not in found


def test_nothing_moves_where_nothing_changed(reference: InputReference) -> None:
    found = attributed(reference, bank(np.random.default_rng(1), 10_000))
    assert np.abs(list(found.values())).max() < 1e-9


def test_values_beyond_the_range_count_as_the_nearest(reference: InputReference) -> None:
    current = bank(np.random.default_rng(3), 5_000)
    found = attributed(reference, current.assign(Age=110.0))
    oldest = attributed(reference, current.assign(Age=float(bank(np.random.default_rng(1), 10_000)["Age"].max())))
    assert found["Age"] == pytest.approx(oldest["Age"])
    assert found["Age"] > 0.5


def test_what_the_reference_lacks_has_no_effect(reference: InputReference) -> None:
    current = bank(np.random.default_rng(4), 5_000)
    found = attributed(reference, current.assign(Geography="Atlantis", EstimatedSalary=np.nan))
    assert found["Geography"] == 0.0
    assert found["EstimatedSalary"] == 0.0


def test_it_is_the_same_when_the_window_is_judged_again(reference: InputReference) -> None:
    drift = judge(bank(np.random.default_rng(5), 1_000, germany=0.4), reference, rule=InputRule())
    assert judge_again(drift, reference, [], rule=InputRule()) == drift


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_a_tiny_reference_gives_finite_effects(rows: int) -> None:
    reference = InputReference.of(bank(np.random.default_rng(6), 50).head(rows), SCHEMA)
    assert all(np.isfinite(effects).all() for effects in reference.effects.values())


def test_three_hundred_columns_are_fitted_in_bounded_time_and_memory() -> None:
    rng = np.random.default_rng(7)
    rows, count = 20_000, 300
    numeric = Feature(kind=FeatureKind.NUMERIC)
    frame = pd.DataFrame({f"X{i}": rng.normal(size=rows) for i in range(count)})
    columns = {name: column_of(frame[name], numeric) for name in frame.columns}
    cells = {name: column.cells(frame[name]) for name, column in columns.items()}
    scores = 1 / (1 + np.exp(2 - frame["X0"].to_numpy() + 0.5 * frame["X7"].to_numpy()))
    tracemalloc.start()
    # the processor's time, because others may be at work beside
    began = time.process_time()
    effects = cell_effects(columns, cells, scores)
    took = time.process_time() - began
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200e6
    assert took < 3.0
    now = frame.assign(X0=frame["X0"] + 0.5, X7=frame["X7"] + 0.5)
    found = {
        name: attribution(column.count(column.cells(now[name])), effects[name]) for name, column in columns.items()
    }
    assert max(found, key=lambda name: found[name]) == "X0"
    assert min(found, key=lambda name: found[name]) == "X7"
    assert found["X0"] == pytest.approx(0.5, abs=0.1)
