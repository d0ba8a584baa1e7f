"""Alerts as a monitor publishes them, and the rules that send them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from contract.alerts import Alert, AlertState
from contract.kafka.clients import idempotent_producer
from contract.kafka.stream_identity import STREAM_HEADER, stream_identity
from contract.messages import ModelRef, encode
from contract.settings import Settings
from contract.topics import ALERTS
from tests.support.alerting.receiver import State
from tests.support.messages import DAY, START

MODEL = ModelRef("churn", 3)


def alert(number: int = 0, state: AlertState = "opened", **changed: Any) -> Alert:
    """One state of an incident; ``number`` tells incidents apart."""
    start = START + number * DAY
    found = Alert(
        key=f"drift/{MODEL.key}/{start}",
        state=state,
        kind="drift",
        model=MODEL,
        start=start,
        end=start + 7 * DAY,
        features=["Age"],
        message="churn v3: customers differ from those of training; look at the window's report",
        title="churn v3: customers differ from those of training",
    )
    return msgspec.structs.replace(found, **changed)


def lives(incidents: Iterable[int]) -> list[Alert]:
    """Opened, updated and closed of each incident, one state of all before the next."""
    numbers = list(incidents)
    states: tuple[AlertState, ...] = ("opened", "updated", "closed")
    return [alert(number, state) for state in states for number in numbers]


def states_of(alerts: Iterable[Alert]) -> list[State]:
    return [(one.key, one.state) for one in alerts]


def publish_alerts(settings: Settings, *alerts: Alert, stream: str | None = None) -> None:
    """Put alerts on their topic, with the name of their stream, by default this one's."""
    named = stream or stream_identity(settings)
    producer = idempotent_producer(settings)
    for one in alerts:
        producer.produce(
            settings.topic(ALERTS),
            key=one.key.encode(),
            value=encode(one),
            partition=0,
            headers={STREAM_HEADER: named.encode()},
        )
    assert producer.flush(30) == 0


def rules_file(folder: Path, *sinks: str, more: str = "") -> Path:
    """A rules file with sinks of these names, each with the variable ``<NAME>_URL``; ``more`` goes to the last one."""
    path = folder / "rules.toml"
    tables = [f'[[sinks]]\nname = "{name}"\nurl_variable = "{name.upper()}_URL"\n' for name in sinks]
    path.write_text("".join(tables) + more, encoding="utf-8")
    return path
