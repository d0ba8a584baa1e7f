"""Delivery killed or stopped at each step: every sink gets each state at least once and in order. A receiver counts."""

import signal
from functools import partial
from pathlib import Path

import pytest

from churnstream.live.watch import StreamWatch
from churnstream.processes.children import Child, Children
from contract.settings import Settings
from contract.topics import ALERTS, alerts_group
from monitor.alert_sinks.backlog import position_of
from monitor.alert_sinks.position import alerts_on
from producer.synthetic import write_csv
from tests.support.alerting.publishing import alert, lives, publish_alerts, rules_file, states_of
from tests.support.alerting.receiver import Receiver, State, receiving
from tests.support.kafka.topics import environment, group_lag, shortest_session_timeout, stream_settings
from tests.support.messages import DAY
from tests.support.polling import eventually
from tests.support.sizes import LONG
from tests.support.versions import store_with
from tests.support.worker_process import InjectedFault, Workers, worker_processes

SINKS = ("team", "duty")
STEPS = ("send", "sent", "committed")


def sending_to(receiver: Receiver, broker: str, prefix: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for sink in SINKS:
        monkeypatch.setenv(f"{sink.upper()}_URL", receiver.url(sink))
    return stream_settings(
        broker,
        prefix,
        folder / "state",
        partitions=1,
        alert_rules=rules_file(folder, *SINKS),
        session_timeout_ms=shortest_session_timeout(broker),
    )


def begin(settings: Settings, workers: Workers) -> None:
    """A first process gives each sink its position, so that every state counts from there on."""
    first = workers.start("alerts", settings)
    workers.eventually(
        lambda: all(position_of(settings, sink, 10.0)[0] is not None for sink in SINKS), "sinks are at work"
    )
    first.finish()


def done(settings: Settings) -> bool:
    return all(group_lag(settings, alerts_group(sink), [ALERTS]) == 0 for sink in SINKS)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("at", [1, 5])
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_each_sink_gets_each_state_in_order(
    broker: str, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, at: int
) -> None:
    said = lives(range(3))
    with receiving() as receiver, worker_processes(tmp_path) as workers:
        settings = sending_to(receiver, broker, topic_prefix, tmp_path, monkeypatch)
        begin(settings, workers)
        publish_alerts(settings, *said)
        killed = workers.start("alerts", settings, InjectedFault(step, at))
        assert killed.wait() == -signal.SIGKILL
        last = workers.start("alerts", settings)
        workers.eventually(lambda: done(settings), "all is delivered")
        last.finish()
        for sink in SINKS:
            assert receiver.first_states(sink) == states_of(said), f"{sink} after {step}"
            assert len(receiver.states(sink)) <= len(said) + 1, "at most the one that was in work comes twice"


@pytest.mark.timeout(240)
@pytest.mark.parametrize("step", STEPS)
def test_one_that_stood_still_while_another_took_over_leaves_nothing_out(
    broker: str, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    said = lives(range(3))
    with receiving() as receiver, worker_processes(tmp_path) as workers:
        settings = sending_to(receiver, broker, topic_prefix, tmp_path, monkeypatch)
        begin(settings, workers)
        publish_alerts(settings, *said)
        stopped = workers.start("alerts", settings, InjectedFault(step, 2, signal.SIGSTOP))
        stopped.wait_until_stopped()
        other = workers.start("alerts", settings)
        workers.eventually(lambda: done(settings), "the other one has delivered all")
        stopped.send(signal.SIGCONT)
        publish_alerts(settings, *lives([7]))
        workers.eventually(lambda: done(settings), "all is delivered")
        stopped.finish()
        other.finish()
        for sink in SINKS:
            assert receiver.first_states(sink) == states_of([*said, *lives([7])])
            assert len(receiver.states(sink)) <= len(said) + 3 + 1


@pytest.mark.timeout(240)
@pytest.mark.parametrize("step", STEPS)
def test_killed_while_a_new_sink_begins_it_gets_what_stands_and_no_history(
    broker: str, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    standing = [alert(number, "updated") for number in (11, 12, 13)]
    later = [*lives([7]), alert(13, "closed")]
    with receiving() as receiver, worker_processes(tmp_path) as workers:
        settings = sending_to(receiver, broker, topic_prefix, tmp_path, monkeypatch)
        publish_alerts(settings, *lives(range(3)), alert(11), alert(12), alert(13), *standing)
        assert workers.start("alerts", settings, InjectedFault(step, 2)).wait() == -signal.SIGKILL
        begun = {sink: position_of(settings, sink, 10.0)[0] is not None for sink in SINKS}
        publish_alerts(settings, *later)
        workers.start("alerts", settings)
        workers.eventually(lambda: done(settings), "all is delivered")
        for sink in SINKS:
            # a sink that had not begun when the process was killed begins behind what came later
            without = [] if begun[sink] else lives([7])
            told = states_of(one for one in [*standing, *later] if one not in without)
            # what stood when it began may be over before it came to it
            may_miss = states_of([standing[2]])[0]
            assert [one for one in receiver.first_states(sink) if one != may_miss] == [
                one for one in told if one != may_miss and (begun[sink] or one[1] != "closed")
            ], f"{sink} after {step}"


@pytest.mark.timeout(240)
def test_killed_again_and_again_while_the_receiver_comes_and_goes(
    broker: str, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = lives(range(5))
    with receiving() as receiver, worker_processes(tmp_path) as workers:
        settings = sending_to(receiver, broker, topic_prefix, tmp_path, monkeypatch)
        begin(settings, workers)
        publish_alerts(settings, *said)
        for number in range(6):
            receiver.answers["/duty"] = 500 if number % 2 else 200
            worker = workers.start("alerts", settings, InjectedFault(STEPS[number % 3], 2))
            assert worker.wait() == -signal.SIGKILL
        receiver.answers.clear()
        workers.start("alerts", settings)
        workers.eventually(lambda: done(settings), "all is delivered")
        for sink in SINKS:
            assert receiver.first_states(sink) == states_of(said)


@pytest.mark.skipif(not LONG, reason="a whole way of what is killed at each step; with CHURNSTREAM_LONG_TESTS=1")
@pytest.mark.timeout(480)
def test_of_what_monitors_find_that_are_killed_the_receiver_gets_every_state_in_order(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = stream_settings(
        broker,
        topic_prefix,
        tmp_path,
        mlflow_tracking_uri=store_with(tmp_path).mlflow_tracking_uri,
        window=2 * DAY,
        alert_rules=rules_file(tmp_path, "team"),
        session_timeout_ms=6_000,
    )
    table = tmp_path / "table.csv"
    write_csv(table, 4_000, seed=11)
    with receiving() as receiver, Children(environment(settings), tmp_path) as children:
        with_url = environment(settings) | {"TEAM_URL": receiver.url("team")}
        children.start("score", "score", "-v")
        children.start("join", "join", "-v")
        pace = ["--period", "30d", "--label-delay", "exponential:mean=2d,max=10d", "--rate", "300"]
        drift = ["--drift", "Age:shift=20,from=12d"]
        children.start("replay", "replay", "--data", str(table), *pace, *drift)
        for number, enough in enumerate((0, 1)):
            # outside the children's watch, for this one is meant to fail
            monitor = Child(f"monitor-{number}", ["monitor", "-v"], with_url, tmp_path)
            try:
                eventually(partial(has_said_more_than, settings, enough), 120, monitor.explain())
            finally:
                monitor.signal(signal.SIGKILL)
                monitor.end(10)
        last = Child("monitor-last", ["monitor", "-v"], with_url, tmp_path)
        watch = StreamWatch(settings)
        try:
            eventually(lambda: watch.refresh().complete, 150, last.explain(), interval=0.3)
            last.signal(signal.SIGTERM)
            eventually(lambda: last.exit_code is not None, 90, last.explain())
        finally:
            watch.close()
            last.end(10)
        children.stop(timeout=120)
        said = on_topic(settings)
        assert len(said) >= 2
        assert receiver.first_states("team") == list(dict.fromkeys(said))
        assert receiver.states("team")[-1] == said[-1]
        assert len(receiver.states("team")) >= len(said)


def has_said_more_than(settings: Settings, alerts: int) -> bool:
    return len(on_topic(settings)) > alerts


def on_topic(settings: Settings) -> list[State]:
    """What monitors have said of incidents so far."""
    return states_of(alert for _, alert in alerts_on(settings, None))
