"""Dead letters: the original bytes, unchanged, with the reason and the origin in the headers."""

from confluent_kafka import Producer

from contract.rejection import RejectionError

REASON = "reason"
FIELD = "field"
DETAIL = "detail"
ORIGIN_TOPIC = "origin-topic"
ORIGIN_PARTITION = "origin-partition"
ORIGIN_OFFSET = "origin-offset"
TIME = "time"


def produce_dead_letter(
    producer: Producer,
    topic: str,
    rejection: RejectionError,
    *,
    key: bytes | None,
    value: bytes | None,
    origin: tuple[str, int, int],
    time: int,
) -> None:
    """Send one dead letter; ``origin`` is topic, partition and offset, ``time`` wall time in ms.

    It goes to the partition it came from, within the transaction that is open on ``producer``.
    """
    origin_topic, partition, offset = origin
    headers: list[tuple[str, str | bytes | None]] = [
        (REASON, rejection.reason.value),
        (FIELD, rejection.field),
        (DETAIL, rejection.detail[:1_000]),
        (ORIGIN_TOPIC, origin_topic),
        (ORIGIN_PARTITION, str(partition)),
        (ORIGIN_OFFSET, str(offset)),
        (TIME, str(time)),
    ]
    producer.produce(topic, key=key, value=value, headers=headers, partition=partition)
