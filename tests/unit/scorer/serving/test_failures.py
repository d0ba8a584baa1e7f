"""A record that the model fails on: named, alone, without a traceback, and nobody else pays for it."""

import logging
import threading
import time
from collections.abc import Sequence
from typing import Any

import httpx
import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from contract.records import features_type
from contract.schema import load_schema
from scorer.serving.failures import MOST_NAMED, not_scorable
from scorer.testing import LogisticModel
from tests.support.messages import customer, features
from tests.support.polling import eventually
from tests.support.service.alone import probabilities_of_age, service

FEATURES = features_type(load_schema("bank_churn"))
UNLUCKY = 77
MANY = 1_000


class Raising:
    """Raises on customers of ``UNLUCKY`` years."""

    def predict_proba(self, X: pd.DataFrame) -> npt.NDArray[np.float64]:
        ages = X["Age"].to_numpy()
        if (ages == UNLUCKY).any():
            raise ValueError("no customer is so old\nand more lines")
        return probabilities_of_age(ages)


class Undecided:
    """Answers NaN for customers of ``UNLUCKY`` years."""

    def predict_proba(self, X: pd.DataFrame) -> npt.NDArray[np.float64]:
        ages = X["Age"].to_numpy()
        return probabilities_of_age(np.where(ages == UNLUCKY, np.nan, ages))


class Counting(LogisticModel):
    """Fails on given places of 1,000 rows, told by their salary, and counts its calls."""

    def __init__(self, places: set[int]) -> None:
        super().__init__()
        self.places = places
        self.calls = 0

    def score(self, features: Sequence[msgspec.Struct]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8]]:
        self.calls += 1
        rows: Sequence[Any] = features
        if any(int(row.EstimatedSalary) - 10_000 in self.places for row in rows):
            raise ArithmeticError
        return super().score(features)


def records(*unlucky: int, number: int = MANY) -> list[dict[str, Any]]:
    return [customer(i, Age=UNLUCKY if i in unlucky else 40) for i in range(number)]


@pytest.mark.parametrize(
    "places", [{0}, {MANY - 1}, {523}, {1, 2, 998}, set(range(9)), set()], ids=lambda places: str(sorted(places))
)
def test_the_records_that_a_model_fails_on_are_found_in_few_calls(places: set[int]) -> None:
    model = Counting(places)
    assert not_scorable(model, [FEATURES(**features(i)) for i in range(MANY)]) == sorted(places)
    assert model.calls <= 1 + 22 * len(places)


def test_of_a_model_that_fails_on_everything_not_each_record_is_asked() -> None:
    model = Counting(set(range(MANY)))
    assert not_scorable(model, [FEATURES(**features(i)) for i in range(MANY)]) == list(range(MOST_NAMED))
    assert model.calls < 50


@pytest.mark.parametrize("classifier", [Raising(), Undecided()], ids=["raises", "NaN"])
@pytest.mark.parametrize("path", ["/predict", "/explain"])
def test_a_list_of_many_is_told_which_record_the_model_fails_on(classifier: Any, path: str) -> None:
    number = MANY if path == "/predict" else 100
    with service(classifier) as running:
        answer = running.client.post(path, json=records(73, number=number))
        assert answer.status_code == 500
        problem = answer.json()
        assert f"1 of the {number} records" in problem["detail"]
        (fault,) = problem["errors"]
        assert (fault["field"], fault["reason"], fault["found"]) == ("[73]", "not-scorable", "object")
        assert str(UNLUCKY) not in answer.text.replace(str(number), "")
        assert running.sink.predictions == []
        others = [record for place, record in enumerate(records(73, number=number)) if place != 73]
        assert len(running.predict(others)) == number - 1


@pytest.mark.parametrize("classifier", [Raising(), Undecided()], ids=["raises", "NaN"])
def test_a_model_that_fails_on_many_names_some(classifier: Any) -> None:
    with service(classifier) as running:
        problem = running.client.post("/predict", json=records(*range(500))).json()
        assert "at least 10 of the 1000 records" in problem["detail"]
        assert [fault["field"] for fault in problem["errors"]] == [f"[{place}]" for place in range(10)]
        alone = running.client.post("/predict", json=records(0, number=1)[0]).json()
        assert alone["detail"] == "the service is at fault; its log says more"
        assert [(fault["field"], fault["reason"]) for fault in alone["errors"]] == [("", "not-scorable")]


def test_other_requests_are_answered_meanwhile_and_the_log_stays_short(caplog: pytest.LogCaptureFixture) -> None:
    stop = threading.Event()
    statuses: set[int] = set()
    begin = time.monotonic()
    with service(Raising()) as running, caplog.at_level(logging.INFO):
        address = str(running.client.base_url)

        def spoil() -> None:
            with httpx.Client(base_url=address, timeout=30) as client:
                while not stop.is_set():
                    statuses.add(client.post("/predict", json=records(5, number=20)).status_code)

        spoilers = [threading.Thread(target=spoil) for _ in range(2)]
        for thread in spoilers:
            thread.start()
        try:
            eventually(lambda: statuses, timeout=60, message="a spoiled request has been answered")
            answers = [running.client.post("/predict", json=customer(i, Age=40)) for i in range(20)]
        finally:
            stop.set()
            for thread in spoilers:
                thread.join()
    assert {answer.status_code for answer in answers} == {200}
    assert statuses == {500}
    said = [record for record in caplog.records if "no customer is so old" in record.getMessage()]
    assert len(said) <= 1 + (time.monotonic() - begin) // 10, "the log has a line for more than each ten seconds"
    assert all(record.exc_info is None and "\n" not in record.getMessage() for record in said)
    assert "Traceback" not in caplog.text
