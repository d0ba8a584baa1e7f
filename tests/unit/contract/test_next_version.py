"""A reader of this release, and what the next one may write."""

import json
from typing import Any

import msgspec
import pytest

from contract.alerts import Alert, ModelVerdict
from contract.messages import Label, Outcome, prediction_type
from contract.panes import JoinProgress, PaneMessage
from contract.records import record_type
from contract.rejection import Reason, RejectionError, decode
from contract.schema import load_schema
from contract.versions import ServingVersions, TrainedVersion, version_message_type
from contract.windows import Cumulative, Window, window_message_type
from tests.support.messages import START, customer, encode, label

SCHEMA = load_schema("bank_churn")
LATER = {"channel": "app", "shap": {"Age": 0.25}}
"""Fields that a release to come might add."""
MODEL = {"name": "churn", "version": 1, "role": "champion"}
PREDICTION = customer(1) | {
    "probability": 0.25,
    "predicted": 0,
    "threshold": 0.5,
    "model": MODEL,
    "source": {"partition": 0, "offset": 7},
}


def test_a_reader_takes_a_prediction_of_the_next_version() -> None:
    decoder = msgspec.json.Decoder(prediction_type(SCHEMA))
    later: dict[str, Any] = PREDICTION | LATER
    for part in ("model", "source", "features"):
        later[part] = later[part] | LATER
    assert decode(decoder, encode(later)) == decode(decoder, encode(PREDICTION))


def test_what_others_write_is_read_as_strictly_as_before() -> None:
    for decoder, message in ((record_type(SCHEMA), customer(1)), (Label, label(1))):
        with pytest.raises(RejectionError) as raised:
            decode(msgspec.json.Decoder(decoder), encode(message | LATER))
        assert (raised.value.reason, raised.value.field) == (Reason.UNKNOWN_FIELD, "channel")
    inside = customer(1)
    inside["features"] |= LATER
    with pytest.raises(RejectionError, match=r"unknown-field at features\.channel"):
        decode(msgspec.json.Decoder(record_type(SCHEMA)), encode(inside))


ESTIMATE = {"value": 0.5, "low": 0.4, "high": 0.6}
PERFORMANCE = {"labelled": 1, "tn": 1, "fp": 0, "fn": 0, "tp": 0}
SUMMARY = {"records": 1, "numeric": {"Age": {"count": 1}}, "categorical": {"Gender": {"counts": {"Male": 1}}}}
OURS: dict[str, tuple[Any, dict[str, Any]]] = {
    "outcome": (
        Outcome,
        {"record_id": "a", "customer_id": "c", "event_time": START, "label_time": START, "label": 1, "revision": 1}
        | {"probability": 0.25, "predicted": 0, "threshold": 0.5, "model": MODEL},
    ),
    "pane": (
        PaneMessage,
        {"type": "pane", "partition": 0, "start": 0, "slide": 10, "model": MODEL, "threshold": 0.5, "summary": SUMMARY},
    ),
    "progress": (
        PaneMessage,
        {"type": "progress", "partition": 0, "watermark": 1, "label_watermark": None, "ended": False},
    ),
    "progress alone": (
        JoinProgress,
        {"type": "progress", "partition": 0, "watermark": 1, "label_watermark": None, "ended": False},
    ),
    "window": (
        Window,
        {"model": MODEL, "start": 0, "end": 10, "status": "final", "revision": 0, "records": 1, "labelled": 1}
        | {"threshold": 0.5, "performance": PERFORMANCE, "drift": {"judged": False, "drifted": False, "share": 0}}
        | {"estimated": {"records": 1, "tn": 1, "fp": 0, "fn": 0, "tp": 0}},
    ),
    "cumulative": (Cumulative, {"model": MODEL, "end": 10, "revision": 0, "performance": PERFORMANCE}),
    "verdict": (
        ModelVerdict,
        {"model": MODEL, "state": "healthy", "since": 0, "until": 1, "title": "t", "message": "m", "kind": "verdict"},
    ),
    "trained version": (
        TrainedVersion,
        {"name": "churn", "version": 1, "created": 5, "held_out": {"f1": ESTIMATE}, "reference_rows": 2}
        | {"columns": {"Age": {"mean": 1.5, "cells": [[1, 2, None]], "counts": [2, 0, 0, 0]}}},
    ),
    "serving versions": (
        ServingVersions,
        {
            "name": "churn",
            "alias": "champion",
            "champions": [{"version": 1, "since": 5}, {"version": 2, "seen": 7}],
            "challengers": [3],
        },
    ),
    "alert": (
        Alert,
        {"key": "k", "state": "raised", "kind": "drift", "model": MODEL, "start": 0, "end": 1, "features": []}
        | {"message": "m"},
    ),
}


def with_later(value: object) -> object:
    """With fields of a release to come in each object, also those within."""
    if not isinstance(value, dict):
        return value
    return {name: with_later(each) for name, each in value.items()} | {"channel": "app"}


@pytest.mark.parametrize("name", OURS)
def test_a_reader_takes_each_message_of_ours_of_the_next_version(name: str) -> None:
    kind, message = OURS[name]
    later = message | {"channel": "app"}
    for part in ("model", "performance", "estimated", "drift"):
        if part in message:
            later[part] = with_later(message[part])
    if name == "pane":
        later["summary"] = SUMMARY | {"channel": "app", "numeric": {"Age": {"count": 1, "channel": 1}}}
    decoder = msgspec.json.Decoder(kind)
    assert decoder.decode(json.dumps(later)) == decoder.decode(json.dumps(message))


def test_a_reader_takes_what_the_next_version_adds_within_a_version() -> None:
    _, message = OURS["trained version"]
    later = message | {
        "held_out": {"f1": ESTIMATE | {"channel": "app"}, "mcc": ESTIMATE},
        "columns": {"Age": {"mean": 1.5, "cells": [[1, 2, None, "later"]], "counts": [2, 0, 0, 0], "channel": 1}},
    }
    found = msgspec.json.decode(json.dumps(later), type=TrainedVersion)
    assert found.columns == msgspec.json.decode(json.dumps(message), type=TrainedVersion).columns
    assert found.held_out.keys() == {"f1", "mcc"}


def test_the_key_tells_who_serves_from_what_a_version_was_like() -> None:
    _, trained = OURS["trained version"]
    _, serving = OURS["serving versions"]
    for kind, message in ((TrainedVersion, trained), (ServingVersions, serving)):
        for name in ("churn", "serving", "a/b"):
            assert version_message_type(msgspec.convert(message | {"name": name}, kind).key.encode()) is kind


def test_the_key_tells_cumulative_values_from_windows() -> None:
    _, window = OURS["window"]
    _, cumulative = OURS["cumulative"]
    for kind, message in ((Window, window), (Cumulative, cumulative)):
        assert window_message_type(msgspec.convert(message, kind).key.encode()) is kind
    # a model may have any name
    odd = window | {"model": MODEL | {"name": "cumulative"}}
    assert window_message_type(msgspec.convert(odd, Window).key.encode()) is Window
