"""Which of librdkafka's properties are the user's to set: all but those on which our guarantees rest."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from contract.errors import UserError
from contract.masking import without_secrets
from contract.variables import KAFKA_PREFIX, meant, variable_of


class Reserved(NamedTuple):
    """Why a property is not the user's to set, what to do instead, and the values that are ours anyway."""

    why: str
    remedy: str = "unset the variable"
    ours: tuple[str, ...] = ()


_EXACTLY_ONCE = "exactly-once depends on it"
_COMMITS = "offsets are committed together with the messages that they belong to"
_TIMES = "all clients of a stream share one setting"
_NAME = "a worker has the same name everywhere"

RESERVED = {
    "group.id": Reserved(
        "offsets, stores and transactions belong to churnstream's own groups",
        "unset the variable, and set CHURNSTREAM_TOPIC_PREFIX if streams share a Kafka",
    ),
    "group.protocol": Reserved("partition p of two topics must go to one worker", ours=("classic",)),
    "partition.assignment.strategy": Reserved("partition p of two topics must go to one worker", ours=("range",)),
    "isolation.level": Reserved(_EXACTLY_ONCE, ours=("read_committed",)),
    "enable.auto.commit": Reserved(_COMMITS, ours=("false",)),
    "enable.auto.offset.store": Reserved(_COMMITS, ours=("false",)),
    "auto.offset.reset": Reserved("a stream is read from its beginning", ours=("earliest", "smallest", "beginning")),
    "enable.partition.eof": Reserved("the end of a partition would be taken for a failure", ours=("false",)),
    "enable.idempotence": Reserved(_EXACTLY_ONCE, ours=("true",)),
    "acks": Reserved(_EXACTLY_ONCE, ours=("all", "-1")),
    "request.required.acks": Reserved(_EXACTLY_ONCE, ours=("all", "-1")),
    "partitioner": Reserved(
        "a customer's records and labels must go to one partition, whoever sends them",
        ours=("murmur2_random", "murmur2"),
    ),
    "message.max.bytes": Reserved("the topics' own limit must hold, or dead letters could not be written"),
    "session.timeout.ms": Reserved(_TIMES, "set CHURNSTREAM_SESSION_TIMEOUT_MS"),
    "transaction.timeout.ms": Reserved(_TIMES, "set CHURNSTREAM_TRANSACTION_TIMEOUT_MS"),
    "delivery.timeout.ms": Reserved(_TIMES, "set CHURNSTREAM_REQUEST_TIMEOUT_MS"),
    "message.timeout.ms": Reserved(_TIMES, "set CHURNSTREAM_REQUEST_TIMEOUT_MS"),
    "group.instance.id": Reserved(_NAME, "set CHURNSTREAM_INSTANCE"),
    "transactional.id": Reserved(_NAME, "set CHURNSTREAM_INSTANCE"),
}
"""By property. Every other one that librdkafka knows is the user's."""
# librdkafka's own name of a property that has two, by the other one
_ALIASES = {
    "bootstrap.servers": "metadata.broker.list",
    "compression.type": "compression.codec",
    "linger.ms": "queue.buffering.max.ms",
    "max.in.flight": "max.in.flight.requests.per.connection",
    "max.partition.fetch.bytes": "fetch.message.max.bytes",
    "retries": "message.send.max.retries",
    "sasl.mechanism": "sasl.mechanisms",
}
# librdkafka does not tell which it knows; these are what is mistyped most
_COMMON = (
    *("bootstrap.servers", "client.id", "security.protocol", "sasl.mechanism", "sasl.username", "sasl.password"),
    *("ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "ssl.key.password", "ssl.keystore.location"),
    *("linger.ms", "compression.type", "socket.timeout.ms", "max.poll.interval.ms", "fetch.max.bytes", "debug"),
)


def refuse_reserved(properties: Mapping[str, str]) -> None:
    """Raises UserError if one of these is a property of which a guarantee of ours needs a value of its own."""
    for name, value in properties.items():
        reserved = RESERVED.get(name)
        if reserved is not None and value.strip().lower() not in reserved.ours:
            raise UserError(f"{variable_of(name)} ({name}) is not accepted, because {reserved.why}; {reserved.remedy}")


def refused(said: str, properties: Mapping[str, str]) -> UserError:
    """What a user is told when librdkafka, which ``said`` why, refuses one of these properties."""
    hidden = without_secrets(said)
    for name, value in properties.items():
        if value and any(word in name for word in ("password", "secret", "jaas", "token", "pem")):
            hidden = hidden.replace(value, "***")
    names = [name for name in properties if any(_names(said, known) for known in (name, _ALIASES.get(name, name)))]
    near = meant(names[0], _COMMON) if names and "No such configuration property" in said else None
    guess = f" (did you mean {variable_of(near)}?)" if near else ""
    sources = ", ".join(map(variable_of, names)) or f"the wrong one of the {KAFKA_PREFIX}… variables"
    return UserError(
        f"Kafka client property refused: {hidden}; correct or unset {sources}{guess}, in the environment or in .env "
        f"({KAFKA_PREFIX}… variables are librdkafka's properties: KAFKA_SASL_USERNAME is sasl.username)"
    )


def _names(text: str, kafka_property: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(kafka_property)}(?![\w.])", text) is not None
