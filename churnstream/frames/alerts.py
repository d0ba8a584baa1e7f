"""Incidents as a table: one row an incident, as it stands now."""

from typing import Any

import msgspec
import pandas as pd
from confluent_kafka import Message

from churnstream.frames.moments import frame
from churnstream.frames.reading import read_newest
from contract.alerts import Alert, alert_message_type
from contract.errors import UserError
from contract.settings import Settings, load_settings
from contract.topics import ALERTS

MOST_ALERTS = 100_000
"""In a table, some 0.2 GB."""
ALERT_COLUMNS = {
    "key": "object",
    "kind": "object",
    "state": "object",
    "standing": "bool",
    "severity": "object",
    "model": "object",
    "version": "Int64",
    "role": "object",
    "start": "",
    "end": "",
    "at": "",
    "features": "object",
    "segments": "object",
    "title": "object",
    "message": "object",
}
"""Columns in their order, with their types in pandas; the times are ``datetime64[ms, UTC]``."""
_TIMES = ("start", "end", "at")


def read_alerts(settings: Settings | None = None, *, standing: bool = False, most: int = MOST_ALERTS) -> pd.DataFrame:
    """The incidents of a stream, in the order of their starts; without any the table is empty.

    Args:
        settings: of the stream; those of the environment unless given.
        standing: only those that go on.
        most: more incidents than these are refused, because all are in memory.

    Raises:
        UserError: the broker does not answer, there is no such stream, or there are more than ``most``.
    """
    rows: dict[bytes, dict[str, Any]] = {}

    def take(message: Message) -> None:
        key, value = message.key() or b"", message.value()
        if value is None:
            rows.pop(key, None)
            return
        if alert_message_type(key) is not Alert:
            return
        try:
            rows[key] = alert_row(msgspec.json.decode(value, type=Alert))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return  # none of ours
        if len(rows) > most:
            raise UserError(f"there are more than {most:,} incidents; give a larger `most` if memory allows")

    read_newest(settings or load_settings(), ALERTS, take)
    wanted = [row for row in rows.values() if row["standing"] or not standing]
    return frame(sorted(wanted, key=lambda row: (row["start"], row["key"])), ALERT_COLUMNS, _TIMES)


def alert_row(alert: Alert) -> dict[str, Any]:
    """An incident's columns; times in ms."""
    model = alert.model
    return {
        "key": alert.key,
        "kind": alert.kind,
        "state": alert.state,
        "standing": alert.standing,
        "severity": alert.severity,
        "model": None if model is None else model.name,
        "version": None if model is None else model.version,
        "role": None if model is None else model.role,
        "start": alert.start,
        "end": alert.end,
        "at": alert.at,
        "features": "; ".join(alert.features),
        "segments": "; ".join(alert.segments),
        "title": alert.title,
        "message": alert.message,
    }
