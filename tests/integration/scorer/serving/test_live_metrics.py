"""Live metrics in a real MLflow store: one point for what came together, none lost by an outage that is over."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from sklearn.metrics import f1_score

from contract.messages import ModelRef
from contract.models.registry import registry_client
from contract.settings import Settings
from contract.testing import ManualClock
from scorer.serving.live_metrics import LiveMetrics
from tests.support.join.log import prediction
from tests.support.polling import eventually

V3, V4 = ModelRef("churn", 3), ModelRef("churn", 4)
NOW = 1_800_000_000_000
Point = tuple[int, int, float]
"""Step, timestamp, value."""


@pytest.fixture
def settings(store: Settings) -> Settings:
    return store


@contextmanager
def running(live: LiveMetrics) -> Iterator[None]:
    """With its thread at work; at the end it is stopped and waited for, as a service does."""
    stop = threading.Event()
    thread = threading.Thread(target=live.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(60)
    assert not thread.is_alive()


def runs(settings: Settings, client: MlflowClient) -> dict[str, Run]:
    experiment = client.get_experiment_by_name(settings.experiment)
    found = client.search_runs([experiment.experiment_id]) if experiment else []
    named = {str(run.info.run_name): run for run in found}
    assert len(named) == len(found), "a run was made twice"
    return named


def history(settings: Settings, client: MlflowClient, run: str, metric: str) -> list[Point]:
    if run not in (found := runs(settings, client)):
        return []
    points = client.get_metric_history(found[run].info.run_id, f"performance/{metric}")
    return sorted((point.step, point.timestamp, point.value) for point in points)


def steps(settings: Settings, client: MlflowClient, run: str = "v3 live") -> list[int]:
    return [step for step, _, _ in history(settings, client, run, "accuracy")]


def label(live: LiveMetrics, numbers: range, *, model: ModelRef = V3) -> tuple[list[int], list[int]]:
    """Predictions and then labels of them; returns labels and decisions."""
    answers = [prediction(number, 0, model=model) for number in numbers]
    truth = [number % 3 % 2 for number in numbers]
    live.predicted(answers)
    assert live.labelled([(one.record_id, y) for one, y in zip(answers, truth, strict=True)]) == []
    return truth, [one.predicted for one in answers]


def test_points_are_scikit_learns_values_under_the_monitors_names(settings: Settings, client: MlflowClient) -> None:
    clock = ManualClock(NOW)
    live = LiveMetrics(settings, clock=clock)
    with running(live):
        truth, predicted = label(live, range(50))
        eventually(lambda: steps(settings, client) == [50], timeout=60)
        clock.advance(1_000)
        more = label(live, range(50, 120))
        eventually(lambda: steps(settings, client) == [50, 120], timeout=60)
        assert runs(settings, client)["v3 live"].info.status == "RUNNING"
    wanted = [
        (50, NOW, f1_score(truth, predicted)),
        (120, NOW + 1_000, f1_score(truth + more[0], predicted + more[1])),
    ]
    found = history(settings, client, "v3 live", "f1")
    assert [point[:2] for point in found] == [point[:2] for point in wanted]
    assert [point[2] for point in found] == pytest.approx([point[2] for point in wanted], abs=1e-12)
    run = runs(settings, client)["v3 live"]
    names = {"accuracy", "precision", "recall", "f1", "tn", "fp", "fn", "tp"}
    assert set(run.data.metrics) == {f"performance/{name}" for name in names}
    assert run.info.status == "FINISHED"


def test_the_experiment_and_the_runs_are_tagged_and_the_versions_apart(
    settings: Settings, client: MlflowClient
) -> None:
    live = LiveMetrics(settings)
    with running(live):
        label(live, range(10))
        label(live, range(10, 15), model=V4)
    assert set(runs(settings, client)) == {"v3 live", "v4 live"}
    assert (steps(settings, client, "v3 live"), steps(settings, client, "v4 live")) == ([10], [5])
    tags = runs(settings, client)["v4 live"].data.tags
    assert {name: value for name, value in tags.items() if name.startswith("churnstream.")} == {
        "churnstream.model": "churn",
        "churnstream.version": "4",
        "churnstream.role": "champion",
        "churnstream.values": "live",
    }
    experiment = client.get_experiment_by_name(settings.experiment)
    assert experiment is not None
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"


def test_the_last_state_is_logged_at_the_stop_and_what_is_undefined_is_absent(
    settings: Settings, client: MlflowClient
) -> None:
    live = LiveMetrics(settings)
    with running(live):
        label(live, range(1))  # labelled 0 and decided 0
    assert runs(settings, client)["v3 live"].data.metrics == {
        "performance/accuracy": 1.0,
        "performance/tn": 1.0,
        "performance/fp": 0.0,
        "performance/fn": 0.0,
        "performance/tp": 0.0,
    }


def test_a_correction_is_the_newer_point_at_its_step(settings: Settings, client: MlflowClient) -> None:
    clock = ManualClock(NOW)
    live = LiveMetrics(settings, clock=clock)
    with running(live):
        label(live, range(4))
        eventually(lambda: steps(settings, client) == [4], timeout=60)
        before = history(settings, client, "v3 live", "accuracy")[-1][2]
        clock.advance(1)
        live.labelled([("r0", 1)])  # 0 before, and decided 0
    assert history(settings, client, "v3 live", "accuracy") == [(4, NOW, before), (4, NOW + 1, before - 0.25)]
    assert runs(settings, client)["v3 live"].data.metrics["performance/accuracy"] == before - 0.25


class Flaky:
    """A client whose every call fails while it is ``down``."""

    def __init__(self, client: MlflowClient) -> None:
        self._client = client
        self.down = True
        self.refused = 0

    def __getattr__(self, name: str) -> Any:
        if self.down:
            self.refused += 1
            raise ConnectionError("no route to MLflow")
        return getattr(self._client, name)


def test_after_an_outage_the_newest_state_is_logged_into_the_same_run(
    settings: Settings, client: MlflowClient, caplog: pytest.LogCaptureFixture
) -> None:
    flaky = Flaky(registry_client(settings))
    live = LiveMetrics(settings, connect=lambda _: flaky)  # type: ignore[arg-type, return-value]
    with caplog.at_level(logging.INFO, "churnstream.live"), running(live):
        label(live, range(5))
        eventually(lambda: flaky.refused >= 2, timeout=60)
        label(live, range(5, 8))
        flaky.down = False
        eventually(lambda: steps(settings, client) == [8], timeout=60)
        flaky.down, before = True, flaky.refused
        label(live, range(8, 9))
        eventually(lambda: flaky.refused > before, timeout=60)
        label(live, range(9, 12))
        flaky.down = False
        eventually(lambda: steps(settings, client) == [8, 12], timeout=60)
    said = [(record.levelname, record.getMessage()) for record in caplog.records if record.name == "churnstream.live"]
    outage = [
        ("WARNING", "MLflow takes no live metrics (no route to MLflow); counting goes on"),
        ("INFO", "MLflow takes live metrics again"),
    ]
    assert said == outage * 2
    assert runs(settings, client)["v3 live"].info.status == "FINISHED"


def test_a_run_that_was_deleted_meanwhile_is_made_anew(settings: Settings, client: MlflowClient) -> None:
    live = LiveMetrics(settings)
    with running(live):
        label(live, range(3))
        eventually(lambda: steps(settings, client) == [3], timeout=60)
        client.delete_run(runs(settings, client)["v3 live"].info.run_id)
        label(live, range(3, 6))
        eventually(lambda: steps(settings, client) == [6], timeout=60)


def test_stopping_while_mlflow_is_away_ends_the_thread(settings: Settings) -> None:
    flaky = Flaky(registry_client(settings))
    live = LiveMetrics(settings, connect=lambda _: flaky)  # type: ignore[arg-type, return-value]
    with running(live):
        label(live, range(3))
    assert flaky.refused > 0
    assert live.counts[V3].labelled == 3


def test_another_process_begins_runs_of_its_own(settings: Settings, client: MlflowClient) -> None:
    for _ in range(2):
        live = LiveMetrics(settings)
        with running(live):
            label(live, range(4))
    experiment = client.get_experiment_by_name(settings.experiment)
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id])
    assert [run.info.run_name for run in found] == ["v3 live", "v3 live"]


def test_an_experiment_of_another_stream_gets_none_of_ours(
    settings: Settings, client: MlflowClient, caplog: pytest.LogCaptureFixture
) -> None:
    client.create_experiment(settings.experiment, tags={"churnstream.topic_prefix": "other."})
    live = LiveMetrics(settings)
    with running(live):
        label(live, range(30))
        eventually(lambda: "topic prefix 'other.', not to 'none'" in caplog.text, timeout=60)
    assert runs(settings, client) == {}
