"""Texts in messages that would do harm where they are taken for markup, templates or names of JavaScript's own."""

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from contract.alerts import alert_message_type
from contract.rejection import Reason
from contract.topics import ALERTS, PANES, VERSIONS, WINDOWS
from contract.versions import version_message_type
from contract.windows import window_message_type
from tests.support.dashboard.sent import OWN, SentMessage, dead_letter, message
from tests.support.dashboard.states import STATES, Messages
from tests.support.messages import DAY, START

FLAG = "pwned"
"""The window's property that a script sets if one runs."""
_IMAGE = f"<img src=x onerror=window.{FLAG}=1>"
_SCRIPT = f"</script><script>window.{FLAG}=1</script>"
HOSTILE = {
    "churn": f"{_IMAGE}{_SCRIPT}churn",
    "Age": _IMAGE,
    "Balance": "B" * 300,
    "CreditScore": "\u202eرصيد الائتمان 💳",
    "Tenure": f"{{{{constructor.constructor('window.{FLAG}=1')()}}}}",
    "HasCrCard": "__proto__",
    "Gender": f"\"'><svg onload=window.{FLAG}=1>",
    "EstimatedSalary": f"javascript:window.{FLAG}=1",
    "France": _SCRIPT,
    "Germany": "{b}: {c} <b>bold</b> {a|x}",
    "Female": "女👩🏽‍🦰" * 60,
}
"""By the name in whose place it stands."""
_NAMES = re.compile("|".join(sorted(HOSTILE, key=len, reverse=True)))


def hostile() -> Messages:
    """As ``drifted``, with names, categories, segments and sentences that mean harm."""
    return (*_spoiled(STATES["drifted"]()), *_letters())


def _spoiled(messages: Iterable[SentMessage]) -> Iterable[SentMessage]:
    kinds = {WINDOWS: window_message_type, ALERTS: alert_message_type, VERSIONS: version_message_type}
    for one in messages:
        if one.topic in (*kinds, PANES):
            kind: Any = kinds[one.topic](one.key) if one.topic in kinds else None
            if kind is None:
                yield one
                continue
            decoded: OWN = msgspec.json.decode(one.value or b"", type=kind)
            yield message(msgspec.convert(_renamed(msgspec.to_builtins(decoded)), type=kind))


def _renamed(value: Any) -> Any:
    if isinstance(value, str):
        return _NAMES.sub(lambda found: HOSTILE[found.group()], value)
    if isinstance(value, dict):
        return {_renamed(name): _renamed(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_renamed(inner) for inner in value]
    return value


def _letters() -> Messages:
    return tuple(
        dead_letter(
            Reason.UNKNOWN_FIELD,
            text,
            f"the schema has no such field: {text}",
            event_time=START + 25 * DAY,
            time=START + 26 * DAY,
            offset=number,
        )
        for number, text in enumerate(HOSTILE.values())
    )
