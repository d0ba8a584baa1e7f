"""The MLflow sink against real stores: every window once, at its step, also after an outage or a crash."""

import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
from mlflow import MlflowClient
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from churnstream.local_kafka.broker import free_port
from contract.errors import UserError
from contract.messages import ModelRef
from contract.settings import Settings
from monitor.mlflow_sink.chart_view import VIEW_KEY, VIEW_TAG, chart_link
from monitor.mlflow_sink.sink import MlflowSink
from monitor.mlflow_sink.thread import SinkThread
from monitor.reports.files import ReportFolder
from tests.support.messages import DAY, START
from tests.support.mlflow.server import mlflow_server
from tests.support.mlflow.sinking import (
    CLOCK,
    assert_one_value_a_place,
    drain,
    end,
    fill,
    history,
    points,
    runs,
    with_f1,
)
from tests.support.mlflow.store import register
from tests.support.polling import eventually
from tests.support.windows import MODEL, cumulative, final, nowcast, performance, window


@pytest.fixture
def settings(store: Settings, tmp_path: Path) -> Settings:
    return store.model_copy(update={"state_dir": tmp_path / "state"})


def test_each_window_is_one_point_in_each_run_that_it_concerns(settings: Settings) -> None:
    drain(settings, *(with_f1(window(day), 0.5 + day / 10) for day in range(3)), with_f1(final(0), 0.55))
    assert set(runs(settings)) == {"v3 provisional", "v3 realised", "v3 estimated", "v3 inputs"}
    expected = [(day, end(day), 0.5 + day / 10) for day in range(3)]
    assert history(settings, "v3 provisional", "performance/f1") == expected
    assert history(settings, "v3 realised", "performance/f1") == [(0, end(0) + 1, 0.55)]
    assert history(settings, "v3 estimated", "performance/f1_low") == [(day, end(day), 0.66) for day in range(3)]
    assert history(settings, "v3 inputs", "drift/Age") == [(day, end(day), 0.02) for day in range(3)]


def test_a_provisional_revision_carries_what_is_realised_nowcast_and_estimated_at_one_place(settings: Settings) -> None:
    revisions = [with_f1(window(0, revision=i, nowcast=nowcast(0.7 + i / 100)), 0.4 + i / 10) for i in range(3)]
    drain(settings, *revisions, with_f1(final(0, revision=3), 0.75))
    places = [(0, end(0) + i) for i in range(3)]
    assert [point[:2] for point in history(settings, "v3 provisional", "performance/f1")] == places
    assert history(settings, "v3 nowcast", "performance/f1") == [(*at, 0.7 + i / 100) for i, at in enumerate(places)]
    assert history(settings, "v3 nowcast", "performance/f1_high") == [
        (*at, 0.7 + i / 100 + 0.03) for i, at in enumerate(places)
    ]
    assert history(settings, "v3 realised", "performance/f1") == [(0, end(0) + 3, 0.75)]
    assert runs(settings)["v3 inputs"].data.metrics["labels/coverage_positive"] == 0.9


def test_cumulative_metrics_stand_at_the_step_of_the_window_that_ends_with_them(settings: Settings) -> None:
    drain(settings, final(0), cumulative(0, 0.8), cumulative(0, 0.81, revision=2), final(1), cumulative(1, 0.82))
    assert history(settings, "v3 realised", "cumulative/f1") == [
        (0, end(0) + 1, 0.8),
        (0, end(0) + 2, 0.81),
        (1, end(1) + 1, 0.82),
    ]


def test_cumulative_metrics_that_come_first_begin_the_axis_where_their_window_does(settings: Settings) -> None:
    drain(settings, cumulative(2), final(3))
    assert [step for step, _, _ in history(settings, "v3 realised", "cumulative/f1")] == [0]
    assert [step for step, _, _ in history(settings, "v3 realised", "performance/f1")] == [1]


def test_windows_that_become_final_in_any_order_are_drawn_in_the_order_of_their_steps(
    settings: Settings, tmp_path: Path
) -> None:
    days = [4, 0, 3, 1, 2]
    for day in days:
        drain(settings, with_f1(final(day), day / 10))
    drain(settings, with_f1(final(1, revision=2), 0.15))
    realised = runs(settings)["v3 realised"]
    # MLflow's page draws a chart from these points, as they come
    drawn = SqlAlchemyStore(settings.mlflow_tracking_uri, tmp_path.as_uri()).get_metric_history_bulk_interval(
        run_ids=[realised.info.run_id], metric_key="performance/f1", max_results=320, start_step=None, end_step=None
    )
    steps = [point.step for point in drawn]
    first = steps[0]
    assert [step - first for step in steps] == [0, 1, 1, 2, 3, 4]
    assert [point.value for point in drawn] == [0.0, 0.1, 0.15, 0.2, 0.3, 0.4]
    assert realised.data.metrics["performance/f1"] == 0.4, "the newest window's, whichever came last"


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


def test_an_experiment_gets_the_arrangement_of_its_charts_once(settings: Settings) -> None:
    client = MlflowClient(settings.mlflow_tracking_uri)
    experiment_id = client.create_experiment(settings.experiment)
    drain(settings, window(0))
    assert "performance/f1" not in client.get_experiment(experiment_id).tags[VIEW_TAG], "it is packed"
    client.set_experiment_tag(experiment_id, VIEW_TAG, "changed by its owner")
    drain(settings, window(1))
    assert client.get_experiment(experiment_id).tags[VIEW_TAG] == "changed by its owner"


def test_what_a_version_reached_in_training_is_one_point_in_each_window(settings: Settings) -> None:
    register(settings, MODEL, test_f1=0.61, test_f1_low=0.58, test_brier=0.11, test_log_loss=0.3)
    drain(settings, window(0), window(0, revision=1), window(1), final(0, revision=2))
    drain(settings, window(1, revision=1))  # a monitor that has started again knows of no revision before
    flat = [(0, end(0), 0.61), (1, end(1), 0.61)]
    assert history(settings, "v3 trained", "performance/f1") == flat
    assert set(runs(settings)["v3 trained"].data.metrics) == {
        "performance/f1",
        "performance/f1_low",
        "performance/brier",
    }


def test_a_version_that_is_gone_costs_no_window(settings: Settings) -> None:
    drain(settings, final(0))
    assert "v3 trained" not in runs(settings)
    register(settings, MODEL, test_f1=0.61)
    drain(settings, final(1))
    assert history(settings, "v3 trained", "performance/f1") == [(1, end(1), 0.61)]


def test_runs_of_a_kind_have_its_colour(settings: Settings) -> None:
    drain(settings, final(0), final(1, model=ModelRef("churn", 4)))
    colours = {name: run.data.tags["mlflow.runColor"] for name, run in runs(settings).items()}
    assert len(set(colours.values())) == len(colours) == 6


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
    fill(sink, window(2))
    with pytest.raises(UserError, match=r"slide 1d, not of 2d \(CHURNSTREAM_SLIDE\)"):
        sink.drain()
    assert len(sink.spool) == 1
    assert points(settings) == before


def test_a_revision_is_an_added_point_at_the_same_step(settings: Settings) -> None:
    drain(settings, with_f1(final(0), 0.5), with_f1(final(1), 0.6))
    drain(settings, with_f1(final(0, revision=2), 0.52), with_f1(final(0, revision=3), 0.54))
    assert history(settings, "v3 realised", "performance/f1") == [
        (0, end(0) + 1, 0.5),
        (0, end(0) + 2, 0.52),
        (0, end(0) + 3, 0.54),
        (1, end(1) + 1, 0.6),
    ]


def test_a_revision_that_leaves_the_metrics_as_they_are_adds_no_equal_point(settings: Settings) -> None:
    drain(settings, *(final(0, revision=i, delay_p50_hours=30.0 + i) for i in range(1, 6)))
    assert history(settings, "v3 realised", "performance/f1") == [(0, end(0) + 1, 0.75)]
    assert len(history(settings, "v3 inputs", "labels/delay_p50")) == 5


def test_a_revision_repeats_no_inputs_that_have_not_changed(settings: Settings) -> None:
    drain(settings, window(0), final(0), final(0, revision=2, delay_p50_hours=40.0))
    assert history(settings, "v3 inputs", "labels/coverage") == [
        (0, end(0), 0.5),
        (0, end(0) + 1, 1.0),
        (0, end(0) + 2, 1.0),
    ]
    assert history(settings, "v3 inputs", "labels/delay_p50")[-1] == (0, end(0) + 2, 40.0)
    assert history(settings, "v3 inputs", "drift/Age") == [(0, end(0), 0.02)]
    assert history(settings, "v3 estimated", "performance/f1") == [(0, end(0), 0.7)]


def test_a_monitor_that_remembers_nothing_repeats_values_and_contradicts_none(settings: Settings) -> None:
    for state in (window(0), final(0), final(0, revision=2, delay_p50_hours=40.0)):
        drain(settings, state)
    assert history(settings, "v3 inputs", "drift/Age") == [(0, end(0) + i, 0.02) for i in range(3)]
    assert [value for _, _, value in history(settings, "v3 inputs", "labels/coverage")] == [0.5, 1.0, 1.0]
    assert_one_value_a_place(points(settings))


def test_the_newest_state_is_what_mlflow_shows_as_latest(settings: Settings) -> None:
    drain(settings, window(0, delay_p50_hours=50.0), final(0, delay_p50_hours=40.0))
    assert runs(settings)["v3 inputs"].data.metrics["labels/delay_p50"] == 40.0


@pytest.mark.parametrize("monitors", [1, 6])
def test_windows_again_in_any_order_contradict_nothing(settings: Settings, monitors: int) -> None:
    states = [window(0), window(1), final(0), final(0, revision=2), final(1)]
    again = [*states, *reversed(states), *states]
    for i in range(monitors):
        drain(settings, *again[i::monitors])
    found = points(settings)
    assert_one_value_a_place(found)
    realised = set(history(settings, "v3 realised", "performance/f1"))
    assert realised - {(0, end(0) + 2, 0.75)} == {(0, end(0) + 1, 0.75), (1, end(1) + 1, 0.75)}
    coverage = {point[:2] for point in found["v3 inputs", "labels/coverage"]}
    assert {(day, end(day) + revision) for day in (0, 1) for revision in (0, 1)} <= coverage


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
    fill(sink, *states)

    def crash(*_: object) -> None:
        raise RuntimeError("crash")

    with monkeypatch.context() as patch:
        patch.setattr(sink.spool, "remove", crash)
        with pytest.raises(RuntimeError, match="crash"):
            sink.drain()
    assert len(sink.spool) == len(states)
    logged = points(settings)

    drain(settings)  # takes what the one before left
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
    assert history(settings, "v3 realised", "performance/f1") == [(day, end(day) + 1, day / 1_000) for day in days]
    # 150 windows of 10 realised, 8 estimated and 7 input values, at most 1,000 values a call
    assert [len(call) for call in calls] == [1_000, 500, 1_000, 200, 1_000, 50]
    for call in calls:
        steps = [step for _, step in call]
        assert steps == sorted(steps)


def test_a_run_that_was_deleted_meanwhile_is_made_anew(settings: Settings) -> None:
    sink = MlflowSink(settings, CLOCK)
    fill(sink, final(0))
    sink.drain()
    MlflowClient(settings.mlflow_tracking_uri).delete_run(runs(settings)["v3 realised"].info.run_id)
    fill(sink, final(1))
    assert sink.drain() == 1
    assert sink.refused == 0
    assert history(settings, "v3 realised", "performance/f1") == [(1, end(1) + 1, 0.75)]


def test_a_report_becomes_an_artifact_of_the_inputs_run(settings: Settings) -> None:
    sink = MlflowSink(settings, CLOCK)
    folder = ReportFolder(settings.state_dir, 10)
    folder.save(window(), "<html>Age</html>")
    sink.drain()
    assert len(folder.waiting()) == 1, "no window has made the experiment yet: the report waits"
    fill(sink, window())
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
    thread.submit(window(0), 0)
    eventually(lambda: len(sink.spool) == 0, timeout=60)
    thread.submit(window(1), 1)
    eventually(lambda: len(sink.spool) == 0, timeout=60)
    assert {run.info.status for run in runs(settings).values()} == {"RUNNING"}
    thread.submit(window(2), 2)
    assert thread.close(60.0)
    assert [step for step, _, _ in history(settings, "v3 inputs", "drift/Age")] == [0, 1, 2]
    assert {run.info.status for run in runs(settings).values()} == {"FINISHED"}
    assert sink.axis is not None
    experiment = sink.axis.experiment_id
    assert chart_link("http://127.0.0.1:5000/", experiment, sink.axis.tags) == (
        f"http://127.0.0.1:5000/#/experiments/{experiment}/runs?compareRunsMode=CHART&viewStateShareKey={VIEW_KEY}"
        f"&workflowType=machine_learning"
    )


def test_the_thread_takes_what_an_earlier_one_left(settings: Settings) -> None:
    left = MlflowSink(settings, CLOCK)
    fill(left, window(0))
    sink = MlflowSink(settings, CLOCK)
    thread = SinkThread(sink)
    eventually(lambda: len(sink.spool) == 0, timeout=60)
    assert thread.close(60.0)


def test_mlflow_gets_every_window_once_also_after_an_outage(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    served = settings.model_copy(update={"mlflow_tracking_uri": f"http://127.0.0.1:{port}"})
    sink = MlflowSink(served, CLOCK)
    thread = SinkThread(sink)
    try:
        thread.submit(with_f1(window(0), 0.1), 0)  # before there ever was a server
        eventually(lambda: thread.last_error is not None, timeout=60)
        with mlflow_server(tmp_path, port):
            thread.submit(with_f1(window(1), 0.2), 1)
            eventually(lambda: len(sink.spool) == 0, timeout=60)
        for day in range(2, 6):
            thread.submit(with_f1(window(day), day / 10), day)
        thread.submit(with_f1(final(0), 0.15), 6)
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
    assert realised == [(0, end(0) + 1, 0.15)]
    assert coverage == [(0, end(0), 0.5), (0, end(0) + 1, 1.0), *((day, end(day), 0.5) for day in range(1, 6))]
    assert "MLflow accepts windows again" in caplog.text


def test_closing_while_mlflow_is_away_is_bounded_and_keeps_the_windows(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    away = settings.model_copy(update={"mlflow_tracking_uri": f"http://127.0.0.1:{free_port()}"})
    sink = MlflowSink(away, CLOCK)
    thread = SinkThread(sink)
    thread.submit(window(0), 0)
    assert not thread.close(30.0)
    assert [spooled.message for spooled in MlflowSink(settings, CLOCK).spool] == [window(0)]
    assert {record.name for record in caplog.records if "refused" in record.getMessage()} == {"churnstream.sink"}
