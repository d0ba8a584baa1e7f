"""What schemathesis must know of requests that no JSON Schema can say. Named to it by ``SCHEMATHESIS_HOOKS``."""

import time
from typing import Any

import schemathesis
from schemathesis.hooks import HookContext


@schemathesis.hook
def map_case(_context: HookContext, case: schemathesis.Case[Any]) -> schemathesis.Case[Any]:
    """Send what is the same to the schema and can be read by the service."""
    case.body = _readable(case.body)
    return case


def _readable(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _readable(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_readable(inner) for inner in value]
    if name == "event_time" and type(value) in (int, float):
        # how far ahead an event time may be is counted from now
        value = min(value, time.time_ns() // 1_000_000)
    return value
