"""What is known of the stream, as pages ask for it: one reader behind all of them."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

import msgspec

from contract.messages import ModelRef
from contract.worker.clock import Clock
from dashboard.serving.reports import WantedReport
from dashboard.signals import PAGE_SECONDS
from dashboard.stream.received import Positions, Reach
from dashboard.stream.state import StreamState
from dashboard.view.export import csv_of
from dashboard.view.model import Page
from dashboard.view.page import page_of
from dashboard.view.places import Places
from dashboard.view.selected import Selected

_MOST_PAGES = 8
_MINUTE_MS = 60_000
_log = logging.getLogger("churnstream.dashboard")


class FollowedStream(Protocol):
    """How far the reader of the topics is; ``revision`` rises when ``reach`` or ``positions`` are others."""

    @property
    def reach(self) -> Reach: ...
    @property
    def positions(self) -> Positions: ...
    @property
    def revision(self) -> int: ...


class LiveSource:
    """Pages of what ``state`` knows, which ``reader`` fills under ``lock``; safe between threads.

    Of one selection a page is made once for all who look at it, and anew when something is known or a minute is over,
    because a page says how long ago things were. The last eight selections are kept.
    """

    def __init__(
        self, state: StreamState, lock: threading.Lock, reader: FollowedStream, places: Places, clock: Clock
    ) -> None:
        self._state = state
        self._lock = lock
        self._reader = reader
        self._places = places
        self._clock = clock
        self._making = threading.Lock()
        self._pages: OrderedDict[Selected, Page] = OrderedDict()

    @property
    def revision(self) -> int:
        """Rises with what is known, and each minute."""
        return self._state.revision + self._reader.revision + self._clock.monotonic() // _MINUTE_MS

    def page(self, selected: Selected) -> Page:
        """What is to be shown now; takes up to some 100 ms with thousands of windows."""
        with self._making:
            revision = self.revision
            page = self._pages.get(selected)
            if page is None or page.revision != revision:
                page = msgspec.structs.replace(self._made(selected), revision=revision)
                self._pages[selected] = page
                if len(self._pages) > _MOST_PAGES:
                    self._pages.popitem(last=False)
            self._pages.move_to_end(selected)
            return page

    def csv(self, selected: Selected) -> str:
        """The windows of what is shown, a line each."""
        with self._lock:
            return csv_of(self._state, selected)

    def report_of(self, model: ModelRef, start: int) -> WantedReport | None:
        """What report to ask for, None where that window is not known."""
        with self._lock:
            stored = self._state.window(model, start)
        return None if stored is None else WantedReport(model, start, stored.window.revision)

    def _made(self, selected: Selected) -> Page:
        begin = time.perf_counter()
        # how long ago something was is told from the clock; nothing is decided by it
        now = self._clock.now()
        with self._lock:
            page = page_of(self._state, self._reader.reach, self._reader.positions, selected, now, self._places)
        PAGE_SECONDS.observe(time.perf_counter() - begin)
        return page


class ReaderWatch:
    """Runs the reader of the topics, and knows whether it has come to an end that it should not have come to."""

    def __init__(self, run: Callable[[threading.Event], None]) -> None:
        self._run = run
        self.failed = False

    def run(self, stop: threading.Event) -> None:
        """Run it until ``stop``; what it raises is logged, and ``failed`` from then on."""
        try:
            self._run(stop)
        except Exception as error:
            self.failed = True
            _log.exception("the topics are no longer read (%s)", type(error).__name__)
