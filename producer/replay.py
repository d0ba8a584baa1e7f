"""The replay: sends a source's records and labels to ``customers`` and ``labels``, in event-time order, on a clock.

What it guarantees: each topic's messages stand in a partition in event-time order, without gaps or doubles by retries
(idempotent producer). Every message that Kafka did not take is counted. A replay that crashes or is interrupted is
simply run again under its name: it sends the same records with the same ids, which the join recognises as duplicates.
"""

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from contract.errors import UserError
from contract.kafka.clients import admin_client, idempotent_producer
from contract.kafka.control import Header, end_of_stream_message
from contract.kafka.provision import ensure_topics
from contract.settings import Settings
from contract.topics import CUSTOMERS, LABELS
from producer.scenario import Scenario
from producer.sources import RowSource
from producer.stream import stream

MAX_FAILURES = 1_000
"""Failed deliveries after which a replay gives up: Kafka is gone, and not one message odd."""
MAX_NAME = 100

_QUEUED_MESSAGES = 100_000  # few enough that Ctrl-C is quick and the progress shown is near the truth
_STEP = 1_000
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class ReplayProgress:
    """How far a replay has come: records and labels handed to Kafka, failed deliveries, the last event time (ms)."""

    records: int
    labels: int
    failures: int
    event_time: int


@dataclass(frozen=True)
class ReplayResult:
    """What a replay has done: ``records`` and ``labels`` that Kafka has, ``failures`` it has not, wall ``seconds``.

    ``event_time`` is the last one sent in ms (None: nothing was). ``complete`` iff all of the source was sent, not
    stopped by the stop flag (``interrupted``) nor by too many failures. ``ended`` iff every partition of both topics
    has its end of stream. ``first_failure`` is the first failed delivery in words. ``left_out`` counts messages that
    the stream was past.
    """

    records: int
    labels: int
    failures: int
    seconds: float
    event_time: int | None
    interrupted: bool
    complete: bool
    ended: bool
    first_failure: str | None
    left_out: int = 0


def replay(
    settings: Settings,
    source: RowSource,
    scenario: Scenario,
    name: str,
    *,
    stop: threading.Event,
    end: bool = True,
    passed: Mapping[str, int] | None = None,
    progress: Callable[[ReplayProgress], None] = lambda _: None,
) -> ReplayResult:
    """Send all of ``source``, then, where ``end``, the end of the stream; returns once Kafka has answered for all.

    The end of the stream goes to every partition of ``labels`` and, when it is there, to every partition of
    ``customers``: a record sent after its label's end of stream would never be joined. It is not sent when the stream
    was cut short, for then it has not ended.

    Args:
        passed: by topic, the event time (ms) before which a message is left out, because the stream is past it.
        stop: ends the replay before the next message; what was sent is still waited for.
        progress: called from this thread every thousand messages, and several times a second while it waits.

    Raises:
        UserError: the name cannot name records, the source is faulty, Kafka is out of reach, or a topic does not fit.
    """
    if not 0 < len(name) <= MAX_NAME or not name.isprintable():
        raise UserError(f"name got {name!r}; give 1 to {MAX_NAME} printable characters")
    ensure_topics(admin_client(settings), settings)
    return _Replay(settings, source, scenario, name, stop, passed or {}, progress).run(end)


class _Replay:
    def __init__(
        self,
        settings: Settings,
        source: RowSource,
        scenario: Scenario,
        name: str,
        stop: threading.Event,
        passed: Mapping[str, int],
        progress: Callable[[ReplayProgress], None],
    ) -> None:
        self._settings = settings
        self._source = source
        self._scenario = scenario
        self._name = name
        self._stop = stop
        self._passed = passed
        self._left_out = 0
        self._first_time: int | None = None
        self._progress = progress
        self._sent: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self._first_failure: str | None = None
        self._event_time: int | None = None
        self._names = {topic: settings.topic(topic) for topic in (CUSTOMERS, LABELS)}
        self._producer = _producer(settings, self._delivery_failed)

    def run(self, end: bool) -> ReplayResult:
        begun = time.monotonic()
        complete = self._send_all(begun)
        self._flush()
        sent, failed = self._sent.copy(), self._failed.copy()
        ended = end and complete and self._event_time is not None and self._send_end(self._event_time)
        return ReplayResult(
            records=sent[CUSTOMERS] - failed[self._names[CUSTOMERS]],
            labels=sent[LABELS] - failed[self._names[LABELS]],
            failures=self._failed.total(),
            seconds=time.monotonic() - begun,
            event_time=self._event_time,
            interrupted=self._stop.is_set() and not complete,
            complete=complete,
            ended=ended,
            first_failure=self._first_failure,
            left_out=self._left_out,
        )

    def _send_all(self, begun: float) -> bool:
        """Whether the stream was sent to its end."""
        pace = self._scenario.pace(len(self._source))
        due = -math.inf if pace else math.inf
        for count, message in enumerate(stream(self._source, self._scenario, self._name), 1):
            if message.event_time < self._passed.get(message.topic, message.event_time):
                self._left_out += 1
                continue
            if self._first_time is None:
                self._first_time = message.event_time
                begun = time.monotonic()
            if pace and message.event_time > due:
                due = self._wait(message.event_time, self._first_time, begun, pace)
            if self._stop.is_set() or not self._send(message.topic, message.key, message.value):
                return False
            self._event_time = message.event_time
            if count % _STEP == 0:
                self._report()
                if self._failed.total() > MAX_FAILURES:
                    return False
        self._report()
        return True

    def _wait(self, event_time: int, first: int, begun: float, pace: float) -> float:
        """Wait until ``event_time`` has its turn; returns the event time up to which messages have theirs."""
        while (ahead := (event_time - first) / pace - (time.monotonic() - begun)) > 0:
            if self._stop.wait(min(ahead, _POLL_SECONDS)):
                break
            self._report()
        return first + (time.monotonic() - begun) * pace

    def _send(
        self, topic: str, key: bytes | None, value: bytes, partition: int = -1, headers: list[Header] | None = None
    ) -> bool:
        """Hand a message to Kafka's client, waiting while its queue is full; False if the stop flag ended the wait."""
        while True:
            try:
                self._producer.produce(self._names[topic], value, key, partition, headers=headers or [])
            except BufferError:
                self._producer.poll(_POLL_SECONDS)
                if self._stop.is_set():
                    return False
                continue
            except KafkaException as error:
                self._count_failure(self._names[topic], error.args[0].str())
            self._sent[topic] += 1
            return True

    def _send_end(self, event_time: int) -> bool:
        """Whether every partition has its end of stream."""
        before = self._failed.total()
        value, headers = end_of_stream_message(event_time)
        for topic in (LABELS, CUSTOMERS):
            for partition in range(self._settings.partitions):
                self._send(topic, None, value, partition, headers)
            self._flush()
        return self._failed.total() == before

    def _flush(self) -> None:
        # in short steps, so that a second Ctrl-C is heard; delivery.timeout.ms bounds the whole
        while self._producer.flush(_POLL_SECONDS * 5):
            pass

    def _report(self) -> None:
        self._producer.poll(0)
        self._progress(
            ReplayProgress(
                self._sent[CUSTOMERS],
                self._sent[LABELS],
                self._failed.total(),
                self._scenario.start if self._event_time is None else self._event_time,
            )
        )

    def _delivery_failed(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._count_failure(message.topic() or "", error.str())

    def _count_failure(self, topic: str, what: str) -> None:
        self._failed[topic] += 1
        if self._first_failure is None:
            self._first_failure = f"{topic}: {what}"


def _producer(settings: Settings, on_failure: Callable[[KafkaError | None, Message], None]) -> Producer:
    queued = settings.kafka.get("queue.buffering.max.messages", str(_QUEUED_MESSAGES))
    properties = {
        # one callback for the whole producer, and for failures only: none of it runs per message
        "on_delivery": on_failure,
        "delivery.report.only.error": True,
        "queue.buffering.max.messages": queued,
    }
    return idempotent_producer(settings, properties)
