"""What MLflow refuses, an experiment that is not ours, a full disk: nothing is lost, and somebody is told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    BAD_REQUEST,
    INVALID_PARAMETER_VALUE,
    PERMISSION_DENIED,
    REQUEST_LIMIT_EXCEEDED,
    TEMPORARILY_UNAVAILABLE,
)

from contract.errors import UserError
from contract.settings import Settings, load_settings
from contract.windows import decode_window
from contract.worker.room import NoRoomError
from monitor.mlflow_sink import thread as thread_module
from monitor.mlflow_sink.sink import MlflowSink
from monitor.mlflow_sink.thread import SinkThread
from monitor.reports.files import ReportFolder
from tests.support.messages import DAY, START
from tests.support.mlflow.sinking import CLOCK, drain, end, fill, history, points, runs
from tests.support.polling import eventually
from tests.support.small_disk import fill_disk, small_disk
from tests.support.windows import drift, window


@pytest.fixture
def settings(store: Settings, tmp_path: Path) -> Settings:
    return store.model_copy(update={"state_dir": tmp_path / "state"})


def refuse(monkeypatch: pytest.MonkeyPatch, refused: Callable[[Metric], bool], error: Exception) -> None:
    """MLflow refuses each call with such a metric."""
    log_batch = MlflowClient.log_batch

    def refusing(client: MlflowClient, run_id: str, metrics: Any = (), **kw: Any) -> Any:
        if any(map(refused, metrics)):
            raise error
        return log_batch(client, run_id, metrics, **kw)

    monkeypatch.setattr(MlflowClient, "log_batch", refusing)


TOO_LONG = MlflowException("'Metric name' exceeds the maximum length", INVALID_PARAMETER_VALUE)


@pytest.mark.parametrize(
    "error",
    [
        TOO_LONG,
        MlflowException("Bad request", BAD_REQUEST),
        MlflowException(
            "API request to endpoint /log-batch failed with error code 413 != 200. Response body: '<html>'"
        ),
    ],
    ids=["invalid", "bad request", "proxy"],
)
def test_a_window_that_mlflow_refuses_for_good_is_set_aside_and_those_behind_it_go_on(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    sink = MlflowSink(settings, CLOCK)
    for day in range(4):
        fill(sink, window(day))
    with monkeypatch.context() as patch:
        refuse(patch, lambda metric: metric.timestamp == end(1), error)
        assert sink.drain() == 3
        assert sink.drain() == 0
    assert (len(sink.spool), sink.refused) == (0, 1)
    (kept,) = (settings.state_dir / "monitor" / "spool").glob("*.refused")
    assert decode_window(kept.read_bytes()) == window(1)
    named = f"window {window(1).key}, provisional, revision 0"
    (line,) = [line for line in caplog.messages if "refuses" in line]
    assert named in line
    assert str(kept) in line
    assert [step for step, _, _ in history(settings, "v3 inputs", "drift/Age")] == [0, 2, 3]
    assert runs(settings)["v3 inputs"].data.tags["churnstream.refused"].startswith(named)


@pytest.mark.parametrize(
    "error",
    [
        MlflowException("not now", TEMPORARILY_UNAVAILABLE),
        MlflowException("no", PERMISSION_DENIED),
        MlflowException("slowly", REQUEST_LIMIT_EXCEEDED),
        ConnectionError("gone"),
    ],
    ids=str,
)
def test_an_outage_sets_nothing_aside(settings: Settings, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    sink = MlflowSink(settings, CLOCK)
    fill(sink, window(0))
    with monkeypatch.context() as patch:
        refuse(patch, lambda _metric: True, error)
        with pytest.raises(type(error)):
            sink.drain()
    assert (len(sink.spool), sink.refused) == (1, 0)
    assert sink.drain() == 1


def test_an_mlflow_that_refuses_everything_sets_nothing_aside(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(*_args: object, **_kw: object) -> None:
        raise TOO_LONG

    sink = MlflowSink(settings, CLOCK)
    fill(sink, window(0))
    for name in ("log_batch", "set_tag"):
        monkeypatch.setattr(MlflowClient, name, refusing)
    with pytest.raises(MlflowException):
        sink.drain()
    assert (len(sink.spool), sink.refused) == (1, 0)


def test_a_report_that_mlflow_refuses_does_not_hold_up_the_others(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    drain(settings, window(0))
    folder = ReportFolder(settings.state_dir, 10)
    first, second = folder.save(window(0), "<html>0</html>"), folder.save(window(1), "<html>1</html>")
    first.with_suffix(".json").rename(first.parent / "0.json")
    (first.parent / "0.json").write_bytes(b"{")
    third = folder.save(window(2), "<html>2</html>")
    log_artifact = MlflowClient.log_artifact

    def refusing(client: MlflowClient, run_id: str, path: str, **kw: Any) -> Any:
        if path == str(second):
            raise MlflowException("API request to endpoint x failed with error code 413 != 200. Response body: ''")
        return log_artifact(client, run_id, path, **kw)

    monkeypatch.setattr(MlflowClient, "log_artifact", refusing)
    drain(settings)
    assert folder.waiting() == []
    assert f"MLflow refuses report {second}" in caplog.text
    client = MlflowClient(settings.mlflow_tracking_uri)
    (artifact,) = client.list_artifacts(runs(settings)["v3 inputs"].info.run_id, "reports")
    assert artifact.path == f"reports/{third.name}"


@pytest.mark.parametrize("name", ["A" * 300, "e\u0301t\u00e9", "\u5e74" * 240])
def test_a_feature_name_that_mlflow_does_not_take_holds_nothing_up(settings: Settings, name: str) -> None:
    assert name.isidentifier()
    each = window(drift=drift({name: 0.25, "Age": 0.1, "score": 0.0}), missing={name: 3}, violations={name: 4})
    drain(settings, each, window(1))
    logged = runs(settings)["v3 inputs"].data.metrics
    assert sorted(value for metric, value in logged.items() if metric.startswith(("drift/", "data/"))).count(0.25) == 1
    assert {3.0, 4.0} <= set(logged.values())


def test_the_widest_window_fits_mlflows_calls(settings: Settings) -> None:
    names = [f"{chr(0x5E74) * 200}{i}" for i in range(1_100)]
    each = window(drift=drift(dict.fromkeys(names, 1.0), tuple(names)), missing=dict.fromkeys(names, 2**53))
    drain(settings, each)
    logged = runs(settings)["v3 inputs"].data.metrics
    assert sum(name.startswith("drift/") for name in logged) == len(names) + 1
    assert logged[f"data/missing_{names[7]}"] == 2.0**53


def test_an_experiment_of_another_stream_is_refused_before_anything_is_logged(settings: Settings) -> None:
    drain(settings, window())
    before = points(settings)
    other = settings.model_copy(update={"topic_prefix": "other."})
    sink = MlflowSink(other, CLOCK)
    fill(sink, window(2))
    for refused in (sink.check, sink.drain):
        with pytest.raises(UserError, match=r"topic prefix 'none', not to 'other\.' .*; set CHURNSTREAM_EXPERIMENT"):
            refused()
    assert len(sink.spool) == 1
    assert points(settings) == before


def test_the_experiment_follows_the_topic_prefix(settings: Settings) -> None:
    assert load_settings(topic_prefix="").experiment == "churn monitor"
    assert load_settings(topic_prefix="acme.").experiment == "churn monitor acme."
    assert load_settings(topic_prefix="acme.", experiment="mine").experiment == "mine"
    drain(settings, window())
    found = MlflowClient(settings.mlflow_tracking_uri).get_experiment_by_name(settings.experiment)
    assert found is not None
    assert found.tags["churnstream.topic_prefix"] == "none"


def test_an_experiment_from_before_streams_had_names_is_taken_over(settings: Settings) -> None:
    client = MlflowClient(settings.mlflow_tracking_uri)
    tags = {"churnstream.origin": str(START), "churnstream.slide": str(DAY)}
    identity = client.create_experiment(settings.experiment, tags=tags)
    drain(settings, window(1))
    assert client.get_experiment(identity).tags["churnstream.topic_prefix"] == "none"
    assert [step for step, _, _ in history(settings, "v3 inputs", "drift/Age")] == [1]


def test_a_misfit_of_the_experiment_is_told_at_the_start(settings: Settings) -> None:
    drain(settings, window())
    sink = MlflowSink(settings.model_copy(update={"slide": 2 * DAY}), CLOCK)
    thread = SinkThread(sink)
    with pytest.raises(UserError, match="has windows of slide 1d"):
        thread.check(60.0)
    thread.close(60.0)


def test_what_keeps_windows_waiting_is_said_once_and_again_as_long_as_it_lasts(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    drain(settings, window())
    monkeypatch.setattr(thread_module, "_FIRST_DELAY_S", 0.01)
    monkeypatch.setattr(thread_module, "_LONGEST_DELAY_S", 0.01)
    sink = MlflowSink(settings.model_copy(update={"slide": 2 * DAY, "spool_limit": 1}), CLOCK)
    fill(sink, window(2))
    attempts: list[int] = []
    drained = sink.drain
    monkeypatch.setattr(sink, "drain", lambda: (attempts.append(1), drained())[1])
    thread = SinkThread(sink)
    eventually(lambda: len(attempts) >= 5, timeout=60)
    lines = [line for line in caplog.messages if "MLflow accepts no windows" in line]
    assert len(lines) == 1
    assert "set CHURNSTREAM_EXPERIMENT to another name" in lines[0]
    assert "1 wait on disk; the monitor waits until there is room for more" in lines[0]
    monkeypatch.setattr(thread, "_next_warning", 0.0)
    eventually(lambda: caplog.text.count("MLflow accepts no windows") == 2, timeout=60)
    thread.close(60.0)


def test_a_full_disk_is_named_and_windows_go_on_when_there_is_room(settings: Settings, tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", 2_000_000) as disk:
        cramped = settings.model_copy(update={"state_dir": disk})
        sink = MlflowSink(cramped, CLOCK)
        fill(sink, window(0))
        ballast = fill_disk(disk)
        with pytest.raises(NoRoomError, match=r"state folder .*spool is full; make room"):
            fill(sink, window(1))
        assert not list(disk.rglob("*.part"))
        thread = SinkThread(sink)
        eventually(lambda: len(sink.spool) == 0, timeout=60, message="what is on a full disk goes to MLflow")
        assert thread.last_error is None
        ballast.unlink()
        thread.submit(window(1), 1)
        assert thread.close(60.0)
    assert [step for step, _, _ in history(settings, "v3 inputs", "drift/Age")] == [0, 1]
