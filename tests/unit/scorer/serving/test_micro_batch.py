"""Micro-batches: what waits goes together, a lone request goes at once, and nobody pays for another's fault."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from contract.messages import ModelRef
from contract.records import features_type
from contract.schema import load_schema
from scorer.serving.errors import NoModelError
from scorer.serving.micro_batch import MicroBatcher
from scorer.testing import LogisticModel
from tests.support.messages import features

FEATURES = features_type(load_schema("bank_churn"))


def rows(*numbers: int) -> list[msgspec.Struct]:
    return [msgspec.convert(features(number), FEATURES) for number in numbers]


@dataclass
class Gated(LogisticModel):
    """Scores only once its gate is open, and fails on a customer of exactly 77."""

    gate: threading.Event = field(default_factory=threading.Event)
    entered: threading.Event = field(default_factory=threading.Event)

    def score(self, features: Sequence[msgspec.Struct]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8]]:
        self.entered.set()
        assert self.gate.wait(10)
        if any(row.Age == 77 for row in features):
            raise ValueError("no customer is 77")
        return super().score(features)


async def _held(model: Gated, batcher: MicroBatcher[Gated], requests: Sequence[list[msgspec.Struct]]) -> list[object]:
    """Answers to requests that all come while a first one is being scored."""
    first = asyncio.ensure_future(batcher.score(rows(0)))
    await asyncio.to_thread(model.entered.wait, 10)
    waiting = [asyncio.ensure_future(batcher.score(request)) for request in requests]
    await asyncio.sleep(0)  # each has been put in the queue
    model.gate.set()
    await first
    return list(await asyncio.gather(*waiting, return_exceptions=True))


def run_held(model: Gated, requests: Sequence[list[msgspec.Struct]]) -> tuple[list[object], list[int]]:
    sizes: list[int] = []

    async def work() -> list[object]:
        batcher = MicroBatcher(lambda: model, sizes.append)
        try:
            return await _held(model, batcher, requests)
        finally:
            batcher.close()

    return asyncio.run(work()), sizes


def test_what_waits_is_scored_together_and_each_gets_its_own() -> None:
    requests = [rows(1, 2), rows(3), rows(4, 5, 6)]
    answers, sizes = run_held(Gated(), requests)
    assert sizes == [1, 6]
    for request, answer in zip(requests, answers, strict=True):
        probabilities, decisions = LogisticModel().score(request)
        assert answer.probabilities.tolist() == probabilities.tolist()  # type: ignore[attr-defined]
        assert answer.decisions.tolist() == decisions.tolist()  # type: ignore[attr-defined]


def test_a_request_that_the_model_fails_on_fails_alone() -> None:
    answers, _ = run_held(Gated(), [rows(1), rows(57), rows(2)])
    assert isinstance(answers[1], ValueError)
    assert [not isinstance(answer, Exception) for answer in answers] == [True, False, True]


def test_a_probability_that_is_no_number_is_no_answer() -> None:
    class Odd(LogisticModel):
        def score(self, features: Sequence[msgspec.Struct]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8]]:
            return np.full(len(features), np.nan), np.zeros(len(features), dtype=np.uint8)

    with pytest.raises(ValueError, match="not a number"):
        asyncio.run(_once(Odd))


def test_without_a_model_there_is_no_answer() -> None:
    with pytest.raises(NoModelError):
        asyncio.run(_once(lambda: None))


async def _once(model: Callable[[], LogisticModel | None]) -> object:
    batcher = MicroBatcher(model, lambda _records: None)
    try:
        return await batcher.score(rows(1))
    finally:
        batcher.close()


def test_a_swap_falls_between_two_batches() -> None:
    models = [LogisticModel(ref=ModelRef("churn", number)) for number in (1, 2)]

    async def work() -> list[int]:
        current = iter(models)
        batcher = MicroBatcher(lambda: next(current), lambda _records: None)
        try:
            return [(await batcher.score(rows(1, 2))).model.ref.version for _ in models]
        finally:
            batcher.close()

    assert asyncio.run(work()) == [1, 2]


def test_closing_answers_what_waits() -> None:
    async def work() -> int:
        batcher = MicroBatcher(LogisticModel, lambda _records: None)
        waiting = [asyncio.ensure_future(batcher.score(rows(number))) for number in range(50)]
        await asyncio.sleep(0)
        await asyncio.to_thread(batcher.close)
        return len(await asyncio.gather(*waiting))

    assert asyncio.run(work()) == 50
