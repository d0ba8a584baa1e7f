"""The model that scores the stream, for one request at a time, whatever carries it here.

Guarantees: an answer depends on its request and the model's version alone; nothing is fitted, and nothing is kept
between requests. With Kafka, an answer that was given is on ``predictions``, and a label that was accepted on
``labels``. A request is answered whole or not at all.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec

from contract.kafka.log_throttle import LogThrottle
from contract.messages import Label, ModelRef, Prediction, prediction_type
from contract.rejection import Reason
from contract.schema import Schema
from contract.settings import Settings
from contract.worker.clock import Clock
from contract.worker.logs import failure
from scorer.models.explain import Explanation, NotExplainableError, explainer
from scorer.models.loaded import Model
from scorer.models.swap import Champion, Serving
from scorer.serving.admission import Admission
from scorer.serving.errors import InvalidRequestError, ModelFailureError, NoModelError, RecordFault, UnavailableError
from scorer.serving.failures import MOST_NAMED, not_scorable
from scorer.serving.micro_batch import BatchAnswer, MicroBatcher
from scorer.serving.request_time import RequestTime, TimeBounds
from scorer.serving.requests import LabelRequest, ScoringRequest, check_requests, customer_of
from scorer.serving.sinks import Sink

_log = logging.getLogger("churnstream.predictor")
_log.addFilter(LogThrottle(seconds=10))
_LEFT_OUT = "send the others without it; the service's log says how the model failed"


@dataclass(frozen=True)
class Parts:
    """What a predictor is made of.

    ``make_sink`` is called on the event loop, ``clock`` is wall time.
    """

    settings: Settings
    schema: Schema
    champion: Champion
    make_sink: Callable[[], Sink]
    request_time: RequestTime
    clock: Clock


class ExplainedRecord(msgspec.Struct, frozen=True):
    """One record's probability of churn, the version that gave it, and what it is made of."""

    record_id: str
    probability: float
    explanation: Explanation
    model: ModelRef


class Predictor:
    """Made, used and closed on one event loop. ``scored`` is told the records of each call of the model.

    Records are of ``scoring_request_type(schema)``, whose rules a transport applies as it decodes them.
    """

    def __init__(self, parts: Parts, scored: Callable[[int], None]) -> None:
        self._parts = parts
        self._admission = Admission(parts.settings.http_queue)
        self._bounds = TimeBounds(parts.settings)
        self._prediction = prediction_type(parts.schema)
        self._sink = parts.make_sink()
        self._batcher = MicroBatcher(lambda: parts.champion.model, scored)

    async def predict(self, records: Sequence[ScoringRequest]) -> list[Prediction]:
        """Score ``records``; their predictions, and the labels among them, have gone the stream's way on return.

        Raises:
            ServingError: there is no answer.
        """
        check_requests(records, partial(self._bounds.check_record, now=self._parts.clock.now(), newest=self._newest()))
        with self._admission.enter(len(records)):
            answer = await self._score(records)
            predictions, labels = self._predictions(records, answer)
            await self._sink.take(predictions, labels)
        return predictions

    async def label(self, requests: Sequence[LabelRequest]) -> list[Label]:
        """Take labels of earlier records; they have gone the stream's way on return.

        Raises:
            ServingError: none was taken, as far as is known.
        """
        check_requests(requests, partial(self._bounds.check_label, now=self._parts.clock.now(), newest=self._newest()))
        now = self._parts.request_time.now()
        labels = [
            Label(
                one.record_id,
                one.customer_id or customer_of(one.record_id),
                now if one.event_time is None else one.event_time,
                one.label,
            )
            for one in requests
        ]
        with self._admission.enter(len(labels)):
            await self._sink.take([], labels)
        return labels

    async def explain(self, records: Sequence[ScoringRequest]) -> list[ExplainedRecord]:
        """Take the probabilities of ``records`` apart. Nothing goes the stream's way.

        Raises:
            ServingError: there is no answer.
        """
        check_requests(records, partial(self._bounds.check_record, now=self._parts.clock.now(), newest=None))
        with self._admission.enter(len(records)):
            answer = await self._score(records)
            try:
                explain = explainer(answer.model).explain
            except NotExplainableError as error:
                raise InvalidRequestError(str(error)) from None
            explanations = await asyncio.to_thread(explain, [record.features for record in records])
        return [
            ExplainedRecord(record.identified()[0], probability, explanation, answer.model.ref)
            for record, probability, explanation in zip(
                records, answer.probabilities.tolist(), explanations, strict=True
            )
        ]

    @property
    def serving(self) -> Serving:
        """The model at work, and since when.

        Raises:
            NoModelError: there is none yet.
        """
        serving = self._parts.champion.current
        if serving is None:
            raise NoModelError
        return serving

    @property
    def in_work(self) -> int:
        """Records and labels that have been taken and not yet answered."""
        return self._admission.inside

    @property
    def hindrances(self) -> list[str]:
        """Why requests cannot be answered now; empty if they can."""
        no_model = None if self._parts.champion.model else str(NoModelError())
        found = [no_model, self._sink.hindrance, self._parts.request_time.hindrance]
        return [one for one in found if one]

    async def close(self) -> None:
        """Let go of everything; requests in work are answered before this is called."""
        await asyncio.to_thread(self._batcher.close)
        await asyncio.to_thread(self._sink.close)

    def _newest(self) -> int | None:
        request_time = self._parts.request_time
        if request_time.hindrance:
            raise UnavailableError(f"{request_time.hindrance}; try again in a second")
        return request_time.newest

    async def _score(self, records: Sequence[ScoringRequest]) -> BatchAnswer[Model]:
        features = [record.features for record in records]
        try:
            return await self._batcher.score(features)
        except NoModelError:
            raise
        except Exception as error:  # a foreign model raises what it likes
            raise await self._failure(features, error) from error

    async def _failure(self, features: Sequence[msgspec.Struct], error: Exception) -> ModelFailureError:
        model = self.serving.model
        _log.error("%s v%d fails on a request: %s", model.ref.name, model.ref.version, failure(error))
        # on another thread than scores, so that other requests do not wait for it
        places = await asyncio.to_thread(not_scorable, model, features)
        faults = [RecordFault(place, "", Reason.NOT_SCORABLE, "object", _LEFT_OUT) for place in places]
        if not places or len(places) == len(features):
            return ModelFailureError("the service is at fault; its log says more", faults)
        count = f"{'at least ' if len(places) == MOST_NAMED else ''}{len(places)} of the {len(features)} records"
        return ModelFailureError(f"the model fails on {count}, see errors; send the others without them", faults)

    def _predictions(
        self, records: Sequence[ScoringRequest], answer: BatchAnswer[Model]
    ) -> tuple[list[Prediction], list[Label]]:
        now = self._parts.request_time.now()
        predictions = []
        labels = []
        rows = zip(records, answer.probabilities.tolist(), answer.decisions.tolist(), strict=True)
        for record, probability, decision in rows:
            record_id, customer_id = record.identified()
            event_time = now if record.event_time is None else record.event_time
            predictions.append(
                self._prediction(
                    record_id=record_id,
                    customer_id=customer_id,
                    event_time=event_time,
                    features=record.features,
                    probability=probability,
                    predicted=decision,
                    threshold=answer.model.threshold,
                    model=answer.model.ref,
                    source=None,
                )
            )
            if record.true_value is not None:
                labels.append(Label(record_id, customer_id, event_time, record.true_value))
        return predictions, labels
