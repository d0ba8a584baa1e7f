"""Kafka clients with the settings that our guarantees need; every other property passes through from ``KAFKA_…``."""

import logging
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar
from uuid import uuid4

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient

from contract.kafka.log_throttle import LogThrottle
from contract.kafka.properties import refuse_reserved, refused
from contract.settings import Settings
from contract.topics import MAX_DEAD_LETTER_BYTES

DEFAULT_BOOTSTRAP_SERVERS = "127.0.0.1:9092"
READ_AHEAD: dict[str, Any] = {
    # memory: the queue, and over it one answer of the broker
    "queued.max.messages.kbytes": 32_768,
    # An answer is packed, and unpacked as a whole: of repeated text comes a hundred times as much. A message
    # that is larger comes all the same (KIP-74).
    "fetch.max.bytes": 1_048_576,
    "fetch.message.max.bytes": 524_288,
    # else librdkafka fetches nothing for a second once the queue is full
    "fetch.queue.backoff.ms": 5,
}
"""How much a consumer of ours reads ahead of what is asked of it."""
Client = TypeVar("Client")
_COORDINATOR_COMES = re.compile(r"Failed to acquire .* PID .*(coordinator|Coordinator).*: retrying")
_log = logging.getLogger("churnstream.kafka")
# a client whose broker is away says so twenty times a second
_log.addFilter(LogThrottle(seconds=10))
# every client is given all of the user's properties, and says which are of no use to it
_log.addFilter(lambda record: "will be ignored by this" not in record.getMessage())
# on a new broker the first producer asks before there is a coordinator, and asks again
_log.addFilter(lambda record: not _COORDINATOR_COMES.search(record.getMessage()))


def client_config(settings: Settings) -> dict[str, Any]:
    """What every client shares: where the broker is, and the user's own properties.

    librdkafka's complaints go to the log ``churnstream.kafka``, not to the terminal.

    Raises:
        UserError: the user has set a property of which a guarantee of ours needs a value of its own.
    """
    refuse_reserved(settings.kafka)
    return {"bootstrap.servers": DEFAULT_BOOTSTRAP_SERVERS, **settings.kafka, "logger": _log}


def admin_client(settings: Settings) -> AdminClient:
    """A client that creates and describes topics."""
    return build_client(AdminClient, client_config(settings))


def idempotent_producer(settings: Settings, properties: Mapping[str, Any] | None = None) -> Producer:
    """A producer whose retries neither double nor reorder; delivery fails after ``request_timeout_ms``.

    The partitioner is Java's, so that producers in any language send a customer to the same partition. ``properties``
    are the caller's own, such as ``on_delivery``.
    """
    guarantees = {"delivery.timeout.ms": settings.request_timeout_ms}
    return build_client(Producer, _producer_config(settings, {**(properties or {}), **guarantees}))


def transactional_producer(
    settings: Settings, transactional_id: str, on_failure: Callable[[KafkaError, Message], None] | None = None
) -> Producer:
    """A producer for one transaction per batch; ``init_transactions`` is the caller's to call.

    ``on_failure`` is told of each message that could not be delivered.
    """
    guarantees: dict[str, Any] = {
        "transactional.id": transactional_id,
        "transaction.timeout.ms": settings.transaction_timeout_ms,
        # a delivery must fail before its transaction does, or librdkafka refuses the pair
        "delivery.timeout.ms": settings.transaction_timeout_ms,
    }
    if on_failure is not None:
        guarantees |= {"delivery.report.only.error": True, "on_delivery": on_failure}
    # The coordinator is still writing the last transaction's markers when the next one begins, and asks for a retry;
    # librdkafka's 100 ms would be most of a batch's time. Messages gather while the transaction is told of their
    # partitions; a longer linger would only delay them behind the offsets.
    defaults = {"retry.backoff.ms": 20, "linger.ms": 1}
    return build_client(Producer, _producer_config(settings, guarantees, defaults))


def committed_consumer(settings: Settings, group: str, properties: Mapping[str, Any] | None = None) -> Consumer:
    """A consumer that sees committed transactions only and commits nothing by itself.

    With ``instance`` set the worker is a static member: it takes its partitions back at once after a restart.
    ``properties`` are the caller's own, in the place of our defaults.
    """
    defaults = {
        **READ_AHEAD,
        # a position that is set anew (after a rebalance, an aborted batch) takes effect after the fetch under way
        "fetch.wait.max.ms": 100,
        "heartbeat.interval.ms": max(settings.session_timeout_ms // 4, 250),
        # where the answer that names the topics' partitions is lost, librdkafka joins no group before it asks again
        "topic.metadata.refresh.interval.ms": 10_000,
        "max.poll.interval.ms": max(300_000, settings.session_timeout_ms),
    }
    guarantees: dict[str, Any] = {
        "group.id": settings.topic(group),
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
        "session.timeout.ms": settings.session_timeout_ms,
        # range: partition p of one topic goes to the worker that has p of the other
        "partition.assignment.strategy": "range",
    }
    if settings.instance:
        guarantees["group.instance.id"] = f"{settings.topic(group)}-{settings.instance}"
    return build_client(Consumer, defaults | dict(properties or {}) | client_config(settings) | guarantees)


def transactional_id(settings: Settings, group: str) -> str:
    """A worker's ``transactional.id``: lasting where the worker has a name, its own for this process where not."""
    return settings.topic(f"{group}-{settings.instance or uuid4().hex}")


def second_id(transactional_id: str) -> str:
    """The id of a worker's second producer. No worker's name has a colon, so it is never another worker's id."""
    return f"{transactional_id}:2"


def _producer_config(
    settings: Settings, guarantees: dict[str, Any], own: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any]:
    defaults = {
        "linger.ms": 5,
        "compression.type": "lz4",
        "queue.buffering.max.messages": 1_000_000,
        "queue.buffering.max.kbytes": 524_288,
    }
    shared = {
        "enable.idempotence": True,
        "acks": "all",
        "partitioner": "murmur2_random",
        "message.max.bytes": MAX_DEAD_LETTER_BYTES,
    }
    return defaults | dict(own) | client_config(settings) | shared | guarantees


def build_client(make: Callable[[dict[str, Any]], Client], config: dict[str, Any]) -> Client:
    """A client made by ``make``.

    Raises:
        UserError: librdkafka refuses a property.
    """
    try:
        return make(config)
    except KafkaException as error:
        own = {name: value for name, value in config.items() if isinstance(value, str)}
        raise refused(error.args[0].str(), own) from None
