"""Summaries as numbers in a row: what a window needs of its panes, small to keep and quick to add and to take away.

A window adds up many panes, overlapping windows add up the same ones, and a newer pane takes the place of an older one.
All sums are integers, so subtracting undoes adding exactly. Of the features only missing values and violations are
kept, because windows say no more of them.
"""

from collections.abc import Iterable, Iterator
from operator import attrgetter

import msgspec
import numpy as np
import numpy.typing as npt

from contract.panes import SCORE_BINS, CategorySummary, Expected, NumericSummary, ScoreBin, SegmentSums, Summary
from monitor.panes import HOUR
from monitor.timeline.segments import WIDTH, PackedSegments, SegmentNames, named, pack_rows, pack_segments, unpack

Counts = npt.NDArray[np.int64]
_TOTALS = ("records", "labelled", "tn", "fp", "fn", "tp", "inferred", "squared_error", "log_loss")
_get_totals = attrgetter(*_TOTALS)
COUNTED = 7
"""How many of the totals, from the first on, tell whether predictions and labels are the same."""
_NO_TOTALS = (0,) * (len(_TOTALS) + 6)
_WIDTHS = tuple(np.dtype(name) for name in ("u1", "u2", "u4", "i8"))
_PLACES = tuple(np.dtype(name) for name in ("u2", "u4"))


class SumsLayout:
    """Where each count stands in ``Sums.counts``: three counts of each score bin, delays by class, then the features.

    Args:
        lateness: the longest delay of a label, ms. One that is longer counts in the last hour.
        tolerance: how far a label may be dated before its record, ms. One that is further counts in the first hour.

    Features get a place when they are first met, so there are as many as the schemas of the panes met have.
    ``segments``, likewise, have a number each, and their sums stand apart.
    """

    def __init__(self, lateness: int, tolerance: int) -> None:
        self.first_hour = -tolerance // HOUR
        self.hours = lateness // HOUR - self.first_hour + 1
        self.segments = SegmentNames()
        self._features: dict[str, int] = {}
        self._names: list[str] = []

    @property
    def delays(self) -> int:
        """Where the delays of the labels 0 begin; those of the labels 1 follow."""
        return 3 * SCORE_BINS

    @property
    def features(self) -> int:
        """Where the features begin: missing values and violations of each."""
        return self.delays + 2 * self.hours

    @property
    def length(self) -> int:
        """How many counts there are by now."""
        return self.features + 2 * len(self._names)

    @property
    def names(self) -> list[str]:
        """The features met so far, in order of place."""
        return self._names

    def hour(self, hours: int) -> int:
        """The place of a delay among the delays of its class."""
        return min(max(hours - self.first_hour, 0), self.hours - 1)

    def feature(self, name: str) -> int:
        """The place of a feature's missing values; that of its violations is the next."""
        place = self._features.get(name)
        if place is None:
            place = self._features[name] = self.length
            self._names.append(name)
        return place


class PackedSums(msgspec.Struct, array_like=True, frozen=True):
    """``Sums`` without its zeros: totals, places of the other counts, and these, in the fewest bytes that hold them."""

    totals: tuple[int, ...]
    place_type: int
    width: int
    places: bytes
    values: bytes
    segments: PackedSegments | None = None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(PackedSums)


def _pack(totals: Iterable[int], places: Counts, values: Counts, segments: PackedSegments | None) -> bytes:
    place_type = int(places.size > 0 and int(places.max()) > np.iinfo(_PLACES[0]).max)
    largest = int(values.max()) if values.size else 0
    width = next(i for i, kind in enumerate(_WIDTHS) if largest <= np.iinfo(kind).max)
    return _encoder.encode(
        PackedSums(
            tuple(totals),
            place_type,
            width,
            places.astype(_PLACES[place_type]).tobytes(),
            values.astype(_WIDTHS[width]).tobytes(),
            segments,
        )
    )


def packed_totals(packed: bytes) -> tuple[int, ...]:
    """The totals of packed sums, in the order of ``Sums.totals``."""
    return _decoder.decode(packed).totals


def pack_summary(summary: Summary, layout: SumsLayout) -> bytes:
    """A summary packed; equal summaries give equal bytes, in whatever order their dictionaries are.

    The sum of log losses must stay below 2^64, which a quarter of a thousand million predictions in one pane keep to.
    """
    bins = summary.scores.values()
    index = np.fromiter(summary.scores, np.int64, len(bins))
    hours = layout.delays + np.fromiter(map(layout.hour, summary.delay_hours), np.int64, len(summary.delay_hours))
    positive_hours = [summary.delay_hours_positive.get(hour, 0) for hour in summary.delay_hours]
    missing = {layout.feature(name): part for name, part in _parts(summary) if part.missing or part.violations}
    feature = np.fromiter(missing, np.int64, len(missing))
    places = np.concatenate(
        [
            *(index, index + SCORE_BINS, index + 2 * SCORE_BINS),
            *(hours, hours + layout.hours),
            *(feature, feature + 1),
        ]
    )
    values = np.array(
        [
            *(*(one.records for one in bins), *(one.negatives for one in bins), *(one.positives for one in bins)),
            *(labels - ones for labels, ones in zip(summary.delay_hours.values(), positive_hours, strict=True)),
            *positive_hours,
            *(*(part.missing for part in missing.values()), *(part.violations for part in missing.values())),
        ],
        dtype=np.int64,
    )
    order = np.argsort(places)
    order = order[values[order] != 0]
    places, values = places[order], values[order]
    if (np.diff(places) == 0).any():
        # delays beyond the layout's hours share the outermost places
        places, which = np.unique(places, return_inverse=True)
        values = np.bincount(which, values).astype(np.int64)
    return _pack(_totals_of(summary), places, values, pack_segments(summary.segments, layout.segments))


def score_bins(packed: bytes) -> Counts:
    """Records, negatives and positives of each score bin of packed sums: (3, SCORE_BINS)."""
    part = _decoder.decode(packed)
    places = np.frombuffer(part.places, dtype=_PLACES[part.place_type])
    values = np.frombuffer(part.values, dtype=_WIDTHS[part.width])
    counted = int(np.searchsorted(places, 3 * SCORE_BINS))
    bins = np.zeros(3 * SCORE_BINS, dtype=np.int64)
    bins[places[:counted]] = values[:counted]
    return bins.reshape(3, SCORE_BINS)


class Sums:
    """Sums of a set of predictions and their labels, in the units of ``Summary``.

    ``totals``: exact integers of any size. ``counts``: int64 (layout.length,), see ``SumsLayout``.
    """

    __slots__ = ("_layout", "_segments", "counts", "totals")

    def __init__(self, layout: SumsLayout, *, segmented: bool = True) -> None:
        """Those of nothing. Without ``segmented``, what is added to them is added without its segments."""
        self._layout = layout
        self._segments: Counts | None = np.zeros((0, WIDTH), dtype=np.int64) if segmented else None
        self.totals: list[int] = list(_NO_TOTALS)
        self.counts: Counts = np.zeros(layout.length, dtype=np.int64)

    @classmethod
    def of(cls, summary: Summary, layout: SumsLayout | None = None) -> "Sums":
        """Those of one summary. Without a layout there is room for the delays that it has."""
        if layout is None:
            hours = summary.delay_hours or {0: 0}
            layout = SumsLayout(max(max(hours), 0) * HOUR, max(-min(hours), 0) * HOUR)
        made = cls(layout)
        made.add(pack_summary(summary, layout))
        return made

    def add(self, packed: bytes, sign: int = 1) -> None:
        """Add packed sums, or take them away with ``sign`` -1."""
        part = _decoder.decode(packed)
        places = np.frombuffer(part.places, dtype=_PLACES[part.place_type])
        values = np.frombuffer(part.values, dtype=_WIDTHS[part.width])
        self._fit()
        if sign > 0:
            self.totals = [total + value for total, value in zip(self.totals, part.totals, strict=True)]
            self.counts[places] += values
        else:
            self.totals = [total - value for total, value in zip(self.totals, part.totals, strict=True)]
            self.counts[places] -= values
        if self._segments is not None and part.segments is not None:
            self._add_segments(self._segments, part.segments, sign)

    def packed(self) -> bytes:
        """These sums without their zeros."""
        places = np.flatnonzero(self.counts)
        rows = self._segments
        segments = None if rows is None else pack_rows(np.arange(len(rows)), rows)
        return _pack(self.totals, places, self.counts[places], segments)

    def segments(self) -> dict[str, SegmentSums]:
        """The segments that have records, in order of name."""
        return {} if self._segments is None else named(self._segments, self._layout.segments.known)

    def summary(self) -> Summary:
        """As a summary, without features, segments and sample."""
        records, negatives, positives = (part.tolist() for part in self.histogram)
        negative_hours, positive_hours = (dict(self._hours(part)) for part in self.delays)
        hours = sorted({*negative_hours, *positive_hours})
        summary = self.headline()
        summary.scores = {
            index: ScoreBin(records[index], negatives[index], positives[index])
            for index in range(SCORE_BINS)
            if records[index]
        }
        summary.delay_hours = {hour: negative_hours.get(hour, 0) + positive_hours.get(hour, 0) for hour in hours}
        summary.delay_hours_positive = positive_hours
        return summary

    def headline(self) -> Summary:
        """As ``summary``, without scores and delays."""
        summary = Summary(expected_negative=self.expected_negative, expected_positive=self.expected_positive)
        for name, total in zip(_TOTALS, self.totals, strict=False):
            setattr(summary, name, total)
        return summary

    @property
    def records(self) -> int:
        return self.totals[0]

    @property
    def labelled(self) -> int:
        return self.totals[1]

    @property
    def confusion(self) -> tuple[int, int, int, int]:
        """tn, fp, fn, tp."""
        _, _, tn, fp, fn, tp, *_ = self.totals
        return tn, fp, fn, tp

    @property
    def inferred(self) -> int:
        return self.totals[6]

    @property
    def squared_error(self) -> int:
        return self.totals[7]

    @property
    def log_loss(self) -> int:
        return self.totals[8]

    @property
    def expected_negative(self) -> Expected:
        return Expected(*self.totals[9:12])

    @property
    def expected_positive(self) -> Expected:
        return Expected(*self.totals[12:15])

    @property
    def histogram(self) -> Counts:
        """Records, negatives and positives of each score bin: (3, SCORE_BINS). A view."""
        return self.counts[: self._layout.delays].reshape(3, SCORE_BINS)

    @property
    def delays(self) -> Counts:
        """Labels 0 and labels 1 by whole hours from the record, from the layout's first hour on: (2, hours). A view."""
        return self.counts[self._layout.delays : self._layout.features].reshape(2, self._layout.hours)

    @property
    def has_delays_by_class(self) -> bool:
        """Whether each label is counted under its class; a pane of the release before counts all as labels 0."""
        _, _, fn, tp = self.confusion
        return int(self.delays[1].sum()) == fn + tp

    def delay_hours(self) -> tuple[dict[int, int], dict[int, int]]:
        """Labels 0 and labels 1 by whole hours from the record."""
        negative, positive = (dict(self._hours(part)) for part in self.delays)
        return negative, positive

    def median_delay_hours(self) -> float | None:
        """The median delay of the labels, of which whole hours are kept, so low by less than one hour; None without.

        Of an even number of labels it is the mean of the middle two.
        """
        labels = np.cumsum(self.delays.sum(axis=0))
        total = int(labels[-1])
        if not total:
            return None
        middle = np.searchsorted(labels, [(total - 1) // 2, total // 2], side="right")
        return float(middle.sum()) / 2 + self._layout.first_hour

    def missing(self) -> dict[str, int]:
        """Nulls per feature that has any, in order of name."""
        return self._features(0)

    def violations(self) -> dict[str, int]:
        """Values outside range or categories per feature that has any, in order of name."""
        return self._features(1)

    def _hours(self, delays: Counts) -> Iterator[tuple[int, int]]:
        for place in np.flatnonzero(delays).tolist():
            yield place + self._layout.first_hour, int(delays[place])

    def _features(self, which: int) -> dict[str, int]:
        self._fit()
        counts = self.counts[self._layout.features + which :: 2]
        names = self._layout.names
        return dict(sorted((names[place], int(counts[place])) for place in np.flatnonzero(counts).tolist()))

    def _add_segments(self, rows: Counts, part: PackedSegments, sign: int) -> None:
        numbers, values = unpack(part)
        lacking = len(self._layout.segments.known) - len(rows)
        if lacking:
            rows = self._segments = np.concatenate([rows, np.zeros((lacking, WIDTH), dtype=np.int64)])
        rows[numbers] += sign * values

    def _fit(self) -> None:
        """Make room for the features that have been met since."""
        lacking = self._layout.length - len(self.counts)
        if lacking:
            self.counts = np.concatenate([self.counts, np.zeros(lacking, dtype=np.int64)])


def _parts(summary: Summary) -> Iterator[tuple[str, NumericSummary | CategorySummary]]:
    yield from summary.numeric.items()
    yield from summary.categorical.items()


def _totals_of(summary: Summary) -> tuple[int, ...]:
    return (
        *_get_totals(summary),
        *msgspec.structs.astuple(summary.expected_negative),
        *msgspec.structs.astuple(summary.expected_positive),
    )
