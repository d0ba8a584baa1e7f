"""A real monitor beside real workers tells what is wrong with the stream itself, until it is mended."""

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from churnstream.local_kafka.broker import free_port
from churnstream.processes.children import Child
from contract.alerts import NO_PREDICTIONS, Alert
from contract.settings import Settings
from contract.topics import CUSTOMERS, DEAD_LETTERS, PREDICTIONS
from tests.support.kafka.topics import (
    committed,
    end_stream,
    environment,
    headers,
    send,
    shortest_session_timeout,
    stream_settings,
)
from tests.support.messages import DAY, START, customer, encode, key, label
from tests.support.mlflow.server import mlflow_server
from tests.support.mlflow.store import store_in
from tests.support.polling import eventually
from tests.support.timeline.following import alerts_on, newest_windows, windows_on
from tests.support.timeline.panes import numeric_schema, pane_of, progress, publish, scored
from tests.support.worker_process import worker_processes

pytestmark = pytest.mark.timeout(400)
WAIT = 120.0
_SCORER = "lag/scorer/"
"""On a busy machine the join may lag for a moment, too."""


def settings_with(broker: str, prefix: str, folder: Path, rules: str, **changed: object) -> Settings:
    """Those of a stream with ``rules``, which begin with the section ``stream``."""
    path = folder / "alerts.toml"
    path.write_text(f"[stream]\nclean_seconds = 0.1\n{rules}")
    changed = {"mlflow_tracking_uri": store_in(folder).mlflow_tracking_uri} | changed
    return stream_settings(
        broker,
        prefix,
        folder / "state",
        alert_rules=path,
        session_timeout_ms=shortest_session_timeout(broker),
        **changed,
    )


class Monitors:
    """One monitor after the other, on the same state."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings, self._folder = settings, folder
        self.started: list[Child] = []

    def start(self) -> Child:
        """The next one, once it is at work."""
        child = Child(f"monitor-{len(self.started)}", ["monitor", "-v"], environment(self._settings), self._folder)
        self.started.append(child)
        eventually(lambda: "took up" in child.log_path.read_text(), WAIT, child.explain())
        return child


@contextlib.contextmanager
def monitors(settings: Settings, folder: Path) -> Iterator[Monitors]:
    found = Monitors(settings, folder)
    try:
        yield found
        for child in found.started:
            assert "Traceback" not in child.log_path.read_text()
    finally:
        for child in found.started:
            child.signal(signal.SIGKILL)
            child.end(10)


def of_kind(settings: Settings, kind: str, about: str = "") -> list[Alert]:
    return [alert for alert in alerts_on(settings) if alert.kind == kind and alert.key.startswith(about)]


def told(settings: Settings, kind: str, state: str, child: Child, about: str = "") -> Alert:
    """The alert of this kind, its key beginning with ``about``, that says so, once it is there."""
    return eventually(
        lambda: next((one for one in of_kind(settings, kind, about) if one.state == state), None),
        WAIT,
        f"{kind} {state}; {child.explain()}",
    )


def records(first: int, count: int, **changed: object) -> list[tuple[bytes, bytes]]:
    made = [customer(i, **changed) for i in range(first, first + count)]  # type: ignore[arg-type]
    return [(key(one), encode(one)) for one in made]


def logged_dead_letters(settings: Settings) -> float | None:
    client = MlflowClient(settings.mlflow_tracking_uri)
    experiment = client.get_experiment_by_name(settings.experiment)
    runs = [] if experiment is None else client.search_runs([experiment.experiment_id])
    found = [run.data.metrics.get("data/dead_letters_out-of-range_Age") for run in runs]
    return next((value for value in found if value is not None), None)


def test_where_all_records_are_refused_an_alert_says_why_until_they_are_good_again(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    """There is no window then. Killed in between, monitors tell it once, under one key.

    When there are windows, they count what was refused of their time, and so does MLflow.
    """
    settings = settings_with(broker, topic_prefix, tmp_path, "dead_letter_records = 100\n")
    with worker_processes(tmp_path) as workers, monitors(settings, tmp_path) as watching:
        workers.start("score", settings)
        workers.start("join", settings)
        first = watching.start()
        send(settings, CUSTOMERS, records(0, 60, Age=-17))
        opened = told(settings, "dead_letters", "opened", first)
        first.signal(signal.SIGKILL)
        first.end(10)
        send(settings, CUSTOMERS, records(60, 60, Age=-17))
        second = watching.start()
        send(settings, CUSTOMERS, records(120, 300))
        closed = told(settings, "dead_letters", "closed", second)
        end_stream(settings, START + DAY)
        eventually(lambda: logged_dead_letters(settings) == 120, WAIT, second.explain())
    assert {frozenset(one.dead_letters.items()) for one in windows_on(settings)} == {
        frozenset({("out-of-range/Age", 120)})
    }
    assert {headers(one)["event-time"] for one in committed(settings, DEAD_LETTERS)} == {
        str(START + i * 60_000) for i in range(120)
    }
    assert [alert.state for alert in of_kind(settings, "dead_letters")] == ["opened", "closed"]
    assert (opened.key, opened.model, opened.severity) == (closed.key, None, "critical")
    assert opened.features == ["Age"]
    assert opened.title == "records are refused: out-of-range/Age"
    letters = {
        (headers(one)["origin-partition"], headers(one)["origin-offset"]) for one in committed(settings, DEAD_LETTERS)
    }
    assert any(f"partition {partition}, offset {offset};" in opened.message for partition, offset in letters)
    assert "-17" not in opened.message
    assert f"one of them is on {settings.topic(CUSTOMERS)}, partition" in opened.message


def test_a_scorer_that_is_gone_is_told_until_it_is_back(broker: str, topic_prefix: str, tmp_path: Path) -> None:
    settings = settings_with(broker, topic_prefix, tmp_path, "lag_seconds = 3\n")
    with worker_processes(tmp_path) as workers, monitors(settings, tmp_path) as watching:
        scorer, join = workers.start("score", settings), workers.start("join", settings)
        first = watching.start()
        send(settings, CUSTOMERS, records(0, 50))
        workers.eventually(lambda: len(committed(settings, PREDICTIONS)) == 50, "all are scored")
        scorer.finish()
        send(settings, CUSTOMERS, records(50, 50))
        opened = told(settings, "lag", "opened", first, _SCORER)
        first.signal(signal.SIGTERM)
        first.end(30)
        second = watching.start()
        workers.start("score", settings)
        closed = told(settings, "lag", "closed", second, _SCORER)
        join.finish()
    assert [(alert.key, alert.state) for alert in of_kind(settings, "lag", _SCORER)] == [
        (opened.key, "opened"),
        (closed.key, "closed"),
    ]
    assert opened.key == closed.key
    assert (opened.title, opened.severity) == ("no scorer is running", "critical")
    assert f"50 messages of {settings.topic(CUSTOMERS)} wait" in opened.message


def test_a_silent_stream_is_told_until_it_speaks_and_one_that_has_ended_is_not_silent(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = settings_with(broker, topic_prefix, tmp_path, "silence_seconds = 3\n")
    with worker_processes(tmp_path) as workers, monitors(settings, tmp_path) as watching:
        workers.start("score", settings)
        first = watching.start()
        send(settings, CUSTOMERS, records(0, 20))
        opened = told(settings, "silence", "opened", first)
        send(settings, CUSTOMERS, records(20, 20))
        closed = told(settings, "silence", "closed", first)
        assert (opened.key, opened.title, closed.title) == (closed.key, "no predictions", "no predictions, over")
        # labels are not awaited in a stream that never had any; now this one falls silent, and the records have ended
        send(settings, "labels", [(key(one), encode(one)) for one in (label(i) for i in range(5))])
        end_stream(settings, START + DAY, [CUSTOMERS])
        about_labels = eventually(
            lambda: next((one for one in of_kind(settings, "silence") if one.title == "no labels"), None), WAIT
        )
        assert about_labels.state == "opened"
    predictions = [one for one in of_kind(settings, "silence") if one.key.startswith(f"{NO_PREDICTIONS}/")]
    assert [one.state for one in predictions][:2] == ["opened", "closed"]
    assert len({one.key for one in predictions}) == len([one for one in predictions if one.state == "opened"])


def test_windows_that_wait_for_mlflow_are_told_until_it_takes_them(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    port = free_port()
    settings = settings_with(
        broker,
        topic_prefix,
        tmp_path,
        "mlflow_seconds = 3\n",
        partitions=1,
        window=2 * DAY,
        mlflow_tracking_uri=f"http://127.0.0.1:{port}",
    )
    schema = numeric_schema(1)
    with monitors(settings, tmp_path) as watching:
        with mlflow_server(tmp_path, port):
            monitor = watching.start()
            publish(settings, [pane_of(scored(0, 20), schema), pane_of(scored(1, 20), schema), progress(2)])
            eventually(lambda: "windows logged" in monitor.log_path.read_text(), WAIT, monitor.explain())
        publish(settings, [*(pane_of(scored(day, 20), schema) for day in range(2, 6)), progress(6)])
        eventually(lambda: len(newest_windows(settings)) >= 5, WAIT, monitor.explain())
        opened = told(settings, "mlflow", "opened", monitor)
        with mlflow_server(tmp_path, port):
            closed = told(settings, "mlflow", "closed", monitor)
    assert opened.key == closed.key
    assert opened.title == "windows wait for MLflow"
    assert [one.state for one in of_kind(settings, "mlflow")] == ["opened", "closed"]
