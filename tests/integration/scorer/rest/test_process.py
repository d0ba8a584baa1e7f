"""The REST service's process: how it begins, what it bounds, whom it lets in, how it ends; and without Kafka."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from mlflow import MlflowClient

from contract.records import features_type
from contract.schema import load_schema
from contract.settings import Settings
from scorer.models.loaded import load_model
from tests.support.kafka.topics import stream_settings
from tests.support.messages import customer, features
from tests.support.polling import eventually
from tests.support.service.process import Served, served
from tests.support.tables.toy import toy_table
from tests.support.versions import stream_with_champion
from training.train import train

SCHEMA = load_schema("bank_churn")


@pytest.fixture(scope="module")
def stream(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A stream of this module's own, and a store with one champion."""
    return stream_with_champion(broker, tmp_path_factory.mktemp("process"))


def test_a_body_is_read_no_further_than_its_limit(stream: Settings, tmp_path: Path) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b" " * 1_000

    settings = stream.model_copy(update={"http_max_bytes": 10_000})
    with served(settings, tmp_path) as service:
        declared = service.client.post("/predict", content=b" " * 10_001, headers={"Content-Type": "application/json"})
        assert declared.status_code == 413
        # the server closes the connection on the rest, which its client may notice before the answer
        with contextlib.suppress(httpx.TransportError):
            cut_off = service.client.post("/predict", content=endless(), headers={"Content-Type": "application/json"})
            assert (cut_off.status_code, cut_off.headers["connection"]) == (413, "close")
        assert service.client.post("/predict", json=customer(1)).status_code == 200


def test_bodies_that_come_slowly_take_up_bounded_memory(stream: Settings, tmp_path: Path) -> None:
    settings = stream.model_copy(update={"http_max_bytes": 1_000_000})
    head = b"POST /predict HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{"
    with served(settings, tmp_path) as service, contextlib.ExitStack() as slow:
        url = httpx.URL(service.address)
        for _ in range(16):
            connection = slow.enter_context(socket.create_connection((url.host, url.port or 80)))
            connection.sendall(head)
        eventually(lambda: service.client.post("/predict", json=customer(1)).status_code == 429, 30)
        slow.close()
        eventually(lambda: service.client.post("/predict", json=customer(1)).status_code == 200, 30)


def test_more_than_the_queue_holds_is_turned_away(stream: Settings, tmp_path: Path) -> None:
    settings = stream.model_copy(update={"http_queue": 2_000, "http_max_records": 2_000})
    records = [customer(i) for i in range(2_000)]
    with served(settings, tmp_path) as service:
        statuses: list[int] = []

        def ask() -> None:
            answer = httpx.post(f"{service.address}/predict", json=records, timeout=60)
            statuses.append(answer.status_code)
            if answer.status_code == 429:
                assert answer.headers["retry-after"] == "1"

        threads = [threading.Thread(target=ask) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(statuses) == {200, 429}
        assert service.client.post("/predict", json=records).status_code == 200


def test_a_token_is_asked_for_where_there_is_one(stream: Settings, tmp_path: Path) -> None:
    token = "correct-horse-battery-staple"
    with served(stream, tmp_path, CHURNSTREAM_HTTP_TOKEN=token) as service:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {token}"}):
            for method, path in [("POST", "/predict"), ("POST", "/labels"), ("GET", "/model"), ("GET", "/metrics")]:
                answer = service.client.request(method, path, headers=headers)
                assert answer.status_code == 401
                assert answer.headers["www-authenticate"] == "Bearer"
                assert token not in answer.text
        known = {"Authorization": f"Bearer {token}"}
        assert service.client.post("/predict", json=customer(1), headers=known).status_code == 200
        assert service.client.get("/model", headers=known).status_code == 200
        assert [service.client.get(path).status_code for path in ("/", "/health", "/ready", "/docs")] == [200] * 4
        assert token not in service.log


def test_without_a_model_requests_wait_for_one(broker: str, topic_prefix: str, store: Settings, tmp_path: Path) -> None:
    settings = stream_settings(
        broker, topic_prefix, tmp_path, mlflow_tracking_uri=store.mlflow_tracking_uri, model_poll_ms=100
    )
    with served(settings, tmp_path, ready=False) as service:
        for answer in (service.client.post("/predict", json=customer(1)), service.client.get("/model")):
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "1"
        assert service.client.get("/health").status_code == 200
        readiness = service.client.get("/ready")
        assert (readiness.status_code, readiness.json()["ready"]) == (503, False)
        train(settings, toy_table(1_500))
        service.wait_until_ready()
        assert service.client.post("/predict", json=customer(1)).status_code == 200


def test_a_stop_finishes_what_is_in_work(stream: Settings, tmp_path: Path) -> None:
    records = [customer(i) for i in range(5_000)]
    with served(stream, tmp_path) as service:
        answers: list[httpx.Response] = []
        threads = [
            threading.Thread(
                target=lambda: answers.append(httpx.post(f"{service.address}/predict", json=records, timeout=60))
            )
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        eventually(
            lambda: _in_work(service) + len(records) * len(answers) == 3 * len(records),
            30,
            "all requests are in work, or answered",
            interval=0.001,
        )
        assert service.stop() == 0
        for thread in threads:
            thread.join()
        assert [answer.status_code for answer in answers] == [200] * 3


def _in_work(service: Served) -> float:
    text = service.client.get("/metrics").text
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith("churnstream_http_in_work "))


def test_without_kafka_labelled_queries_move_live_metrics_in_mlflow(stream: Settings, tmp_path: Path) -> None:
    nowhere = stream.model_copy(update={"kafka": {"bootstrap.servers": "127.0.0.1:1"}, "experiment": "local try"})
    with served(nowhere, tmp_path, "--local") as service:
        answers = service.client.post("/predict", json=[customer(i) for i in range(40)]).json()
        labels = [{"record_id": answer["record_id"], "label": i % 2} for i, answer in enumerate(answers)]
        assert service.client.post("/labels", json=labels[:30]).status_code == 202
        known_and_not = [labels[30], {"record_id": "never seen", "label": 1}]
        refused = service.client.post("/labels", json=known_and_not)
        assert (refused.status_code, refused.json()["errors"][0]["remedy"]) == (404, "never seen: score it first")
        late = {"features": features(3), "true_value": 1}
        service.client.post("/predict", json=late)
        client = MlflowClient(nowhere.mlflow_tracking_uri)

        def points() -> dict[int, float]:
            experiment = client.get_experiment_by_name("local try")
            runs = client.search_runs([experiment.experiment_id]) if experiment else []
            assert {run.info.run_name for run in runs} <= {"v1 live"}
            return {
                m.step: m.value
                for run in runs
                for m in client.get_metric_history(run.info.run_id, "performance/accuracy")
            }

        eventually(lambda: 31 in points(), 30, "the labelled queries are logged")
        assert service.stop() == 0
    late_answer = load_model(nowhere).score([features_type(SCHEMA)(**features(3))])[1][0]
    right = sum(answer["predicted"] == i % 2 for i, answer in enumerate(answers[:30])) + int(late_answer == 1)
    assert points()[31] == pytest.approx(right / 31)


def test_a_taken_port_is_one_clear_line(stream: Settings, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(AssertionError, match="has ended"), served(stream, tmp_path, "--port", port):
            pass
    said = (tmp_path / "serve.log").read_text()
    assert "cannot be bound" in said
    assert "Traceback" not in said
