"""A consumed message without a broker."""

from collections.abc import Sequence

from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_NOT_AVAILABLE, Message

from contract.kafka.control import Header


class _Sent(Message):
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise AssertionError("messages are told apart by where they stand, and never compared")


def sent(
    key: bytes | None,
    value: bytes | None,
    headers: Sequence[Header] | None = None,
    *,
    offset: int = 0,
    partition: int = 0,
    time: int | None = None,
) -> Message:
    """What a consumer gives, sent at ``time`` (ms); two of them cannot be compared."""
    kind = TIMESTAMP_NOT_AVAILABLE if time is None else TIMESTAMP_CREATE_TIME
    return _Sent(
        topic="customers",
        partition=partition,
        offset=offset,
        key=key,
        value=value,
        headers=None if headers is None else list(headers),
        timestamp=(kind, -1 if time is None else time),
    )
