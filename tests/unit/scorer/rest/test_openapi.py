"""The document says what requests are: it is valid, complete, its examples work, and it agrees with their reader."""

import copy
import json
import math
import tomllib
from functools import partial
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import assume, given
from hypothesis import strategies as st

from contract.rejection import EARLIEST_EVENT_TIME, check_event_time
from contract.schema import Feature, Schema, load_schema, parse_schema
from contract.settings import Settings, load_settings
from scorer.rest.app import _ROUTES
from scorer.rest.openapi import openapi_document
from scorer.rest.problems import ProblemError
from scorer.rest.requests import RequestReader
from scorer.serving.errors import InvalidRequestError
from scorer.serving.requests import LabelRequest, check_requests, most_explained, scoring_request_type
from tests.support.messages import START
from tests.support.tables.shapes import TELCO

NOW = START + 1_000
LIMIT = 2
SETTINGS = load_settings(http_max_records=LIMIT)


def schema_of(features: dict[str, Any]) -> Schema:
    return parse_schema({"name": "t", "id": "Id", "label": {"column": "Y"}, "features": features})


BANK = load_schema("bank_churn")
UNTIDY = schema_of(
    {
        "Visits": {"kind": "ordinal"},
        "Floor": {"kind": "ordinal", "max": -2, "missing": True},
        "Halves": {"kind": "ordinal", "min": 0.2, "max": 1.4},
        "Debt": {"kind": "numeric", "max": -0.5},
        "Free": {"kind": "numeric", "missing": True},
        "Scored": {"kind": "numeric", "min": 0, "max": 1, "on_violation": "score"},
        "Word": {"kind": "categorical", "categories": ["a", "ü"], "missing": True},
        "Odd": {"kind": "categorical", "categories": ["a"], "on_violation": "score", "missing": True},
        "Sure": {"kind": "flag"},
        "Perhaps": {"kind": "flag", "missing": True, "on_violation": "score"},
    }
)


SCHEMAS = {"bank": BANK, "telco": parse_schema(tomllib.loads(TELCO)), "untidy": UNTIDY}
every_schema = pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)


def readers(schema: Schema, settings: Settings = SETTINGS) -> dict[str, RequestReader[Any]]:
    scoring = scoring_request_type(schema)
    most, size = settings.http_max_records, settings.http_max_bytes
    return {
        "/predict": RequestReader(schema, scoring, most, size),
        "/explain": RequestReader(schema, scoring, most_explained(settings), size),
        "/labels": RequestReader(schema, LabelRequest, most, size),
    }


def takes(reader: RequestReader[Any], body: Any) -> bool:
    try:
        check_requests(reader.read(json.dumps(body).encode()).items, partial(check_event_time, sent=NOW))
    except (ProblemError, InvalidRequestError):
        return False
    return True


def content(document: dict[str, Any], path: str) -> dict[str, Any]:
    found: dict[str, Any] = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    return found


def validator(document: dict[str, Any], path: str) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for({**content(document, path)["schema"], "components": document["components"]})


@every_schema
@pytest.mark.parametrize("token", [None, "correct-horse-battery-staple"])
def test_the_document_is_valid(schema: Schema, token: str | None) -> None:
    document = openapi_document(schema, load_settings(http_token=token), "1")
    schemathesis.openapi.from_dict(document).validate()
    for name, component in document["components"]["schemas"].items():
        jsonschema_rs.meta.validate(component)
        assert component["title"] == name


def test_every_route_is_in_the_document_and_no_other() -> None:
    paths = openapi_document(BANK, SETTINGS, "1")["paths"]
    assert {path: [*methods] for path, methods in paths.items()} == {
        path: [method.lower()] for path, (method, _) in _ROUTES.items()
    }


def test_a_token_is_asked_for_where_one_is_set() -> None:
    without, with_one = (
        openapi_document(BANK, load_settings(http_token=token), "1") for token in (None, "correct-horse-battery-staple")
    )
    assert "correct" not in str(with_one)
    secured = {"/predict", "/labels", "/explain", "/model", "/metrics"}
    for path, (method, _) in _ROUTES.items():
        assert ("401" in with_one["paths"][path][method.lower()]["responses"]) == (path in secured)
        assert "401" not in without["paths"][path][method.lower()]["responses"]


@every_schema
@pytest.mark.parametrize("most", [1, 2, 5_000])
def test_the_examples_are_taken(schema: Schema, most: int) -> None:
    settings = load_settings(http_max_records=most)
    document = openapi_document(schema, settings, "1")
    for path, reader in readers(schema, settings).items():
        for example in content(document, path)["examples"].values():
            assert takes(reader, example["value"]), path
            assert validator(document, path).is_valid(example["value"])


_BOUND = st.none() | st.floats(-1e6, 1e6) | st.integers(-100, 100).map(float)


@given(_BOUND, _BOUND, st.sampled_from(["numeric", "ordinal"]))
def test_a_feature_has_an_example_whatever_its_bounds(low: float | None, high: float | None, kind: str) -> None:
    if low is not None and high is not None:
        assume(low <= high if kind == "numeric" else math.ceil(low) <= math.floor(high))
    bounds = {name: bound for name, bound in (("min", low), ("max", high)) if bound is not None}
    schema = schema_of({"F": {"kind": kind, **bounds}})
    document = openapi_document(schema, SETTINGS, "1")
    assert takes(readers(schema)["/predict"], content(document, "/predict")["examples"]["one"]["value"])


Change = tuple[tuple[str, ...], Any]
LEFT_OUT = object()
ANYTHING: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 1, 2, 10, 2**53, 2**53 + 1, -(2**53) - 1, 2**64, 3 * 10**38, 4 * 10**38, 10**400),
    # not 2.0**53, which no schema can tell from 2**53: it may have been its neighbour before it became a double
    *(-1.0, -0.0, 0.0, 1.0, 2.0, 10.0, 2.0**53 - 1, 2.0**53 + 2, -(2.0**53) - 2, 1e22, 1e300),
    *(0.5, -1e-9, 1e-300, "", "a", "ü", "b", "1", [], [1], {}, {"a": 1}, LEFT_OUT),
)
IDENTIFIERS = ("x" * 223, "x" * 224, "\0" * 256, "x" * 257, "😀" * 223, "😀" * 224, "😀" * 256)
TIMES = (EARLIEST_EVENT_TIME - 1, EARLIEST_EVENT_TIME, NOW, EARLIEST_EVENT_TIME - 1.0, float(NOW), NOW - 0.5)
# how far ahead an event time may be is counted from now, which no schema can say
PAST = tuple(value for value in ANYTHING if type(value) not in (int, float) or value <= NOW)
OPTIONAL: dict[tuple[str, ...], Any] = {
    ("record_id",): ANYTHING + IDENTIFIERS,
    ("customer_id",): ANYTHING + IDENTIFIERS,
    ("event_time",): PAST + TIMES,
    ("unknown",): ANYTHING,
}


def edges(feature: Feature) -> list[Any]:
    """Values at the feature's bounds and beyond, its categories, and what is no value of it at all."""
    bounds = [bound for bound in (feature.minimum, feature.maximum) if bound is not None]
    beside = [
        value for bound in bounds for value in (bound, math.nextafter(bound, -math.inf), math.nextafter(bound, 9e9))
    ]
    whole = [
        value for bound in bounds for value in (math.floor(bound), math.ceil(bound), int(bound) - 1, int(bound) + 1)
    ]
    # to JSON Schema 1.0 is an integer
    return [*beside, *whole, *map(float, whole), *feature.categories, *ANYTHING]


def changes_of(path: str, schema: Schema) -> list[Change]:
    """Ways in which one value of a request can be changed, for the better or the worse."""
    own: dict[tuple[str, ...], Any] = {("label",): ANYTHING}
    if path != "/labels":
        own = {("features", feature.name): edges(feature) for feature in schema.features}
        own |= {("true_value",): ANYTHING, ("features",): ANYTHING, ("features", "unknown"): ANYTHING}
    return [(place, value) for place, values in (OPTIONAL | own).items() for value in values]


def changed(item: dict[str, Any], changes: list[Change]) -> dict[str, Any]:
    item = copy.deepcopy(item)
    for (*way, name), value in changes:
        inner: Any = item
        for step in way:
            inner = inner.get(step) if isinstance(inner, dict) else None
        if not isinstance(inner, dict):
            continue
        if value is LEFT_OUT:
            inner.pop(name, None)
        else:
            inner[name] = value
    return item


class Agreement:
    """One path's document and reader, and a request that both take."""

    def __init__(self, path: str, schema: Schema, settings: Settings = SETTINGS) -> None:
        document = openapi_document(schema, settings, "1")
        self._valid = validator(document, path).is_valid
        self._reader = readers(schema, settings)[path]
        self.item = content(document, path)["examples"]["one"]["value"]

    def holds(self, body: Any) -> bool:
        """Whether both take the body."""
        allowed = self._valid(body)
        assert takes(self._reader, body) == allowed, f"the document {'allows' if allowed else 'forbids'} {body!r:.500}"
        return allowed


every_path = pytest.mark.parametrize("path", ["/predict", "/explain", "/labels"])


@every_path
@every_schema
def test_the_document_agrees_with_the_reader_on_each_value(schema: Schema, path: str) -> None:
    agreement = Agreement(path, schema)
    taken = {agreement.holds(changed(agreement.item, [change])) for change in changes_of(path, schema)}
    assert taken == {True, False}


@every_path
@every_schema
@given(data=st.data())
def test_the_document_agrees_with_the_reader_on_values_together(schema: Schema, path: str, data: st.DataObject) -> None:
    agreement = Agreement(path, schema)
    changes = st.lists(st.sampled_from(changes_of(path, schema)), max_size=3)
    items = changes.map(lambda found: changed(agreement.item, found))
    agreement.holds(data.draw(items if data.draw(st.booleans()) else st.lists(items, max_size=LIMIT)))


@every_path
def test_the_document_agrees_with_the_reader_on_what_is_sent_at_once(path: str) -> None:
    most = 100 if path == "/explain" else 150
    agreement = Agreement(path, BANK, load_settings(http_max_records=150))
    for number in (0, 1, most, most + 1):
        assert agreement.holds([agreement.item] * number) == (0 < number <= most)
    for other in (*ANYTHING[:-1], [None], [[agreement.item]], [agreement.item, 1], {"0": agreement.item}):
        assert not agreement.holds(other)
