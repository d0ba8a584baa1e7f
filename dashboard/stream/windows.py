"""The windows that are kept: each slim as an object, and whole as compressed bytes. Bounded."""

import zlib
from collections.abc import Sequence

import msgspec

from contract.messages import ModelRef
from contract.windows import Window, decode_window

MOST_WINDOWS = 4_000
"""Of all models together; with a slide of a day and two models that is more than five years."""
MOST_WINDOW_BYTES = 64_000_000
"""What windows may take in memory, as far as it can be told from their bytes and the number of their columns."""
_KEPT_OF_TEN = 9
_WINDOW_BYTES, _FEATURE_BYTES = 5_000, 450
"""What a slim window takes, and each of its columns: measured, rounded up."""


class StoredWindow(msgspec.Struct, frozen=True):
    """A window whole, with the offset of its message on ``windows``, and when Kafka took it (ms, wall time)."""

    window: Window
    offset: int
    at: int | None


class _Shelved(msgspec.Struct, frozen=True):
    slim: Window
    packed: bytes
    offset: int
    at: int | None
    size: int


class WindowShelf:
    """The newest message of each window.

    Of more than ``most`` windows, or ``most_bytes``, the oldest (by their end) are let go of, down to nine tenths. They
    do not come back with a late revision: ``floor`` is the newest window that was let go of, as (end, key), and what
    does not lie above it is no longer taken.
    """

    def __init__(self, most: int = MOST_WINDOWS, most_bytes: int = MOST_WINDOW_BYTES) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._kept: dict[str, _Shelved] = {}
        self._sorted: dict[ModelRef, tuple[Window, ...]] | None = None
        self.bytes = 0
        self.floor: tuple[int, str] | None = None

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, key: str, value: bytes, offset: int, at: int | None) -> None:
        """Take a window's message.

        Raises:
            msgspec.DecodeError: it is none, or another one than its key says.
        """
        window = decode_window(value)
        if window.key != key:
            raise msgspec.ValidationError("the key names another window")
        if self.floor is not None and (window.end, key) <= self.floor:
            self.remove(key)
            return
        packed = zlib.compress(value, 1)
        slim = _slim(window)
        size = len(packed) + _WINDOW_BYTES + _FEATURE_BYTES * len(slim.drift.features)
        self.remove(key)
        self._kept[key] = _Shelved(slim, packed, offset, at, size)
        self.bytes += size
        if len(self._kept) > self._most or self.bytes > self._most_bytes:
            self._let_go()

    def remove(self, key: str) -> None:
        found = self._kept.pop(key, None)
        if found is not None:
            self.bytes -= found.size
        self._sorted = None

    def models(self) -> tuple[ModelRef, ...]:
        """Those that have windows, in order of name, version and role."""
        return tuple(sorted(self._by_model()))

    def of(self, model: ModelRef) -> Sequence[Window]:
        """A model's windows in order of end, slim."""
        return self._by_model().get(model, ())

    def whole(self, key: str) -> StoredWindow | None:
        found = self._kept.get(key)
        if found is None:
            return None
        return StoredWindow(decode_window(zlib.decompress(found.packed)), found.offset, found.at)

    def _by_model(self) -> dict[ModelRef, tuple[Window, ...]]:
        if self._sorted is None:
            found: dict[ModelRef, list[Window]] = {}
            for kept in self._kept.values():
                found.setdefault(kept.slim.model, []).append(kept.slim)
            self._sorted = {
                model: tuple(sorted(windows, key=lambda window: (window.end, window.start)))
                for model, windows in found.items()
            }
        return self._sorted

    def _let_go(self) -> None:
        most, most_bytes = self._most * _KEPT_OF_TEN // 10, self._most_bytes * _KEPT_OF_TEN // 10
        for end, key in sorted((kept.slim.end, key) for key, kept in self._kept.items()):
            # the newest one stays, however large it is
            if len(self._kept) <= 1 or (len(self._kept) <= most and self.bytes <= most_bytes):
                break
            self.remove(key)
            self.floor = end, key


def _slim(window: Window) -> Window:
    """Without what only the monitor needs, or who looks at this one window."""
    features = {
        name: feature if not feature.counts else msgspec.structs.replace(feature, counts=())
        for name, feature in window.drift.features.items()
    }
    drift = msgspec.structs.replace(window.drift, features=features, customers=(), pooled=())
    return msgspec.structs.replace(window, drift=drift, segments=())
