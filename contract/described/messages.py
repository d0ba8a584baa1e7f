"""JSON Schemas (2020-12) of the values on each topic, made from the types that they are read and written with."""

from typing import Any

import msgspec

from contract.alerts import Alert, ModelVerdict
from contract.described.features import example_value, expected, with_plain_integers
from contract.messages import Label, Outcome, prediction_type
from contract.records import record_type
from contract.rejection import EARLIEST_EVENT_TIME, LATEST_EVENT_TIME
from contract.schema import Schema
from contract.topics import ALERTS, CUSTOMERS, LABELS, OUTCOMES, PREDICTIONS, VERSIONS, WINDOWS
from contract.versions import ServingVersions, TrainedVersion
from contract.windows import Cumulative, Window

Document = dict[str, Any]
DESCRIBED = (CUSTOMERS, LABELS, PREDICTIONS, OUTCOMES, WINDOWS, ALERTS, VERSIONS)
"""Topics whose values are others' to write or to read. Dead letters are the original bytes, and ``panes`` is ours."""
SENT = (CUSTOMERS, LABELS)
"""Those of them that others write."""
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCES = "#/$defs/{name}"
_EXAMPLE_TIME = 1_735_725_600_000
_SAID = {
    CUSTOMERS: "A customer to score. The key is `customer_id` in UTF-8. The partitioner is Kafka's own (murmur2).",
    LABELS: (
        "What became of a record. Key and partitioner are the same as on `customers`, so that a label meets its record."
    ),
    PREDICTIONS: "A record with the model's answer. The key is `customer_id`.",
    OUTCOMES: "A prediction with its label. The key is `customer_id`.",
    WINDOWS: (
        "A window's metrics, under `MODEL/VERSION/ROLE/START`; under `MODEL/VERSION/ROLE/cumulative` the "
        "metrics of all earlier windows."
    ),
    ALERTS: "An incident's newest state, or under `…/verdict` the verdict on a model.",
    VERSIONS: "What a version was like in training, or under `MODEL/serving` which version serves.",
}
_FIELDS = {
    "record_id": "Names the request. A request that is sent again is a duplicate and counts once.",
    "customer_id": "The customer; also the message's key.",
    "event_time": "When it happened, in milliseconds since 1970, UTC.",
    "label": "1: the customer has left. 0: the customer has stayed.",
}


def message_schema(topic: str, schema: Schema) -> Document:
    """The JSON Schema of the values on one of ``DESCRIBED``, for records of ``schema``.

    A value of ``SENT`` that fits it is one that our readers take, as far as JSON Schema can tell: what also counts is
    the key, when the message was sent, and that its UTF-8 is sound.
    """
    types = _types(topic, schema)
    references, definitions = msgspec.json.schema_components(types, ref_template=_REFERENCES)
    definitions = with_plain_integers(definitions)
    if topic in (CUSTOMERS, PREDICTIONS):
        for feature in schema.features:
            definitions["Features"]["properties"][feature.name]["description"] = expected(feature)
    if topic in SENT:
        properties = definitions[types[0].__name__]["properties"]
        for name, said in _FIELDS.items():
            if name in properties:
                properties[name]["description"] = said
        # what the types leave to a check of its own, because it depends on when a message was sent, too
        properties["event_time"] |= {"minimum": EARLIEST_EVENT_TIME, "maximum": LATEST_EVENT_TIME}
    one = references[0] if len(references) == 1 else {"anyOf": list(references)}
    return {"$schema": _DIALECT, "title": topic, "description": _SAID[topic], **one, "$defs": definitions}


def example_message(topic: str, schema: Schema) -> Document:
    """A value of one of ``SENT`` that is taken, as far as its event time is none of the future."""
    ids = {"record_id": "visit-1", "customer_id": "4711", "event_time": _EXAMPLE_TIME}
    if topic == LABELS:
        return {**ids, "event_time": _EXAMPLE_TIME + 86_400_000, "label": 1}
    return {**ids, "features": {feature.name: example_value(feature) for feature in schema.features}}


def _types(topic: str, schema: Schema) -> list[Any]:
    types: dict[str, list[Any]] = {
        CUSTOMERS: [record_type(schema)],
        LABELS: [Label],
        PREDICTIONS: [prediction_type(schema)],
        OUTCOMES: [Outcome],
        WINDOWS: [Window, Cumulative],
        ALERTS: [Alert, ModelVerdict],
        VERSIONS: [TrainedVersion, ServingVersions],
    }
    return types[topic]
