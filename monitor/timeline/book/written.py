"""Where on ``windows`` the windows stand that may still be revised."""

import heapq
from collections.abc import Callable

from contract.messages import ModelRef
from contract.windows import Cumulative, Window


class WrittenOffsets:
    """The newest offset of each key, as long as it is needed."""

    def __init__(self) -> None:
        self._newest: dict[str, tuple[int, ModelRef, int | None]] = {}
        self._heap: list[tuple[int, str]] = []

    def put(self, message: Window | Cumulative, offset: int) -> None:
        """A message stands at an offset."""
        start = message.start if isinstance(message, Window) else None
        self._newest[message.key] = (offset, message.model, start)
        heapq.heappush(self._heap, (offset, message.key))
        if len(self._heap) > 2 * len(self._newest) + 100:
            self._heap = sorted((newest[0], key) for key, newest in self._newest.items())

    def least(self, is_needed: Callable[[ModelRef, int | None], bool]) -> int | None:
        """The least offset of a window, or cumulative metrics (start None), that is needed; the rest is forgotten."""
        while self._heap:
            offset, key = self._heap[0]
            newest, model, start = self._newest.get(key, (-1, None, None))
            if newest == offset and model is not None and is_needed(model, start):
                return offset
            if newest == offset:
                del self._newest[key]
            heapq.heappop(self._heap)
        return None
