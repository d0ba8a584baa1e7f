"""No secret, private value or markup of the data comes out: canaries planted everywhere, and looked for everywhere.

One small stream, by its own commands, on a real broker and a real MLflow store, serves all tests of this module.
"""

import base64
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest
from confluent_kafka import Consumer, TopicPartition

from churnstream.live.watch import StreamWatch
from churnstream.local_kafka.broker import free_port
from churnstream.processes.children import Children
from contract.settings import Settings
from tests.support.kafka.topics import TIMEOUT, environment, stream_settings
from tests.support.paths import ROOT
from tests.support.polling import eventually
from tests.support.service.process import served

ROWS = 400
PASSWORD, SASL, TOKEN = "cAnaryPassw0rdMlflow", "cAnaryPassw0rdSasl", "cAnaryT0kenOfTheService"
SECRETS = (PASSWORD, SASL, TOKEN, base64.b64encode(f"user:{PASSWORD}".encode()).decode())
SURNAME, EMAIL = "Zzyzxcanary", "zzyzx.canary@mail.example"
ELEMENT = "canary-element"
"""An element that no page of ours has: wherever a parser finds one, data have become markup."""
MARKUP = (f"</script><{ELEMENT} onload=alert(1)>", f'"><{ELEMENT}>', f"<!--<{ELEMENT}>", f"<a href='x'><{ELEMENT}></a>")
SCHEMA = """
name = "canaries"
id = "CustomerId"
private = ["Surname", "Email"]
on_violation = "score"
[label]
column = "Left"
[features.Plan]
kind = "categorical"
categories = ["basic", "pro"]
[features.Age]
kind = "numeric"
[features.Spent]
kind = "numeric"
"""

pytestmark = pytest.mark.timeout(900)


@dataclass(frozen=True)
class Canaries:
    """What a finished run has left: messages by topic, answers of the service by request, and files."""

    topics: dict[str, list[bytes]]
    answers: dict[str, bytes]
    folder: Path

    def files(self) -> Iterator[tuple[Path, bytes]]:
        """Every file, packed ones unpacked."""
        for path in self.folder.rglob("*"):
            if not path.is_file():
                continue
            yield path, path.read_bytes()
            if path.suffix == ".parquet":
                yield path, pd.read_parquet(path).to_csv().encode()
            elif zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as packed:
                    yield from ((path / name, packed.read(name)) for name in packed.namelist())

    def everything(self) -> Iterator[tuple[str, bytes]]:
        for topic, messages in self.topics.items():
            yield from ((topic, message) for message in messages)
        yield from self.answers.items()
        yield from ((str(path), content) for path, content in self.files())


def table(path: Path) -> None:
    random = np.random.default_rng(3)
    age = random.integers(18, 80, ROWS)
    plan = random.choice(["basic", "pro", *MARKUP], ROWS, p=[0.4, 0.4, *[0.05] * 4])
    pd.DataFrame(
        {
            "CustomerId": np.arange(1, ROWS + 1),
            "Surname": [f"{SURNAME}{i}" for i in range(ROWS)],
            "Email": [f"{i}.{EMAIL}" for i in range(ROWS)],
            "Plan": plan,
            "Age": age,
            "Spent": random.uniform(0, 1_000, ROWS).round(2),
            "Left": (random.random(ROWS) < 1 / (1 + np.exp((48 - age) / 7))).astype(int),
        }
    ).to_csv(path, index=False)


@pytest.fixture(scope="module")
def run(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Canaries:
    folder = tmp_path_factory.mktemp("canaries")
    given = tmp_path_factory.mktemp("given")
    customers, schema = given / "customers.csv", given / "canaries.toml"
    table(customers)
    schema.write_text(SCHEMA)
    settings = stream_settings(
        broker,
        f"canary{folder.name[-6:]}.",
        folder / "state",
        dataset=str(schema),
        mlflow_tracking_uri=f"sqlite:///{folder / 'mlflow.db'}",
        window=3 * 86_400_000,
        min_records=30,
        max_reports=100,
        min_distance=0.0,
        alpha=0.99,
    )
    secret = {"KAFKA_SASL_PASSWORD": SASL, "CHURNSTREAM_HTTP_TOKEN": TOKEN}
    with Children(environment(settings) | secret | {"CHURNSTREAM_LOG_FORMAT": "json"}, folder) as children:
        children.start("train", "train", "--data", str(customers), "-v").wait(300)
        for name in ("score", "join", "monitor"):
            children.start(name, name, "-v")
        pace = ["--period", "6d", "--label-delay", "exponential:mean=1d,max=2d"]
        children.start("replay", "replay", "--data", str(customers), "--name", "run", *pace).wait(300)
        watch = StreamWatch(settings)

        def complete() -> bool:
            children.check()
            return watch.refresh().complete

        eventually(complete, timeout=300, interval=0.3)
        # a request opens the stream again, so it comes behind the end
        with served(settings, folder / "logs", **secret) as service:
            answers = _ask(service.client)
        children.start("explore", "explore", "--data", str(customers), "--out", str(folder / "explore")).wait(300)
        children.start("doctor", "doctor").wait(300)
        children.stop(timeout=120)
        watch.close()
    _fail(settings, customers, folder / "logs", secret)
    return Canaries({name: _raw(settings, name) for name in _topics(settings)}, answers, folder)


def _ask(client: httpx.Client) -> dict[str, bytes]:
    right, wrong = {"Authorization": f"Bearer {TOKEN}"}, {"Authorization": f"Bearer {TOKEN}x"}
    record = {"record_id": "by-http", "features": {"Plan": MARKUP[0], "Age": 40, "Spent": 1.0}}
    private = {"record_id": "private", "features": record["features"], "Surname": SURNAME}
    found = {}
    for path in ("/", "/docs", "/openapi.json", "/model", "/metrics", "/health", "/ready", f"/<{ELEMENT}>"):
        for accept in ("text/html", "application/json"):
            answer = client.get(path, headers={**right, "Accept": accept})
            found[f"GET {path} {accept}"] = answer.content + repr(answer.headers).encode()
    for name, headers, body in (("right", right, record), ("wrong", wrong, record), ("private", right, private)):
        answer = client.post("/predict", headers=headers, json=body)
        found[f"POST /predict {name}"] = answer.content + repr(answer.headers).encode()
    label = client.post("/labels", headers=right, json={"record_id": MARKUP[1], "label": SURNAME})
    found["POST /labels"] = label.content
    return found


def _fail(settings: Settings, customers: Path, logs: Path, secret: dict[str, str]) -> None:
    """What commands say of an MLflow that does not answer, and of one that they lack the driver for."""
    away, no_driver = f"http://user:{PASSWORD}@127.0.0.1:{free_port()}", f"oracle://user:{PASSWORD}@127.0.0.1/mlflow"
    commands = dict.fromkeys(("train", "score", "serve", "doctor", "explore"), away) | {"promote": no_driver}
    started = {}
    for command, uri in commands.items():
        more = {"train": ["--data", str(customers)], "explore": ["--data", str(customers)], "promote": ["1"]}
        environ = environment(settings) | secret | {"MLFLOW_TRACKING_URI": uri, "PYTHONPATH": os.fspath(ROOT)}
        with (logs / f"{command}-fails.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "churnstream", command, *more.get(command, [])],
                cwd=logs,
                env=environ | {"CHURNSTREAM_HTTP_PORT": "0"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        started[process] = Path(log.name)

    def has_told(process: "subprocess.Popen[bytes]") -> bool:
        # the service goes on trying, and says what keeps it from answering
        return process.poll() is not None or b"cannot be used" in started[process].read_bytes()

    try:
        for process, path in started.items():
            eventually(lambda process=process: has_told(process), 300, f"{path} says what is wrong")
    finally:
        for process in started:
            process.kill()
            process.wait()


def _topics(settings: Settings) -> list[str]:
    consumer = Consumer(settings.kafka | {"group.id": "topics"})
    try:
        return [name for name in consumer.list_topics(timeout=TIMEOUT).topics if name.startswith(settings.topic_prefix)]
    finally:
        consumer.close()


def _raw(settings: Settings, topic: str) -> list[bytes]:
    """Key, value and headers of every message, those of aborted transactions included."""
    reading = {"group.id": "raw", "isolation.level": "read_uncommitted", "enable.partition.eof": True}
    consumer = Consumer(settings.kafka | reading)
    found: list[bytes] = []
    try:
        waiting = set(consumer.list_topics(topic, TIMEOUT).topics[topic].partitions)
        consumer.assign([TopicPartition(topic, partition, 0) for partition in waiting])
        while waiting:
            message = consumer.poll(TIMEOUT)
            assert message is not None, f"{topic}: no end within {TIMEOUT} s"
            if message.error() is None:
                parts = (message.key() or b"", message.value() or b"", repr(message.headers()).encode())
                found.append(b" ".join(parts))
            else:
                waiting.discard(message.partition() or 0)
        return found
    finally:
        consumer.close()


class _Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        self.names.append(tag)


def _where(found: Iterator[tuple[str, bytes]], needles: tuple[str, ...]) -> list[str]:
    wanted = [needle.encode() for needle in needles]
    return sorted({where for where, content in found if any(needle in content for needle in wanted)})


def test_the_canaries_were_planted(run: Canaries) -> None:
    topics = {name.partition(".")[2]: messages for name, messages in run.topics.items()}
    assert any(ELEMENT.encode() in message for message in topics["predictions"])
    assert any(ELEMENT.encode() in message for message in topics["panes"])
    assert b"by-http" in run.answers["POST /predict right"]
    assert [path for path, _ in run.files() if path.suffix == ".html" and "reports" in path.parts]
    logs = {path.name for path, _ in run.files() if path.suffix == ".log"}
    assert {"train.log", "score.log", "join.log", "monitor.log", "serve.log", "doctor-fails.log"} <= logs


def test_no_private_value_comes_out_of_the_producer(run: Canaries) -> None:
    assert _where(run.everything(), (SURNAME, EMAIL)) == []


def test_no_secret_is_in_any_log_message_page_or_file(run: Canaries) -> None:
    assert _where(run.everything(), SECRETS) == []


def test_no_markup_of_the_data_is_in_a_page(run: Canaries) -> None:
    pages = {str(path): content.decode() for path, content in run.files() if path.suffix == ".html"}
    pages |= {where: answer.decode() for where, answer in run.answers.items() if "text/html" in where}
    assert len(pages) > 4
    for where, page in pages.items():
        assert ELEMENT not in _Tags(page).names, where


def test_lines_in_json_have_the_same_fields_everywhere_and_no_record(run: Canaries) -> None:
    workers = {"score", "join", "monitor"}
    logs = {path.stem: content.decode() for path, content in run.files() if path.suffix == ".log"}
    for worker in workers:
        lines = [json.loads(line) for line in logs[worker].splitlines() if line.startswith("{")]
        assert lines, worker
        assert set().union(*lines) <= {"time", "level", "logger", "event", "message", "worker", "error"}
        assert {line["worker"] for line in lines} == {worker}
    assert [name for name, text in logs.items() if "by-http" in text or "canaries-run-" in text] == []


def test_no_markup_of_the_data_is_in_a_log(run: Canaries) -> None:
    logs = ((str(path), content) for path, content in run.files() if path.suffix == ".log")
    assert _where(logs, (f"<{ELEMENT}",)) == []
