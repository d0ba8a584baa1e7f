"""When a message was sent, by its own Kafka timestamp: the same for every reader, at any later hour."""

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message


def sent_at(message: Message) -> int | None:
    """The message's create time or log-append time in ms since the epoch; None where the broker gives none."""
    kind, timestamp = message.timestamp()
    return None if kind == TIMESTAMP_NOT_AVAILABLE else timestamp
