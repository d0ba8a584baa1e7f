"""Answers and labels onto the stream, each acknowledged by Kafka before its request is.

Guarantee: once ``publish`` has returned, every message of the call is on its topic, on all in-sync replicas. If it
raises, some may be there, or may still get there: a client that tries again under the same ``record_id`` is counted
once, because the join drops what it knows.

The producer is idempotent and not transactional: there are no consumer offsets that could belong to a request, and a
transaction for each would take ten times as long.
"""

import asyncio
import logging
import threading
from collections.abc import Sequence
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from contract.errors import ChurnstreamError
from contract.kafka.clients import idempotent_producer
from contract.settings import Settings
from contract.topics import PREDICTIONS

_POLL_SECONDS = 0.1
_LOOK_SECONDS = 1.0
_log = logging.getLogger("churnstream.publisher")


class UnacknowledgedError(ChurnstreamError):
    """Kafka has not taken the messages, as far as is known."""


class MessageRefusedError(ChurnstreamError):
    """A message is larger than the client or the broker takes: sent again it would be refused again."""


class Outgoing(NamedTuple):
    """One message: the topic's full name, key and value."""

    topic: str
    key: bytes
    value: bytes


class Publisher:
    """Sends for the event loop it was made on. Where Kafka is known to be away, ``publish`` fails at once."""

    def __init__(self, settings: Settings) -> None:
        # what has not been acknowledged by then is given up, so that its request can be answered
        self._settings = settings.model_copy(update={"request_timeout_ms": settings.acknowledge_timeout_ms})
        self._producer = self._make_producer()
        self._broken = False
        self._topic = settings.topic(PREDICTIONS)
        self._loop = asyncio.get_running_loop()
        self._stop = threading.Event()
        self.reachable = True
        """Whether Kafka answered when it was last asked for anything."""
        self._threads = [
            threading.Thread(target=self._poll, name="acknowledgements", daemon=True),
            threading.Thread(target=self._look, name="kafka-reachable", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Send ``messages`` and wait until Kafka has all of them.

        Raises:
            UnacknowledgedError: it has not, within ``acknowledge_timeout_ms``.
            MessageRefusedError: one of them is too large for it.
        """
        if not self.reachable:
            raise UnacknowledgedError("Kafka does not answer")
        acknowledged: asyncio.Future[KafkaError | None] = self._loop.create_future()
        delivery = _Delivery(len(messages), self._loop, acknowledged)
        for sent, message in enumerate(messages):
            try:
                self._producer.produce(message.topic, message.value, message.key, on_delivery=delivery)
            except BufferError:
                raise UnacknowledgedError(f"{sent} of {len(messages)} messages could be queued") from None
            except KafkaException as error:
                self._broken = self._broken or _is_fatal(error)
                raise _refused(error.args[0]) from None
        failure = await acknowledged
        if failure is not None:
            self.reachable = self.reachable and not failure.retriable() and failure.code() != KafkaError._MSG_TIMED_OUT
            self._broken = self._broken or failure.fatal()
            raise _refused(failure)

    def close(self) -> None:
        """Let go of the connections, once what was sent has been delivered or given up."""
        self._producer.flush()
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _make_producer(self) -> Producer:
        # a request waits for its message, and a broker that is back must be found within a second
        return idempotent_producer(self._settings, {"linger.ms": 0, "reconnect.backoff.max.ms": 1_000})

    def _poll(self) -> None:
        while not self._stop.is_set():
            self._producer.poll(_POLL_SECONDS)
            if self._broken:
                self._replace()

    def _replace(self) -> None:
        """An idempotent producer whose sequence numbers the broker no longer knows (it lost its log) stays refused."""
        _log.error("the producer has failed for good; a new one takes its place")
        broken, self._producer, self._broken = self._producer, self._make_producer(), False
        broken.purge()
        broken.flush(_POLL_SECONDS)

    def _look(self) -> None:
        while not self._stop.wait(_LOOK_SECONDS):
            found = _answers(self._producer, self._topic)
            if found != self.reachable:
                _log.warning(
                    "Kafka %s", "answers again" if found else "does not answer; requests are refused meanwhile"
                )
            self.reachable = found


class _Delivery:
    """Counts a request's messages down; the last acknowledgement, or failure, tells the loop."""

    def __init__(
        self, messages: int, loop: asyncio.AbstractEventLoop, acknowledged: "asyncio.Future[KafkaError | None]"
    ) -> None:
        self._left = messages
        self._loop = loop
        self._acknowledged = acknowledged
        self._failure: KafkaError | None = None

    def __call__(self, error: KafkaError | None, _message: Message) -> None:
        self._left -= 1
        self._failure = self._failure or error
        if self._left == 0:
            self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        if not self._acknowledged.done():  # its client has gone
            self._acknowledged.set_result(self._failure)


def _refused(error: KafkaError) -> UnacknowledgedError | MessageRefusedError:
    too_large = error.code() in (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE)
    return MessageRefusedError(error.str()) if too_large else UnacknowledgedError(error.str())


def _is_fatal(error: KafkaException) -> bool:
    cause = error.args[0]
    return bool(cause.fatal() or cause.code() == KafkaError._FATAL)


def _answers(producer: Producer, topic: str) -> bool:
    try:
        return topic in producer.list_topics(topic, timeout=_LOOK_SECONDS).topics
    except KafkaException:
        return False
