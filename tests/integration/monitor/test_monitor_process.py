"""The command ``monitor`` as a process: how it ends, what it says then, and one that takes over from another."""

import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from churnstream.processes.children import Child
from contract.kafka.clients import admin_client
from contract.settings import Settings
from contract.topics import PANES
from tests.support.kafka.topics import delete_topics, environment, shortest_session_timeout, stream_settings
from tests.support.messages import DAY
from tests.support.mlflow.store import DATABASE, store_in
from tests.support.polling import eventually
from tests.support.timeline.following import newest_windows, windows_on
from tests.support.timeline.panes import numeric_schema, pane_of, progress, publish, scored


@pytest.mark.timeout(240)
def test_a_deleted_topic_ends_the_process_with_exit_code_2_and_one_line(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = stream_settings(
        broker, topic_prefix, tmp_path / "state", mlflow_tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}"
    )
    monitor = Child("monitor", ["monitor", "-v"], environment(settings), tmp_path)
    try:
        eventually(lambda: "took up 0 panes" in monitor.log_path.read_text(), timeout=120, message=monitor.explain())
        delete_topics(admin_client(settings), [settings.topic(PANES)])
        eventually(lambda: monitor.exit_code is not None, timeout=90, message="the monitor has ended")
    finally:
        monitor.end(10)
    said = monitor.log_path.read_text()
    assert monitor.exit_code == 2
    assert f"error: topic {settings.topic(PANES)} was deleted while the monitor was running; restart" in said
    assert "Traceback" not in said
    assert len(said.splitlines()) < 40


@pytest.mark.timeout(240)
def test_a_monitor_that_waits_for_a_model_before_it_begins_ends_when_it_is_told_to(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = stream_settings(broker, topic_prefix, tmp_path / "state", mlflow_tracking_uri="http://127.0.0.1:9")
    publish(settings, [pane_of(scored(0, 3), numeric_schema(1)), progress(0)])
    monitor = Child("monitor", ["monitor", "-v"], environment(settings), tmp_path)
    try:
        eventually(lambda: "no reference of churn v3 yet" in monitor.log_path.read_text(), 120, monitor.explain())
        monitor.signal(signal.SIGTERM)
        eventually(lambda: monitor.exit_code is not None, timeout=40, message="the monitor has ended")
    finally:
        monitor.end(10)
    assert monitor.exit_code == 0
    assert "Traceback" not in monitor.log_path.read_text()


@pytest.mark.timeout(300)
def test_a_monitor_that_stood_still_writes_nothing_over_what_its_stand_by_has_written(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    """T10 and M1: nothing older comes over newer on ``windows``, and MLflow has one value at each step and time."""
    settings = stream_settings(
        broker,
        topic_prefix,
        tmp_path / "first",
        partitions=1,
        window=2 * DAY,
        mlflow_tracking_uri=store_in(tmp_path).mlflow_tracking_uri,
        session_timeout_ms=shortest_session_timeout(broker),
    )
    schema = numeric_schema(1)
    standing_by = settings.model_copy(update={"state_dir": tmp_path / "second"})
    first = Child("first", ["monitor", "-v"], environment(settings), tmp_path)
    eventually(lambda: "took up" in first.log_path.read_text(), 120, first.explain())
    second = Child("second", ["monitor", "-v"], environment(standing_by), tmp_path)
    try:
        eventually(lambda: "another monitor is active" in written(first, second), 120, second.explain())
        publish(settings, [*(pane_of(scored(day, 20), schema) for day in range(20)), progress(20)])
        eventually(lambda: windows_on(settings), timeout=60, interval=0.01)
        at_work = next(each for each in (first, second) if "revision 0" in each.log_path.read_text())
        other = first if at_work is second else second
        eventually(lambda: stands_still(at_work, tmp_path / DATABASE), 60, at_work.explain(), interval=0.01)
        # labels of them are corrected, so there are further revisions
        publish(settings, [*(pane_of(scored(day, 21), schema) for day in range(20)), progress(20)])
        eventually(lambda: "took up" in other.log_path.read_text(), 60, other.explain())
        eventually(lambda: {one.records for one in newest_windows(settings).values()} == {21, 42}, 60)
        at_work.signal(signal.SIGCONT)
        publish(settings, [*(pane_of(scored(day, 22), schema) for day in range(20)), progress(20, ended=True)])
        eventually(lambda: {one.records for one in newest_windows(settings).values()} == {22, 44}, 60)
        eventually(lambda: "windows logged" in at_work.log_path.read_text().rpartition("stalled (")[2], 60)
        eventually(lambda: newest_points(settings) == {22, 44}, 60, at_work.explain())
        assert (first.exit_code, second.exit_code) == (None, None), at_work.explain()
    finally:
        for each in (first, second):
            each.signal(signal.SIGKILL)
            each.end(10)
    revisions: dict[str, int] = {}
    for window in windows_on(settings):
        assert window.revision > revisions.get(window.key, -1)
        revisions[window.key] = window.revision
    client, runs = runs_of(settings)
    assert {run.info.run_name for run in runs} >= {"v3 realised", "v3 inputs"}
    for run in runs:
        for name in run.data.metrics:
            points = client.get_metric_history(run.info.run_id, name)
            places = [(point.step, point.timestamp) for point in points]
            assert len(places) == len(set(places)), f"{run.info.run_name} {name}"


def stands_still(monitor: Child, database: Path) -> bool:
    """Whether SIGSTOP holds the monitor outside a transaction on the file, where it would lock every other one out."""
    monitor.signal(signal.SIGSTOP)
    process = psutil.Process(monitor.pid)
    eventually(lambda: process.status() == psutil.STATUS_STOPPED)
    with closing(sqlite3.connect(database, timeout=0)) as store:
        try:
            store.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            monitor.signal(signal.SIGCONT)
            return False
    return True


def runs_of(settings: Settings) -> tuple[MlflowClient, list[Run]]:
    client = MlflowClient(settings.mlflow_tracking_uri)
    experiment = client.get_experiment_by_name(settings.experiment)
    return client, [] if experiment is None else client.search_runs([experiment.experiment_id])


def newest_points(settings: Settings) -> set[float]:
    """How many records the newest point of each window in MLflow tells of."""
    client, runs = runs_of(settings)
    newest: dict[int, tuple[int, float]] = {}
    for run in runs:
        if run.info.run_name == "v3 inputs":
            for point in client.get_metric_history(run.info.run_id, "stream/records"):
                newest[point.step] = max(newest.get(point.step, (0, 0.0)), (point.timestamp, point.value))
    return {value for _, value in newest.values()}


def written(*monitors: Child) -> str:
    return "".join(monitor.log_path.read_text() for monitor in monitors)
