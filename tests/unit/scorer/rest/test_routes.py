"""The service's rules, over a socket, with models and a sink of the test's own."""

import json
import random
import socket
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.preprocessing import StandardScaler

from contract.models.registry import Classifier
from contract.schema import load_schema
from scorer.rest import guard
from scorer.testing import MemorySink
from tests.support.messages import customer, features
from tests.support.service.alone import NOW, probabilities_of_age, service

SCHEMA = load_schema("bank_churn")
Floats = npt.NDArray[np.float64]


class RefittedScaler:
    """The report's mistake: the scaler is fitted anew on each request's records."""

    def predict_proba(self, X: pd.DataFrame) -> Floats:
        return probabilities_of_age(45 + 10 * StandardScaler().fit_transform(X[["Age"]])[:, 0])


class Remembering:
    """Another one: what came before has a part in the answer."""

    def __init__(self) -> None:
        self._seen = 0

    def predict_proba(self, X: pd.DataFrame) -> Floats:
        self._seen += len(X)
        return probabilities_of_age(X["Age"].to_numpy() + self._seen / 100)


class Failing:
    def predict_proba(self, X: pd.DataFrame) -> Floats:  # noqa: ARG002
        raise RuntimeError("out of order, with secret 4711")


def answers_depend_on_their_request_alone(predict: Callable[[Any], Any]) -> None:
    """Each record has one probability: alone, again, in any company, in any order."""
    records = [customer(i) for i in range(40)]
    alone = {record["record_id"]: predict(record)["probability"] for record in records}
    assert len(set(alone.values())) > 20, "records that differ have the same answer"
    shuffled = random.Random(0)
    for size in (40, 2, 3, 17, 1):
        company = shuffled.sample(records, size)
        for answer in predict(company):
            assert answer["probability"] == pytest.approx(alone[answer["record_id"]], abs=1e-12)


def test_an_answer_depends_on_its_request_alone() -> None:
    with service() as running:
        answers_depend_on_their_request_alone(running.predict)


@pytest.mark.parametrize("classifier", [RefittedScaler(), Remembering()], ids=lambda one: type(one).__name__)
def test_that_check_sees_a_scaler_that_is_fitted_on_requests_and_a_memory(classifier: Classifier) -> None:
    with service(classifier) as running, pytest.raises(AssertionError, match=r"same answer|approx|=="):
        answers_depend_on_their_request_alone(running.predict)


def test_event_time_is_the_service_s_where_the_request_has_none() -> None:
    with service() as running:
        assert running.predict({"features": features()})["event_time"] == NOW
        assert running.predict(customer(1))["event_time"] == customer(1)["event_time"]
        running.client.post("/labels", json={"record_id": "r", "label": 1})
        assert [label.event_time for label in running.sink.labels] == [NOW]


def test_whole_numbers_may_be_written_as_floats() -> None:
    record = customer(7) | {"true_value": 1}
    with service() as running:
        first = running.predict(record)
        again = running.predict(json.loads(json.dumps(record), parse_int=float))
        assert again == first
        assert [type(label.label) for label in running.sink.labels] == [int, int]
        assert running.sink.predictions[0] == running.sink.predictions[1]
        label = b'{"record_id": "r", "label": 1.0, "event_time": 1735689600000.0}'
        sent = running.client.post("/labels", content=label, headers={"Content-Type": "application/json"})
        assert sent.status_code == 202
        explained = running.client.get("/openapi.json").json()["components"]["schemas"]["Features"]["properties"]
        assert explained["Tenure"]["type"] == "integer"


def test_a_fault_of_ours_is_a_500_that_gives_nothing_away(caplog: pytest.LogCaptureFixture) -> None:
    with service(Failing()) as running:
        answer = running.client.post("/predict", json=customer(1))
        assert answer.status_code == 500
        assert answer.json()["detail"] == "the service is at fault; its log says more"
        assert "4711" not in answer.text
        assert running.sink.predictions == []
    # a model's own words may quote a customer's values
    assert "RuntimeError at test_routes.py" in caplog.text
    assert "4711" not in caplog.text


@pytest.mark.parametrize(
    ("path", "body"),
    [("/predict", customer(1)), ("/labels", {"record_id": "r", "label": 0})],
    ids=["predict", "labels"],
)
def test_what_cannot_be_acknowledged_is_to_be_tried_again(path: str, body: dict[str, Any]) -> None:
    with service() as running:
        running.sink.hindrance = "Kafka does not answer"
        answer = running.client.post(path, json=body)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        readiness = running.client.get("/ready")
        assert (readiness.status_code, readiness.json()["hindrances"]) == (503, ["Kafka does not answer"])
        running.sink.hindrance = None
        assert running.client.post(path, json=body).is_success
        assert running.client.get("/ready").status_code == 200


def test_a_model_that_has_no_explanations_says_so() -> None:
    with service() as running:
        answer = running.client.post("/explain", json=customer(1))
        assert answer.status_code == 400
        assert "XGBoost" in answer.json()["detail"]


def test_nothing_is_predicted_before_there_is_a_model() -> None:
    with service(loaded=False) as running:
        assert running.client.post("/predict", json=customer(1)).status_code == 503
        assert running.client.post("/explain", json=customer(1)).status_code == 503
        assert running.client.post("/labels", json={"record_id": "r", "label": 1}).status_code == 202


def test_a_request_is_bounded() -> None:
    with service(http_max_records=2, http_queue=2) as running:
        assert len(running.predict([customer(1), customer(2)])) == 2
        answer = running.client.post("/predict", json=[customer(i) for i in range(3)])
        assert [fault["reason"] for fault in answer.json()["errors"]] == ["too-many"]


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_BODY_SECONDS", 0.1)
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
    with service() as running:
        url = running.client.base_url
        with socket.create_connection((url.host, url.port or 80), timeout=30) as connection:
            connection.sendall(head)
            with connection.makefile("rb") as answer:
                assert answer.read().startswith(b"HTTP/1.1 408 ")


def labels_of(sink: MemorySink) -> Sequence[tuple[str, str, int]]:
    return [(label.record_id, label.customer_id, label.label) for label in sink.labels]


def test_labels_go_to_the_customer_of_their_record() -> None:
    with service() as running:
        made = running.predict({"features": features(), "customer_id": "C7", "true_value": 1})
        running.client.post("/labels", json={"record_id": made["record_id"], "label": 0})
        assert labels_of(running.sink) == [(made["record_id"], "C7", 1), (made["record_id"], "C7", 0)]
