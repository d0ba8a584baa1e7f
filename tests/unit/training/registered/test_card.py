from dataclasses import replace

import pytest

from contract.schema import load_schema
from training.registered.card import CardFacts, model_card

SCHEMA = load_schema("bank_churn")
NAMES = (
    "roc_auc",
    "f1",
    "precision",
    "recall",
    "accuracy",
    "average_precision",
    "brier",
    "log_loss",
    "calibration_error",
)
FACTS = CardFacts(
    title="churn: XGBoost",
    kind="XGBoost",
    sampling="smote",
    parameters={"max_depth": "4"},
    threshold=0.31234,
    threshold_rule="It is the threshold with the highest F1 on validation folds (mean over bootstrap samples).",
    calibration="isotonic",
    train_rows=850,
    test_rows=150,
    churn_rate=0.2037,
    data_hash="aaaa",
    divided="divided by customer (split seed 3)",
    split_hash="bbbb",
    excluded_rows=7,
    chosen="Chosen from 27 candidates.",
    metrics={name: 0.5 + 0.01 * place for place, name in enumerate(NAMES)}
    | {"tn": 100.0, "fp": 20.0, "fn": 10.0, "tp": 20.0},
    intervals={name: (0.4 + 0.01 * place, 0.6 + 0.01 * place) for place, name in enumerate(NAMES)},
    validation={"f1": 0.777},
    suspicions=("feature X is odd",),
    versions={"xgboost": "3.2"},
)


@pytest.mark.parametrize(
    "said",
    [
        "# churn: XGBoost",
        "synthetic churners (SMOTE)",
        "| max_depth | 4 |",
        "1,000 rows, 20.4% of them churned",
        "7 rows violated the schema",
        "split seed 3",
        "`aaaa`",
        "`bbbb`",
        "| ROC AUC | 0.500 | 0.400 to 0.600 |  |",
        "| F1 | 0.510 | 0.410 to 0.610 | 0.777 |",
        "TN 100, FP 20, FN 10, TP 20",
        "probability of 0.3123 or more",
        "isotonic regression",
        "feature X is odd",
        "xgboost 3.2",
        "Geography",
    ],
)
def test_the_card_says(said: str) -> None:
    assert said in model_card(FACTS, SCHEMA)


def test_private_columns_and_what_there_is_not_are_not_in_it() -> None:
    card = model_card(replace(FACTS, suspicions=(), parameters={}, excluded_rows=0), SCHEMA)
    assert "Surname" not in card
    assert "To look at" not in card
    assert "violated" not in card
    assert "| parameter |" not in card
