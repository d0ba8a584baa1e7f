"""A small table with the columns of the bank-churn data, whose churn depends on a few of them by a logistic rule."""

import numpy as np
import pandas as pd

SURNAME = "Zzyzxsurname"


def toy_table(rows: int = 600, seed: int = 0) -> pd.DataFrame:
    """``rows`` customers with ids from 1 and a surname that can be looked for; about a third of them churned."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 80, rows)
    active = rng.integers(0, 2, rows)
    country = rng.choice(["France", "Germany", "Spain"], rows)
    logit = (age - 48) / 7 - 1.5 * active + 1.5 * (country == "Germany")
    return pd.DataFrame(
        {
            "RowNumber": np.arange(1, rows + 1),
            "CustomerId": np.arange(1, rows + 1),
            "Surname": [f"{SURNAME}{number}" for number in range(rows)],
            "CreditScore": rng.integers(350, 850, rows),
            "Geography": country,
            "Gender": rng.choice(["Female", "Male"], rows),
            "Age": age,
            "Tenure": rng.integers(0, 11, rows),
            "Balance": rng.uniform(0, 200_000, rows).round(2),
            "NumOfProducts": rng.integers(1, 5, rows),
            "HasCrCard": rng.integers(0, 2, rows),
            "IsActiveMember": active,
            "EstimatedSalary": rng.uniform(10, 200_000, rows).round(2),
            "Exited": (rng.random(rows) < 1 / (1 + np.exp(-logit))).astype(int),
        }
    )
