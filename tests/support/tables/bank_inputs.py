"""A bank's inputs with the public table's marginals, and verdicts on them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from contract.schema import Schema, load_schema
from contract.windows import Drift
from monitor.inputs.rule import InputReference, InputRule, judge

SCHEMA = load_schema("bank_churn")
RULE = InputRule()


def bank(generator: np.random.Generator, size: int, germany: float = 0.251) -> pd.DataFrame:
    """Independent columns with the public bank table's marginals."""
    spain = 0.248
    frame = pd.DataFrame(
        {
            "Geography": generator.choice(
                ["France", "Germany", "Spain"], size, p=[1 - germany - spain, germany, spain]
            ).astype(object),
            "Gender": generator.choice(["Female", "Male"], size, p=[0.454, 0.546]).astype(object),
            "CreditScore": generator.normal(650, 97, size).clip(350, 850).round(),
            "Age": (18 + generator.gamma(4.0, 5.2, size)).clip(18, 92).round(),
            "Tenure": generator.integers(0, 11, size).astype(float),
            "Balance": np.where(generator.random(size) < 0.362, 0.0, generator.normal(119_828, 30_095, size)),
            "NumOfProducts": generator.choice([1.0, 2.0, 3.0, 4.0], size, p=[0.508, 0.459, 0.027, 0.006]),
            "HasCrCard": (generator.random(size) < 0.706).astype(float),
            "IsActiveMember": (generator.random(size) < 0.515).astype(float),
            "EstimatedSalary": generator.uniform(11, 200_000, size),
        }
    )
    return with_score(frame)


def with_score(frame: pd.DataFrame) -> pd.DataFrame:
    """Some model's answer: it depends on age, country and activity."""
    logit = -2.2 + 0.06 * (frame["Age"] - 39) + 0.9 * (frame["Geography"] == "Germany") - 0.8 * frame["IsActiveMember"]
    return frame.assign(score=1 / (1 + np.exp(-logit.astype(float))))


def against(current: pd.DataFrame, then: pd.DataFrame, schema: Schema = SCHEMA, rule: InputRule = RULE) -> Drift:
    return judge(current, InputReference.of(then, schema), rule=rule)


def one_after_another(frames: Sequence[pd.DataFrame], reference: InputReference, rule: InputRule = RULE) -> list[Drift]:
    """The verdicts on disjoint windows, each given those before it."""
    verdicts: list[Drift] = []
    for each in frames:
        verdicts.append(judge(each, reference, verdicts[::-1], rule=rule))
    return verdicts
