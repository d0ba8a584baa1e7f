"""How far the topic ``windows`` has got to MLflow: noted in MLflow itself, so that whoever takes over knows it.

All windows before an offset of the topic are in MLflow: that offset is a tag of the experiment, with the identity of
the topic that it is of, because one that is made anew begins at 0 again.
"""

import threading
from typing import NamedTuple

PROGRESS_TAG = "churnstream.windows"
_GENERATION_MS = 1_048_576
"""Revisions that a window may have before its points could meet those of the topic's next generation."""


class WindowsTopic(NamedTuple):
    """The topic ``windows``: its stream's name, and its identity (``contract.kafka.stream_identity``)."""

    stream: str
    identity: str


class Progress(NamedTuple):
    """MLflow has all windows before ``offset`` of the topic with this identity.

    ``generation`` counts the topics before it whose windows are in the same experiment: theirs have the same steps and
    revisions, and other values.
    """

    offset: int
    generation: int
    identity: str

    @property
    def tag(self) -> str:
        return f"{self.offset} {self.generation} {self.identity}"

    def timestamp(self, end: int, revision: int) -> int:
        """When the points of a revision are dated, in ms: one place for each revision of whatever ends at ``end``."""
        return end + revision + self.generation * _GENERATION_MS


def progress_of(tag: str | None, identity: str) -> Progress:
    """Where to go on with the topic of this identity. Pure. A tag that nobody of ours has written counts as none."""
    offset, generation, found = [*(tag or "").split(" ", 2), "", "", ""][:3]
    if not (offset.isdecimal() and generation.isdecimal()):
        return Progress(0, 0, identity)
    if found != identity:
        return Progress(0, int(generation) + 1, identity)
    return Progress(int(offset), int(generation), identity)


class HandedOver:
    """Which part of the topic the spool has been given. Safe between threads.

    Whoever follows the topic ``take_up``s where it is at work from now on, and gives all that comes behind that; what
    stands before it, and was not given yet, is to be read back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: int | None = None
        self._to_come: int | None = None
        self._submitted = 0

    @property
    def until(self) -> int | None:
        """All before this offset has been given; None: not known yet."""
        return self._until

    @property
    def is_behind(self) -> bool:
        """Whether anything is to be read back."""
        return self._to_come is not None

    def take_up(self, end: int) -> None:
        """What stands before ``end`` may be another's; all behind it will be ``submitted``."""
        with self._lock:
            self._to_come = max(end, self._to_come or 0)

    def submitted(self, offset: int) -> None:
        """The message at this offset has been given; they come in ascending order."""
        with self._lock:
            self._submitted = offset + 1
            if self._to_come is None and self._until is not None:
                self._until = offset + 1

    def begin_at(self, offset: int) -> int:
        """Where to begin to read back: at ``offset``, unless more is known to have been given."""
        with self._lock:
            if self._until is None:
                self._until = offset
            return self._until

    def read(self, until: int) -> None:
        """All before ``until`` has been given by reading back."""
        with self._lock:
            self._until = until

    def finish(self, end: int) -> None:
        """All before ``end`` has been read back; what was submitted meanwhile follows without a gap."""
        with self._lock:
            if self._to_come is not None and self._to_come > end:
                self._until = end  # taken up again meanwhile
                return
            self._to_come = None
            self._until = max(end, self._submitted)

    def go_back_to(self, offset: int) -> None:
        """MLflow has lost what stands behind ``offset``: it is to be read back."""
        with self._lock:
            if self._until is None or self._until <= offset:
                return
            self._to_come = max(self._until, self._to_come or 0)
            self._until = offset
