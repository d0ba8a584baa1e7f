"""What Prometheus is told of models, from windows, alerts and verdicts."""

from collections.abc import Iterator

import msgspec
import pytest
from prometheus_client import REGISTRY

from contract.alerts import Alert, ModelVerdict
from contract.messages import ModelRef
from contract.windows import Estimate, Estimated, Nowcast, Worsening
from monitor.health import MOST_MODELS, ModelHealth, show_no_model
from tests.support.windows import window

MODEL = ModelRef("churn", 3)
OF_MODEL = {"model": "churn", "version": "3", "role": "champion"}


@pytest.fixture
def health() -> Iterator[ModelHealth]:
    show_no_model()
    yield ModelHealth()
    show_no_model()


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"churnstream_{name}", OF_MODEL | labels)


def performance(metric: str, basis: str) -> float | None:
    return value("window_performance_ratio", metric=metric, basis=basis)


def series() -> int:
    return sum(
        "model" in sample.labels and "churnstream_" in sample.name
        for family in REGISTRY.collect()
        for sample in family.samples
    )


def verdict(state: str, model: ModelRef = MODEL) -> ModelVerdict:
    return ModelVerdict(model=model, state=state, since=None, until=None, title="", message="")  # type: ignore[arg-type]


def alert(key: str, state: str) -> Alert:
    return Alert(key=key, state=state, kind="drift", model=MODEL, start=0, end=1, features=[], message="")  # type: ignore[arg-type]


def expected(f1: float) -> Estimated:
    return Estimated(records=10, tn=1.0, fp=1.0, fn=1.0, tp=1.0, f1=Estimate(f1, f1 - 0.1, f1 + 0.1))


def test_the_newest_window_is_shown_and_the_newest_final_one_as_realised(health: ModelHealth) -> None:
    final = window(1, model=MODEL, status="final", estimated=expected(0.6))
    final = msgspec.structs.replace(final, performance=msgspec.structs.replace(final.performance, f1=0.5))
    nowcast = Nowcast(performance=expected(0.4))
    worse = Worsening(reference=0.12, excess=Estimate(0.1, 0.0, 0.2), p_value=0.5, worse=False)
    provisional = window(
        5, model=MODEL, status="provisional", estimated=expected(0.7), nowcast=nowcast, worsening=worse
    )
    health.take(provisional)
    health.take(final)  # a late correction of an old one

    assert performance("f1", "realised") == 0.5
    assert performance("f1", "nowcast") == 0.4
    assert performance("f1", "estimated") == 0.7
    assert performance("brier", "training") == 0.12
    assert value("window_end_timestamp_seconds") == provisional.end / 1_000
    assert value("window_coverage_ratio") == provisional.coverage


def test_a_metric_that_is_not_defined_any_more_is_not_shown_as_it_was(health: ModelHealth) -> None:
    health.take(window(1, model=MODEL, estimated=expected(0.6)))
    assert performance("f1", "estimated") == 0.6
    health.take(window(2, model=MODEL, estimated=msgspec.structs.replace(expected(0.6), f1=None)))
    assert performance("f1", "estimated") is None


def test_one_state_of_a_verdict_is_1(health: ModelHealth) -> None:
    health.tell([], [verdict("healthy")])
    health.tell([], [verdict("worse")])
    assert (value("verdict", state="healthy"), value("verdict", state="worse")) == (0, 1)


def test_standing_alerts_are_counted_by_kind_until_they_end(health: ModelHealth) -> None:
    health.begin([alert("a", "opened"), alert("b", "updated"), alert("c", "closed")], [])
    assert REGISTRY.get_sample_value("churnstream_alerts_standing", {"kind": "drift"}) == 2
    health.tell([alert("a", "retracted")], [])
    assert REGISTRY.get_sample_value("churnstream_alerts_standing", {"kind": "drift"}) == 1
    assert REGISTRY.get_sample_value("churnstream_alerts_standing", {"kind": "lag"}) == 0


def test_after_many_versions_there_are_no_more_series(health: ModelHealth) -> None:
    counted = []
    for version in range(1, 3 * MOST_MODELS):
        model = ModelRef("churn", version)
        health.take(window(version, model=model, status="final", estimated=expected(0.6)))
        health.tell([], [verdict("healthy", model)])
        counted.append(series())
    assert counted[MOST_MODELS - 1] == counted[-1]
    assert value("window_records", version=str(3 * MOST_MODELS - 1)) is not None


def test_a_monitor_that_stands_by_shows_no_model(health: ModelHealth) -> None:
    health.take(window(1, model=MODEL))
    health.tell([alert("a", "opened")], [verdict("worse")])
    show_no_model()
    assert series() == 0
    assert REGISTRY.get_sample_value("churnstream_alerts_standing", {"kind": "drift"}) is None
