"""What a window says, from the sums of its panes; and how its content is told from another."""

from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from contract.messages import ModelRef
from contract.windows import Drift, Nowcast, Status, Window
from monitor.timeline.book.buckets import Bucket
from monitor.timeline.estimate import estimate
from monitor.timeline.metrics import performance
from monitor.timeline.samples import Repeats
from monitor.timeline.sums import Sums, SumsLayout

_json = msgspec.json.Encoder()
_msgpack = msgspec.msgpack.Encoder()
_drift = msgspec.msgpack.Decoder(Drift)


class _Sketch(msgspec.Struct):
    customers: tuple[int, ...] = ()


_sketch = msgspec.msgpack.Decoder(_Sketch)


class SlidingSum:
    """The sums of one model's window, going on from the window before where they overlap."""

    def __init__(self, layout: SumsLayout, buckets: Callable[[int], Bucket | None], size: int, slide: int) -> None:
        self._layout = layout
        self._buckets = buckets
        self._size = size
        self._slide = slide
        self._start: int | None = None
        self._sums = Sums(layout)

    def at(self, start: int) -> Sums:
        """Those of the window that starts at ``start``, valid until the next call. Ask in ascending order."""
        begin, end = start, start + self._size
        before = self._start
        if before is not None and before <= start < before + self._size // 2:
            self._add(range(before, start, self._slide), -1)
            begin = before + self._size
        else:
            self._sums = Sums(self._layout)
        self._add(range(begin, end, self._slide), 1)
        self._start = start
        return self._sums

    def _add(self, starts: Iterable[int], sign: int) -> None:
        for start in starts:
            bucket = self._buckets(start)
            if bucket is not None:
                self._sums.add(bucket.merged(self._layout), sign)


class WindowFrame(NamedTuple):
    """What a window has besides its sums. Times in ms."""

    model: ModelRef
    start: int
    end: int
    status: Status
    revision: int
    threshold: float


def compose(frame: WindowFrame, sums: Sums, repeats: Repeats, drift: Drift, nowcast: Nowcast | None) -> Window:
    """The window."""
    return Window(
        **frame._asdict(),
        records=sums.records,
        labelled=sums.labelled,
        performance=performance(sums, repeats.effect),
        estimated=estimate(sums, repeats.effect),
        drift=drift,
        nowcast=nowcast,
        inferred=sums.inferred,
        customers=repeats.customers,
        design_effect=repeats.effect,
        delay_p50_hours=sums.median_delay_hours(),
        violations=sums.violations(),
        missing=sums.missing(),
    )


def digest(window: Window) -> bytes:
    """16 bytes that tell a window's content from another, whatever its revision and the dead letters counted."""
    content = msgspec.structs.replace(window, revision=0, dead_letters={})
    return blake2b(_json.encode(content), digest_size=16).digest()


def pack_drift(drift: Drift) -> bytes:
    """A verdict as bytes: a hundredth of what it takes as an object."""
    return _msgpack.encode(drift)


def unpack_drift(packed: bytes) -> Drift:
    """The verdict that has been packed."""
    return _drift.decode(packed)


def packed_sketch(packed: bytes) -> tuple[int, ...]:
    """The customers in a verdict that has been packed, at a fraction of what it takes to unpack all of it."""
    return _sketch.decode(packed).customers
