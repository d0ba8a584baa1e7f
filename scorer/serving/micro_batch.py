"""Concurrent requests scored together: what is waiting when the model is free becomes its next batch.

An idle service waits for nobody: a lone request is a batch of its own, at once. Scoring runs on one thread, so that a
model that takes long keeps no other request from being read or answered.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from scorer.models.isolation import halved
from scorer.models.scores import Scores, checked_scores
from scorer.serving.errors import NoModelError

MOST_RECORDS = 10_000
"""Records after which a batch takes no further request."""

Model = TypeVar("Model", bound=Scores)


@dataclass(frozen=True)
class BatchAnswer(Generic[Model]):
    """A request's part of a batch: the model that scored it, probabilities and decisions (0/1), one per record."""

    model: Model
    probabilities: npt.NDArray[np.float64]
    decisions: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class _Waiting(Generic[Model]):
    features: Sequence[msgspec.Struct]
    answer: "asyncio.Future[BatchAnswer[Model]]"


class MicroBatcher(Generic[Model]):
    """Scores requests of the event loop it was made on.

    ``model`` is asked once per batch, so that a swap falls between two batches; it gives None where there is none yet.
    ``scored`` is told the records of each batch.
    """

    def __init__(self, model: Callable[[], Model | None], scored: Callable[[int], None]) -> None:
        self._model = model
        self._scored = scored
        self._loop = asyncio.get_running_loop()
        self._waiting: queue.SimpleQueue[_Waiting[Model] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="scoring", daemon=True)
        self._thread.start()

    async def score(self, features: Sequence[msgspec.Struct]) -> BatchAnswer[Model]:
        """Score a request's records, in one batch with whatever else is waiting.

        Raises:
            NoModelError: there is none.
            Exception: the model failed on these records, also without the others of its batch.
        """
        answer: asyncio.Future[BatchAnswer[Model]] = self._loop.create_future()
        self._waiting.put(_Waiting(features, answer))
        return await answer

    def close(self) -> None:
        """Score what is waiting and end."""
        self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        going_on = True
        while going_on:
            batch = [self._waiting.get()]
            records = len(batch[0].features) if batch[0] else 0
            while records < MOST_RECORDS and batch[-1] is not None:
                try:
                    found = self._waiting.get_nowait()
                except queue.Empty:
                    break
                records += len(found.features) if found else 0
                batch.append(found)
            going_on = batch[-1] is not None
            self._answer([one for one in batch if one is not None])

    def _answer(self, batch: Sequence[_Waiting[Model]]) -> None:
        if not batch:
            return
        model = self._model()
        answers: list[BatchAnswer[Model] | Exception]
        if model is None:
            answers = [NoModelError() for _ in batch]
        else:
            answers = list(_score(model, batch))
            self._scored(sum(len(one.features) for one in batch))
        self._loop.call_soon_threadsafe(_resolve, batch, answers)


def _score(model: Model, batch: Sequence[_Waiting[Model]]) -> Sequence[BatchAnswer[Model] | Exception]:
    def attempt(requests: Sequence[_Waiting[Model]]) -> Sequence[BatchAnswer[Model]]:
        probabilities, decisions = checked_scores(model, [row for one in requests for row in one.features])
        ends = np.cumsum([len(one.features) for one in requests])[:-1]
        parts = zip(np.split(probabilities, ends), np.split(decisions, ends), strict=True)
        return [BatchAnswer(model, *part) for part in parts]

    # one request's records must not fail another's
    return halved(attempt, batch)


def _resolve(batch: Sequence[_Waiting[Model]], answers: Sequence[BatchAnswer[Model] | Exception]) -> None:
    for one, answer in zip(batch, answers, strict=True):
        if one.answer.done():  # its client has gone
            continue
        if isinstance(answer, Exception):
            one.answer.set_exception(answer)
        else:
            one.answer.set_result(answer)
