from pathlib import Path

import numpy as np
import pytest

from contract.errors import UserError
from contract.messages import ModelRef
from contract.models.registry import positive_probabilities
from contract.records import feature_frame, features_type
from contract.schema import load_schema
from contract.settings import load_settings
from scorer.models.loaded import Model, load_model
from tests.support.tables.toy import toy_table
from training.kinds.kinds import xgboost_pipeline
from training.table.prepare import read_table

SCHEMA = load_schema("bank_churn")
FEATURES = features_type(SCHEMA)
ROWS = 300


@pytest.fixture(scope="module")
def model() -> Model:
    rows = read_table(toy_table(ROWS), SCHEMA)
    classifier = xgboost_pipeline(SCHEMA, 0, n_estimators=20).fit(rows.X, rows.y)
    return Model(ModelRef("churn", 7), 0.4, SCHEMA, classifier)


def structs(count: int) -> list[object]:
    return [FEATURES(**row) for row in toy_table(ROWS)[list(SCHEMA.names)].head(count).to_dict("records")]


def test_a_batch_is_scored_by_one_call_on_one_matrix(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    original = type(model.classifier).predict_proba

    def counted(self: object, X: object) -> object:
        calls.append(len(X))  # type: ignore[arg-type]
        return original(self, X)

    monkeypatch.setattr(type(model.classifier), "predict_proba", counted)
    records = structs(100)
    probabilities, decisions = model.score(records)
    assert calls == [100]
    expected = positive_probabilities(model.classifier, feature_frame(SCHEMA, records))
    assert (probabilities == expected).all()
    assert (decisions == (expected >= 0.4)).all()
    assert (probabilities.dtype, decisions.dtype) == (np.float64, np.uint8)
    assert set(decisions) == {0, 1}


def test_a_record_gets_the_same_probability_alone_and_in_a_batch(model: Model) -> None:
    records = structs(20)
    together, _ = model.score(records)
    alone = [model.score([record])[0][0] for record in records]
    assert together.tolist() == alone


def test_nothing_is_scored_as_nothing(model: Model) -> None:
    probabilities, decisions = model.score([])
    assert len(probabilities) == len(decisions) == 0


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("sqlite:///absent.db", "there is no model registry at absent.db"),
        ("sqlite:///no/such/folder/mlflow.db", "there is no model registry"),
        ("sqlite:///text.db", "not a SQLite database"),
        ("http://127.0.0.1:9", "cannot be used"),
    ],
)
def test_a_registry_out_of_reach_is_told_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str, expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.db").write_text("a text that is longer than a header")
    with pytest.raises(UserError, match=expected) as caught:
        load_model(load_settings(mlflow_tracking_uri=uri))
    assert "MLFLOW_TRACKING_URI" in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["text.db"]
