"""The card of a model, and what is said of one that does not fit."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from contract.errors import UserError
from contract.models.bundle import METADATA_KEY, make_card, read_card
from contract.schema import load_schema

SCHEMA = load_schema("bank_churn")
CARD = make_card(SCHEMA, 0.41, "ab" * 32)


def metadata(**changed: Any) -> dict[str, Any]:
    return {METADATA_KEY: msgspec.to_builtins(CARD) | changed}


def test_a_card_is_read_back_from_the_models_metadata() -> None:
    assert read_card(metadata(), SCHEMA, "churn v3") == CARD
    assert (CARD.threshold, CARD.features, CARD.schema_name) == (0.41, SCHEMA.names, "bank_churn")
    assert read_card({"other": 1} | metadata(), SCHEMA, "churn v3") == CARD


@pytest.mark.parametrize("nothing", [None, {}, {"other": 1}])
def test_a_model_of_another_maker(nothing: dict[str, Any] | None) -> None:
    with pytest.raises(UserError, match=r"model churn v3 has no churnstream card; .*`churnstream train`"):
        read_card(nothing, SCHEMA, "churn v3")


@pytest.mark.parametrize("damaged", ["card", 7, {}, metadata(threshold="high")[METADATA_KEY]])
def test_a_damaged_card(damaged: object) -> None:
    with pytest.raises(UserError, match=r"model churn v3 has a damaged churnstream card \(.*\); train it again"):
        read_card({METADATA_KEY: damaged}, SCHEMA, "churn v3")


def test_a_card_of_another_format() -> None:
    with pytest.raises(UserError, match="model churn v3 has bundle format 2, but this version reads 1; train it again"):
        read_card(metadata(format=2), SCHEMA, "churn v3")


def test_a_model_of_another_schema() -> None:
    with pytest.raises(UserError) as raised:
        read_card(metadata(), replace(SCHEMA, version=2), "churn v3")
    message = str(raised.value)
    assert "was trained on schema bank_churn v1" in message
    assert "not on bank_churn v2" in message
    assert "CHURNSTREAM_DATASET" in message
