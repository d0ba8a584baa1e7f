"""The local Kafka, as a process: it keeps what it has acknowledged, and leaves nothing behind."""

import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from churnstream.demo.kept import keep_stream, kept_stream
from churnstream.local_kafka import broker as local_kafka
from churnstream.local_kafka.broker import LocalKafka, free_port
from contract.errors import UserError
from tests.support.kafka.brokers import answers
from tests.support.polling import eventually

OWNER = """
import sys, time
from pathlib import Path
from churnstream.local_kafka.broker import LocalKafka
broker = LocalKafka(Path(sys.argv[1]))
broker.start()
print(broker.pid, flush=True)
time.sleep(300)
"""


def make_topic(servers: str, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)


def produce_transaction(servers: str, topic: str, values: list[str]) -> None:
    producer = Producer({"bootstrap.servers": servers, "transactional.id": f"{topic}-tx"})
    producer.init_transactions(30)
    producer.begin_transaction()
    for value in values:
        producer.produce(topic, value)
    producer.commit_transaction(30)


def committed(servers: str, topic: str, count: int) -> list[str]:
    """The first ``count`` committed values of the topic."""
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": f"{topic}-{uuid.uuid4().hex}",
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
        }
    )
    values: list[str] = []

    def poll() -> bool:
        message = consumer.poll(1.0)
        if message and not message.error():
            values.append((message.value() or b"").decode())
        return len(values) >= count

    try:
        consumer.subscribe([topic])
        eventually(poll, timeout=30, message=f"{count} committed values in {topic}")
    finally:
        consumer.close()
    return values


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def churnstream(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "churnstream", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_sessions_broker_commits_transactions(broker: str, topic_prefix: str) -> None:
    topic = f"{topic_prefix}values"
    make_topic(broker, topic)
    produce_transaction(broker, topic, ["a", "b"])
    assert committed(broker, topic, 2) == ["a", "b"]


def test_a_killed_broker_comes_back_on_its_port_with_what_was_committed(own_broker: LocalKafka) -> None:
    servers = own_broker.bootstrap_servers
    make_topic(servers, "values")
    produce_transaction(servers, "values", ["before"])
    pid = own_broker.pid
    own_broker.kill()
    assert pid is not None
    assert gone(pid)
    assert own_broker.pid is None
    assert not own_broker.answers(timeout=0.5)
    own_broker.start()
    assert own_broker.bootstrap_servers == servers
    produce_transaction(servers, "values", ["after"])
    assert committed(servers, "values", 2) == ["before", "after"]


def test_a_kept_stream_opens_again_whoever_has_its_port_now(own_broker: LocalKafka, tmp_path: Path) -> None:
    make_topic(own_broker.bootstrap_servers, "values")
    produce_transaction(own_broker.bootstrap_servers, "values", ["kept"])
    keep_stream(tmp_path, {"CHURNSTREAM_SLIDE": "1d"})
    with kept_stream(tmp_path) as beside:
        assert beside["KAFKA_BOOTSTRAP_SERVERS"] == own_broker.bootstrap_servers
    assert own_broker.answers()
    own_broker.stop()
    assert own_broker.port is not None
    with socket.create_server(("127.0.0.1", own_broker.port)), kept_stream(tmp_path) as variables:
        servers = variables.pop("KAFKA_BOOTSTRAP_SERVERS")
        assert servers != beside["KAFKA_BOOTSTRAP_SERVERS"]
        assert committed(servers, "values", 1) == ["kept"]
        assert variables == {
            "CHURNSTREAM_SLIDE": "1d",
            "CHURNSTREAM_STATE_DIR": str(tmp_path),
            "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'mlflow.db'}",
        }
    assert LocalKafka(tmp_path / "kafka").pid is None


def test_it_listens_on_the_loopback_address_only_and_stop_leaves_no_process(own_broker: LocalKafka) -> None:
    assert own_broker.pid is not None
    process = psutil.Process(own_broker.pid)
    listening = [c.laddr for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert own_broker.port in {address.port for address in listening}
    assert {address.ip.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}
    started = [p for p in psutil.Process().children() if p.pid == process.pid or "orphans.py" in " ".join(p.cmdline())]
    assert len(started) >= 2
    own_broker.stop()
    assert gone(process.pid)
    assert own_broker.pid is None
    own_broker.stop()  # none running is fine


def test_a_second_broker_beside_it_shares_nothing(broker: str, tmp_path: Path) -> None:
    with LocalKafka(tmp_path / "second") as second:
        assert second.bootstrap_servers != broker
        make_topic(second.bootstrap_servers, "mine")
        beside = AdminClient({"bootstrap.servers": broker})
        assert "mine" not in beside.list_topics(timeout=10).topics
        with pytest.raises(UserError, match="already runs"):
            LocalKafka(tmp_path / "second").start()
        assert second.answers()
    assert answers(broker)


def test_a_taken_port_is_an_error_that_names_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UserError, match=rf"port {port} \(--port\) .* taken"):
            LocalKafka(tmp_path, port).start()


def test_no_room_is_an_error_that_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_kafka, "FREE_BYTES_TO_START", 2**62)
    with pytest.raises(UserError, match=f"{tmp_path}.*MB are free"):
        LocalKafka(tmp_path).start()


def test_a_broker_that_fails_says_why_and_leaves_no_process(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "meta.properties").write_text("version=1\ncluster.id=abc\nnode.id=7\n")
    broker = LocalKafka(tmp_path)
    with pytest.raises(UserError, match=r"(?s)did not start: it ended with code 1.*kafka\.log.*node.id") as raised:
        broker.start()
    assert "empty folder" in str(raised.value)
    assert broker.pid is None


def test_a_process_that_got_the_brokers_number_is_not_taken_for_it(tmp_path: Path) -> None:
    state = f'{{"port": {free_port()}, "pid": {os.getpid()}, "started": 1.0}}'
    (tmp_path / "broker.json").write_text(state)
    broker = LocalKafka(tmp_path)
    assert broker.pid is None
    broker.stop()  # must not end this very process


@pytest.fixture
def detached(tmp_path: Path) -> Iterator[LocalKafka]:
    """A broker that ``churnstream kafka start`` has started and left."""
    broker = LocalKafka(tmp_path / "detached", detached=True)
    done = churnstream("kafka", "start", "--port", "0", "--dir", str(broker.directory))
    try:
        assert done.returncode == 0, done.stderr
        yield broker
    finally:
        broker.stop()


def test_a_detached_broker_is_seen_and_stopped_from_other_processes(detached: LocalKafka) -> None:
    directory = str(detached.directory)
    pid = detached.pid
    assert pid is not None
    assert detached.answers()
    status = churnstream("kafka", "status", "--dir", directory)
    assert status.returncode == 0
    assert f"answers at {detached.bootstrap_servers} (pid {pid})" in status.stdout
    again = churnstream("kafka", "start", "--dir", directory)
    assert again.returncode == 2
    assert "already runs" in again.stderr
    assert churnstream("kafka", "stop", "--dir", directory).returncode == 0
    assert gone(pid)
    assert churnstream("kafka", "status", "--dir", directory).returncode == 1


def test_a_broker_dies_with_its_owner(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert not gone(pid)
        assert LocalKafka(tmp_path).pid == pid  # seen from another process
        owner.kill()
    eventually(lambda: gone(pid), message=f"the broker {pid} of a killed owner is gone")
    with LocalKafka(tmp_path) as broker:
        assert broker.answers()
