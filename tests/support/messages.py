"""Well-formed messages of the bank-churn schema, for tests to send or to spoil."""

import json
from typing import Any

START = 1_735_689_600_000
"""2025-01-01T00:00:00Z in milliseconds."""
DAY = 86_400_000


def features(i: int = 0) -> dict[str, Any]:
    """Valid features that differ with ``i``."""
    return {
        "Geography": ("France", "Germany", "Spain")[i % 3],
        "Gender": ("Female", "Male")[i % 2],
        "CreditScore": 400 + i % 400,
        "Age": 20 + i % 60,
        "Tenure": i % 11,
        "Balance": float(i % 7) * 20_000,
        "NumOfProducts": 1 + i % 3,
        "HasCrCard": i % 2,
        "IsActiveMember": (i // 2) % 2,
        "EstimatedSalary": 10_000.0 + i,
    }


def customer(i: int = 0, *, event_time: int | None = None, **changed: Any) -> dict[str, Any]:
    """A valid customer record; ``changed`` replaces features."""
    return {
        "record_id": f"test-{i}",
        "customer_id": str(1_000 + i),
        "event_time": START + i * 60_000 if event_time is None else event_time,
        "features": features(i) | changed,
    }


def label(i: int = 0, *, value: int | None = None, delay: int = DAY, event_time: int | None = None) -> dict[str, Any]:
    """A valid label of ``customer(i, event_time=event_time)``, ``delay`` ms later."""
    record = customer(i, event_time=event_time)
    return {
        "record_id": record["record_id"],
        "customer_id": record["customer_id"],
        "event_time": record["event_time"] + delay,
        "label": int(i % 5 == 0) if value is None else value,
    }


def encode(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode()


def key(message: dict[str, Any]) -> bytes:
    return str(message["customer_id"]).encode()
