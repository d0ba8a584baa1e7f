"""The service over a socket, without Kafka and MLflow: a model and a sink of the test's own, and a clock at rest."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import pandas as pd

from contract.models.registry import Classifier
from contract.schema import load_schema
from contract.settings import load_settings
from contract.testing import ManualClock
from scorer.models.swap import Champion
from scorer.serving.predictor import Parts
from scorer.serving.request_time import RequestTime, WallTime
from scorer.testing import MemoryRegistry, MemorySink
from tests.support.messages import START
from tests.support.service.process import answering

SCHEMA = load_schema("bank_churn")
NOW = START + 1_000


def probabilities_of_age(ages: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Of staying and of churn, by age."""
    churn = 1 / (1 + np.exp(-(ages - 45) / 10))
    return np.column_stack([1 - churn, churn])


class OfAge:
    """A classifier that knows its scale, as training fitted it."""

    def predict_proba(self, X: pd.DataFrame) -> npt.NDArray[np.float64]:
        return probabilities_of_age(X["Age"].to_numpy())


@dataclass
class Alone:
    """A client of the service, and what the service has sent the stream's way."""

    client: httpx.Client
    sink: MemorySink = field(default_factory=MemorySink)

    def predict(self, body: Any) -> Any:
        """The answer to a request that must have one."""
        answer = self.client.post("/predict", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()


@contextmanager
def service(
    classifier: Classifier | None = None, *, loaded: bool = True, times: RequestTime | None = None, **settings: Any
) -> Iterator[Alone]:
    """The service for the block; without ``loaded`` it has no model yet."""
    given = load_settings(**settings)
    champion = Champion(given, source=MemoryRegistry(SCHEMA, classifier or OfAge()), clock=ManualClock(NOW))
    if loaded:
        champion.load()
    sink = MemorySink()
    clock = ManualClock(NOW)
    with answering(Parts(given, SCHEMA, champion, lambda: sink, times or WallTime(clock), clock)) as client:
        yield Alone(client, sink)
    assert sink.closed
