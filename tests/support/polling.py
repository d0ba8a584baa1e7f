"""Waiting for something to become true: the only place in the tests that sleeps."""

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def eventually(
    condition: Callable[[], Value | None],
    timeout: float = 10.0,
    message: str = "",
    interval: float = 0.05,
    progress: Callable[[], object] = lambda: None,
) -> Value:
    """Call ``condition`` until it returns something true, and return that; fail after ``timeout`` seconds.

    They count anew whenever ``progress`` returns another value than before, so that a busy machine fails nothing that
    still goes on. The test's own time-out (``pytest.mark.timeout``) bounds the whole.
    """
    deadline, seen = time.monotonic() + timeout, progress()
    while not (value := condition()):
        if (now := progress()) != seen:
            deadline, seen = time.monotonic() + timeout, now
        if time.monotonic() > deadline:
            raise AssertionError(f"{message or 'condition'}: still {value!r} after {timeout:g} s")
        time.sleep(interval)
    return value
