"""How much is in work at once: beyond the limit a request is turned away, so that those inside are answered in time."""

from collections.abc import Iterator
from contextlib import contextmanager

from scorer.serving.errors import OverloadedError


class Admission:
    """Counts what is in work (records and labels, or bytes), ``limit`` at most. Used from one event loop."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.inside = 0

    @contextmanager
    def enter(self, items: int) -> Iterator[None]:
        """Hold room for ``items`` during the block.

        Raises:
            OverloadedError: there is not enough left.
        """
        if self.inside + items > self._limit:
            raise OverloadedError("too much is being processed already; try again in a second")
        self.inside += items
        try:
            yield
        finally:
            self.inside -= items
