"""A consumed message without a broker."""

from collections.abc import Sequence
from typing import cast

from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_NOT_AVAILABLE, Message

from contract.kafka.control import Header


class _Sent:
    def __init__(
        self,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[Header] | None,
        offset: int,
        partition: int,
        time: int | None,
    ) -> None:
        self._key, self._value, self._headers = key, value, headers
        self._offset, self._partition, self._time = offset, partition, time

    def __eq__(self, other: object) -> bool:
        raise AssertionError("messages are told apart by where they stand, and never compared")

    def key(self) -> bytes | None:
        return self._key

    def value(self) -> bytes | None:
        return self._value

    def headers(self) -> Sequence[Header] | None:
        return self._headers

    def offset(self) -> int:
        return self._offset

    def partition(self) -> int:
        return self._partition

    def timestamp(self) -> tuple[int, int]:
        return (TIMESTAMP_NOT_AVAILABLE, -1) if self._time is None else (TIMESTAMP_CREATE_TIME, self._time)


def sent(
    key: bytes | None,
    value: bytes | None,
    headers: Sequence[Header] | None = None,
    *,
    offset: int = 0,
    partition: int = 0,
    time: int | None = None,
) -> Message:
    """What ``confluent_kafka.Message`` would say of it, sent at ``time`` (ms); two of them cannot be compared."""
    return cast(Message, _Sent(key, value, headers, offset, partition, time))
