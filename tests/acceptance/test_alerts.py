"""``churnstream alerts``, and the real monitor that sends what the command shows."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from churnstream.doctor import Finding, examine
from churnstream.local_kafka.broker import free_port
from churnstream.processes.children import Child
from contract.settings import Settings, load_settings
from monitor.alert_sinks.backlog import position_of
from tests.support.alerting.publishing import alert, lives, publish_alerts, rules_file, states_of
from tests.support.alerting.receiver import receiving
from tests.support.kafka.topics import environment, shortest_session_timeout, stream_settings
from tests.support.mlflow.store import store_in
from tests.support.polling import eventually


def command(folder: Path, *arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "churnstream", "alerts", *arguments],
        cwd=folder,
        env={**os.environ, "CHURNSTREAM_STATE_DIR": str(folder), **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def shown(settings: Settings, folder: Path, *arguments: str, **env: str) -> str:
    done = command(folder, *arguments, **{**environment(settings), **env})
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command_lists_what_stands_what_is_over_and_what_waits(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = stream_settings(broker, topic_prefix, tmp_path, partitions=1, alert_rules=rules_file(tmp_path, "team"))
    assert "no open incidents" in shown(settings, tmp_path)
    publish_alerts(settings, alert(9), stream="another")
    publish_alerts(settings, *lives(range(11)), alert(12, severity="critical"))
    said = shown(settings, tmp_path)
    assert "1 open incident" in said
    assert "critical" in said
    assert "past (1 more: --all)" in said
    assert "more:" not in shown(settings, tmp_path, "--all")
    assert max(map(len, said.splitlines())) <= 160
    [sink] = json.loads(shown(settings, tmp_path, "--json"))["sinks"]
    assert (sink["sink"], sink["waiting"], sink["begun"]) == ("team", 1, False)


@pytest.mark.parametrize(
    ("arguments", "env", "says"),
    [
        ([], {"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}"}, "error: no broker answers at 127.0.0.1"),
        (["--alert-rules", "none.toml"], {}, "none.toml cannot be read"),
        (["--test-sink", "team"], {}, "there are no alert rules; give their file"),
        (
            ["--test-sink", "night", "--alert-rules", "rules.toml"],
            {},
            "no sink 'night'; the sinks in them: team",
        ),
        (["--test-sink", "team", "--alert-rules", "rules.toml"], {}, "variable TEAM_URL is not set"),
        (["--test-sink", "team", "--alert-rules", "rules.toml"], {"TEAM_URL": "slack://S3CRET"}, "apprise refuses"),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], env: dict[str, str], says: str, tmp_path: Path) -> None:
    rules_file(tmp_path, "team")
    done = command(tmp_path, *arguments, **{"CHURNSTREAM_REQUEST_TIMEOUT_MS": "1000", **env})
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert "S3CRET" not in done.stderr
    assert done.stdout == ""


def test_one_test_alert_is_sent_and_told(tmp_path: Path) -> None:
    rules = rules_file(tmp_path, "team")
    arguments = ("--test-sink", "team", "--alert-rules", str(rules))
    with receiving() as receiver:
        done = command(tmp_path, *arguments, TEAM_URL=receiver.url("team"))
        assert (done.returncode, done.stdout) == (0, "sink team has accepted the test alert\n")
        [sent] = receiver.messages("team")
        assert sent["title"] == "Test alert: churnstream can reach you"
        receiver.answers["/team"] = 403
        done = command(tmp_path, *arguments, TEAM_URL=receiver.url("team"))
        assert (done.returncode, done.stdout) == (1, "")
        assert "has refused the test alert" in done.stderr
        assert "correct TEAM_URL" in done.stderr
    done = command(tmp_path, *arguments, TEAM_URL=receiver.url("team"))
    assert done.returncode == 1
    assert "has not accepted the test alert" in done.stderr


@pytest.mark.timeout(300)
def test_a_monitor_sends_alerts_and_its_successor_on_another_machine_goes_on(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = stream_settings(
        broker,
        topic_prefix,
        tmp_path / "first",
        partitions=1,
        mlflow_tracking_uri=store_in(tmp_path).mlflow_tracking_uri,
        alert_rules=rules_file(tmp_path, "team"),
        session_timeout_ms=shortest_session_timeout(broker),
    )
    elsewhere = settings.model_copy(update={"state_dir": tmp_path / "second"})
    with receiving() as receiver:
        url = {"TEAM_URL": receiver.url("team")}
        first = Child("first", ["monitor", "-v"], environment(settings) | url, tmp_path)
        try:
            eventually(lambda: position_of(settings, "team", 10.0)[0] is not None, 120, first.explain())
            publish_alerts(settings, *lives([1]))
            eventually(lambda: receiver.states("team") == states_of(lives([1])), 60, first.explain())
            receiver.answers["/team"] = 500
            publish_alerts(settings, *lives([2]))
            eventually(lambda: position_of(settings, "team", 10.0)[1].failing, 60, first.explain())
            assert "alert sink team accepts no alerts" in first.log_path.read_text()
            first.signal(signal.SIGKILL)
        finally:
            first.end(10)
        said = shown(settings, tmp_path, **url)
        assert "fails since" in said
        assert "error=500" in said
        receiver.answers.clear()
        second = Child("second", ["monitor", "-v"], environment(elsewhere) | url, tmp_path)
        try:
            both = states_of([*lives([1]), *lives([2])])
            eventually(lambda: receiver.first_states("team") == both, 120, second.explain())
            eventually(lambda: "all sent" in shown(settings, tmp_path, **url), 60, "the command tells")
            second.signal(signal.SIGTERM)
            eventually(lambda: second.exit_code is not None, 60, second.explain())
        finally:
            second.end(10)
        assert second.exit_code == 0
        assert receiver.states("team") == both


def test_the_doctor_looks_at_rules_and_urls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = {"bootstrap.servers": f"127.0.0.1:{free_port()}"}
    settings = load_settings(kafka=nobody, state_dir=tmp_path, alert_rules=rules_file(tmp_path, "team", "duty"))
    monkeypatch.setenv("TEAM_URL", "json://127.0.0.1:9/x")

    def found() -> Finding:
        return next(finding for finding in examine(settings, create_topics=False) if finding.name == "alerts")

    assert (found().well, found().found) == (False, "alert sink duty: variable DUTY_URL is not set")
    assert "remove the sink" in found().remedy
    monkeypatch.setenv("DUTY_URL", "json://127.0.0.1:9/y")
    assert found().well
    assert "team, duty" in found().found
