"""The MLflow sink against real stores: every window once, in order, also after an outage or a crash."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric, Run
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    BAD_REQUEST,
    INVALID_PARAMETER_VALUE,
    PERMISSION_DENIED,
    REQUEST_LIMIT_EXCEEDED,
    TEMPORARILY_UNAVAILABLE,
)

from churnstream.local_kafka.broker import free_port
from contract.errors import UserError
from contract.messages import ModelRef, Window
from contract.settings import Settings, load_settings
from contract.testing import ManualClock
from contract.worker.room import NoRoomError
from monitor.mlflow_sink import sink as sink_module
from monitor.mlflow_sink.sink import MlflowSink, SinkThread, chart_link
from monitor.reports.files import ReportFolder
from tests.support.messages import DAY, START
from tests.support.mlflow.server import mlflow_server
from tests.support.polling import eventually
from tests.support.small_disk import fill_disk, small_disk
from tests.support.windows import drift, final, performance, window

CLOCK = ManualClock(1_800_000_000_000)
Point = tuple[int, int, float]
"""Step, timestamp, value."""


@pytest.fixture
def settings(store: Settings, tmp_path: Path) -> Settings:
    return store.model_copy(update={"state_dir": tmp_path / "state"})


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


def test_each_window_is_one_point_in_each_run_that_it_concerns(settings: Settings) -> None:
    drain(settings, *(with_f1(window(day), 0.5 + day / 10) for day in range(3)), with_f1(final(0), 0.55))
    assert set(runs(settings)) == {"v3 provisional", "v3 realised", "v3 estimated", "v3 inputs"}
    expected = [(day, end(day), 0.5 + day / 10) for day in range(3)]
    assert history(settings, "v3 provisional", "performance/f1") == expected
    assert history(settings, "v3 realised", "performance/f1") == [(0, end(0), 0.55)]
    assert history(settings, "v3 realised", "cumulative/f1") == [(0, end(0), 0.8)]
    assert history(settings, "v3 estimated", "performance/f1_low") == [(day, end(day), 0.66) for day in range(3)]
    assert history(settings, "v3 inputs", "drift/Age") == [(day, end(day), 0.02) for day in range(3)]


def test_the_experiment_and_its_runs_are_tagged_and_found_again(settings: Settings) -> None:
    drain(settings, window(3))
    client = MlflowClient(settings.mlflow_tracking_uri)
    for run in runs(settings).values():
        client.update_run(run.info.run_id, name=f"renamed {run.info.run_name}")
    drain(settings, window(4))
    experiment = client.get_experiment_by_name(settings.experiment)
    assert experiment is not None
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    assert experiment.tags["churnstream.origin"] == str(START + 3 * DAY)
    assert set(runs(settings)) == {f"renamed v3 {kind}" for kind in ("provisional", "estimated", "inputs")}
    steps = [step for step, _, _ in history(settings, "renamed v3 estimated", "performance/f1")]
    assert steps == [0, 1]


def test_a_window_before_the_origin_has_a_negative_step(settings: Settings) -> None:
    drain(settings, window(5), window(2))
    assert [step for step, _, _ in history(settings, "v3 estimated", "performance/f1")] == [-3, 0]


def test_versions_and_roles_have_runs_of_their_own(settings: Settings) -> None:
    challenger, next_version = ModelRef("churn", 4, "challenger"), ModelRef("churn", 4)
    drain(settings, final(), final(model=challenger), final(model=next_version))
    kinds = ("realised", "estimated", "inputs")
    assert set(runs(settings)) == {f"{title} {kind}" for title in ("v3", "v4", "v4 challenger") for kind in kinds}


def test_an_experiment_that_exists_already_is_used(settings: Settings) -> None:
    client = MlflowClient(settings.mlflow_tracking_uri)
    experiment_id = client.create_experiment(settings.experiment)
    drain(settings, window())
    tags = client.get_experiment(experiment_id).tags
    assert tags["mlflow.experimentKind"] == "custom_model_development"
    assert tags["churnstream.origin"] == str(START)
    assert len(runs(settings)) == 3


def test_another_slide_is_refused_and_nothing_is_lost(settings: Settings) -> None:
    drain(settings, window())
    before = points(settings)
    sink = MlflowSink(settings.model_copy(update={"slide": 2 * DAY}), CLOCK)
    sink.spool.append(window(2))
    with pytest.raises(UserError, match=r"slide 1d, not of 2d \(CHURNSTREAM_SLIDE\)"):
        sink.drain()
    assert len(sink.spool) == 1
    assert points(settings) == before


def test_a_revision_is_an_added_point_at_the_same_step(settings: Settings) -> None:
    drain(settings, with_f1(final(0), 0.5), with_f1(final(1), 0.6))
    drain(settings, with_f1(final(0, revision=1), 0.52), with_f1(final(0, revision=2), 0.54))
    assert history(settings, "v3 realised", "performance/f1") == [
        (0, end(0), 0.5),
        (0, end(0) + 1, 0.52),
        (0, end(0) + 2, 0.54),
        (1, end(1), 0.6),
    ]


@pytest.mark.parametrize("restart", [False, True])
def test_a_final_window_revises_only_the_inputs_that_changed(settings: Settings, restart: bool) -> None:
    states = (window(0), final(0), final(0, revision=1, labelled=2_000, delay_p50_hours=40.0))
    for batch in [(each,) for each in states] if restart else [states]:
        drain(settings, *batch)
    assert history(settings, "v3 inputs", "labels/coverage") == [(0, end(0), 0.5), (0, end(0) + 1, 1.0)]
    assert history(settings, "v3 inputs", "labels/delay_p50") == [(0, end(0), 36.0), (0, end(0) + 2, 40.0)]
    assert history(settings, "v3 inputs", "drift/Age") == [(0, end(0), 0.02)]
    assert history(settings, "v3 estimated", "performance/f1") == [(0, end(0), 0.7)]


def test_the_newest_state_is_what_mlflow_shows_as_latest(settings: Settings) -> None:
    drain(settings, window(0, delay_p50_hours=50.0), final(0, delay_p50_hours=40.0))
    assert runs(settings)["v3 inputs"].data.metrics["labels/delay_p50"] == 40.0


def test_windows_again_in_any_state_change_nothing(settings: Settings) -> None:
    states = [window(0), window(1), final(0), final(0, revision=1), final(1)]
    drain(settings, *states)
    before = points(settings)
    drain(settings, *states)
    drain(settings, *reversed(states))
    assert points(settings) == before


def test_nan_is_never_logged(settings: Settings) -> None:
    undefined = msgspec.structs.replace(performance(), f1=math.nan, roc_auc=None, brier=math.inf)
    drain(settings, final(performance=undefined, delay_p50_hours=math.nan))
    values = points(settings)
    assert ("v3 realised", "performance/tp") in values
    assert ("v3 realised", "performance/f1") not in values
    assert ("v3 realised", "performance/brier") not in values
    assert all(math.isfinite(value) and abs(value) < 1e300 for found in values.values() for _, _, value in found)


def test_a_crash_between_logging_and_removing_doubles_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = [window(0), window(1), final(0), final(1)]
    sink = MlflowSink(settings, CLOCK)
    for each in states:
        sink.spool.append(each)

    def crash(*_: object) -> None:
        raise RuntimeError("crash")

    with monkeypatch.context() as patch:
        patch.setattr(sink._logged, "put", crash)
        with pytest.raises(RuntimeError, match="crash"):
            sink.drain()
    assert len(sink.spool) == len(states)
    logged = points(settings)

    restarted = MlflowSink(settings, CLOCK)
    with monkeypatch.context() as patch:
        patch.setattr(restarted.spool, "remove", crash)
        with pytest.raises(RuntimeError, match="crash"):
            restarted.drain()
    assert len(restarted.spool) == len(states)

    drain(settings)  # takes what the two before left
    assert points(settings) == logged
    assert history(settings, "v3 inputs", "labels/coverage") == [
        (0, end(0), 0.5),
        (0, end(0) + 1, 1.0),
        (1, end(1), 0.5),
        (1, end(1) + 1, 1.0),
    ]


def test_many_windows_go_in_few_calls_in_their_order(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[tuple[str, int]]] = []
    log_batch = MlflowClient.log_batch

    def counted(client: MlflowClient, run_id: str, metrics: Any = (), **kw: Any) -> Any:
        calls.append([(metric.key, metric.step) for metric in metrics])
        return log_batch(client, run_id, metrics, **kw)

    monkeypatch.setattr(MlflowClient, "log_batch", counted)
    days = range(150)
    drain(settings, *(with_f1(final(day), day / 1_000) for day in days))
    assert history(settings, "v3 realised", "performance/f1") == [(day, end(day), day / 1_000) for day in days]
    # 150 windows of 20 realised, 8 estimated and 7 input values, at most 1,000 values a call
    assert [len(call) for call in calls] == [1_000, 1_000, 1_000, 1_000, 200, 1_000, 50]
    for call in calls:
        steps = [step for _, step in call]
        assert steps == sorted(steps)


def test_a_run_that_was_deleted_meanwhile_is_made_anew(settings: Settings) -> None:
    sink = MlflowSink(settings, CLOCK)
    sink.spool.append(final(0))
    sink.drain()
    MlflowClient(settings.mlflow_tracking_uri).delete_run(runs(settings)["v3 realised"].info.run_id)
    sink.spool.append(final(1))
    assert sink.drain() == 1
    assert sink.refused == 0
    assert history(settings, "v3 realised", "performance/f1") == [(1, end(1), 0.75)]


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
        sink.spool.append(window(day))
    with monkeypatch.context() as patch:
        refuse(patch, lambda metric: metric.timestamp == end(1), error)
        assert sink.drain() == 3
        assert sink.drain() == 0
    sink.close()
    assert (len(sink.spool), sink.refused) == (0, 1)
    (kept,) = (settings.state_dir / "monitor" / "spool").glob("*.refused")
    assert msgspec.json.decode(kept.read_bytes(), type=Window) == window(1)
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
    sink.spool.append(window(0))
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
    sink.spool.append(window(0))
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
    sink.spool.append(window(2))
    for refused in (sink.check, sink.drain):
        with pytest.raises(UserError, match=r"topic prefix 'none', not of 'other\.' .*; set CHURNSTREAM_EXPERIMENT"):
            refused()
    assert len(sink.spool) == 1
    assert points(settings) == before


def test_windows_that_wait_are_never_taken_for_another_streams(settings: Settings) -> None:
    left = MlflowSink(settings, CLOCK)
    left.spool.append(window(0))
    left.close()
    other = settings.model_copy(update={"topic_prefix": "other.", "experiment": "other"})
    with pytest.raises(UserError, match=r"holds 1 windows of the stream with topic prefix 'none' .*; let that stream"):
        MlflowSink(other, CLOCK)
    drain(settings)
    drain(other, window(1))
    assert [step for step, _, _ in history(other, "v3 inputs", "drift/Age")] == [0]


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
    with pytest.raises(UserError, match="counts windows of slide 1d"):
        thread.check(60.0)
    thread.close(60.0)


def test_what_keeps_windows_waiting_is_said_once_and_again_as_long_as_it_lasts(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    drain(settings, window())
    monkeypatch.setattr(sink_module, "_FIRST_DELAY_S", 0.01)
    monkeypatch.setattr(sink_module, "_LONGEST_DELAY_S", 0.01)
    sink = MlflowSink(settings.model_copy(update={"slide": 2 * DAY, "spool_limit": 1}), CLOCK)
    sink.spool.append(window(2))
    attempts: list[int] = []
    drained = sink.drain
    monkeypatch.setattr(sink, "drain", lambda: (attempts.append(1), drained())[1])
    thread = SinkThread(sink)
    eventually(lambda: len(attempts) >= 5, timeout=60)
    lines = [line for line in caplog.messages if "MLflow takes no windows" in line]
    assert len(lines) == 1
    assert "set CHURNSTREAM_EXPERIMENT to another name" in lines[0]
    assert "1 wait on disk; the monitor waits until there is room for more" in lines[0]
    monkeypatch.setattr(thread, "_next_warning", 0.0)
    eventually(lambda: caplog.text.count("MLflow takes no windows") == 2, timeout=60)
    thread.close(60.0)


def test_a_full_disk_is_named_and_windows_go_on_when_there_is_room(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sink_module, "_LONGEST_DELAY_S", 0.05)
    with small_disk(tmp_path / "small", 2_000_000) as disk:
        cramped = settings.model_copy(update={"state_dir": disk})
        sink = MlflowSink(cramped, CLOCK)
        sink.spool.append(window(0))
        ballast = fill_disk(disk)
        with pytest.raises(NoRoomError, match=r"state folder .*spool is full; make room"):
            sink.spool.append(window(1))
        assert not list(disk.rglob("*.part"))
        thread = SinkThread(sink)
        eventually(lambda: "is full; make room" in caplog.text, timeout=60)
        assert "MLflow takes no windows" not in caplog.text
        ballast.unlink()
        eventually(lambda: len(sink.spool) == 0, timeout=60)
        assert thread.close(60.0)
    assert [step for step, _, _ in history(settings, "v3 inputs", "drift/Age")] == [0]


def test_a_report_becomes_an_artifact_of_the_inputs_run(settings: Settings) -> None:
    sink = MlflowSink(settings, CLOCK)
    folder = ReportFolder(settings.state_dir, 10)
    folder.save(window(), "<html>Age</html>")
    sink.drain()
    assert len(folder.waiting()) == 1, "no window has made the experiment yet: the report waits"
    sink.spool.append(window())
    sink.drain()
    assert folder.waiting() == []
    client = MlflowClient(settings.mlflow_tracking_uri)
    inputs = runs(settings, client)["v3 inputs"].info.run_id
    (artifact,) = client.list_artifacts(inputs, "reports")
    assert artifact.path == "reports/20250101T000000Z_stable.html"
    assert Path(client.download_artifacts(inputs, artifact.path)).read_text() == "<html>Age</html>"


def test_the_thread_logs_at_once_and_finishes_the_runs(settings: Settings) -> None:
    sink = MlflowSink(settings, CLOCK)
    thread = SinkThread(sink)
    thread.submit(window(0))
    eventually(lambda: len(sink.spool) == 0, timeout=60)
    thread.submit(window(1))
    eventually(lambda: len(sink.spool) == 0, timeout=60)
    assert {run.info.status for run in runs(settings).values()} == {"RUNNING"}
    thread.submit(window(2))
    assert thread.close(60.0)
    assert [step for step, _, _ in history(settings, "v3 inputs", "drift/Age")] == [0, 1, 2]
    assert {run.info.status for run in runs(settings).values()} == {"FINISHED"}
    assert sink.experiment_id is not None
    assert chart_link("http://127.0.0.1:5000/", sink.experiment_id) == (
        f"http://127.0.0.1:5000/#/experiments/{sink.experiment_id}/runs?compareRunsMode=CHART"
    )


def test_the_thread_takes_what_an_earlier_one_left(settings: Settings) -> None:
    left = MlflowSink(settings, CLOCK)
    left.spool.append(window(0))
    left.close()
    sink = MlflowSink(settings, CLOCK)
    thread = SinkThread(sink)
    eventually(lambda: len(sink.spool) == 0, timeout=60)
    assert thread.close(60.0)


def test_mlflow_gets_every_window_once_in_order_also_after_an_outage(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    served = settings.model_copy(update={"mlflow_tracking_uri": f"http://127.0.0.1:{port}"})
    sink = MlflowSink(served, CLOCK)
    thread = SinkThread(sink)
    try:
        thread.submit(with_f1(window(0), 0.1))  # before there ever was a server
        eventually(lambda: thread.last_error is not None, timeout=60)
        with mlflow_server(tmp_path, port):
            thread.submit(with_f1(window(1), 0.2))
            eventually(lambda: len(sink.spool) == 0, timeout=60)
        for day in range(2, 6):
            thread.submit(with_f1(window(day), day / 10))
        thread.submit(with_f1(final(0), 0.15))
        eventually(lambda: thread.last_error is not None, timeout=60)
        assert len(sink.spool) == 5
        with mlflow_server(tmp_path, port):
            eventually(lambda: len(sink.spool) == 0, timeout=60)  # with no new window to wake the thread
            assert thread.close(60.0)
            provisional = history(served, "v3 provisional", "performance/f1")
            realised = history(served, "v3 realised", "performance/f1")
            coverage = history(served, "v3 inputs", "labels/coverage")
    finally:
        thread.close(1.0)
    values = [0.1, 0.2, 0.2, 0.3, 0.4, 0.5]
    assert provisional == [(day, end(day), value) for day, value in enumerate(values)]
    assert realised == [(0, end(0), 0.15)]
    assert coverage == [(0, end(0), 0.5), (0, end(0) + 1, 1.0), *((day, end(day), 0.5) for day in range(1, 6))]
    assert "MLflow takes windows again" in caplog.text


def test_closing_while_mlflow_is_away_is_bounded_and_keeps_the_windows(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    away = settings.model_copy(update={"mlflow_tracking_uri": f"http://127.0.0.1:{free_port()}"})
    sink = MlflowSink(away, CLOCK)
    thread = SinkThread(sink)
    thread.submit(window(0))
    assert not thread.close(30.0)
    assert [spooled.window for spooled in MlflowSink(settings, CLOCK).spool] == [window(0)]
    assert {record.name for record in caplog.records if "refused" in record.getMessage()} == {"churnstream.sink"}
