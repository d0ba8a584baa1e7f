"""What a scorer and a join have written of some customers: predictions, outcomes, and how far labels are in."""

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from contract.messages import ModelRef, Outcome, encode
from contract.models.registry import load_registered, positive_probabilities
from contract.panes import JoinProgress
from contract.records import columns_frame
from contract.schema import load_schema
from contract.settings import Settings
from contract.topics import OUTCOMES, PREDICTIONS
from tests.support.dashboard.sent import SentMessage, StreamWriter, message
from tests.support.messages import DAY, START
from tests.support.tables.toy import toy_table

SCHEMA = load_schema("bank_churn")
DELAY = 2 * DAY
"""From a record to its label."""
_FIRST_CUSTOMER = 100_000


def customers(rows: int, *, seed: int, flipped: bool = False) -> pd.DataFrame:
    """Rows of the toy table under ids that no training has seen; ``flipped``: who stayed there leaves here."""
    table = toy_table(rows, seed=seed)
    table["CustomerId"] += _FIRST_CUSTOMER + seed * _FIRST_CUSTOMER
    return table.assign(Exited=1 - table.Exited) if flipped else table


def model_input(table: pd.DataFrame) -> pd.DataFrame:
    """As the scorer makes it of these customers."""
    return columns_frame(SCHEMA, [table[name].tolist() for name in SCHEMA.names])


def scores_of(settings: Settings, version: int, table: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A registered version's probabilities."""
    loaded = load_registered(settings, version, SCHEMA)
    return positive_probabilities(loaded.classifier, model_input(table))


def write_learned(
    settings: Settings, model: ModelRef, table: pd.DataFrame, *, first_day: float, days: float, labels: bool = True
) -> None:
    """The customers of ``table``, spread over ``days`` from ``first_day`` on, as ``model`` scored them, with labels."""
    times = START + ((first_day + np.arange(len(table)) * days / len(table)) * DAY).astype(np.int64)
    writer = StreamWriter(settings)
    writer.write(_predictions(settings, model, table, times))
    if labels:
        writer.write(_outcomes(settings, model, table, times))


def write_progress(settings: Settings, day: float) -> None:
    """The join has all labels up to a day."""
    at = START + int(day * DAY)
    StreamWriter(settings).write(
        message(JoinProgress(partition=partition, watermark=at, label_watermark=at, ended=False))
        for partition in range(settings.partitions)
    )


def _predictions(
    settings: Settings, model: ModelRef, table: pd.DataFrame, times: np.ndarray[Any, np.dtype[np.int64]]
) -> Iterator[SentMessage]:
    scores = scores_of(settings, model.version, table)
    for number, (row, time, score) in enumerate(zip(table.to_dict("records"), times, scores, strict=True)):
        customer = str(row["CustomerId"])
        partition = number % settings.partitions
        value = {
            "record_id": f"r{customer}",
            "customer_id": customer,
            "event_time": int(time),
            "features": {name: row[name] for name in SCHEMA.names},
            "probability": float(score),
            "predicted": 0,
            "threshold": 0.5,
            "model": msgspec.to_builtins(model),
            "source": {"partition": partition, "offset": number},
        }
        yield SentMessage(PREDICTIONS, customer.encode(), msgspec.json.encode(value), partition=partition)


def _outcomes(
    settings: Settings, model: ModelRef, table: pd.DataFrame, times: np.ndarray[Any, np.dtype[np.int64]]
) -> Iterator[SentMessage]:
    for number, (row, time) in enumerate(zip(table.to_dict("records"), times, strict=True)):
        customer = str(row["CustomerId"])
        outcome = Outcome(
            record_id=f"r{customer}",
            customer_id=customer,
            event_time=int(time),
            label_time=int(time) + DELAY,
            label=int(row["Exited"]),
            revision=1,
            probability=0.5,
            predicted=0,
            threshold=0.5,
            model=model,
        )
        yield SentMessage(OUTCOMES, customer.encode(), encode(outcome), partition=number % settings.partitions)
