"""Whatever window a schema admits, what is made of it fits MLflow's calls."""

import json
import math

from hypothesis import given
from hypothesis import strategies as st
from mlflow.entities import Metric
from mlflow.utils.validation import (
    MAX_BATCH_LOG_REQUEST_SIZE,
    MAX_METRICS_PER_BATCH,
    _validate_metric,
)

from contract.windows import Drift, FeatureDrift, Performance, Window
from monitor.mlflow_sink.calls import calls_of
from monitor.mlflow_sink.points import values_by_run
from tests.support.windows import nowcast, window

NAMES = st.one_of(
    st.sampled_from(["share", "feature", "missing_x", "x", "X", "A" * 300, "\u5e74" * 250, "e\u0301", "a\u00b7"]),
    st.text(min_size=1, max_size=300).filter(str.isidentifier),
)
COUNTS = st.sampled_from([0, 1, 2**31, 2**53, 2**63])
NUMBERS = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True))


@st.composite
def windows(draw: st.DrawFn) -> Window:
    names = draw(st.lists(NAMES, max_size=20, unique=True))
    distance = st.floats(0, 1)
    features = {
        name: FeatureDrift(test="ks", distance=draw(distance), p_value=0.0, p_adjusted=5e-324, drifted=True)
        for name in names
    }
    performance = Performance(
        labelled=draw(COUNTS),
        tn=draw(COUNTS),
        fp=draw(COUNTS),
        fn=draw(COUNTS),
        tp=draw(COUNTS),
        f1=draw(NUMBERS),
        brier=draw(NUMBERS),
    )
    return window(
        records=draw(COUNTS),
        performance=performance,
        drift=Drift(judged=True, drifted=bool(names), share=1.0, features=features),
        delay_p50_hours=draw(NUMBERS),
        nowcast=nowcast(coverage_negative=draw(NUMBERS), coverage_positive=draw(NUMBERS)),
        missing=dict.fromkeys(names, draw(COUNTS)),
        violations=dict.fromkeys(names, draw(COUNTS)),
    )


@given(windows())
def test_every_value_of_a_window_is_a_metric_that_mlflow_takes(drawn: Window) -> None:
    for values in values_by_run(drawn).values():
        for name, value in values.items():
            assert math.isfinite(value)
            _validate_metric(name, value, drawn.end, -(2**31))
    inputs = values_by_run(drawn)["inputs"]
    assert sum(name.startswith("drift/") for name in inputs) == len(drawn.drift.features) + 1


@given(st.integers(0, 2_500), st.sampled_from(["a", "\u5e74" * 250, "\U0001f600" * 250]))
def test_calls_hold_every_point_in_order_within_mlflows_bounds(points: int, name: str) -> None:
    metrics = [Metric(name, float(i), 2**53, i) for i in range(points)]
    calls = list(calls_of(metrics))
    assert [metric for call in calls for metric in call] == metrics
    for call in calls:
        assert len(call) <= MAX_METRICS_PER_BATCH
        assert len(json.dumps([dict(metric) for metric in call])) < MAX_BATCH_LOG_REQUEST_SIZE
