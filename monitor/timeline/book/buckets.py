"""A model's panes of one slide of event time, one a partition: their sums together, and what each has added to them."""

from collections.abc import Collection

from contract.panes import Pane
from monitor.timeline.sums import COUNTED, Sums, SumsLayout, pack_summary, packed_totals


class Bucket:
    """The panes of one model and one start.

    ``counts``: the first totals of ``Sums``, together. ``threshold``: that of the pane of the highest partition.
    ``samples``: by partition, how many records its pane had when its sample was drawn.
    """

    __slots__ = ("_complete", "_merged", "_parts", "_threshold_of", "counts", "samples", "threshold")

    def __init__(self) -> None:
        self._parts: dict[int, bytes] = {}
        self._merged: bytes | None = None
        self._threshold_of = -1
        self._complete: bool | None = None
        self.counts: tuple[int, ...] = (0,) * COUNTED
        self.threshold = 0.0
        self.samples: dict[int, int] = {}

    @property
    def partitions(self) -> Collection[int]:
        """Those that have a pane here."""
        return self._parts.keys()

    def put(self, pane: Pane, layout: SumsLayout) -> tuple[bytes | None, bytes] | None:
        """Take a pane in, in place of the one there is; what stood for it before and now, or None if nothing is new.

        A pane that knows of fewer predictions or labels than the one held is an old one, delivered again.
        """
        packed = pack_summary(pane.summary, layout)
        held = self._parts.get(pane.partition)
        if held == packed:
            return None
        before = packed_totals(held) if held is not None else (0,) * COUNTED
        if pane.summary.records < before[0] or pane.summary.labelled < before[1]:
            return None
        now = packed_totals(packed)
        self._parts[pane.partition] = packed
        self.counts = tuple(
            count - old + new for count, old, new in zip(self.counts, before[:COUNTED], now[:COUNTED], strict=True)
        )
        if self._merged is not None:
            merged = Sums(layout)
            merged.add(self._merged)
            if held is not None:
                merged.add(held, -1)
            merged.add(packed)
            self._merged = merged.packed()
        if pane.partition >= self._threshold_of:
            self._threshold_of, self.threshold = pane.partition, pane.threshold
        if before[0] != now[0]:
            self._complete = None
        return held, packed

    def merged(self, layout: SumsLayout) -> bytes:
        """The sums of all partitions."""
        if self._merged is None:
            merged = Sums(layout)
            for part in self._parts.values():
                merged.add(part)
            self._merged = merged.packed()
        return self._merged

    def put_sample(self, partition: int, records: int) -> bool:
        """Note that a partition's sample of ``records`` records is there; whether that says something new."""
        if self.samples.get(partition) == records:
            return False
        self.samples[partition] = records
        self._complete = None
        return True

    def drop_sample(self, partition: int) -> None:
        """Note that a partition's sample is gone."""
        self.samples.pop(partition, None)
        self._complete = None

    @property
    def sampled(self) -> bool:
        """Whether the sample of each pane is there and was drawn from all of its records."""
        if self._complete is None:
            self._complete = all(
                self.samples.get(partition) == packed_totals(part)[0] for partition, part in self._parts.items()
            )
        return self._complete
