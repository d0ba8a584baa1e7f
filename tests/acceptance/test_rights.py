"""docs/own-kafka.md: the rights that it names are enough for each worker and command, and what is said without them."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import ResourceType

from contract.kafka.control import end_of_stream_message
from contract.settings import Settings, load_settings
from contract.topics import CUSTOMERS, DEAD_LETTERS, LABELS, OUTCOMES, WINDOWS
from tests.support.kafka.guarded import GuardedBroker, Right, guarded_broker
from tests.support.kafka.topics import committed, environment
from tests.support.messages import DAY, START, customer, encode, key, label
from tests.support.paths import ROOT
from tests.support.polling import eventually
from tests.support.versions import store_with

EVERYONE, PRODUCER = "every worker and command", "your own producer"
USERS = ("score", "join", "monitor", "redrive", "create", "reset", "look", "producer", "stranger", "unconfigured")
GROUP, READ = ResourceType.GROUP, ("READ",)
KINDS = (ResourceType.TOPIC, GROUP, ResourceType.TRANSACTIONAL_ID)
RECORDS = 40


def table() -> dict[str, list[tuple[ResourceType, str, tuple[str, ...]]]]:
    """The page's rows: for each reader of Kafka its resources, named as there, with the operations on each."""
    text = (ROOT / "docs" / "own-kafka.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\|(.+)\|$", text.partition("## Rights at the broker")[2].partition("\n## ")[0], re.MULTILINE)
    found = {}
    for row in rows[2:]:
        who, *cells = (cell.strip() for cell in row.split("|"))
        found[who.partition(",")[0].strip("`")] = [
            (kind, name, tuple(re.findall(r"[A-Z_]{4,}", part)))
            for kind, cell in zip(KINDS, cells, strict=True)
            for part in cell.split(";")
            for name in re.findall(r"`([^`]+)`", part) or (["…"] if "all" in part else [])
        ]
    return found


def rights(prefix: str, *rows: str) -> list[Right]:
    granted = table()
    return [
        Right(kind, prefix + name.removesuffix("…"), name.endswith("…"), operations)
        for row in rows
        for kind, name, operations in granted[row]
    ]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedBroker]:
    with guarded_broker(tmp_path_factory.mktemp("guarded"), USERS) as started:
        yield started


class GuardedStream:
    """One stream on the guarded broker, each of whose users has a state folder of its own."""

    def __init__(self, broker: GuardedBroker, prefix: str, folder: Path) -> None:
        self.broker = broker
        self.prefix = prefix
        self.folder = folder
        self._store = store_with(folder).mlflow_tracking_uri

    def settings(self, user: str) -> Settings:
        return self.open.model_copy(
            update={"kafka": self.broker.login(user), "state_dir": self.folder / "state" / user}
        )

    @property
    def open(self) -> Settings:
        """As somebody who may do everything."""
        return load_settings(
            kafka={"bootstrap.servers": self.broker.open},
            topic_prefix=self.prefix,
            partitions=2,
            state_dir=self.folder / "state",
            mlflow_tracking_uri=self._store,
            connect_timeout_ms=20_000,
            publish_interval_ms=50,
            # they are made from MLflow, and their process takes seconds to start
            max_reports=0,
        )

    def run(self, user: str, *command: str) -> "subprocess.CompletedProcess[str]":
        """A command to its end, as this user."""
        return subprocess.run(
            [sys.executable, "-m", "churnstream", *command],
            env=environment(self.settings(user)),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def start(self, user: str) -> "subprocess.Popen[bytes]":
        with self.log(user).open("w") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "churnstream", user],
                env=environment(self.settings(user)),
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def log(self, user: str) -> Path:
        return self.folder / f"{user}.log"


def sender(stream: GuardedStream) -> Producer:
    return Producer(stream.broker.login("producer") | {"partitioner": "murmur2_random"})


def send(stream: GuardedStream) -> None:
    """Records with their labels, one of them once more in the wrong partition; as the page on producers says."""
    producer = sender(stream)
    for number in range(RECORDS):
        record = customer(number, event_time=START + number * DAY)
        producer.produce(stream.open.topic(CUSTOMERS), encode(record), key(record))
        one = label(number, event_time=START + number * DAY)
        producer.produce(stream.open.topic(LABELS), encode(one), key(one))
    for partition in range(2):
        one = label(0, event_time=START)
        producer.produce(stream.open.topic(LABELS), encode(one), key(one), partition=partition)
    assert producer.flush(30) == 0


def end(stream: GuardedStream) -> None:
    producer = sender(stream)
    for topic in (LABELS, CUSTOMERS):
        for partition in range(2):
            value, headers = end_of_stream_message(START + RECORDS * DAY)
            producer.produce(stream.open.topic(topic), value, headers=headers, partition=partition)
        assert producer.flush(30) == 0


@pytest.mark.timeout(1200)
def test_the_rights_of_the_page_are_enough(broker: GuardedBroker, tmp_path: Path) -> None:
    stream = GuardedStream(broker, "cards-", tmp_path)
    rows: dict[str, tuple[str, ...]] = {
        user: (EVERYONE, user) for user in ("score", "join", "monitor", "redrive", "reset")
    }
    rows |= {"create": (EVERYONE, "doctor --create-topics"), "look": (EVERYONE,), "producer": (PRODUCER,)}
    for user, its in rows.items():
        broker.grant(user, rights(stream.prefix, *its))

    created = stream.run("create", "doctor", "--create-topics")
    assert "all topics are right; created cards-format, " in created.stdout, created.stdout + created.stderr
    workers = {user: stream.start(user) for user in ("score", "join", "monitor")}

    def told() -> str:
        return "\n".join(f"--- {user}\n{stream.log(user).read_text()[-3_000:]}" for user in workers)

    def has(topic: str, least: int) -> bool:
        ended = [user for user, worker in workers.items() if worker.poll() is not None]
        assert not ended, f"{ended} ended\n{told()}"
        return len(committed(stream.open, topic)) >= least

    try:
        send(stream)
        for topic, least in ((OUTCOMES, RECORDS), (WINDOWS, 1)):
            eventually(partial(has, topic, least), 500, f"{least} on {topic}", interval=1.0)
        end(stream)
        # only then is it known that the label in the wrong partition belongs to no record
        eventually(partial(has, DEAD_LETTERS, 1), 500, "a dead letter", interval=1.0)
        for command in ("status", "dead-letters", "windows"):
            done = stream.run("look", command)
            assert done.returncode in ((0, 1) if command == "status" else (0,)), (command, done)
            assert "grant" not in done.stdout + done.stderr, (command, done.stdout, done.stderr)
        redriven = stream.run("redrive", "redrive", "--yes")
        assert redriven.returncode == 0, redriven.stderr
        for worker in workers.values():
            worker.send_signal(signal.SIGTERM)
        assert [worker.wait(60) for worker in workers.values()] == [0, 0, 0], told()
    finally:
        for worker in workers.values():
            worker.kill()
            worker.wait()
    assert not re.search("authoriz|Traceback|cannot be", told(), re.IGNORECASE), told()
    deleted = stream.run("reset", "reset", "--yes")
    assert deleted.returncode == 0, deleted.stderr


@pytest.mark.timeout(900)
def test_a_missing_right_is_named(broker: GuardedBroker, tmp_path: Path) -> None:
    stream = GuardedStream(broker, "loans-", tmp_path)
    hidden = stream.run("stranger", "score")
    assert hidden.returncode == 2
    assert hidden.stderr.startswith("error: topic loans-format cannot be created: ")
    assert "; if it exists, grant this user DESCRIBE on it; otherwise grant CREATE, or have an admin" in hidden.stderr
    assert "Traceback" not in hidden.stderr

    broker.grant("create", rights(stream.prefix, EVERYONE, "doctor --create-topics"))
    assert "created loans-format" in stream.run("create", "doctor", "--create-topics").stdout
    broker.grant("unconfigured", [Right(ResourceType.TOPIC, stream.prefix, True, ("READ", "DESCRIBE"))])
    refused = stream.run("unconfigured", "join")
    assert refused.returncode == 2
    assert re.fullmatch(
        r"error: the configuration of topic loans-\S+ cannot be read: .*; grant this user DESCRIBE_CONFIGS on it\n",
        refused.stderr,
    ), refused.stderr

    granted = rights(stream.prefix, EVERYONE, "monitor")
    broker.grant(
        "monitor", [right for right in granted if right != Right(GROUP, f"{stream.prefix}timeline", False, READ)]
    )
    groupless = stream.run("monitor", "monitor")
    assert groupless.returncode == 2
    assert (
        "error: this user may not read as the consumer group loans-timeline; grant this user READ" in groupless.stderr
    )
