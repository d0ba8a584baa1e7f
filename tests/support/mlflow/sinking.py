"""The MLflow sink in a test: windows drained by it, and every point that a store then holds."""

import msgspec
from mlflow import MlflowClient
from mlflow.entities import Run

from contract.settings import Settings
from contract.testing import ManualClock
from contract.windows import Window
from monitor.mlflow_sink.sink import MlflowSink
from tests.support.messages import DAY, START
from tests.support.windows import performance

CLOCK = ManualClock(1_800_000_000_000)
Point = tuple[int, int, float]
"""Step, timestamp, value."""


def drain(settings: Settings, *windows: Window) -> None:
    """What a monitor does that is started, given windows, and stopped."""
    sink = MlflowSink(settings, CLOCK)
    for each in windows:
        sink.spool.append(each)
    sink.drain()
    assert len(sink.spool) == 0
    sink.close()


def runs(settings: Settings, client: MlflowClient | None = None) -> dict[str, Run]:
    client = client or MlflowClient(settings.mlflow_tracking_uri)
    experiment = client.get_experiment_by_name(settings.experiment)
    if experiment is None:
        return {}
    found = client.search_runs([experiment.experiment_id])
    names = [str(run.info.run_name) for run in found]
    assert len(names) == len(set(names)), "a run was made twice"
    return dict(zip(names, found, strict=True))


def history(settings: Settings, run: str, metric: str) -> list[Point]:
    """All points of a metric, in the order of step and timestamp."""
    client = MlflowClient(settings.mlflow_tracking_uri)
    found = client.get_metric_history(runs(settings, client)[run].info.run_id, metric)
    return sorted((point.step, point.timestamp, point.value) for point in found)


def points(settings: Settings) -> dict[tuple[str, str], list[Point]]:
    """Every point of every metric of every run."""
    return {
        (name, metric): history(settings, name, metric)
        for name, run in runs(settings).items()
        for metric in run.data.metrics
    }


def end(day: int) -> int:
    return START + (day + 7) * DAY


def with_f1(each: Window, f1: float | None) -> Window:
    return msgspec.structs.replace(each, performance=performance(f1))
