"""The OpenAPI 3.1 document of the REST service, made from the schema and the types that requests are checked with."""

from typing import Any

import msgspec

from contract.described.features import example_value, expected, with_plain_integers
from contract.schema import Schema
from contract.settings import Settings
from scorer.rest.answers import (
    ExplainedAnswer,
    Health,
    Home,
    LabelsAccepted,
    Readiness,
    ScoringAnswer,
    ServedModel,
)
from scorer.rest.problems import MEDIA_TYPE as PROBLEM
from scorer.rest.problems import ProblemDetails
from scorer.serving.requests import LONGEST_CUSTOMER, LabelRequest, most_explained, scoring_request_type

Document = dict[str, Any]
_JSON = "application/json"
_REF = "#/components/schemas/{name}"

_SAID = {
    400: "The request cannot be used; `errors` names each wrong field, and what to send instead.",
    401: "The bearer token is missing or wrong.",
    404: "A label's record is not known here (only without Kafka).",
    408: "The body did not arrive in time.",
    413: "The body is too large, or a record's prediction is; `errors` names such records.",
    415: "The body is not `application/json`, or it is compressed.",
    421: "The header `Host` names a host that this service does not answer for (only without a token).",
    429: "Too much is being processed already.",
    500: "The service is at fault; its log says more. `errors` names records that the model fails on.",
    503: "No model has been loaded yet, or Kafka has not acknowledged the request.",
}
_RETRIED = (429, 503)


def openapi_document(schema: Schema, settings: Settings, version: str) -> Document:
    """The document, with an example that works for each request."""
    scoring = scoring_request_type(schema)
    kinds = [
        scoring,
        LabelRequest,
        ScoringAnswer,
        ExplainedAnswer,
        LabelsAccepted,
        ServedModel,
        Health,
        Readiness,
        Home,
        ProblemDetails,
    ]
    _, components = msgspec.json.schema_components(kinds, ref_template=_REF)
    components = with_plain_integers(components)
    record = {"features": {feature.name: example_value(feature) for feature in schema.features}}
    label = {"record_id": "1001~0f8fad5bd9cb469fa16570867728950e", "label": 0}
    secured = settings.http_token is not None
    denied = 401 if secured else 421
    limit = settings.http_max_records
    scored = _Operation(
        "Score records",
        f"One record, or a list of up to {limit}. With Kafka, each prediction is on `predictions`, and acknowledged, "
        "before the answer is sent. If the label is known already, a record can carry it as `true_value`.",
        _body("ScoringRequest", limit, record),
        {200: _one_or_many("ScoringAnswer", limit)},
        denied,
    )
    labelled = _Operation(
        "Label records that were scored earlier",
        "A `record_id` that the service made names the customer, too. For a record with ids of your own, give both.",
        _body("LabelRequest", limit, label),
        {202: _content("LabelsAccepted")},
        denied,
    )
    explained = _Operation(
        "Explain probabilities",
        "The contribution of each feature (SHAP values). With the bias, they add up to the margin, the log-odds of "
        "churn. Only for XGBoost models. Nothing is sent to Kafka.",
        _body("ScoringRequest", most_explained(settings), record),
        {200: _one_or_many("ExplainedAnswer", most_explained(settings))},
        denied,
    )
    home = _Operation(
        "What this is", "", None, {200: {**_content("Home"), "text/html": {"schema": _TEXT}}}, None if secured else 421
    )
    model = _Operation("The model that scores", "", None, {200: _content("ServedModel")}, denied, unready=True)
    health = _Operation("Whether the process is alive", "", None, {200: _content("Health")}, None)
    ready = _Operation(
        "Whether requests can be answered", "", None, {200: _content("Readiness"), 503: _content("Readiness")}, None
    )
    metrics = _Operation("Metrics for Prometheus", "", None, {200: {"text/plain": {"schema": _TEXT}}}, denied)
    document: Document = {
        "openapi": "3.1.0",
        "info": {
            "title": "churnstream",
            "version": version,
            "description": f"Scores customers of {schema.name} for churn, with the model that scores the stream. "
            "A whole number may be written as a float without a fraction: `1` or `1.0`.",
        },
        "paths": {
            "/": {"get": home.described()},
            "/predict": {"post": scored.described()},
            "/labels": {"post": labelled.described()},
            "/explain": {"post": explained.described()},
            "/model": {"get": model.described()},
            "/health": {"get": health.described()},
            "/ready": {"get": ready.described()},
            "/metrics": {"get": metrics.described()},
        },
        "components": {"schemas": components},
    }
    _describe_features(document, schema)
    # what the types cannot say: a record id that is made begins with the customer id
    components["ScoringRequest"]["anyOf"] = [
        {"properties": {"customer_id": {"maxLength": LONGEST_CUSTOMER}}},
        {"properties": {"record_id": {"type": "string"}}, "required": ["record_id"]},
    ]
    if secured:
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return document


_TEXT: Document = {"type": "string"}


class _Operation(msgspec.Struct, frozen=True):
    """One path's method.

    ``denied`` is the status for who may not ask, None where everybody may; ``unready``: it needs a model and takes no
    body.
    """

    summary: str
    description: str
    body: Document | None
    contents: dict[int, Document]
    denied: int | None
    unready: bool = False

    def described(self) -> Document:
        taken = (400, 404, 408, 413, 415, 429, 500, 503) if self.body else (500, 503) if self.unready else (500,)
        problems = {status for status in (*taken, self.denied) if status} - self.contents.keys()
        answers = {
            **{status: {"description": "Done.", "content": content} for status, content in self.contents.items()},
            **{status: _problem(status) for status in sorted(problems)},
        }
        return {
            "tags": ["Requests" if self.body else "The service"],
            "summary": self.summary,
            **({"description": self.description} if self.description else {}),
            **({"requestBody": self.body} if self.body else {}),
            "responses": {str(status): answer for status, answer in answers.items()},
            **({"security": [{"token": []}]} if self.denied == 401 else {}),
        }


def _problem(status: int) -> Document:
    described: Document = {
        "description": _SAID[status],
        "content": {PROBLEM: {"schema": {"$ref": _REF.format(name="ProblemDetails")}}},
    }
    if status in _RETRIED:
        described["headers"] = {
            "Retry-After": {"description": "Seconds.", "required": True, "schema": {"type": "integer"}}
        }
    if status == 401:
        described["headers"] = {"WWW-Authenticate": {"required": True, "schema": _TEXT}}
    return described


def _content(name: str) -> Document:
    return {_JSON: {"schema": {"$ref": _REF.format(name=name)}}}


def _one_or_many(name: str, limit: int) -> Document:
    one = {"$ref": _REF.format(name=name)}
    return {_JSON: {"schema": {"anyOf": [one, {"type": "array", "items": one, "minItems": 1, "maxItems": limit}]}}}


def _body(name: str, limit: int, example: Document) -> Document:
    content = _one_or_many(name, limit)
    content[_JSON]["examples"] = {"one": {"value": example}, "several": {"value": [example] * min(limit, 2)}}
    return {"required": True, "content": content}


def _describe_features(document: Document, schema: Schema) -> None:
    properties = document["components"]["schemas"]["Features"]["properties"]
    for feature in schema.features:
        properties[feature.name]["description"] = expected(feature)
