"""The messages on ``alerts`` that are kept, by incident. Bounded."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec

from contract.alerts import Alert

MOST_INCIDENTS = 2_000
MOST_TOLD = 50
"""Messages of one incident: of more, the first and the newest."""
MOST_ALERT_BYTES = 16_000_000
"""All of them together, as they are on the topic."""
_KEPT_OF_TEN = 9


class StoredAlert(msgspec.Struct, frozen=True):
    """A message on ``alerts``, with its offset, and when Kafka took it (ms, wall time)."""

    alert: Alert
    offset: int
    at: int | None


class KeptIncidents:
    """All messages of each incident that the topic still has, oldest first.

    Of more than ``most`` incidents, or ``most_bytes``, those are let go of that were heard of longest ago, down to nine
    tenths: first those that are over, and those that stand only when no other is left. What is told of one later begins
    it anew.
    """

    def __init__(self, most: int = MOST_INCIDENTS, most_bytes: int = MOST_ALERT_BYTES, told: int = MOST_TOLD) -> None:
        self._most, self._most_bytes, self._told = most, most_bytes, told
        # in the order in which they were heard of last
        self._kept: dict[str, tuple[StoredAlert, ...]] = {}
        self._sizes: dict[str, tuple[int, ...]] = {}
        self.bytes = 0

    @property
    def by_key(self) -> Mapping[str, Sequence[StoredAlert]]:
        return MappingProxyType(self._kept)

    def put(self, key: str, value: bytes, offset: int, at: int | None) -> None:
        """Take an alert's message.

        Raises:
            msgspec.DecodeError: it is none, or of another incident than its key says.
        """
        alert = msgspec.json.decode(value, type=Alert)
        if alert.key != key:
            raise msgspec.ValidationError("the key names another incident")
        told = (*self._kept.pop(key, ()), StoredAlert(alert, offset, at))
        sizes = (*self._sizes.pop(key, ()), len(value))
        self.bytes += len(value)
        if len(told) > self._told:
            self.bytes -= sizes[1]
            told, sizes = (told[0], *told[2:]), (sizes[0], *sizes[2:])
        self._kept[key], self._sizes[key] = told, sizes
        if len(self._kept) > self._most or self.bytes > self._most_bytes:
            self._let_go()

    def remove(self, key: str) -> None:
        if self._kept.pop(key, None) is not None:
            self.bytes -= sum(self._sizes.pop(key))

    def _let_go(self) -> None:
        most, most_bytes = self._most * _KEPT_OF_TEN // 10, self._most_bytes * _KEPT_OF_TEN // 10
        for key in sorted(self._kept, key=lambda key: self._kept[key][-1].alert.standing):
            # the newest one stays, however large it is
            if len(self._kept) <= 1 or (len(self._kept) <= most and self.bytes <= most_bytes):
                break
            self.remove(key)
