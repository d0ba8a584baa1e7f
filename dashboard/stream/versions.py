"""The messages on ``versions`` that are kept: whole as compressed bytes, decoded when they are looked at. Bounded."""

import zlib
from collections.abc import Iterator, Mapping

import msgspec

from contract.versions import TrainedVersion

MOST_VERSIONS = 2_000
MOST_VERSION_BYTES = 16_000_000
"""Compressed, of all versions together."""
_MOST_DECODED_BYTES = 3_000_000
"""Of JSON, of the versions that stay decoded; an object takes several times as much."""

VersionKey = tuple[str, int]


class KeptVersions(Mapping[VersionKey, TrainedVersion]):
    """The newest message of each version, by name and number.

    Of more than ``most`` versions, or ``most_bytes``, those go first that were heard of longest ago.
    """

    def __init__(self, most: int = MOST_VERSIONS, most_bytes: int = MOST_VERSION_BYTES) -> None:
        self._most, self._most_bytes = most, most_bytes
        # in the order in which they were heard of last
        self._packed: dict[VersionKey, bytes] = {}
        self._decoded: dict[VersionKey, tuple[int, TrainedVersion]] = {}
        self._decoded_bytes = 0
        self.bytes = 0

    def __getitem__(self, key: VersionKey) -> TrainedVersion:
        found = self._decoded.get(key)
        if found is not None:
            return found[1]
        value = zlib.decompress(self._packed[key])
        version = msgspec.json.decode(value, type=TrainedVersion)
        self._decoded[key] = len(value), version
        self._decoded_bytes += len(value)
        while self._decoded_bytes > _MOST_DECODED_BYTES and len(self._decoded) > 1:
            self._forget_decoded(next(iter(self._decoded)))
        return version

    def __iter__(self) -> Iterator[VersionKey]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)

    def put(self, key: str, value: bytes) -> None:
        """Take a version's message.

        Raises:
            msgspec.DecodeError: it is none, or of another version than its key says.
        """
        version = msgspec.json.decode(value, type=TrainedVersion)
        if version.key != key:
            raise msgspec.ValidationError("the key names another version")
        found = version.name, version.version
        self.remove(key)
        self._packed[found] = zlib.compress(value, 1)
        self.bytes += len(self._packed[found])
        while len(self._packed) > 1 and (len(self._packed) > self._most or self.bytes > self._most_bytes):
            self._drop(next(iter(self._packed)))

    def remove(self, key: str) -> None:
        name, _, version = key.rpartition("/")
        if version.isascii() and version.isdecimal():
            self._drop((name, int(version)))

    def _drop(self, key: VersionKey) -> None:
        self.bytes -= len(self._packed.pop(key, b""))
        self._forget_decoded(key)

    def _forget_decoded(self, key: VersionKey) -> None:
        size, _ = self._decoded.pop(key, (0, None))
        self._decoded_bytes -= size
