"""A stream that is looked at: followed by threads of their own, until it is left."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from confluent_kafka import KafkaException

from churnstream.status.form import StreamStatus
from churnstream.status.judged import StreamSeen, status_of
from contract.alerts import Alert, ModelVerdict
from contract.kafka.clients import DEFAULT_BOOTSTRAP_SERVERS, admin_client
from contract.settings import Settings
from contract.topics import FORMAT, PANES, WINDOWS
from contract.windows import Window
from contract.worker.clock import SystemClock
from dashboard.following.follower import StreamFollower
from dashboard.following.positions import MOST_COUNTED, READS
from dashboard.stream.state import StreamState
from dashboard.view.places import places_of

_READS = {**READS, "timeline": (PANES,)}
_STEP_SECONDS = 0.05
_END_SECONDS = 10.0
_PATIENCE_SECONDS = 4.0
"""Wall time that a broker has for its first answer, where it is not plain that it gives none."""
_SECOND_LOOK_SECONDS = 3.0
_LIST_SECONDS = 2.0
_MOST_OTHERS = 10
_SLOW = "no answer within"


class StreamLook:
    """What is known of a stream by now. Takes part in no consumer group and changes nothing."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._servers = settings.kafka.get("bootstrap.servers", DEFAULT_BOOTSTRAP_SERVERS)
        self._places = places_of(settings)
        self._clock = SystemClock()
        self._state, self._lock = StreamState(), threading.Lock()
        self._follower = StreamFollower(settings, self._state, self._lock, self._clock, _READS)
        self._gave_up_after: float | None = None
        self._others: tuple[str, ...] = ()

    def wait(self, timeout: float) -> None:
        """Until all is known that there is, or it is plain that nothing can be; at most ``timeout`` seconds."""
        began = time.monotonic()
        looked: float | None = None
        while True:
            waited = time.monotonic() - began
            reach, positions = self._follower.reach, self._follower.positions
            if reach.away_since is not None and (waited > _PATIENCE_SECONDS or not reach.reason.startswith(_SLOW)):
                return
            if reach.reason and reach.away_since is None:
                return
            if FORMAT in reach.missing:
                self._others = self._other_streams()
                return
            if reach.caught_up and positions.at is not None:
                looked = waited if looked is None else looked
                # ends of transactions look like messages until the second look
                doubtful = any(
                    0 < lag <= MOST_COUNTED
                    for topics in positions.lag.values()
                    for partitions in topics.values()
                    for lag in partitions.values()
                )
                if not doubtful or waited - looked > _SECOND_LOOK_SECONDS:
                    return
            if waited > timeout:
                self._gave_up_after = None if reach.caught_up else timeout
                return
            time.sleep(_STEP_SECONDS)

    def status(self) -> StreamStatus:
        """How the stream is now."""
        with self._lock:
            if self._follower.reach.caught_up:
                self._gave_up_after = None
            seen = StreamSeen(
                known=self._state,
                reach=self._follower.reach,
                positions=self._follower.positions,
                stream=self._follower.stream,
                servers=self._servers,
                others=self._others,
                gave_up_after=self._gave_up_after,
            )
            return status_of(seen, self._clock.now(), self._places)

    def windows(self) -> Sequence[Window]:
        """All windows that are known, in order of end."""
        with self._lock:
            found = [window for model in self._state.models() for window in self._state.windows(model)]
        return sorted(found, key=lambda window: (window.end, window.model))

    def told(self) -> tuple[dict[str, Alert], dict[str, ModelVerdict]]:
        """The newest message of each incident, and each verdict, by key."""
        with self._lock:
            incidents = {key: messages[-1].alert for key, messages in self._state.incidents.items() if messages}
            return incidents, dict(self._state.verdicts)

    def run(self, stop: threading.Event) -> None:
        """Follow the stream until ``stop`` is set."""
        self._follower.run(stop)

    def _other_streams(self) -> tuple[str, ...]:
        """Topic prefixes of streams that there are on this Kafka."""
        with suppress(KafkaException):
            names = set(admin_client(self._settings).list_topics(timeout=_LIST_SECONDS).topics)
            prefixes = {name.removesuffix(FORMAT) for name in names if name.endswith(FORMAT)}
            return tuple(sorted(prefix for prefix in prefixes if f"{prefix}{WINDOWS}" in names))[:_MOST_OTHERS]
        return ()


@contextmanager
def look_at(settings: Settings) -> Iterator[StreamLook]:
    """Look at a stream for the block.

    Raises:
        UserError: a Kafka property of the user's is of no use. A broker that is away is no error.
    """
    look, stop = StreamLook(settings), threading.Event()
    thread = threading.Thread(target=look.run, args=(stop,), name="status", daemon=True)
    thread.start()
    try:
        yield look
    finally:
        stop.set()
        thread.join(_END_SECONDS)
