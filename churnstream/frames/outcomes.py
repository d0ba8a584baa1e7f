"""Predictions with their labels as a table: one row a prediction, with its newest label."""

from typing import Any

import msgspec
import pandas as pd
from confluent_kafka import Message

from churnstream.frames.moments import Moment, frame, span
from churnstream.frames.reading import read_partitions
from contract.errors import UserError
from contract.messages import Outcome
from contract.settings import Settings, load_settings
from contract.topics import OUTCOMES

MOST_OUTCOMES = 1_000_000
"""Some 1.4 GB while a table is made."""
OUTCOME_COLUMNS = {
    "record_id": "object",
    "customer_id": "object",
    "event_time": "",
    "label_time": "",
    "label": "int8",
    "predicted": "int8",
    "probability": "float64",
    "threshold": "float64",
    "model": "object",
    "version": "int64",
    "role": "object",
    "revision": "int64",
    "inferred": "bool",
}
"""Columns in their order, with their types in pandas; the times are ``datetime64[ms, UTC]``."""
_TIMES = ("event_time", "label_time")
_decode = msgspec.json.Decoder(Outcome).decode


def read_outcomes(
    settings: Settings | None = None,
    *,
    since: Moment = None,
    until: Moment = None,
    most: int = MOST_OUTCOMES,
) -> pd.DataFrame:
    """Predictions that have their label, in the order of the records' times; without any the table is empty.

    Args:
        settings: of the stream; those of the environment unless given.
        since: only records of then or later; ISO 8601, a datetime (UTC unless it says otherwise), or ms.
        until: only records before it.
        most: more outcomes than these are refused, because all are in memory.

    Raises:
        UserError: the broker does not answer, there is no such stream, a time is none, or there are more than ``most``.
    """
    within = span(since, until)
    newest: dict[tuple[str, str], Outcome] = {}

    def take(message: Message) -> None:
        value = message.value()
        if value is None:
            return
        try:
            outcome = _decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return  # none of ours, or the end of the stream
        key = outcome.record_id, outcome.model.key
        before = newest.get(key)
        if within.holds(outcome.event_time) and (before is None or before.revision <= outcome.revision):
            newest[key] = outcome
        if len(newest) > most:
            raise UserError(f"there are more than {most:,} outcomes; ask for a shorter time (since, until)")

    read_partitions(settings or load_settings(), OUTCOMES, take)
    ordered = sorted(newest.values(), key=lambda each: (each.event_time, each.record_id, each.model.key))
    return frame([_row(each) for each in ordered], OUTCOME_COLUMNS, _TIMES)


def _row(outcome: Outcome) -> dict[str, Any]:
    fields = {name: getattr(outcome, name) for name in OUTCOME_COLUMNS.keys() - {"model", "version", "role"}}
    return fields | {"model": outcome.model.name, "version": outcome.model.version, "role": outcome.model.role}
