"""The largest that a schema admits, scored by every kind of model and read again where it is published."""

import msgspec
import numpy as np
import pandas as pd
import pytest

from contract.bounds import LARGEST_INTEGER, LARGEST_NUMBER, LONGEST_CATEGORY, LONGEST_IDENTIFIER, MOST_FEATURES
from contract.messages import ModelRef, prediction_type
from contract.records import columns_frame
from contract.rejection import decode
from contract.schema import Schema, parse_schema
from contract.topics import MAX_PREDICTION_BYTES
from scorer.models.direct import checked_direct
from scorer.models.loaded import Model
from scorer.stream.batch import BatchScorer
from scorer.stream.reading import Raw
from scorer.testing import LogisticModel
from tests.support.messages import START
from tests.support.models import small_pipeline
from training.kinds.kinds import KINDS
from training.selection.fitting import fit
from training.table.split import folds

SCHEMA = parse_schema(
    {
        "name": "extremes",
        "id": "id",
        "label": {"column": "y"},
        "on_violation": "score",
        "features": {
            "amount": {"kind": "numeric"},
            "rate": {"kind": "numeric", "min": 0, "max": 1, "missing": True},
            "since": {"kind": "ordinal"},
            "active": {"kind": "flag"},
            "plan": {"kind": "categorical", "categories": ["a", "b" * LONGEST_CATEGORY]},
        },
    }
)
NUMBERS = ["3.4028234663852886e38", "-3.4028234663852886e38", "5e-324", "-0.0", "1.7e12", "0"]
RATES = [*NUMBERS, "null"]
INTEGERS = [str(LARGEST_INTEGER), str(-LARGEST_INTEGER), "9007199254740991.0", "-0", "0e5"]
FLAGS = ["1.0", "0", str(LARGEST_INTEGER)]
PLANS = ['"a"', '"' + "語" * LONGEST_CATEGORY + '"', '""', '"\\u0000"', '"' + "b" * LONGEST_CATEGORY + '"']


def extreme_records() -> list[Raw]:
    assert float(NUMBERS[0]) == LARGEST_NUMBER
    customer = "語" * LONGEST_IDENTIFIER
    head = f'"record_id": "{"r" * LONGEST_IDENTIFIER}", "customer_id": "{customer}", "event_time": {START}'
    records = []
    for i in range(210):
        features = (
            f'"amount": {NUMBERS[i % 6]}, "rate": {RATES[i % 7]}, "since": {INTEGERS[i % 5]}, '
            f'"active": {FLAGS[i % 3]}, "plan": {PLANS[i // 2 % 5]}'
        )
        records.append(Raw(i, customer.encode(), f'{{{head}, "features": {{{features}}}}}'.encode()))
    return records


def fitted(kind: str, schema: Schema) -> Model:
    """Of ordinary values: what comes later is none that training has seen."""
    random = np.random.default_rng(0)
    y = random.integers(0, 2, 200)
    columns = [
        random.choice(feature.categories, 200).tolist()
        if feature.is_categorical
        else (random.integers(0, 2, 200) + y).astype(float).tolist()
        for feature in schema.features
    ]
    X: pd.DataFrame = columns_frame(schema, columns)
    customers = np.array([str(number) for number in range(200)], dtype=object)
    classifier = fit(small_pipeline(kind, "plain", schema), X, y, folds(customers, y, 0, 2)).classifier
    return Model(ModelRef("churn", 1), 0.5, schema, classifier, checked_direct(classifier, schema, kind))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_model_scores_the_largest_numbers_and_the_longest_texts(kind: str) -> None:
    records = extreme_records()
    scored = BatchScorer(SCHEMA).score(records, 0, fitted(kind, SCHEMA))
    assert [str(rejection) for _, rejection in scored.rejected] == []
    decoder = msgspec.json.Decoder(prediction_type(SCHEMA))
    for key, value in scored.predictions:
        prediction = decode(decoder, value, MAX_PREDICTION_BYTES)
        assert prediction.customer_id.encode() == key
    assert len(scored.predictions) == len(records)


def test_the_widest_record_is_scored_and_read_again() -> None:
    schema = parse_schema(
        {
            "name": "wide",
            "id": "id",
            "label": {"column": "y"},
            "features": {f"{'f' * 190}{number}": {"kind": "numeric"} for number in range(MOST_FEATURES)},
        }
    )
    features = dict.fromkeys(schema.names, LARGEST_NUMBER)
    record = {"record_id": "r", "customer_id": "c", "event_time": START, "features": features}
    model = LogisticModel(feature=schema.names[0])
    scored = BatchScorer(schema).score([Raw(0, b"c", msgspec.json.encode(record))], 0, model)
    ((_, value),) = scored.predictions
    read = decode(msgspec.json.Decoder(prediction_type(schema)), value, MAX_PREDICTION_BYTES)
    assert msgspec.structs.astuple(read.features) == (LARGEST_NUMBER,) * MOST_FEATURES
