"""``churnstream status`` over a real broker: what it says, its exit code and how long it takes."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from confluent_kafka.admin import NewTopic

from churnstream.local_kafka.broker import free_port
from contract.kafka.clients import admin_client
from contract.messages import encode
from contract.settings import Settings, load_settings
from contract.topics import CUSTOMERS, FORMAT, WINDOWS
from tests.support.dashboard.sent import StreamWriter
from tests.support.dashboard.states import STATES
from tests.support.dashboard.workers import workers_at_work
from tests.support.kafka.topics import delete_topics, send, stream_settings
from tests.support.messages import customer, key
from tests.support.paths import ROOT
from tests.support.polling import eventually


class Answer(NamedTuple):
    """``seconds`` (wall time) from the start of the process until it had ended."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def form(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


def asked(settings: Settings, *arguments: str) -> Answer:
    began = time.monotonic()
    done = subprocess.run(
        command(settings, *arguments),
        cwd=settings.state_dir,
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Answer(done.returncode, done.stdout, done.stderr, time.monotonic() - began)


def command(settings: Settings, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "churnstream", "status", "--topic-prefix", settings.topic_prefix, *arguments]


def environment(settings: Settings) -> dict[str, str]:
    servers = settings.kafka["bootstrap.servers"]
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("CHURNSTREAM_")},
        "KAFKA_BOOTSTRAP_SERVERS": servers,
        "PYTHONPATH": str(ROOT),
    }


@pytest.fixture(scope="module")
def stream(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Settings]:
    def make(state: str) -> Settings:
        settings = stream_settings(broker, f"{state}-{uuid.uuid4().hex[:8]}-", tmp_path_factory.mktemp(state))
        StreamWriter(settings).write(STATES[state]())
        return settings

    return make


def test_a_stream_is_well_while_its_workers_are_there_and_not_when_they_are_gone(
    stream: Callable[[str], Settings],
) -> None:
    settings = stream("healthy")
    with workers_at_work(settings):
        answer = asked(settings)
        assert answer.code == 0, answer
        assert answer.out.startswith("✓ the stream")
        form = asked(settings, "--json").form
    assert (form["well"], form["problems"]) == (True, [])
    assert [(worker["name"], worker["members"], worker["lag"]) for worker in form["workers"]] == [
        ("scorer", 1, 0),
        ("join", 1, 0),
        # what is on panes nobody has read here
        ("monitor", 1, form["workers"][2]["lag"]),
    ]
    assert form["newest_window"]["records"] > 0
    send(settings, CUSTOMERS, [(key(record), encode(record)) for record in map(customer, range(3))], partition=1)
    gone = asked(settings, "--json")
    assert (gone.code, gone.form["well"]) == (1, False)
    assert "no scorer is running, and 3 messages wait" in [problem["text"] for problem in gone.form["problems"]]
    scorer = gone.form["workers"][0]
    assert {"topic": "customers", "partition": 1, "lag": 3} in scorer["partitions"]
    assert gone.err == ""


def test_a_model_that_is_worse_is_told_with_its_incidents(stream: Callable[[str], Settings]) -> None:
    settings = stream("worse")
    with workers_at_work(settings):
        answer = asked(settings)
    assert answer.code == 1
    assert "WORSE since" in answer.out
    assert "see `churnstream alerts` for details" in answer.out
    # piped it is whole and without colour
    assert "\x1b" not in answer.out


def test_a_stream_that_is_not_there_is_told_with_those_that_are(
    stream: Callable[[str], Settings], broker: str, tmp_path: Path
) -> None:
    there = stream("empty")
    settings = load_settings(kafka={"bootstrap.servers": broker}, topic_prefix="nope-", state_dir=tmp_path)
    answer = asked(settings, "--json")
    assert (answer.code, answer.form["well"]) == (2, None)
    (problem,) = answer.form["problems"]
    assert problem["kind"] == "no_stream"
    assert there.topic_prefix in problem["remedy"]


def test_topics_of_another_program_are_no_stream(broker: str, tmp_path: Path) -> None:
    settings = load_settings(
        kafka={"bootstrap.servers": broker}, topic_prefix=f"other-{uuid.uuid4().hex[:8]}-", state_dir=tmp_path
    )
    admin = admin_client(settings)
    names = [settings.topic(FORMAT), settings.topic(WINDOWS)]
    for made in admin.create_topics([NewTopic(name, 1, 1) for name in names]).values():
        made.result(30)
    try:
        send(settings, FORMAT, [(None, b"not ours")])
        answer = asked(settings, "--json")
        assert (answer.code, answer.form["problems"][0]["kind"]) == (2, "no_stream")
    finally:
        delete_topics(admin, names)


@pytest.mark.parametrize(("host", "reason"), [("127.0.0.1", "refused"), ("no-such-host.invalid", "resolve")])
def test_no_broker_is_told_with_address_and_reason(host: str, reason: str, tmp_path: Path) -> None:
    servers = f"{host}:{free_port()}"
    settings = load_settings(kafka={"bootstrap.servers": servers}, state_dir=tmp_path)
    answer = asked(settings)
    assert answer.code == 2
    assert servers in answer.out
    assert reason in answer.out
    # nothing of it stands beside the answer
    assert answer.err == ""


def test_it_is_watched_by_a_pipe_in_lines_until_ctrl_c(stream: Callable[[str], Settings]) -> None:
    settings = stream("drifted")
    with (
        workers_at_work(settings),
        subprocess.Popen(
            command(settings, "--watch", "--json"),
            cwd=settings.state_dir,
            env=environment(settings),
            stdout=subprocess.PIPE,
            text=True,
            # a shell's background job ignores it, and hands that on
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        ) as watching,
    ):
        assert watching.stdout is not None
        first = json.loads(watching.stdout.readline())
        assert "verdict" in {problem["kind"] for problem in first["problems"]}
        send(settings, CUSTOMERS, [(key(record), encode(record)) for record in map(customer, range(2))], partition=0)
        later = (json.loads(line) for line in watching.stdout)
        assert any(status["workers"][0]["lag"] == 2 for status in later)
        watching.send_signal(signal.SIGINT)
        eventually(lambda: watching.poll() is not None, 30.0, "it ends")
        assert watching.returncode == 130
