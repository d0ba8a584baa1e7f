"""The monitor killed in the middle: windows and MLflow are as if nothing had happened."""

import signal
from pathlib import Path

import pytest
from mlflow import MlflowClient

from churnstream.live.watch import StreamWatch
from churnstream.processes.children import Child, Children
from contract.topics import LABELS, PREDICTIONS
from producer.synthetic import write_csv
from tests.support.kafka.topics import environment, stream_settings
from tests.support.oracle import assert_windows_are_one_group_by, topic_frame
from tests.support.polling import eventually
from tests.support.sizes import size
from tests.support.timeline.following import windows_on
from tests.support.versions import store_with

ROWS = 3_000


@pytest.mark.timeout(400)
def test_windows_survive_sigkill_of_the_monitor_and_mlflow_gets_each_once(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = stream_settings(
        broker,
        topic_prefix,
        tmp_path,
        mlflow_tracking_uri=store_with(tmp_path).mlflow_tracking_uri,
        window=3 * 86_400_000,
        session_timeout_ms=6_000,
        max_reports=size(ci=0, full=100),
    )
    table = tmp_path / "table.csv"
    write_csv(table, ROWS, seed=11)
    with Children(environment(settings), tmp_path) as children:
        children.start("score", "score", "-v")
        children.start("join", "join", "-v")
        pace = ["--period", "30d", "--label-delay", "exponential:mean=2d,max=10d", "--rate", "250"]
        children.start("replay", "replay", "--data", str(table), *pace)
        watch = StreamWatch(settings)
        for number, windows in enumerate((1, 20)):
            # outside the children's watch, for this one is meant to fail
            monitor = Child(f"monitor-{number}", ["monitor", "-v"], environment(settings), tmp_path)
            try:
                eventually(
                    lambda wanted=windows: len(watch.refresh().windows) >= wanted,
                    timeout=90,
                    message=monitor.explain(),
                )
            finally:
                monitor.signal(signal.SIGKILL)
                monitor.end(10)
        last = children.start("monitor", "monitor", "-v")

        def complete() -> bool:
            children.check()
            # a slow machine can have all windows on the topic before the last monitor has begun
            return watch.refresh().complete and "took up" in last.log_path.read_text()

        eventually(complete, timeout=120, interval=0.3)
        children.stop(timeout=120)
        snapshot = watch.snapshot
        watch.close()
    finals = [window for window in snapshot.ordered() if window.status == "final"]
    assert len(finals) == len(snapshot.windows)
    assert_windows_are_one_group_by(finals, topic_frame(settings, PREDICTIONS), topic_frame(settings, LABELS))

    client = MlflowClient(settings.mlflow_tracking_uri)
    experiment = client.get_experiment_by_name(settings.experiment)
    assert experiment is not None
    (realised,) = [run for run in client.search_runs([experiment.experiment_id]) if run.info.run_name == "v1 realised"]
    points = client.get_metric_history(realised.info.run_id, "performance/tp")
    first = finals[0].start
    assert {point.step: point.value for point in points} == {
        (window.start - first) // settings.slide: window.performance.tp for window in finals
    }
    # each revision of a window, told by its time, once; labels may have withdrawn the estimates of final windows
    assert len(points) == len({(point.step, point.timestamp) for point in points})
    # revisions that the last monitor made after the watch had seen all windows count, too
    published = {(window.start, window.revision) for window in windows_on(settings) if window.status == "final"}
    assert len(points) <= len(published)
    assert "waiting for MLflow" not in last.log_path.read_text()
