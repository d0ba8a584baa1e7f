"""Errors of Kafka that will come again however often a batch is tried, told from those that pass by themselves."""

from confluent_kafka import KafkaError, KafkaException, Producer

from contract.errors import ChurnstreamError
from contract.topics import MAX_MESSAGE_BYTES

_GONE = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION)
_REMEDIES = {
    KafkaError.MSG_SIZE_TOO_LARGE: f"set its max.message.bytes to {MAX_MESSAGE_BYTES} or more",
    KafkaError.RECORD_LIST_TOO_LARGE: "raise its segment.bytes",
    KafkaError.INVALID_RECORD: "give it the configuration of a topic that `churnstream doctor` creates",
    KafkaError.POLICY_VIOLATION: "ask whoever runs the broker which policy refuses the message",
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "grant this user READ, WRITE and DESCRIBE on it",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "grant this user READ on the consumer group",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "grant this user IDEMPOTENT_WRITE on the cluster",
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "grant this user WRITE and DESCRIBE on the transactional id",
    KafkaError.INVALID_TRANSACTION_TIMEOUT: "lower CHURNSTREAM_TRANSACTION_TIMEOUT_MS, or raise the broker's "
    "transaction.max.timeout.ms",
    KafkaError.OFFSET_METADATA_TOO_LARGE: "set the broker's offset.metadata.max.bytes to 4096 or more",
    KafkaError.UNSUPPORTED_VERSION: "use a broker of Kafka 2.5 or newer",
    **dict.fromkeys(_GONE, "create it again with `churnstream doctor --create-topics`"),
}


class RefusedError(ChurnstreamError, KafkaException):
    """A message that Kafka did not take: a ``KafkaException`` that knows the topic."""

    def __init__(self, error: KafkaError, topic: str) -> None:
        super().__init__(error)
        self.topic = topic


def remedy(error: KafkaError) -> str | None:
    """What to do about an error that will come again; None for one that may pass."""
    return _REMEDIES.get(error.code())


def is_gone(producer: Producer, topic: str, timeout: float) -> bool:
    """Whether the broker answers, and knows no such topic: librdkafka itself waits for it until messages time out."""
    try:
        found = producer.list_topics(timeout=timeout)
    except KafkaException:
        return False
    return topic not in found.topics
