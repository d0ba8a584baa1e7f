"""The REST service's routes: the model that scores the stream, for one request at a time.

Guarantees: an answer depends on its request and the model's version alone; nothing is fitted, and nothing is kept
between requests. With Kafka, an answer that was given is on ``predictions``, and a label that was accepted on
``labels``. A request is answered whole or not at all.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from contract.messages import Label, Prediction, prediction_type
from contract.schema import Schema
from contract.settings import Settings
from contract.worker.clock import Clock
from scorer.models.explain import NotExplainableError, explainer
from scorer.models.loaded import Model
from scorer.models.swap import Champion
from scorer.rest.answers import (
    ExplainedAnswer,
    Health,
    Home,
    LabelsAccepted,
    Readiness,
    ScoringAnswer,
    ServedModel,
    SignatureColumn,
)
from scorer.rest.guard import authorise, declared_size, json_body
from scorer.rest.home import DESCRIPTION, NAME, page
from scorer.rest.instruments import MEDIA_TYPE, Instruments
from scorer.rest.problems import ProblemError, unavailable
from scorer.rest.requests import (
    Item,
    LabelRequest,
    Read,
    RequestReader,
    ScoringRequest,
    customer_of,
    expected,
    most_explained,
    scoring_request_type,
)
from scorer.serving.admission import Admission
from scorer.serving.micro_batch import BatchAnswer, MicroBatcher, NoModelError
from scorer.serving.sinks import Sink

_BODIES = 16
"""Bodies of the largest size that are read at once, or more smaller ones: memory that clients can take up."""
_NO_MODEL = "no model has been loaded yet; register one with `churnstream train`"


@dataclass(frozen=True)
class Parts:
    """What a service is made of.

    ``make_sink`` is called on the event loop. ``now`` gives the event time of a request that has none, ``clock`` wall
    time. ``links`` are the pages that the home page points to, by what they show.
    """

    settings: Settings
    schema: Schema
    champion: Champion
    make_sink: Callable[[], Sink]
    now: Clock
    clock: Clock
    links: dict[str, str]


class Routes:
    """One method per route. Made, used and closed on the event loop that answers."""

    def __init__(self, parts: Parts, instruments: Instruments) -> None:
        settings, schema = parts.settings, parts.schema
        self._parts = parts
        self._instruments = instruments
        self._admission = Admission(settings.http_queue)
        self._bodies = Admission(_BODIES * settings.http_max_bytes)
        records, limit, max_bytes = scoring_request_type(schema), settings.http_max_records, settings.http_max_bytes
        self._records = RequestReader(schema, records, limit, max_bytes)
        self._explained = RequestReader(schema, records, most_explained(settings), max_bytes)
        self._labels = RequestReader(schema, LabelRequest, limit, max_bytes)
        self._prediction = prediction_type(schema)
        self._sink = parts.make_sink()
        self._batcher = MicroBatcher(lambda: parts.champion.model, instruments.batch.observe)

    async def close(self) -> None:
        """Let go of everything; requests in work are answered before this is called."""
        await asyncio.to_thread(self._batcher.close)
        await asyncio.to_thread(self._sink.close)

    async def predict(self, request: Request) -> Response:
        read = await self._read(request, self._records)
        with self._admission.enter(len(read.items)):
            answer = await self._score(read.items)
            predictions, labels = self._predictions(read.items, answer)
            await self._sink.take(predictions, labels)
        self._instruments.records.inc(len(predictions))
        self._instruments.labels.inc(len(labels))
        return _answered(read, [_scored(one) for one in predictions])

    async def label(self, request: Request) -> Response:
        read = await self._read(request, self._labels)
        now = self._parts.now.now()
        labels = [
            Label(
                item.record_id,
                item.customer_id or customer_of(item.record_id),
                now if item.event_time is None else item.event_time,
                item.label,
            )
            for item in read.items
        ]
        with self._admission.enter(len(labels)):
            await self._sink.take([], labels)
        self._instruments.labels.inc(len(labels))
        return _json(LabelsAccepted(len(labels)), 202)

    async def explain(self, request: Request) -> Response:
        read = await self._read(request, self._explained)
        with self._admission.enter(len(read.items)):
            answer = await self._score(read.items)
            try:
                explain = explainer(answer.model).explain
            except NotExplainableError as error:
                raise ProblemError(400, str(error)) from None
            parts = await asyncio.to_thread(explain, [item.features for item in read.items])
        return _answered(
            read,
            [
                ExplainedAnswer(
                    item.identified()[0], probability, part.margin, part.bias, part.contributions, answer.model.ref
                )
                for item, part, probability in zip(read.items, parts, answer.probabilities.tolist(), strict=True)
            ],
        )

    async def model(self, request: Request) -> Response:
        authorise(request, self._parts.settings.http_token)
        serving = self._parts.champion.current
        if serving is None:
            raise unavailable(_NO_MODEL)
        model = serving.model
        served = ServedModel(
            model.ref,
            self._parts.settings.model_alias,
            serving.since,
            model.threshold,
            [SignatureColumn(one.name, one.kind.value, expected(one)) for one in model.schema.features],
            model.card,
            self._parts.champion.refused,
        )
        return _json(served)

    async def health(self, _request: Request) -> Response:
        return _json(Health())

    async def ready(self, _request: Request) -> Response:
        hindrances = self._hindrances()
        return _json(Readiness(not hindrances, hindrances), 503 if hindrances else 200)

    async def metrics(self, request: Request) -> Response:
        authorise(request, self._parts.settings.http_token)
        champion, instruments = self._parts.champion, self._instruments
        instruments.in_work.set(self._admission.inside)
        instruments.model_version.set(champion.model.ref.version if champion.model else 0)
        instruments.model_refused.set(champion.refused.version if champion.refused else 0)
        instruments.ready.set(not self._hindrances())
        return Response(instruments.exposition(), media_type=MEDIA_TYPE)

    async def home(self, request: Request) -> Response:
        if "text/html" in request.headers.get("accept", ""):
            return HTMLResponse(page(self._parts.links))
        return _json(Home(NAME, DESCRIPTION, self._parts.links))

    async def _read(self, request: Request, reader: RequestReader[Item]) -> Read[Item]:
        settings = self._parts.settings
        authorise(request, settings.http_token)
        with self._bodies.enter(declared_size(request, settings.http_max_bytes)):
            body = await json_body(request, settings.http_max_bytes)
        return reader.read(body, self._parts.clock.now())

    async def _score(self, items: Sequence[ScoringRequest]) -> BatchAnswer[Model]:
        try:
            return await self._batcher.score([item.features for item in items])
        except NoModelError:
            raise unavailable(_NO_MODEL) from None

    def _predictions(
        self, items: Sequence[ScoringRequest], answer: BatchAnswer[Model]
    ) -> tuple[list[Prediction], list[Label]]:
        now = self._parts.now.now()
        predictions = []
        labels = []
        rows = zip(items, answer.probabilities.tolist(), answer.decisions.tolist(), strict=True)
        for item, probability, decision in rows:
            record_id, customer_id = item.identified()
            event_time = now if item.event_time is None else item.event_time
            predictions.append(
                self._prediction(
                    record_id=record_id,
                    customer_id=customer_id,
                    event_time=event_time,
                    features=item.features,
                    probability=probability,
                    predicted=decision,
                    threshold=answer.model.threshold,
                    model=answer.model.ref,
                    source=None,
                )
            )
            if item.true_value is not None:
                labels.append(Label(record_id, customer_id, event_time, item.true_value))
        return predictions, labels

    def _hindrances(self) -> list[str]:
        found = [None if self._parts.champion.model else _NO_MODEL, self._sink.hindrance]
        return [one for one in found if one]


def _scored(prediction: Prediction) -> ScoringAnswer:
    return ScoringAnswer(
        prediction.record_id,
        prediction.customer_id,
        prediction.event_time,
        prediction.probability,
        prediction.predicted,
        prediction.threshold,
        prediction.model,
    )


def _answered(read: Read[Item], answers: Sequence[msgspec.Struct]) -> Response:
    return _json(answers if read.many else answers[0])


def _json(content: msgspec.Struct | Sequence[msgspec.Struct], status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")
