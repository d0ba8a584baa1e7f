"""A producer of the log in memory, with the methods of confluent_kafka's that churnstream calls."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from contract.testing.broker import Headers, MemoryBroker
from contract.testing.partitions import Transaction

OnDelivery = Callable[[KafkaError | None, Message], None]


class _Unsent(NamedTuple):
    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers | None
    timestamp: int
    on_delivery: OnDelivery | None


class MemoryProducer:
    """Sends at once; what became of a message is told at ``poll`` and ``flush``."""

    def __init__(self, broker: MemoryBroker, transactional_id: str | None) -> None:
        self._broker = broker
        self._name = transactional_id
        self._queue: list[_Unsent] = []
        self._reports: list[tuple[OnDelivery | None, KafkaError | None, Message]] = []
        self._ready = False
        self._transaction: Transaction | None = None
        self._undelivered = 0
        self._fatal: KafkaError | None = None

    def init_transactions(self, timeout: float = -1) -> None:  # noqa: ARG002
        name = self._transactional()
        with self._broker.faults.during("init_transactions"):
            self._broker.require_broker()
            self._broker.take_over(name, self)
            self._ready = True

    def begin_transaction(self) -> None:
        name = self._transactional()
        with self._broker.faults.during("begin_transaction"):
            if not self._ready or self._transaction is not None:
                raise _wrong_state("a transaction begins after init_transactions, and after the last one has ended")
            self._transaction, self._undelivered = self._broker.begin(name, self), 0

    def send_offsets_to_transaction(
        self,
        positions: Sequence[TopicPartition],
        group_metadata: str,
        timeout: float = -1,  # noqa: ARG002
    ) -> None:
        with self._broker.faults.during("send_offsets_to_transaction"):
            transaction = self._open()
            self._broker.require_broker()
            transaction.offsets += [(group_metadata, position) for position in positions]

    def commit_transaction(self, timeout: float = -1) -> None:  # noqa: ARG002
        with self._broker.faults.during("commit_transaction"):
            self._open()
            self._broker.require_broker()
            self.flush()
            if self._undelivered:
                raise KafkaException(
                    KafkaError(
                        KafkaError._INCONSISTENT,
                        f"{self._undelivered} message(s) failed delivery",
                        txn_requires_abort=True,
                    )
                )
            self._end(committed=True)

    def abort_transaction(self, timeout: float = -1) -> None:  # noqa: ARG002
        with self._broker.faults.during("abort_transaction"):
            self._open()
            self._broker.require_broker()
            self.purge()
            self._end(committed=False)

    def produce(
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        partition: int = -1,
        on_delivery: OnDelivery | None = None,
        timestamp: int = 0,
        headers: Headers | None = None,
    ) -> None:
        with self._broker.faults.during("produce"):
            if self._fatal is not None:
                raise KafkaException(KafkaError(KafkaError._FATAL, self._fatal.str(), fatal=True))
            self._broker.partitions(topic)
            if self._name is not None:
                self._open()
            self._queue.append(_Unsent(topic, partition, key, value, headers, timestamp, on_delivery))
            self._send()

    def poll(self, timeout: float = 0) -> int:  # noqa: ARG002
        self._send()
        with self._broker.changed:
            reports, self._reports = self._reports, []
        for on_delivery, error, message in reports:
            if on_delivery is not None:
                on_delivery(error, message)
        return len(reports)

    def flush(self, timeout: float = -1) -> int:  # noqa: ARG002
        """Returns how many are still to be sent."""
        self.poll()
        return len(self._queue)

    def purge(self) -> None:
        with self._broker.changed:
            for outgoing in self._queue:
                self._report(outgoing, KafkaError(KafkaError._PURGE_QUEUE))
            self._queue.clear()

    def list_topics(self, topic: str | None = None, timeout: float = -1) -> SimpleNamespace:  # noqa: ARG002
        with self._broker.faults.during("list_topics"):
            self._broker.require_broker()
            return self._broker.metadata(topic)

    def __len__(self) -> int:
        return len(self._queue) + len(self._reports)

    def _send(self) -> None:
        with self._broker.changed:
            while self._queue and self._broker.reachable and self._fatal is None:
                outgoing = self._queue.pop(0)
                error = self._broker.faults.error("delivery")
                if error is None:
                    message = self._broker.write(*outgoing[:-1], self._transaction)
                    self._reports.append((outgoing.on_delivery, None, message))
                else:
                    self._report(outgoing, error)
                    self._undelivered += 1
                    if error.fatal():
                        self._fatal = error

    def _report(self, outgoing: _Unsent, error: KafkaError) -> None:
        unsent = Message(topic=outgoing.topic, key=outgoing.key, value=outgoing.value, error=error)
        self._reports.append((outgoing.on_delivery, error, unsent))

    def _transactional(self) -> str:
        if self._name is None:
            raise KafkaException(KafkaError(KafkaError._NOT_CONFIGURED, "the producer has no transactional.id"))
        return self._name

    def _open(self) -> Transaction:
        self._transactional()
        if self._transaction is None:
            raise _wrong_state("no transaction is open")
        return self._transaction

    def _end(self, *, committed: bool) -> None:
        self._broker.end(self._transactional(), self, committed=committed)
        self._transaction = None


def _wrong_state(why: str) -> KafkaException:
    return KafkaException(KafkaError(KafkaError._STATE, why))
