"""JSON Schemas of messages: they say what our own readers take, and docs/schemas is what the command writes."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from typer.testing import CliRunner

from churnstream.cli import app
from contract.described.messages import DESCRIBED, SENT, example_message, message_schema
from contract.messages import Label
from contract.records import record_type
from contract.rejection import RejectionError, check_event_time, decode
from contract.schema import Schema, load_schema, parse_schema
from tests.support.paths import ROOT

BANK = load_schema("bank_churn")
ODD = parse_schema(
    {
        "name": "odd",
        "id": "id",
        "label": {"column": "left"},
        "features": {
            "amount": {"kind": "numeric"},
            "rating": {"kind": "ordinal", "min": -1, "missing": True},
            "plan": {"kind": "categorical", "categories": ["a", "ü"], "on_violation": "score"},
            "region": {"kind": "categorical", "categories": ["north", "south"], "missing": True},
            "active": {"kind": "flag"},
        },
    }
)
DECODERS: dict[str, Any] = {
    "customers": lambda schema: msgspec.json.Decoder(record_type(schema)),
    "labels": lambda _: msgspec.json.Decoder(Label),
}


def is_taken(topic: str, schema: Schema, message: Any) -> bool:
    try:
        decoded = decode(DECODERS[topic](schema), json.dumps(message).encode())
        check_event_time(decoded.event_time, None)
    except RejectionError:
        return False
    return True


def fits(topic: str, schema: Schema, message: Any) -> bool:
    return jsonschema_rs.validator_for(message_schema(topic, schema)).is_valid(message)


def changed(message: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    copied: dict[str, Any] = json.loads(json.dumps(message))
    *outer, last = path.split(".")
    place = copied
    for name in outer:
        place = place[name]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return copied


@pytest.mark.parametrize("topic", SENT)
@pytest.mark.parametrize("schema", [BANK, ODD], ids=["bank", "odd"])
def test_an_example_is_taken_and_fits(topic: str, schema: Schema) -> None:
    example = example_message(topic, schema)
    assert is_taken(topic, schema, example)
    assert fits(topic, schema, example)


@pytest.mark.parametrize(
    ("topic", "schema", "path", "value", "taken"),
    [
        ("customers", BANK, "features.Age", 44.0, True),
        ("customers", BANK, "features.Age", 44, True),
        ("customers", BANK, "features.Age", "44", False),
        ("customers", BANK, "features.Age", 17, False),
        ("customers", BANK, "features.Age", None, False),
        ("customers", BANK, "features.Age", ..., False),
        ("customers", BANK, "features.Tenure", 3.0, True),
        ("customers", BANK, "features.Tenure", 3.5, False),
        ("customers", BANK, "features.HasCrCard", True, False),
        ("customers", BANK, "features.Geography", "Italy", False),
        ("customers", BANK, "features.Surname", "Smith", False),
        ("customers", BANK, "event_time", "2025-01-01", False),
        ("customers", BANK, "event_time", 1_735_725_600, False),
        ("customers", BANK, "event_time", 1_735_725_600_000.0, True),
        ("customers", BANK, "customer_id", 4711, False),
        ("customers", BANK, "record_id", "", False),
        ("customers", BANK, "record_id", "x" * 257, False),
        ("customers", ODD, "features.rating", None, True),
        ("customers", ODD, "features.rating", ..., True),
        ("customers", ODD, "features.rating", -2, False),
        ("customers", ODD, "features.plan", "other", True),
        ("customers", ODD, "features.plan", "x" * 1_001, False),
        ("customers", ODD, "features.region", "east", False),
        ("customers", ODD, "features.amount", 1e39, False),
        ("customers", ODD, "features.amount", -3e38, True),
        ("labels", BANK, "label", 2, False),
        ("labels", BANK, "label", 0.0, True),
        ("labels", BANK, "label", "1", False),
        ("labels", BANK, "features", {}, False),
    ],
)
def test_a_schema_takes_what_our_readers_take(topic: str, schema: Schema, path: str, value: Any, taken: bool) -> None:
    message = changed(example_message(topic, schema), path, value)
    assert (is_taken(topic, schema, message), fits(topic, schema, message)) == (taken, taken)


@pytest.mark.parametrize("topic", DESCRIBED)
def test_the_files_in_docs_are_what_the_command_writes(topic: str, tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["schema", "--out", str(tmp_path)]).exit_code == 0
    made = (tmp_path / f"{topic}.schema.json").read_text(encoding="utf-8")
    kept = (ROOT / "docs" / "schemas" / f"{topic}.schema.json").read_text(encoding="utf-8")
    assert made == kept, "run `churnstream schema --out docs/schemas`"


def test_the_command_prints_one_or_says_what_there_is() -> None:
    runner = CliRunner()
    printed = runner.invoke(app, ["schema", "labels", "--example"]).output
    assert is_taken("labels", BANK, json.loads(printed))
    for arguments, words in (
        (["schema"], "give either one topic (customers, labels, predictions"),
        (["schema", "windos"], "has no JSON Schema; take one of customers"),
        (["schema", "windows", "--example"], "is written only by churnstream; take one of customers, labels"),
    ):
        assert words in str(runner.invoke(app, arguments).exception)
