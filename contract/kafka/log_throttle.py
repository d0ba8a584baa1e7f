"""Keeps a log readable while something fails many times a second."""

import logging
import re
import time

_NUMBERS = re.compile(r"\d+")
_MOST_REMEMBERED = 1_000


class LogThrottle(logging.Filter):
    """Lets one message of a kind pass in ``seconds``, and tells with the next one how many were held back.

    Messages are of one kind if they differ in their numbers only.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self._seen: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        kind = _NUMBERS.sub("", text)
        now = time.monotonic()
        until, held_back = self._seen.get(kind, (0.0, 0))
        if now < until:
            self._seen[kind] = until, held_back + 1
            return False
        if len(self._seen) >= _MOST_REMEMBERED:
            self._seen.clear()
        self._seen[kind] = now + self._seconds, 0
        if held_back:
            record.msg, record.args = f"{text} ({held_back:,} more like it before)", ()
        return True
