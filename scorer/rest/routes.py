"""What each route does: a request read, the data plane asked, its answer written."""

from collections.abc import Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from contract.described.features import expected
from contract.messages import Prediction
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
from scorer.rest.problems import told_over_http
from scorer.rest.requests import Item, Read, RequestReader
from scorer.serving.admission import Admission
from scorer.serving.predictor import ExplainedRecord, Parts, Predictor
from scorer.serving.requests import LabelRequest, most_explained, scoring_request_type

_BODIES = 16
"""Bodies of the largest size that are read at once, or more smaller ones: memory that clients can take up."""


class Routes:
    """One method per route. Made, used and closed on the event loop that answers.

    ``links`` are the pages that the home page points to, by what they show.
    """

    def __init__(self, parts: Parts, instruments: Instruments, links: dict[str, str]) -> None:
        settings, schema = parts.settings, parts.schema
        self._parts = parts
        self._instruments = instruments
        self._links = links
        self._bodies = Admission(_BODIES * settings.http_max_bytes)
        records, limit, max_bytes = scoring_request_type(schema), settings.http_max_records, settings.http_max_bytes
        self._records = RequestReader(schema, records, limit, max_bytes)
        self._explained = RequestReader(schema, records, most_explained(settings), max_bytes)
        self._labels = RequestReader(schema, LabelRequest, limit, max_bytes)
        self._predictor = Predictor(parts, instruments.batch.observe)
        self._measure()

    async def close(self) -> None:
        """Let go of everything; requests in work are answered before this is called."""
        await self._predictor.close()

    async def predict(self, request: Request) -> Response:
        read = await self._read(request, self._records)
        with told_over_http(read.many):
            predictions = await self._predictor.predict(read.items)
        self._instruments.records.inc(len(predictions))
        self._instruments.labels.inc(sum(item.true_value is not None for item in read.items))
        return _answered(read, [_scored(one) for one in predictions])

    async def label(self, request: Request) -> Response:
        read = await self._read(request, self._labels)
        with told_over_http(read.many):
            labels = await self._predictor.label(read.items)
        self._instruments.labels.inc(len(labels))
        return _json(LabelsAccepted(len(labels)), 202)

    async def explain(self, request: Request) -> Response:
        read = await self._read(request, self._explained)
        with told_over_http(read.many):
            explained = await self._predictor.explain(read.items)
        return _answered(read, [_taken_apart(one) for one in explained])

    async def model(self, request: Request) -> Response:
        authorise(request, self._parts.settings.http_token)
        with told_over_http():
            serving = self._predictor.serving
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
        hindrances = self._predictor.hindrances
        return _json(Readiness(not hindrances, hindrances), 503 if hindrances else 200)

    async def metrics(self, request: Request) -> Response:
        authorise(request, self._parts.settings.http_token)
        return Response(self._instruments.exposition(), media_type=MEDIA_TYPE)

    def _measure(self) -> None:
        """Let a scrape find what is so at that moment."""
        predictor, instruments = self._predictor, self._instruments
        instruments.in_work.set_function(lambda: predictor.in_work)
        instruments.ready.set_function(lambda: not predictor.hindrances)

    async def home(self, request: Request) -> Response:
        if "text/html" in request.headers.get("accept", ""):
            return HTMLResponse(page(self._links))
        return _json(Home(NAME, DESCRIPTION, self._links))

    async def _read(self, request: Request, reader: RequestReader[Item]) -> Read[Item]:
        settings = self._parts.settings
        authorise(request, settings.http_token)
        with told_over_http(), self._bodies.enter(declared_size(request, settings.http_max_bytes)):
            body = await json_body(request, settings.http_max_bytes)
        return reader.read(body)


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


def _taken_apart(record: ExplainedRecord) -> ExplainedAnswer:
    explanation = record.explanation
    return ExplainedAnswer(
        record.record_id,
        record.probability,
        explanation.margin,
        explanation.bias,
        explanation.contributions,
        record.model,
    )


def _answered(read: Read[Item], answers: Sequence[msgspec.Struct]) -> Response:
    return _json(answers if read.many else answers[0])


def _json(content: msgspec.Struct | Sequence[msgspec.Struct], status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")
