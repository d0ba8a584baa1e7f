"""The REST service as a process, on a real broker and a real MLflow store."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contract.messages import Label, Prediction, prediction_type
from contract.schema import load_schema
from contract.settings import Settings
from contract.topics import CUSTOMERS, LABELS, PREDICTIONS
from scorer.models.loaded import load_model
from scorer.serving.requests import customer_of
from scorer.stream.worker import ScorerWorker
from tests.support.kafka.topics import committed, end_stream, send, stream_settings
from tests.support.messages import DAY, customer, encode, features, key
from tests.support.polling import eventually
from tests.support.running import running
from tests.support.service.process import Served, served
from tests.support.versions import stream_with_champion

SCHEMA = load_schema("bank_churn")
PREDICTION = prediction_type(SCHEMA)


@pytest.fixture(scope="module")
def stream(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A stream of this module's own, and a store with one champion."""
    return stream_with_champion(broker, tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def service(stream: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(stream, tmp_path_factory.mktemp("service")) as running_service:
        yield running_service


def on_topic(settings: Settings, topic: str, kind: type[Any], record_ids: set[str]) -> list[Any]:
    """What stands on a topic under these record ids, each message under the key and in the partition it must have."""
    found = []
    for message in committed(settings, topic):
        if message.key() is None:  # an end of stream
            continue
        value = msgspec.json.decode(message.value() or b"", type=kind)
        if value.record_id in record_ids:
            assert message.key() == value.customer_id.encode()
            found.append(value)
    return found


def test_an_answer_is_on_the_stream_before_it_is_given(service: Served, stream: Settings) -> None:
    answer = service.client.post("/predict", json=customer(3))
    assert answer.status_code == 200
    body = answer.json()
    (sent,) = on_topic(stream, PREDICTIONS, PREDICTION, {"test-3"})
    assert isinstance(sent, Prediction)
    assert sent.source is None
    assert msgspec.to_builtins(sent) == customer(3) | body | {"source": None}
    assert body["predicted"] == int(body["probability"] >= body["threshold"])
    assert body["model"] == {"name": "churn", "version": 1, "role": "champion"}


def test_a_list_is_answered_in_order(service: Served) -> None:
    records = [customer(i) for i in range(10, 40)]
    together = service.client.post("/predict", json=records).json()
    assert [one["record_id"] for one in together] == [one["record_id"] for one in records]
    alone = [service.client.post("/predict", json=record).json() for record in records]
    assert together == alone


def test_ids_and_time_are_made_where_there_are_none(service: Served, stream: Settings) -> None:
    first, second = (service.client.post("/predict", json={"features": features(1)}).json() for _ in range(2))
    assert first["record_id"] != second["record_id"]
    assert first["probability"] == second["probability"]
    named = service.client.post("/predict", json={"features": features(1), "customer_id": "77"}).json()
    assert named["customer_id"] == customer_of(named["record_id"]) == "77"
    assert len(on_topic(stream, PREDICTIONS, PREDICTION, {first["record_id"], named["record_id"]})) == 2


def test_a_true_value_is_a_label(service: Served, stream: Settings) -> None:
    records = [customer(50) | {"true_value": 1}, customer(51), customer(52) | {"true_value": 0}]
    assert service.client.post("/predict", json=records).status_code == 200
    labels = on_topic(stream, LABELS, Label, {"test-50", "test-51", "test-52"})
    assert {(one.record_id, one.label, one.event_time - records[0]["event_time"]) for one in labels} == {
        ("test-50", 1, 0),
        ("test-52", 0, 120_000),
    }


def test_labels_come_later_under_the_record_id_alone(service: Served, stream: Settings) -> None:
    answers = [
        service.client.post("/predict", json={"features": features(i)} | ids).json()
        for i, ids in enumerate([{}, {"customer_id": "88"}, {"record_id": "mine"}])
    ]
    sent = [{"record_id": answer["record_id"], "label": 1} for answer in answers]
    answer = service.client.post("/labels", json=sent)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 3})
    labels = on_topic(stream, LABELS, Label, {one["record_id"] for one in sent})
    assert {(one.record_id, one.customer_id) for one in labels} == {
        (one["record_id"], one["customer_id"]) for one in answers
    }
    assert all(label.event_time >= answers[0]["event_time"] for label in labels)


def test_a_label_of_a_record_with_both_ids_names_both(service: Served, stream: Settings) -> None:
    sent = {"record_id": "both", "customer_id": "99", "label": 0, "event_time": 1_735_689_600_000}
    assert service.client.post("/labels", json=sent).status_code == 202
    (label,) = on_topic(stream, LABELS, Label, {"both"})
    assert msgspec.to_builtins(label) == sent


def test_the_same_record_has_the_same_probability_over_http_and_on_the_stream(
    service: Served, stream: Settings, broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    records = [customer(i) for i in range(300)]
    own = stream_settings(broker, topic_prefix, tmp_path, mlflow_tracking_uri=stream.mlflow_tracking_uri)
    send(own, CUSTOMERS, [(key(record), encode(record)) for record in records])
    model = load_model(own)
    with running(ScorerWorker(own, SCHEMA, lambda: model)):
        eventually(lambda: len(committed(own, PREDICTIONS)) == len(records), 60, "all are scored")
    streamed = {
        value["record_id"]: value["probability"]
        for value in (json.loads(message.value() or b"") for message in committed(own, PREDICTIONS))
    }
    answered = service.client.post("/predict", json=records).json()
    assert {one["record_id"]: one["probability"] for one in answered} == pytest.approx(streamed, abs=1e-6)
    assert len({round(value, 3) for value in streamed.values()}) > 50


def test_beside_a_replay_a_request_has_the_stream_s_time(
    stream: Settings, broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = stream_settings(
        broker, topic_prefix, tmp_path, mlflow_tracking_uri=stream.mlflow_tracking_uri, request_time="stream"
    )
    last = customer(1)
    send(settings, CUSTOMERS, [(key(last), encode(last))])
    end_stream(settings, last["event_time"] + 5 * DAY)
    with served(settings, tmp_path, ready=False) as service:
        accepted = service.client.post("/labels", json={"record_id": "r", "label": 1})
        assert accepted.status_code == 202
        (label,) = on_topic(settings, LABELS, Label, {"r"})
        assert label.event_time == last["event_time"]
        of_today = {"record_id": "r", "label": 0, "event_time": time.time_ns() // 1_000_000}
        refused = service.client.post("/labels", json=of_today)
        assert refused.status_code == 400
        (fault,) = refused.json()["errors"]
        assert str(of_today["event_time"]) in fault["remedy"]
        assert str(last["event_time"]) in fault["remedy"]
        assert len(on_topic(settings, LABELS, Label, {"r"})) == 1


def test_what_cannot_be_used_leaves_nothing_on_the_stream(service: Served, stream: Settings) -> None:
    answer = service.client.post("/predict", json=[customer(960), customer(961, Age=-1)])
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    (fault,) = answer.json()["errors"]
    assert fault == {
        "field": "[1].features.Age",
        "reason": "out-of-range",
        "found": "number",
        "remedy": "give a number from 18 to 110",
    }
    assert on_topic(stream, PREDICTIONS, PREDICTION, {"test-960", "test-961"}) == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("POST", "/predict/", 404),
        ("GET", "/predict", 405),
        ("DELETE", "/labels", 405),
        ("POST", "/", 405),
    ],
)
def test_unknown_pages_and_methods(method: str, path: str, status: int, service: Served) -> None:
    answer = service.client.request(method, path)
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {},
    ],
)
def test_only_plain_json_is_read(headers: dict[str, str], service: Served) -> None:
    assert service.client.post("/predict", content=encode(customer(1)), headers=headers).status_code == 415


def test_the_model_says_what_it_is(service: Served) -> None:
    model = service.client.get("/model").json()
    assert model["model"] == {"name": "churn", "version": 1, "role": "champion"}
    assert [column["name"] for column in model["signature"]] == list(SCHEMA.names)
    assert 0 < model["threshold"] < 1
    assert model["card"]["schema_fingerprint"] == SCHEMA.fingerprint
    assert model["refused"] is None


def test_explanations_add_up(service: Served) -> None:
    records = [customer(i) for i in range(5)]
    explained = service.client.post("/explain", json=records).json()
    answered = service.client.post("/predict", json=records).json()
    for one, answer in zip(explained, answered, strict=True):
        assert set(one["contributions"]) == set(SCHEMA.names)
        assert one["bias"] + sum(one["contributions"].values()) == pytest.approx(one["margin"], abs=1e-4)
        assert one["probability"] == answer["probability"]


def test_metrics_count_what_was_answered(service: Served) -> None:
    def value(name: str) -> float:
        lines = service.client.get("/metrics").text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))

    answered, scored = (
        'churnstream_http_requests_total{route="/predict",status="200"}',
        "churnstream_http_records_total",
    )
    before = value(answered), value(scored)
    service.client.post("/predict", json=[customer(1), customer(2)])
    assert (value(answered), value(scored)) == (before[0] + 1, before[1] + 2)
    assert value("churnstream_model_version") == 1
    assert value("churnstream_ready") == 1


def test_the_home_page_greets_browsers_and_programs(service: Served) -> None:
    assert service.client.get("/").json()["links"] == {"API: try it": "/docs"}
    page = service.client.get("/", headers={"Accept": "text/html,*/*"})
    assert page.headers["content-type"].startswith("text/html")
    assert 'href="/docs"' in page.text
    docs = service.client.get("/docs").text
    assert "//" not in docs.replace("// `Swagger", ""), "the API page loads something from elsewhere"


def test_the_examples_of_the_api_page_work(service: Served) -> None:
    paths = service.client.get("/openapi.json").json()["paths"]
    for path in ("/predict", "/labels", "/explain"):
        content = paths[path]["post"]["requestBody"]["content"]["application/json"]
        for example in content["examples"].values():
            assert service.client.post(path, json=example["value"]).is_success
