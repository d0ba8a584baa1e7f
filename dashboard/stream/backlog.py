"""What is read of ``windows`` at the start, before it is taken: a topic that is not compacted yet has every revision.

Only the newest of a window is worth the time to read it. If that cannot be read, the window is not known.
"""

from collections.abc import Iterable

from contract.topics import WINDOWS
from dashboard.stream.received import Received

MOST_HELD_BYTES = 8_000_000


class WindowBacklog:
    """Holds the newest message of each key, of at most ``most_bytes`` together; then they are given out."""

    def __init__(self, most_bytes: int = MOST_HELD_BYTES) -> None:
        self._most_bytes = most_bytes
        # in the order of their offsets
        self._held: dict[bytes | None, Received] = {}
        self._bytes = 0

    def sift(self, messages: Iterable[Received], at_end: bool) -> list[Received]:
        """What is to be taken now of ``messages`` and of what is held: ``at_end`` all, before it all but windows."""
        others = []
        for message in messages:
            if message.topic != WINDOWS:
                others.append(message)
                continue
            before = self._held.pop(message.key, None)
            self._held[message.key] = message
            self._bytes += len(message.value or b"") - (0 if before is None else len(before.value or b""))
        if not at_end and self._bytes <= self._most_bytes:
            return others
        given = [*self._held.values(), *others]
        self._held.clear()
        self._bytes = 0
        return given
