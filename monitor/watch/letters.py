"""Dead letters as they are counted: what each says of itself, under a bounded number of names. Pure.

A name is the reason, and the field where one is named: ``out-of-range/Age``. Fields of the schema keep their names. Of
others, which whoever sends the message has chosen, a few do, because the name is what is wrong there.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from threading import Lock
from typing import NamedTuple

from contract.rejection import Reason
from contract.topics import LABELS

OTHER = "other"
MOST_FOREIGN = 20
"""Fields that are none of the schema's and keep their names."""
MOST_NAMES = 50
"""Names of a slide, or of a window; what is rarer counts as ``other``."""
MOST_SLIDES = 10_000
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. -]{0,59}")
_REASONS = {reason.value for reason in Reason}
_OURS = ("record_id", "customer_id", "event_time", "features", "label", "key", "probability", "predicted", "model")


class Letter(NamedTuple):
    """One dead letter: its place on ``dead-letters``, its name, the origin, and the record's event time if readable."""

    partition: int
    offset: int
    name: str
    origin: str
    origin_partition: int
    origin_offset: int
    event_time: int | None


class LetterNames:
    """Gives names to reasons and fields; ``features`` are the schema's."""

    def __init__(self, features: Iterable[str]) -> None:
        self._known = {*features, *_OURS}
        self._foreign: set[str] = set()

    def of(self, reason: str, field: str) -> str:
        if reason not in _REASONS:
            return OTHER
        field = field.removeprefix("features.")
        if not field:
            return reason
        if field not in self._known and field not in self._foreign:
            if len(self._foreign) >= MOST_FOREIGN or not _PLAIN.fullmatch(field):
                return f"{reason}/{OTHER}"
            self._foreign.add(field)
        return f"{reason}/{field}"


class LetterCounts:
    """Dead letters by the slide that their record's event time lies in. Safe between threads.

    Those of labels are left out: their event time is not the record's. At most ``MOST_SLIDES``; the oldest go.
    """

    def __init__(self, slide: int, labels_topic: str = LABELS) -> None:
        self._slide = slide
        self._labels = labels_topic
        self._lock = Lock()
        self._slides: dict[int, Counter[str]] = {}

    def add(self, letters: Iterable[Letter]) -> None:
        with self._lock:
            for letter in letters:
                if letter.event_time is not None and letter.origin != self._labels:
                    self._add(letter.event_time // self._slide * self._slide, letter.name)
            for start in sorted(self._slides)[:-MOST_SLIDES]:
                del self._slides[start]

    def clear(self) -> None:
        """Whoever follows dead letters begins anew, and gives those that are there again."""
        with self._lock:
            self._slides.clear()

    def within(self, start: int, end: int) -> dict[str, int]:
        """By name, those with ``start <= event_time < end``; what is rarer than ``MOST_NAMES`` others as ``other``."""
        with self._lock:
            if (end - start) // self._slide < len(self._slides):
                found = [self._slides[at] for at in range(start, end, self._slide) if at in self._slides]
            else:
                found = [counts for at, counts in self._slides.items() if start <= at < end]
        total: Counter[str] = Counter()
        for counts in found:
            total.update(counts)
        return bounded(total)

    def _add(self, slide: int, name: str) -> None:
        counts = self._slides.setdefault(slide, Counter())
        counts[name if name in counts or len(counts) < MOST_NAMES else OTHER] += 1


def bounded(counts: Mapping[str, int]) -> dict[str, int]:
    """The ``MOST_NAMES`` largest in order of name, and the rest as ``other``."""
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    kept, rest = dict(ordered[:MOST_NAMES]), sum(count for _, count in ordered[MOST_NAMES:])
    if rest:
        kept[OTHER] = kept.get(OTHER, 0) + rest
    return dict(sorted(kept.items()))
