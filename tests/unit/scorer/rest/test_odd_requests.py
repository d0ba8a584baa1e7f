"""Requests that are allowed and odd, or odd and refused: what becomes of them, and that nothing of them is told on."""

import json
import logging
from collections.abc import Iterator

import msgspec
import pytest

from contract.messages import Label, encode, prediction_type
from contract.schema import load_schema
from tests.support.messages import customer, features
from tests.support.service.alone import Alone, service

PREDICTION = prediction_type(load_schema("bank_churn"))
JSON = {"Content-Type": "application/json"}
IDS = [
    *("\n", "a\r\nX-Forged: 1", "\0", "\x1b[31mred", "\u202egnp", "\u2028", "<script>", "{{7*7}}", '"\\', "a~b"),
    "😀" * 256,
]


@pytest.fixture(scope="module")
def alone() -> Iterator[Alone]:
    with service() as running:
        yield running


@pytest.mark.parametrize("made", IDS, ids=lambda made: ascii(made)[:20])
def test_an_id_of_whatever_characters_stays_what_it_is_and_is_told_to_nobody(
    made: str, alone: Alone, caplog: pytest.LogCaptureFixture
) -> None:
    alone.sink.predictions.clear()
    alone.sink.labels.clear()
    with caplog.at_level(logging.DEBUG, "churnstream"):
        answer = alone.predict({"features": features(), "record_id": made})
        sent = alone.client.post("/labels", json={"record_id": made, "label": 1})
        alone.client.get(f"/path-{made.encode().hex()}")
    assert sent.status_code == 202
    (prediction,), (label,) = alone.sink.predictions, alone.sink.labels
    assert answer["record_id"] == prediction.record_id == label.record_id == made
    assert prediction.customer_id == label.customer_id == made
    # as the stream's readers find them
    assert msgspec.json.decode(encode(prediction), type=PREDICTION).record_id == made
    assert msgspec.json.decode(encode(label), type=Label) == label
    assert [record for record in caplog.records if record.name.startswith("churnstream")] == []
    assert "path-" not in alone.client.get("/metrics").text


@pytest.mark.parametrize("path", ["/predict", "/labels"])
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (rb'{"record_id": "\ud800", "label": 1, "features": {}}', "not-json"),
        (rb'{"record_id": "\udc00\ud800", "label": 1, "features": {}}', "not-json"),
        (b'{"record_id": "r", "event_time": NaN}', "not-finite"),
        (b'{"record_id": "r", "event_time": -Infinity}', "not-finite"),
        (b'{"record_id": "r", "event_time": 1e999}', "not-finite"),
        (b'{"record_id": "r", "event_time": 1%s}' % (b"0" * 5_000), "out-of-range"),
        (b'{"record_id": "r\n", "label": 1, "features": {}}', "not-json"),
        (b"[" * 100_000, "wrong-shape"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_what_is_no_text_or_no_number_is_refused_in_a_few_words(
    body: bytes, reason: str, path: str, alone: Alone
) -> None:
    answer = alone.client.post(path, content=body, headers=JSON)
    assert answer.status_code == 400
    assert len(answer.content) < 4_000
    assert reason in {fault["reason"] for fault in answer.json()["errors"]}


def test_of_a_name_that_stands_twice_the_last_value_counts(alone: Alone) -> None:
    alone.sink.predictions.clear()
    text = json.dumps(customer(1) | {"record_id": "last"}).replace('{"record_id"', '{"record_id": "first", "record_id"')
    answer = alone.client.post("/predict", content=text.encode(), headers=JSON).json()
    (prediction,) = alone.sink.predictions
    assert answer["record_id"] == prediction.record_id == "last"
    assert encode(prediction).count(b'"record_id"') == 1


@pytest.mark.parametrize("name", ["Authorization", "Accept", "Origin", "X-Forwarded-For", "Content-Language", "Cookie"])
@pytest.mark.parametrize("value", [b"", b"\xff\xfe", b"x" * 60_000, b'a,b;c="', b"Bearer " + b"\xc3\xa9" * 99], ids=len)
def test_headers_of_odd_values_change_nothing(name: str, value: bytes, alone: Alone) -> None:
    headers = [(b"Content-Type", b"application/json"), (name.encode(), value)]
    answer = alone.client.post("/predict", content=json.dumps(customer(3)).encode(), headers=headers)
    assert answer.status_code == 200


@pytest.mark.parametrize("value", [b"\xff", b"x" * 60_000, b"Bearer \xff", b"Bearer", b"bearer  x"], ids=len)
def test_an_odd_token_is_a_wrong_one(value: bytes) -> None:
    with service(http_token="correct-horse-battery-staple") as running:
        answer = running.client.get("/model", headers=[(b"Authorization", value)])
        assert answer.status_code == 401
