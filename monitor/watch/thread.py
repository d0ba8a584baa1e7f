"""The thread of the watch. It looks while its monitor is at work, and gives what is to be told to the timeline."""

import logging
import threading
from collections.abc import Callable, Sequence

from confluent_kafka import KafkaException

from contract.alert_rules import AlertRules
from contract.alerts import Alert
from contract.errors import UserError
from contract.settings import Settings
from contract.worker.clock import Clock
from contract.worker.outage import Outage
from monitor.timeline.outbox import Turn
from monitor.watch.behind import SpooledWindows
from monitor.watch.course import StreamIncidents
from monitor.watch.letters import LetterCounts, LetterNames
from monitor.watch.reader import StreamReader
from monitor.watch.stream import WatchedStream

SECONDS_BETWEEN_LOOKS = 2.0
_LONGEST_STEP = 30.0
"""Seconds between two looks that count, at most: in what is more nobody has watched."""
_log = logging.getLogger("churnstream.watch")


class WatchThread:
    """Watches one stream.

    Args:
        counts: told of each dead letter.
        waiting: the windows that wait for MLflow.
        turn: the present one; None while another monitor is at work.
        tell: takes what is to be told in a turn; must not block. What is told in one that is over is not published:
            the next begins with what stands on the topic.
    """

    def __init__(
        self,
        settings: Settings,
        rules: AlertRules,
        names: LetterNames,
        counts: LetterCounts,
        waiting: SpooledWindows,
        clock: Clock,
        turn: Callable[[], Turn[Alert] | None],
        tell: Callable[[int, Sequence[Alert]], None],
        seconds: float = SECONDS_BETWEEN_LOOKS,
    ) -> None:
        self._settings = settings
        self._rules = rules
        self._names, self._counts, self._waiting = names, counts, waiting
        self._clock = clock
        self._turn, self._tell = turn, tell
        self._seconds = seconds
        self._reader: StreamReader | None = None
        self._stream: WatchedStream | None = None
        self._incidents: tuple[int, StreamIncidents] | None = None
        self._watched = 0.0
        self._looked: int | None = None
        self._outage = Outage(_log)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stream-watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self, timeout: float = 5.0) -> None:
        """Look no more; a look under way is waited for, for at most ``timeout`` s."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stopping.wait(self._seconds):
            turn = self._turn()
            if turn is None:
                self._forget()
                continue
            try:
                self._step(turn)
            except (KafkaException, UserError, TimeoutError) as error:
                self._outage.begin("the stream cannot be checked (%s); trying again", _said(error))
                self._looked = None
            except Exception:
                # what is found wrong must not go unsaid for good because one look failed
                _log.exception("a check of the stream failed; starting over")
                self._forget()
            else:
                self._outage.end("the stream can be checked again")
        self._forget()

    def _step(self, turn: Turn[Alert]) -> None:
        if self._reader is None:
            self._reader = StreamReader(self._settings, self._names)
        if self._stream is None:
            self._stream = WatchedStream(self._settings, self._rules, self._reader, self._waiting, self._counts)
        look = self._reader.look()
        now = self._clock.monotonic()
        if self._looked is not None:
            self._watched += min((now - self._looked) / 1_000, _LONGEST_STEP)
        self._looked = now
        wall = self._clock.now()
        if self._incidents is None or self._incidents[0] != turn.number:
            self._incidents = turn.number, StreamIncidents(self._rules, turn.standing, self._watched)
            self._tell(turn.number, self._incidents[1].switched_off(wall))
        alerts = self._stream.after(look, self._incidents[1], self._watched, wall)
        if alerts:
            self._tell(turn.number, alerts)

    def _forget(self) -> None:
        if self._reader is not None:
            self._reader.close()
        self._reader = self._stream = self._incidents = self._looked = None


def _said(error: Exception) -> str:
    return str(error.args[0].str()) if isinstance(error, KafkaException) else str(error) or type(error).__name__
