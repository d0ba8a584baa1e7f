"""The command ``monitor`` as a process: its exit code and what it says when it cannot go on."""

import signal
from pathlib import Path

import pytest

from churnstream.processes.children import Child
from contract.kafka.clients import admin_client
from contract.topics import PANES
from tests.support.kafka.topics import delete_topics, environment, stream_settings
from tests.support.polling import eventually
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
    assert f"error: topic {settings.topic(PANES)} was deleted while the monitor was running; start" in said
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
