"""The whole stream by its own commands: train, score, join, monitor and replay as processes on a real broker.

One run of a table with surnames serves all tests of this module.
"""

from dataclasses import dataclass
from pathlib import Path

import msgspec
import pandas as pd
import pytest
from confluent_kafka import Consumer, TopicPartition
from mlflow import MlflowClient
from sklearn import metrics

from churnstream.live.watch import Snapshot, StreamWatch
from churnstream.processes.children import Children
from contract.messages import Outcome
from contract.settings import Settings
from contract.topics import CUSTOMERS, LABELS, OUTCOMES, PREDICTIONS, WINDOWS
from contract.windows import Cumulative, Window, window_message_type
from producer.synthetic import write_csv
from tests.support.kafka.topics import TIMEOUT, committed, environment, stream_settings
from tests.support.oracle import assert_windows_are_one_group_by, topic_frame
from tests.support.polling import eventually

ROWS = 3_000
SURNAME = "Zzyzxovich"
WINDOW_DAYS = 3


@dataclass(frozen=True)
class StreamRun:
    """What a finished run has left."""

    settings: Settings
    folder: Path
    table: Path
    snapshot: Snapshot

    def frame(self, topic: str) -> pd.DataFrame:
        return topic_frame(self.settings, topic)

    def finals(self) -> list[Window]:
        return [window for window in self.snapshot.ordered() if window.status == "final"]


@pytest.fixture(scope="module")
def run(broker: str, tmp_path_factory: pytest.TempPathFactory) -> StreamRun:
    folder = tmp_path_factory.mktemp("stream")
    settings = stream_settings(
        broker,
        f"stream{folder.name[-8:]}.",
        folder,
        mlflow_tracking_uri=f"sqlite:///{folder / 'mlflow.db'}",
        window=WINDOW_DAYS * 86_400_000,
        min_records=100,
        max_reports=100,
    )
    table = folder.parent / f"{folder.name}.csv"
    write_csv(table, ROWS, seed=7)
    frame = pd.read_csv(table)
    frame["Surname"] = [f"{SURNAME}{i}" for i in range(len(frame))]
    frame.to_csv(table, index=False)
    with Children(environment(settings), folder) as children:
        children.start("train", "train", "--data", str(table), "-v").wait(120)
        for name in ("score", "join", "monitor"):
            children.start(name, name, "-v")
        pace = ["--period", "20d", "--label-delay", "exponential:mean=2d,max=10d"]
        drift = ["--drift", "Age:shift=10,from=12d"]
        replay = children.start("replay", "replay", "--data", str(table), "--name", "run", *pace, *drift)
        assert replay.wait(120) == 0
        watch = StreamWatch(settings)

        def complete() -> bool:
            children.check()
            return watch.refresh().complete

        eventually(complete, timeout=120, interval=0.3)
        children.stop(timeout=120)
        watch.close()
    return StreamRun(settings, folder, table, watch.snapshot)


def test_every_record_has_one_prediction_and_every_label_one_outcome(run: StreamRun) -> None:
    customers, labels = run.frame(CUSTOMERS), run.frame(LABELS)
    predictions, outcomes = run.frame(PREDICTIONS), run.frame(OUTCOMES)
    assert len(customers) == len(predictions) == len(labels) == len(outcomes) == ROWS
    assert set(customers.record_id) == set(predictions.record_id)
    assert set(labels.record_id) == set(outcomes.record_id)


def test_no_label_travels_in_a_customer_record(run: StreamRun) -> None:
    assert not [column for column in run.frame(CUSTOMERS).columns if "Exited" in column or "label" in column.lower()]


def test_final_windows_are_one_group_by_over_predictions_joined_to_labels(run: StreamRun) -> None:
    assert len(run.finals()) >= 20
    assert_windows_are_one_group_by(run.finals(), run.frame(PREDICTIONS), run.frame(LABELS))


def test_windows_that_do_not_overlap_hold_every_record_once(run: StreamRun) -> None:
    counts = [w.performance.tn + w.performance.fp + w.performance.fn + w.performance.tp for w in run.snapshot.tiles()]
    assert sum(counts) == ROWS


def test_cumulative_metrics_end_at_those_of_all_outcomes(run: StreamRun) -> None:
    outcomes = [msgspec.json.decode(m.value() or b"", type=Outcome) for m in committed(run.settings, OUTCOMES)]
    found = [m for m in committed(run.settings, WINDOWS) if window_message_type(m.key()) is Cumulative]
    last = msgspec.json.decode(found[-1].value() or b"", type=Cumulative).performance
    assert last.labelled == len(outcomes)
    assert last.f1 == pytest.approx(
        metrics.f1_score([o.label for o in outcomes], [o.predicted for o in outcomes]), abs=1e-12
    )


def test_drift_is_found_where_it_was_put_and_not_before(run: StreamRun) -> None:
    start = int(run.frame(CUSTOMERS).event_time.min()) + 12 * 86_400_000
    alerts = [alert for alert in run.snapshot.alerts.values() if alert.state != "retracted" and alert.kind == "drift"]
    assert alerts
    assert all("Age" in alert.features for alert in alerts)
    assert all(alert.end > start for alert in alerts)


def test_mlflow_holds_each_final_window_once_on_one_step_axis(run: StreamRun) -> None:
    client = MlflowClient(run.settings.mlflow_tracking_uri)
    experiment = client.get_experiment_by_name(run.settings.experiment)
    assert experiment is not None
    runs = {found.info.run_name: found for found in client.search_runs([experiment.experiment_id])}
    windows = run.finals()
    steps = {(window.start - windows[0].start) // run.settings.slide: window for window in windows}

    def history(name: str, metric: str) -> dict[int, float]:
        points = client.get_metric_history(runs[name].info.run_id, metric)
        assert len(points) == len({point.step for point in points})
        return {point.step: point.value for point in points}

    realised = history("v1 realised", "performance/f1")
    assert realised == {step: w.performance.f1 for step, w in steps.items() if w.performance.f1 is not None}
    estimated = history("v1 estimated", "performance/f1")
    # what was estimated before labels withdrew it stays, where the window was seen provisional
    trusted = {step: value for step, value in estimated.items() if steps[step].untrusted_since is None}
    assert trusted == {step: w.estimated.f1.value for step, w in steps.items() if w.estimated.f1 is not None}
    share = history("v1 inputs", "drift/share")
    assert share == {step: w.drift.share for step, w in steps.items() if w.drift.judged}
    assert len(realised) >= 10
    reports = client.list_artifacts(runs["v1 inputs"].info.run_id, "reports")
    assert any("drifted" in report.path for report in reports)


def test_surnames_appear_on_no_topic_in_no_file_and_in_no_log(run: StreamRun) -> None:
    needle = SURNAME.encode()
    assert needle in run.table.read_bytes()
    topics = _all_topics(run.settings)
    assert len(topics) > 8
    for topic in topics:
        for key, value in _raw(run.settings, topic):
            assert needle not in (key or b""), topic
            assert needle not in (value or b""), topic
    files = [path for path in run.folder.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in files)
    assert any(path.suffix == ".log" for path in files)
    for path in files:
        assert needle not in path.read_bytes(), path
        if path.suffix == ".parquet":
            assert "Surname" not in pd.read_parquet(path).columns, path


def _all_topics(settings: Settings) -> list[str]:
    consumer = Consumer(settings.kafka | {"group.id": "topics"})
    try:
        return [name for name in consumer.list_topics(timeout=TIMEOUT).topics if name.startswith(settings.topic_prefix)]
    finally:
        consumer.close()


def _raw(settings: Settings, topic: str) -> list[tuple[bytes | None, bytes | None]]:
    """Keys, and values with their headers, of everything on a topic, aborted transactions included."""
    consumer = Consumer(
        settings.kafka | {"group.id": "raw", "isolation.level": "read_uncommitted", "enable.partition.eof": True}
    )
    found: list[tuple[bytes | None, bytes | None]] = []
    try:
        partitions = set(consumer.list_topics(topic, TIMEOUT).topics[topic].partitions)
        consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
        while partitions:
            message = consumer.poll(TIMEOUT)
            assert message is not None, f"{topic}: no end within {TIMEOUT} s"
            if message.error() is None:
                found.append((message.key(), (message.value() or b"") + repr(message.headers()).encode()))
            else:
                partitions.discard(message.partition() or 0)
        return found
    finally:
        consumer.close()
