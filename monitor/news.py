"""A line in the monitor's log for each window that is published; of many at once the first ones, and how many more."""

import logging
import threading
import time

from contract.windows import Window
from contract.worker.logs import NEWS
from monitor.naming import iso_time, model_title

_MOST, _SECONDS = 10, 10.0
_log = logging.getLogger(NEWS)


class WindowLines:
    """At most ten lines in ten seconds, then one that tells of the others and of the newest among them."""

    def __init__(self, most: int = _MOST, seconds: float = _SECONDS) -> None:
        self._most = most
        self._seconds = seconds
        self._lock = threading.Lock()
        self._began = float("-inf")
        self._told = self._left_out = 0
        self._newest: Window | None = None

    def put(self, window: Window) -> None:
        """Tell of a window, now or with the others. From any thread."""
        with self._lock:
            now = time.monotonic()
            if now - self._began >= self._seconds and not self._left_out:
                self._began, self._told = now, 0
            if self._told < self._most:
                self._told += 1
                _log.info("%s", window_line(window))
                return
            if not self._left_out:
                timer = threading.Timer(self._began + self._seconds - now, self.flush)
                timer.daemon = True
                timer.start()
            self._left_out += 1
            if self._newest is None or window.end >= self._newest.end:
                self._newest = window

    def flush(self) -> None:
        """Tell of those left out."""
        with self._lock:
            if self._newest is not None:
                _log.info("%s further windows; the newest: %s", f"{self._left_out:,}", window_line(self._newest))
            self._left_out, self._newest = 0, None
            self._began, self._told = time.monotonic(), 0


def window_line(window: Window) -> str:
    """``window … to … of churn v1: provisional, 4,669 records, 31 % labelled, F1 0.612; drifted: Age``."""
    parts = [window.status, f"{window.records:,} records", f"{window.coverage:.0%} labelled".replace("%", " %")]
    realised, estimated = window.performance.f1, window.estimated.f1
    if realised is not None:
        parts.append(f"F1 {realised:.3f}")
    if estimated is not None:
        parts.append(f"estimated {estimated.value:.3f}")
    if window.untrusted_since is not None:
        parts.append("estimates withdrawn")
    columns = window.drift.drifted_columns
    drifted = f"; drifted: {', '.join(columns)}" if columns else "" if window.drift.judged else "; too few for drift"
    return (
        f"window {iso_time(window.start)} to {iso_time(window.end)} of {model_title(window.model)}: "
        f"{', '.join(parts)}{drifted}"
    )
