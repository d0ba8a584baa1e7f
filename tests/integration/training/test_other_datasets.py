"""Another data set is another TOML file and no code: trained, registered, loaded, scored and replayed."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from contract.records import features_type
from contract.schema import load_schema
from contract.settings import Settings
from contract.topics import CUSTOMERS, LABELS
from producer.scenario import Scenario
from producer.sources import open_table
from producer.stream import stream
from scorer.models.loaded import load_model
from tests.support.tables.shapes import SECRET, TELCO, credit_cards, telco
from training.infer.columns import read_columns
from training.infer.infer import infer
from training.infer.toml import draft_toml
from training.table.prepare import read_table
from training.train import train

ROWS = 1_500


@pytest.fixture
def settings(store: Settings) -> Settings:
    return store


def with_schema(settings: Settings, toml: str, folder: Path) -> Settings:
    path = folder / "schema.toml"
    path.write_text(toml, encoding="utf-8")
    return settings.model_copy(update={"dataset": str(path)})


def replayed(path: Path, settings: Settings) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The records and the labels of a replay."""
    messages = list(stream(open_table(path, load_schema(settings.dataset)), Scenario(), "t"))
    assert not any(SECRET.encode() in message.value for message in messages)
    records = [json.loads(message.value) for message in messages if message.topic == CUSTOMERS]
    labels = [json.loads(message.value) for message in messages if message.topic == LABELS]
    return records, labels


def test_a_telco_table_is_trained_scored_and_replayed_by_its_schema_alone(settings: Settings, tmp_path: Path) -> None:
    table = telco(ROWS)
    path = tmp_path / "telco.csv"
    table["Total Charges"] = table["Total Charges"].str.replace(".", ",")
    table.to_csv(path, index=False, sep=";", decimal=",")
    settings = with_schema(settings, TELCO, tmp_path)
    schema = load_schema(settings.dataset)

    result = train(settings, path)

    assert result.metrics["roc_auc"] > 0.7
    assert (result.table.excluded, result.table.duplicates) == ({}, 0)
    records, labels = replayed(path, settings)
    assert [record["customer_id"] for record in records] == table["customerID"].tolist()
    assert {label["customer_id"]: label["label"] for label in labels} == dict(
        zip(table["customerID"], (table["Churn"] == "Yes").astype(int), strict=True)
    )
    kind = features_type(schema)
    scores, _ = load_model(settings).score([kind(**record["features"]) for record in records])
    rows = read_table(path, schema)
    np.testing.assert_array_equal(scores, load_model(settings).classifier.predict_proba(rows.X)[:, 1])


def test_gaps_and_categories_that_training_has_not_seen_are_scored(settings: Settings, tmp_path: Path) -> None:
    table = telco(ROWS)
    table["Total Charges"] = table["Total Charges"].str.strip().where(np.arange(ROWS) % 9 > 0, "")
    table.loc[0, "Contract Type"] = "Five years"
    settings = with_schema(settings, TELCO, tmp_path)
    result = train(settings, table)
    assert result.table.excluded == {}
    kind = features_type(load_schema(settings.dataset))
    known = {
        "SeniorCitizen": 0,
        "Partner": "Yes",
        "tenure": 3,
        "ContractType": "One year",
        "PaymentMethod": "Mailed check",
        "MonthlyCharges": 80.5,
        "TotalCharges": 241.5,
    }
    odd = [{"ContractType": "Ten years"}, {"PaymentMethod": None}, {"TotalCharges": None}, {"tenure": -3}]

    scores, _ = load_model(settings).score([kind(**(known | changed)) for changed in [{}, *odd]])

    assert np.isfinite(scores).all()
    assert ((scores > 0) & (scores < 1)).all()
    assert scores[0] != scores[1]


def test_a_draft_trains_unchanged_and_its_model_scores(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "cards.xlsx"
    credit_cards(ROWS).to_excel(path, index=False)
    settings = with_schema(settings, draft_toml(infer(read_columns(path)), "cards", path.name), tmp_path)
    schema = load_schema(settings.dataset)

    result = train(settings, path)

    assert result.metrics["roc_auc"] > 0.7
    records, _ = replayed(path, settings)
    scores, _ = load_model(settings).score([features_type(schema)(**record["features"]) for record in records])
    X = read_table(path, schema).X
    pd.testing.assert_frame_equal(X[["Customer_Age"]], credit_cards(ROWS)[["Customer_Age"]].astype(float))
    np.testing.assert_array_equal(scores, load_model(settings).classifier.predict_proba(X)[:, 1])
