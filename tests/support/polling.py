"""Waiting for something to become true: the only place in the tests that sleeps."""

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")
_OFTEN = 0.05
_SELDOM = 0.5


def eventually(
    condition: Callable[[], Value | None],
    timeout: float = 10.0,
    message: str = "",
    interval: float = _OFTEN,
    progress: Callable[[], object] = lambda: None,
) -> Value:
    """Call ``condition`` until it returns something true, and return that; fail after ``timeout`` seconds.

    They count anew whenever ``progress`` returns another value than before, so that a busy machine fails nothing that
    still goes on. The test's own time-out (``pytest.mark.timeout``) bounds the whole.

    A condition that takes long, as one does that reads a whole topic, is asked less often than each ``interval``,
    because what it waits for runs on the same processors. Who asks for a shorter one gets it.
    """
    deadline, seen = time.monotonic() + timeout, progress()
    began = time.monotonic()
    while not (value := condition()):
        took = time.monotonic() - began
        if (now := progress()) != seen:
            deadline, seen = time.monotonic() + timeout, now
        if time.monotonic() > deadline:
            raise AssertionError(f"{message or 'condition'}: still {value!r} after {timeout:g} s")
        time.sleep(interval if interval < _OFTEN else max(interval, min(2 * took, _SELDOM)))
        began = time.monotonic()
    return value
