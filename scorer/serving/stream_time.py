"""The stream's event time, for requests that give none: beside a replay, wall time would be far off the stream's.

It is the newest record's, not that of an end of the stream, which is its last label's: a request that comes after a
replay then belongs to the replay's last windows, which show it at once, and opens none that nothing would close.

Reads last messages only, as a member of no group's work; with Kafka away it keeps what it knows, and looks again.
"""

import logging
import threading

import msgspec
from confluent_kafka import KafkaException, Message

from contract.errors import UserError
from contract.kafka.control import is_control
from contract.kafka.peeking import Peek, peeking
from contract.kafka.timestamps import sent_at
from contract.records import record_type
from contract.rejection import RejectionError, check_event_time, check_key, decode
from contract.schema import load_schema
from contract.settings import Settings
from contract.topics import CUSTOMERS
from contract.worker.clock import Clock, SystemClock
from contract.worker.outage import Outage

_log = logging.getLogger("churnstream.streamtime")
_INTERVAL_S = 1.0
_TIMEOUT_S = 2.0


class StreamTime:
    """A clock that shows the newest record's event time on ``customers``; reading it is safe from any thread.

    Raises:
        UserError: the data set's schema cannot be read.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self._settings = settings
        self._topic = settings.topic(CUSTOMERS)
        self._clock = clock or SystemClock()
        self._decoder = msgspec.json.Decoder(record_type(load_schema(settings.dataset)))
        self._latest: int | None = None
        self._known = False
        self._ends: dict[int, int] = {}
        self._outage = Outage(_log)
        self.looked = threading.Event()
        """Set once the stream has been looked at, or could not be."""

    @property
    def hindrance(self) -> str | None:
        """Until the stream has been read once nobody knows its time, and wall time would be far off."""
        return None if self._known else "the stream's time has not been read from Kafka yet"

    @property
    def newest(self) -> int | None:
        """The event time (ms) of the newest record that there was; None before the first."""
        return self._latest

    def now(self) -> int:
        """The event time (ms) of the newest record that there was; it never goes back. Wall time before the first."""
        return self._clock.now() if self._latest is None else self._latest

    def run(self, stop: threading.Event) -> None:
        """Look at the stream each second until ``stop``.

        Raises:
            UserError: librdkafka refuses a property.
        """
        with peeking(self._settings, _TIMEOUT_S) as peek:
            self._attempt(peek)
            while not stop.wait(_INTERVAL_S):
                self._attempt(peek)

    def _attempt(self, peek: Peek) -> None:
        try:
            self._look(peek)
        except (UserError, KafkaException) as error:
            self._outage.begin("the stream's time cannot be read (%s); going on from the last one", error)
        else:
            self._known = True
            self._outage.end("the stream's time can be read again")
        self.looked.set()

    def _look(self, peek: Peek) -> None:
        offsets = {partition: peek.offsets(self._topic, partition) for partition in range(self._settings.partitions)}
        moved = {partition: found for partition, found in offsets.items() if found[1] != self._ends.get(partition)}
        times = [self._event_time(message) for message in peek.last(self._topic, moved, wanted=_is_record)]
        self._latest = max((time for time in (self._latest, *times) if time is not None), default=None)
        self._ends |= {partition: following for partition, (_, following) in moved.items()}

    def _event_time(self, message: Message) -> int | None:
        """None for what the scorer would refuse: a time far ahead would stay the newest for good."""
        try:
            record = decode(self._decoder, message.value())
            check_key(message.key(), record.customer_id)
            check_event_time(record.event_time, sent_at(message))
        except RejectionError:
            return None
        return record.event_time


def _is_record(message: Message) -> bool:
    return not is_control(message)
