"""What the timeline writes to Kafka: one transaction a step, under one name, so that only one monitor can write.

All monitors of a stream publish with the same ``transactional.id``. Whoever takes over the partition of ``panes`` takes
the id first and reads the topics afterwards; from then on the broker refuses whatever a predecessor still sends that
stood still or lost its partition. So what a monitor publishes always follows from all that has been published before.

For the same reason a producer that cannot be trusted any more is not replaced in silence: who takes the id anew must
read the topics anew (``TakenOverError``).
"""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from contract.errors import ChurnstreamError
from contract.kafka.clients import transactional_producer
from contract.kafka.lasting_errors import RefusedError
from contract.kafka.stream_identity import STREAM_HEADER
from contract.kafka.transactions import (
    BatchAbortedError,
    Checkpoint,
    FencedError,
    OnFailure,
    Transactions,
    no_checkpoint,
)
from contract.settings import Settings
from contract.signals import BATCHES, BATCHES_ABORTED, STAGE
from contract.worker.outage import Outage
from monitor.timeline.faust_app import GROUP

_RETRY_SECONDS = 1.0
_POLL_SECONDS = 0.1
_COMMITTING = STAGE.labels("commit")
_log = logging.getLogger("churnstream.timeline")


class TakenOverError(ChurnstreamError):
    """Another monitor may have published since the topics were read; they must be read again before going on."""


class TopicMessage(NamedTuple):
    """A message to publish: full name of a topic of one partition, key, and value; None deletes the key."""

    topic: str
    key: str
    value: bytes | None


class FencedWriter:
    """The timeline's producer. One thread at a time; every call blocks.

    ``pause`` is called with the seconds to wait before a further attempt; what it raises ends the call.
    """

    def __init__(
        self,
        settings: Settings,
        stream: str,
        pause: Callable[[float], None],
        checkpoint: Checkpoint = no_checkpoint,
    ) -> None:
        """``stream`` is the stream's name, which every message carries; ``checkpoint``: see ``Transactions``."""
        self._settings = settings
        self._headers: list[tuple[str, str | bytes | None]] = [(STREAM_HEADER, stream.encode())]
        self._pause = pause
        self._timeout = settings.request_timeout_ms / 1_000
        self._transactions = Transactions(self._make_producer, self._timeout, named=True, checkpoint=checkpoint)
        self._on_failure: OnFailure = lambda _error, _message: None

    def take_over(self) -> None:
        """Become the one monitor that can publish, through outages; what a predecessor left open is aborted.

        Raises:
            UserError: the broker refuses, and will again.
        """
        self.close()
        outage = Outage(_log)
        while True:
            try:
                self._transactions.prepare()
                break
            except (BatchAbortedError, FencedError) as error:
                self.close()
                outage.begin("Kafka provides no transactional producer yet (%s); trying again", error)
                self._pause(_RETRY_SECONDS)
        outage.end("Kafka provides a transactional producer again")

    def publish(self, messages: Sequence[TopicMessage]) -> list[int]:
        """Publish messages in one transaction, through outages; returns the offset of each.

        Raises:
            TakenOverError: another monitor may have published since ``take_over``; nothing was published, or all.
            UserError: the broker refuses a message, and will again.
        """
        outage = Outage(_log)
        while self._transactions.prepared:
            sending = _Sending(self._headers, messages)
            try:
                with _COMMITTING.time():
                    self._transactions.run(lambda producer, sent=sending: sent.fill(producer, self._on_failure))  # type: ignore[misc]
                BATCHES.inc()
                outage.end("Kafka accepts windows again")
                return sending.offsets(self._timeout)
            except FencedError:
                self.close()
                raise TakenOverError(
                    "another monitor has written in the meantime, or a transaction has timed out"
                ) from None
            except BatchAbortedError as error:
                BATCHES_ABORTED.inc()
                if not self._transactions.prepared:
                    raise TakenOverError(f"it is not known what Kafka has accepted: {error}") from None
                outage.begin("Kafka accepts no windows yet (%s); trying again", error)
                self._pause(_RETRY_SECONDS)
        raise TakenOverError("the producer was given up")

    def close(self) -> None:
        """Let go of the producer. What is open is aborted by the broker, or by the next who takes over."""
        self._transactions.close()

    def _make_producer(self, on_failure: OnFailure) -> Producer:
        self._on_failure = on_failure
        return transactional_producer(self._settings, self._settings.topic(GROUP))


class _Sending:
    """Messages on their way in one transaction, and the offsets that they get."""

    def __init__(self, headers: list[tuple[str, str | bytes | None]], messages: Sequence[TopicMessage]) -> None:
        self._headers = headers
        self._messages = messages
        self._offsets: dict[int, int] = {}
        self._producer: Producer | None = None

    def fill(self, producer: Producer, on_failure: OnFailure) -> None:
        """Give the messages to the producer."""
        self._producer = producer
        for number, message in enumerate(self._messages):
            try:
                producer.produce(
                    message.topic,
                    key=message.key.encode(),
                    value=message.value,
                    partition=0,
                    headers=self._headers,
                    on_delivery=self._noting(number, on_failure),
                )
            except KafkaException as error:
                raise RefusedError(error.args[0], message.topic) from None

    def offsets(self, timeout: float) -> list[int]:
        """The offset of each message, once they are committed: their reports may wait to be heard of still.

        Raises:
            TakenOverError: they have not been heard of within ``timeout`` s.
        """
        until = time.monotonic() + timeout
        while len(self._offsets) < len(self._messages) and self._producer is not None:
            self._producer.poll(_POLL_SECONDS)
            if time.monotonic() > until:
                raise TakenOverError("it is not known at which offsets Kafka has written the messages")
        return [self._offsets[number] for number in range(len(self._messages))]

    def _noting(self, number: int, on_failure: OnFailure) -> Callable[[Any, Message], None]:
        def note(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                on_failure(error, message)
            else:
                self._offsets[number] = message.offset() or 0

        return note
