"""The data plane without a transport: records in, predictions out, and errors that know of no status."""

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from contract.messages import ModelRef
from contract.models.registry import Classifier
from contract.schema import load_schema
from contract.settings import load_settings
from contract.testing import ManualClock
from scorer.models.swap import Champion
from scorer.serving.errors import (
    InvalidRequestError,
    NoModelError,
    OverloadedError,
    RecordFault,
    UnavailableError,
)
from scorer.serving.predictor import Parts, Predictor
from scorer.serving.request_time import RequestTime, WallTime
from scorer.serving.requests import LabelRequest, ScoringRequest, scoring_request_type
from scorer.testing import MemoryRegistry, MemorySink, StandingTime
from tests.support.messages import DAY, START, customer, features

SCHEMA = load_schema("bank_churn")
REQUEST = scoring_request_type(SCHEMA)
NOW = START + 1_000
Answer = TypeVar("Answer")


class ByAge:
    """Customers of 50 and more churn."""

    def predict_proba(self, X: pd.DataFrame) -> npt.NDArray[np.float64]:
        churn = X["Age"].to_numpy() / 100
        return np.column_stack([1 - churn, churn])


def request(i: int, **given: Any) -> ScoringRequest:
    return msgspec.convert({"features": features(i)} | given, REQUEST)


def ask(
    work: Callable[[Predictor], Awaitable[Answer]],
    sink: MemorySink | None = None,
    classifier: Classifier | None = None,
    *,
    loaded: bool = True,
    times: RequestTime | None = None,
    **settings: Any,
) -> Answer:
    """What ``work`` makes of a predictor."""
    given = load_settings(**settings)
    clock = ManualClock(NOW)
    champion = Champion(given, source=MemoryRegistry(SCHEMA, classifier or ByAge()), clock=clock)
    if loaded:
        champion.load()
    taken = sink or MemorySink()

    async def main() -> Answer:
        predictor = Predictor(
            Parts(given, SCHEMA, champion, lambda: taken, times or WallTime(clock), clock), lambda _records: None
        )
        try:
            return await work(predictor)
        finally:
            await predictor.close()

    answer = asyncio.run(main())
    assert taken.closed
    return answer


def test_records_become_predictions_which_have_gone_the_stream_s_way() -> None:
    sink = MemorySink()
    records = [request(25), request(35, record_id="r", customer_id="c", event_time=START, true_value=1)]
    predictions = ask(lambda predictor: predictor.predict(records), sink)
    assert sink.predictions == predictions
    assert [(one.probability, one.predicted, one.model) for one in predictions] == [
        (0.45, 0, ModelRef("churn", 1)),
        (0.55, 1, ModelRef("churn", 1)),
    ]
    assert [one.event_time for one in predictions] == [NOW, START]
    assert [msgspec.to_builtins(one) for one in sink.labels] == [
        {"record_id": "r", "customer_id": "c", "event_time": START, "label": 1}
    ]


def test_labels_go_the_stream_s_way() -> None:
    sink = MemorySink()
    labels = ask(lambda predictor: predictor.label([LabelRequest(record_id="r", label=1)]), sink)
    assert sink.labels == labels
    assert msgspec.to_builtins(labels) == [{"record_id": "r", "customer_id": "r", "event_time": NOW, "label": 1}]


def test_what_is_wrong_is_named_by_record_and_field() -> None:
    ahead = NOW + 2 * DAY
    records = [request(1), request(2, event_time=ahead), request(3, customer_id="c" * 224)]
    sink = MemorySink()
    with pytest.raises(InvalidRequestError) as raised:
        ask(lambda predictor: predictor.predict(records), sink)
    assert [(fault.index, fault.field, fault.reason) for fault in raised.value.faults] == [
        (1, "event_time", "implausible-event-time"),
        (2, "customer_id", "out-of-range"),
    ]
    assert all(isinstance(fault, RecordFault) and fault.remedy for fault in raised.value.faults)
    assert sink.predictions == []


def test_until_the_stream_s_time_is_known_nothing_is_taken_under_another() -> None:
    times = StandingTime(START, hindrance="the stream's time has not been read yet")

    async def work(predictor: Predictor) -> list[str]:
        with pytest.raises(UnavailableError, match="not been read"):
            await predictor.predict([request(1)])
        with pytest.raises(UnavailableError, match="not been read"):
            await predictor.label([LabelRequest(record_id="r", label=1)])
        return predictor.hindrances

    assert ask(work, times=times) == [times.hindrance]


def test_without_a_model_there_is_no_answer() -> None:
    with pytest.raises(NoModelError, match="register one"):
        ask(lambda predictor: predictor.predict([request(1)]), loaded=False)


def test_where_the_stream_does_not_answer_a_request_is_to_be_sent_again() -> None:
    async def work(predictor: Predictor) -> list[str]:
        with pytest.raises(UnavailableError, match="Kafka does not answer"):
            await predictor.predict([request(1)])
        return predictor.hindrances

    assert ask(work, MemorySink(hindrance="Kafka does not answer")) == ["Kafka does not answer"]


def test_no_more_is_taken_than_there_is_room_for() -> None:
    async def work(predictor: Predictor) -> int:
        with pytest.raises(OverloadedError):
            await predictor.predict([request(i) for i in range(3)])
        return len(await predictor.predict([request(1), request(2)]))

    assert ask(work, http_max_records=2, http_queue=2) == 2


def test_a_model_of_another_kind_cannot_be_explained() -> None:
    with pytest.raises(InvalidRequestError, match="XGBoost"):
        ask(lambda predictor: predictor.explain([msgspec.convert(customer(1), REQUEST)]))


def test_the_data_plane_knows_no_transport() -> None:
    """It must stand beside a transport that is no HTTP, in a process that has no HTTP server installed."""
    code = "import sys, scorer.serving.predictor, scorer.serving.publisher; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {name.partition(".")[0] for name in loaded} & {"starlette", "fastapi", "uvicorn"} == set()
