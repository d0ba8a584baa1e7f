"""Labels that wait for their prediction.

Bound: some 500 bytes and the message for each label whose record has no prediction, until its time is up. Where labels
are read by event time beside predictions, these are the labels of records that were never scored.
"""

import heapq
from collections.abc import Iterable, Iterator

from monitor.join.rules import KeptLabel, TopicProgress

_SLACK = 1_000


class WaitingLabels:
    """Finds labels by record, and those whose time is up without looking at the others."""

    def __init__(self, labels: Iterable[KeptLabel] = ()) -> None:
        """``labels`` in order of offset."""
        self._by_record: dict[int, list[KeptLabel]] = {}
        self._by_offset: dict[int, KeptLabel] = {}
        self._by_time: list[tuple[int, int]] = []
        self.added: dict[int, KeptLabel] = {}
        self.removed: set[int] = set()
        for label in labels:
            self.add(label)
        self.added.clear()

    def __len__(self) -> int:
        return len(self._by_offset)

    def __iter__(self) -> Iterator[KeptLabel]:
        return iter(self._by_offset.values())

    def __contains__(self, record: int) -> bool:
        return record in self._by_record

    def of(self, record: int) -> list[KeptLabel]:
        """The labels of a record, in order of offset."""
        return list(self._by_record.get(record, ()))

    def add(self, label: KeptLabel) -> None:
        """Keep a label, whose offset is the largest so far."""
        self._by_record.setdefault(label.record, []).append(label)
        self._by_offset[label.offset] = label
        heapq.heappush(self._by_time, (label.event_time, label.offset))
        self.added[label.offset] = label

    def remove(self, label: KeptLabel) -> None:
        """Let go of a label."""
        del self._by_offset[label.offset]
        siblings = self._by_record[label.record]
        siblings.remove(label)
        if not siblings:
            del self._by_record[label.record]
        if self.added.pop(label.offset, None) is None:
            self.removed.add(label.offset)
        if len(self._by_time) > 2 * len(self._by_offset) + _SLACK:
            self._by_time = [(kept.event_time, kept.offset) for kept in self._by_offset.values()]
            heapq.heapify(self._by_time)

    def given_up(self, before: int | None, epoch: int) -> list[KeptLabel]:
        """Remove and return, by offset, labels dated before ``before`` or sent before the end number ``epoch``."""
        found: dict[int, KeptLabel] = {}
        while self._by_time and before is not None and self._by_time[0][0] < before:
            _, offset = heapq.heappop(self._by_time)
            label = self._by_offset.get(offset)
            if label is not None:
                found[offset] = label
        for label in self._by_offset.values():
            # ends only ever follow, so the oldest labels have seen the fewest
            if label.epoch >= epoch:
                break
            found[label.offset] = label
        for label in found.values():
            self.remove(label)
        return [found[offset] for offset in sorted(found)]

    def origin(self) -> TopicProgress | None:
        """Where ``labels`` stood before the oldest of them; None if there is none."""
        return next((label.origin for label in self._by_offset.values()), None)

    def saved(self) -> None:
        """What was added and removed is in the store."""
        self.added.clear()
        self.removed.clear()
