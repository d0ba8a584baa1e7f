"""Small tables of the bank-churn columns, as files, for the tests of the sources."""

from pathlib import Path
from typing import Any

import pandas as pd

SURNAME = "Zzyzxovic"


def table(rows: int = 5, **changed: Any) -> pd.DataFrame:
    """A valid table; ``changed`` replaces whole columns."""
    numbers = range(rows)
    columns: dict[str, Any] = {
        "RowNumber": [i + 1 for i in numbers],
        "CustomerId": [15_000_000 + i for i in numbers],
        "Surname": [f"{SURNAME}{i}" for i in numbers],
        "CreditScore": [600 + i for i in numbers],
        "Geography": [("France", "Germany", "Spain")[i % 3] for i in numbers],
        "Gender": [("Female", "Male")[i % 2] for i in numbers],
        "Age": [20 + i % 70 for i in numbers],
        "Tenure": [i % 11 for i in numbers],
        "Balance": [i * 1_000.25 for i in numbers],
        "NumOfProducts": [1 + i % 4 for i in numbers],
        "HasCrCard": [i % 2 for i in numbers],
        "IsActiveMember": [(i + 1) % 2 for i in numbers],
        "EstimatedSalary": [50_000.01 + i for i in numbers],
        "Exited": [int(i % 3 == 0) for i in numbers],
    }
    return pd.DataFrame(columns | changed)


def csv(folder: Path, frame: pd.DataFrame) -> Path:
    path = folder / "customers.csv"
    frame.to_csv(path, index=False)
    return path


def parquet(folder: Path, frame: pd.DataFrame) -> Path:
    path = folder / "customers.parquet"
    frame.to_parquet(path)
    return path
