"""One Kafka transaction per batch: outputs and consumer offsets together, or neither.

Operating rules

- The outcome of a commit can be unknown (the reply is lost, the call times out). librdkafka has no KIP-890 yet (its
  issue 5423), so such a commit is never tried again on the same producer: the producer is dropped and a new one with
  the same ``transactional.id`` ends the open transaction one way or the other. The committed offsets then say which,
  so they are read after ``prepare``, never before: what they said while a transaction was open may not hold.
- ``send_offsets_to_transaction`` can hang for good when the broker goes and comes (librdkafka's issue 5456: its timeout
  is never checked). It runs in a thread of its own; one that hangs is left behind with its producer, which the next
  one fences.
- After ``BatchAbortedError`` nothing of the batch is known to be published: return to the committed offsets and go on.
- An error that will come again (a topic that is gone, that takes no message of this size, or that may not be written)
  ends the work with a ``UserError`` that names the topic, once it has come three times without a commit in between.
  Once is not enough: a broker says the same of a topic that was made a moment ago.
- A producer is fenced when its transaction timed out at the broker (the process was stopped, the machine slept), or
  when another worker took over its ``transactional.id``. Only a worker with a given name can have the latter, and
  cannot tell it from the former: it stops (``FencedError``), because a producer of its own would fence the other in
  turn. One with a random name takes a new producer.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NoReturn

from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from contract.errors import ChurnstreamError, UserError
from contract.kafka.lasting_errors import RefusedError, is_gone, remedy
from contract.signals import PRODUCERS_REPLACED

_log = logging.getLogger("churnstream.transactions")

OnFailure = Callable[[KafkaError, Message], None]
Checkpoint = Callable[[str], None]
"""Called with the name of each step of the commit protocol; tests inject faults here."""

_GRACE_SECONDS = 5.0
"""How much longer than its timeout a call may take before it is taken to hang."""

_TIMES_UNTIL_LASTING = 3
_TIMED_OUT = (KafkaError._MSG_TIMED_OUT, KafkaError._TIMED_OUT, KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT)
_FENCED = {
    KafkaError._FENCED,
    KafkaError.INVALID_PRODUCER_EPOCH,
    KafkaError.PRODUCER_FENCED,
    KafkaError.FENCED_INSTANCE_ID,
}


class BatchAbortedError(ChurnstreamError):
    """The batch was not published as far as is known; the committed offsets say where to go on."""


class FencedError(ChurnstreamError):
    """Another worker took over under the same name; the broker refuses this one."""


def no_checkpoint(step: str) -> None:
    """The checkpoint of normal operation: does nothing."""


def produce_all(producer: Producer, topic: str, messages: Iterable[tuple[bytes | None, bytes]], partition: int) -> None:
    """Produce messages (key and value) to a partition, in order.

    Raises:
        RefusedError: one is larger than the producer takes.
        BatchAbortedError: the producer's queue is full.
    """
    # one by one takes less than ``produce_batch`` and the dicts that it wants, and other threads get their turn
    produce = producer.produce
    try:
        for key, value in messages:
            produce(topic, value, key, partition)
    except BufferError as error:
        raise BatchAbortedError("the producer's queue is full") from error
    except KafkaException as error:
        raise RefusedError(error.args[0], topic) from error


class Transactions:
    """A transactional producer that is replaced when it can no longer be trusted.

    Guarantees: after ``run`` returns, the batch's messages and offsets are committed, once. If it raises, or the
    process dies inside it, a ``read_committed`` reader sees all of the batch or nothing of it, and the group's
    committed offsets agree with what is seen.
    """

    def __init__(
        self,
        make_producer: Callable[[OnFailure], Producer],
        timeout: float,
        *,
        named: bool,
        checkpoint: Checkpoint = no_checkpoint,
    ) -> None:
        """``make_producer`` is given what its producer must call for each message that is not delivered.

        ``timeout`` in seconds bounds each call; ``named``: the ``transactional.id`` is one that others may take.
        """
        self._make_producer = make_producer
        self._timeout = timeout
        self._named = named
        self._checkpoint = checkpoint
        self._producer: Producer | None = None
        self._failed: RefusedError | None = None
        self._lasting = 0

    def prepare(self) -> None:
        """Have a producer, and no transaction of an earlier one open: not even one that a killed process has left.

        Raises:
            BatchAbortedError: the broker did not answer in time; try again.
            FencedError: another worker has this one's name.
            UserError: the broker refuses, and will again.
        """
        self._current()

    @property
    def prepared(self) -> bool:
        """Whether the producer is still the one of the last ``prepare``; a new one would fence whoever came between."""
        return self._producer is not None

    def run(
        self,
        fill: Callable[[Producer], None],
        offsets: Sequence[TopicPartition] = (),
        membership: object = None,
    ) -> None:
        """Publish what ``fill`` produces together with ``offsets`` (the next to read, with metadata if any).

        ``membership`` is the consumer's in its group, under which the batch was read (``BatchConsumer.membership``).
        Without one there are no offsets to publish.

        Raises:
            BatchAbortedError: nothing was published, or it is unknown whether; see the operating rules.
            FencedError: another worker has this one's name.
            UserError: the broker refuses, and will again.
        """
        self.begin(fill)
        self.finish(offsets, membership)

    def begin(self, fill: Callable[[Producer], None]) -> None:
        """The first half of ``run``: begin a transaction, and publish in it what ``fill`` produces.

        What it raises is what ``run`` does. ``finish`` must follow, on any thread, before another ``begin``.
        """
        producer = self._current()
        self._failed = None
        with self._given_up_on_failure():
            producer.begin_transaction()
            fill(producer)
            self._checkpoint("after-producing")

    def finish(self, offsets: Sequence[TopicPartition] = (), membership: object = None) -> None:
        """The second half of ``run``: publish ``offsets``, and commit. What it raises is what ``run`` does."""
        producer = self._producer
        if producer is None:
            raise BatchAbortedError("no transaction is open")
        with self._given_up_on_failure():
            if membership is not None:
                self._send_offsets(producer, list(offsets), membership)
            self._checkpoint("after-offsets")
        try:
            self._checkpoint("before-commit")
            producer.commit_transaction(self._timeout)
        except KafkaException as error:
            if error.args[0].txn_requires_abort():
                self._abandon(error)
            self._stop_if_lasting(error, producer)
            self._replace(error, "the commit's outcome is unknown")
        self._lasting = 0
        self._checkpoint("after-commit")

    def close(self) -> None:
        """Let go of the producer; an open transaction is left for the broker to abort."""
        if self._producer is not None:
            self._producer.purge()
            self._producer = None

    @contextmanager
    def _given_up_on_failure(self) -> Iterator[None]:
        """What fails in it takes the transaction with it."""
        try:
            yield
        except KafkaException as error:
            self._abandon(error)
        except BufferError as error:
            self.close()
            raise BatchAbortedError("the batch does not fit into the producer's queue") from error
        except BatchAbortedError:
            self.close()
            raise

    def _current(self) -> Producer:
        if self._producer is None:
            producer = self._make_producer(self._not_delivered)
            try:
                producer.init_transactions(self._timeout)
            except KafkaException as error:
                self._stop_if_fenced(error)
                self._stop_if_lasting(error, producer)
                raise BatchAbortedError(f"no transactional producer: {error.args[0].str()}") from error
            self._producer = producer
        return self._producer

    def _send_offsets(self, producer: Producer, offsets: list[TopicPartition], membership: object) -> None:
        def send() -> None:
            try:
                producer.send_offsets_to_transaction(offsets, membership, self._timeout)
            except BaseException as error:
                failures.append(error)

        failures: list[BaseException] = []
        thread = threading.Thread(target=send, name="send-offsets", daemon=True)
        thread.start()
        thread.join(self._timeout + _GRACE_SECONDS)
        if thread.is_alive():
            self._producer = None
            PRODUCERS_REPLACED.labels("hung").inc()
            _log.warning("offsets were not taken in time; a new producer takes over the transaction")
            raise BatchAbortedError("the call that sends offsets does not return")
        if failures:
            raise failures[0]

    def _not_delivered(self, error: KafkaError, message: Message) -> None:
        # what is purged later fails because of the first
        if self._failed is None and error is not None:
            self._failed = RefusedError(error, message.topic() or "")

    def _stop_if_lasting(self, error: KafkaException, producer: Producer | None) -> None:
        """Raise ``UserError`` for an error that has come often enough to know that it will not pass."""
        if producer is not None:
            # hear of the messages that were not delivered; a producer with a fatal error raises that again
            with suppress(KafkaException):
                producer.poll(0)
        refused = error if isinstance(error, RefusedError) else self._failed
        cause: KafkaError = refused.args[0] if refused is not None else error.args[0]
        found = remedy(cause)
        said = cause.str()
        waited_for = refused.topic if refused is not None and cause.code() in _TIMED_OUT else None
        if waited_for and producer is not None and is_gone(producer, waited_for, self._timeout):
            found, said = remedy(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)), "the topic does not exist"
        # others come in between, such as of sequence numbers that the refused messages have left out
        self._lasting += bool(found)
        if found and self._lasting >= _TIMES_UNTIL_LASTING:
            what = f"topic {refused.topic} cannot be written" if refused is not None else "Kafka refuses to continue"
            raise UserError(f"{what} ({said}); {found}") from error

    def _abandon(self, error: KafkaException) -> NoReturn:
        error = self._fatal_cause(error)
        self._stop_if_fenced(error)
        self._stop_if_lasting(error, self._producer)
        if self._producer is None or not error.args[0].txn_requires_abort():
            self._replace(error, "the transaction cannot be aborted cleanly")
        try:
            self._producer.abort_transaction(self._timeout)
        except KafkaException as abort_error:
            self._replace(abort_error, "the abort's outcome is unknown")
        _log.warning("transaction aborted (%s); its batch is read again", error.args[0].str())
        raise BatchAbortedError(error.args[0].str()) from error

    def _fatal_cause(self, error: KafkaException) -> KafkaException:
        """``produce`` says only that the producer can do no more; a call about its transaction also says why."""
        if self._producer is not None and error.args[0].code() == KafkaError._FATAL:
            try:
                self._producer.abort_transaction(self._timeout)
            except KafkaException as cause:
                return cause
        return error

    def _replace(self, error: KafkaException, why: str) -> NoReturn:
        self._stop_if_fenced(error)
        if error.args[0].code() in _FENCED:
            why = "fenced, because this worker stalled and its transaction timed out"
        _log.warning("%s (%s); a new producer takes over the transaction", why, error.args[0].str())
        self.close()
        PRODUCERS_REPLACED.labels("fenced" if error.args[0].code() in _FENCED else "unknown").inc()
        raise BatchAbortedError(error.args[0].str()) from error

    def _stop_if_fenced(self, error: KafkaException) -> None:
        if self._named and error.args[0].code() in _FENCED:
            PRODUCERS_REPLACED.labels("fenced").inc()
            raise FencedError(
                f"fenced ({error.args[0].str()}): another worker has taken over under this name, or this one stalled "
                "for longer than CHURNSTREAM_TRANSACTION_TIMEOUT_MS, so it stops. Start it again if it should run; "
                "if both should, give each its own CHURNSTREAM_INSTANCE"
            ) from error
