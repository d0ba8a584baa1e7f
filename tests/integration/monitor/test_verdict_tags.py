"""The verdict in a real MLflow store: where owners look, newest only, after an outage and beside what others write."""

from pathlib import Path

import pytest
from mlflow import MlflowClient

from churnstream.local_kafka.broker import free_port
from contract.alerts import ModelVerdict, VerdictState
from contract.messages import ModelRef
from contract.settings import Settings
from monitor.mlflow_sink.sink import MlflowSink
from monitor.mlflow_sink.thread import SinkThread
from monitor.mlflow_sink.verdict_tags import ESTIMATE_TAG, MESSAGE_TAG, VERDICT_TAG
from tests.support.messages import DAY, START
from tests.support.mlflow.server import mlflow_server
from tests.support.mlflow.sinking import CLOCK, fill, history, runs
from tests.support.polling import eventually
from tests.support.windows import MODEL, final, window

NOTE = "mlflow.note.content"


@pytest.fixture
def settings(store: Settings, tmp_path: Path) -> Settings:
    return store.model_copy(update={"state_dir": tmp_path / "state"})


def verdict(state: VerdictState, title: str, untrusted_since: int | None = None) -> ModelVerdict:
    return ModelVerdict(
        model=MODEL,
        state=state,
        since=START,
        until=START + 7 * DAY,
        title=title,
        message="churn v3: drift in <b>Age</b> and *Geo*",
        remedy="train again",
        untrusted_since=untrusted_since,
    )


def test_a_verdict_stands_on_the_realised_run_and_its_word_on_the_estimate_on_the_estimated_one(
    settings: Settings,
) -> None:
    sink = MlflowSink(settings, CLOCK)
    sink.verdicts.put([verdict("healthy", "HEALTHY since 1 Jan 2025")])
    sink.drain()
    # there is no experiment before the first window
    assert runs(settings) == {}
    fill(sink, final(0))
    sink.drain()
    tags = runs(settings)["v3 realised"].data.tags
    assert tags[VERDICT_TAG] == "HEALTHY since 1 Jan 2025"
    assert runs(settings)["v3 estimated"].data.tags[ESTIMATE_TAG] == "trusted"
    worse = verdict("worse", "WORSE since 2 Jan 2025", START)
    sink.verdicts.put([verdict("customers_changed", "CUSTOMERS CHANGED"), worse])
    sink.drain()
    found = runs(settings)
    assert found["v3 realised"].data.tags[VERDICT_TAG] == "WORSE since 2 Jan 2025"
    assert found["v3 realised"].data.tags[MESSAGE_TAG].endswith("; what to do: train again")
    # names from data are text
    assert r"\<b\>Age\</b\>" in found["v3 realised"].data.tags[NOTE].replace(r"\/", "/")
    assert found["v3 estimated"].data.tags[ESTIMATE_TAG] == "not to be trusted since 2025-01-01T00:00:00Z"


def test_what_an_owner_has_written_is_left_alone(settings: Settings) -> None:
    sink = MlflowSink(settings, CLOCK)
    fill(sink, final(0))
    sink.verdicts.put([verdict("healthy", "HEALTHY")])
    sink.drain()
    run = runs(settings)["v3 realised"]
    MlflowClient(settings.mlflow_tracking_uri).set_tag(run.info.run_id, NOTE, "Ask Ada before you change this model.")
    sink.verdicts.put([verdict("worse", "WORSE")])
    sink.drain()
    tags = runs(settings)["v3 realised"].data.tags
    assert tags[NOTE] == "Ask Ada before you change this model."
    assert tags[VERDICT_TAG] == "WORSE"


def test_a_run_that_was_deleted_is_made_again_for_a_verdict(settings: Settings) -> None:
    sink = MlflowSink(settings, CLOCK)
    fill(sink, final(0))
    sink.verdicts.put([verdict("healthy", "HEALTHY")])
    sink.drain()
    MlflowClient(settings.mlflow_tracking_uri).delete_run(runs(settings)["v3 realised"].info.run_id)
    sink.verdicts.put([verdict("worse", "WORSE")])
    sink.drain()
    assert runs(settings)["v3 realised"].data.tags[VERDICT_TAG] == "WORSE"


def test_an_old_version_that_is_told_of_again_at_a_start_does_not_seem_to_run(settings: Settings) -> None:
    first = MlflowSink(settings, CLOCK)
    fill(first, final(0))
    first.drain()
    first.finish()
    second = MlflowSink(settings, CLOCK)
    fill(second, final(3, model=ModelRef("churn", 4)))
    second.verdicts.put([verdict("worse", "WORSE")])
    second.drain()
    run = runs(settings)["v3 realised"]
    assert (run.data.tags[VERDICT_TAG], run.info.status) == ("WORSE", "FINISHED")


def test_the_newest_verdict_comes_when_mlflow_is_back(settings: Settings, tmp_path: Path) -> None:
    port = free_port()
    served = settings.model_copy(update={"mlflow_tracking_uri": f"http://127.0.0.1:{port}"})
    sink = MlflowSink(served, CLOCK)
    thread = SinkThread(sink)
    try:
        thread.submit(final(0), 0)
        thread.tell([verdict("healthy", "HEALTHY")])
        eventually(lambda: thread.last_error is not None, timeout=60)
        thread.tell([verdict("worse", "WORSE")])
        with mlflow_server(tmp_path, port):
            eventually(lambda: not sink.verdicts.waiting(), timeout=60)
            assert runs(served)["v3 realised"].data.tags[VERDICT_TAG] == "WORSE"
            assert thread.close(60.0)
    finally:
        thread.close(1.0)


def test_an_estimate_that_is_withdrawn_gives_no_point(settings: Settings) -> None:
    sink = MlflowSink(settings, CLOCK)
    fill(sink, window(0), window(1, untrusted_since=START))
    sink.drain()
    assert [step for step, _, _ in history(settings, "v3 estimated", "performance/f1")] == [0]
