"""Segments: groups of customers that a model is followed in by themselves, such as a country or a band of ages.

``[segments.Age]`` in a schema names a feature; its categories, or the bands between the numbers it gives, are one
segment each. A value that is missing, or none of the categories, makes a segment of its own, so that the segments of a
feature are disjoint and hold every record.
"""

import hashlib
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import msgspec

from contract.errors import UserError

MOST_SEGMENTS = 64
"""Segments of a schema, all features together."""
MOST_SEGMENT_FEATURES = 8
"""Features that have segments. One number says of a record which of all it is in: with 64 segments of 8 features there
are at most 8 ** 8 such numbers, because a product of given sum is largest where all factors are equal."""
MISSING, OTHER = "missing", "other"


class SegmentTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[segments.<feature>]`` in a schema.

    ``bands`` are where one band ends and the next begins, ascending, for a feature of numbers; a flag needs none.
    ``protected``: groups that a model must not treat worse.
    """

    bands: tuple[float, ...] = ()
    protected: bool = False


@dataclass(frozen=True)
class SegmentFeature:
    """A feature with segments: ``names`` of all of them, in the order of their codes.

    With ``bands``, code i stands for values from ``bands[i - 1]`` to below ``bands[i]``, and the last for a missing
    one. With ``categories``, code i stands for ``categories[i]``; behind them other values, and missing ones. Names
    differ, those of other features included.
    """

    feature: str
    names: tuple[str, ...]
    bands: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    protected: bool = False

    def name_of(self, value: float | str | None) -> str:
        """The segment of a value."""
        if value is None or value != value:
            return self.names[-1]
        if isinstance(value, str):
            return self.names[self.categories.index(value) if value in self.categories else len(self.categories)]
        return self.names[sum(value >= band for band in self.bands)]


def segment_name(feature: str, part: str) -> str:
    """``Geography: Germany``."""
    return f"{feature}: {part}"


def segments_fingerprint(segments: Sequence[SegmentFeature]) -> str:
    """First 16 hex digits of a SHA-256: equal iff the same values are in segments of the same names and codes.

    It is not part of the schema's own, because segments change neither messages nor models.
    """
    parts = [(one.feature, one.names, one.bands, one.categories) for one in segments]
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:16]


def read_segments(
    tables: Mapping[str, SegmentTable],
    categories: Mapping[str, tuple[str, ...]],
    origin: str,
    flags: Collection[str] = (),
) -> tuple[SegmentFeature, ...]:
    """The features with segments that a schema's tables name.

    Args:
        categories: those of each feature, empty where it is one of numbers.
        origin: the schema, for errors.
        flags: the features that are 0 or 1.

    Raises:
        UserError: a feature is not known, its bands make no sense, or there are too many segments.
    """
    found = tuple(_read(name, table, categories, origin, flags) for name, table in tables.items())
    if len(found) > MOST_SEGMENT_FEATURES:
        raise UserError(
            f"schema {origin}: {len(found)} features have segments, but at most {MOST_SEGMENT_FEATURES} are allowed; "
            f"remove [segments.{found[-1].feature}]"
        )
    count = sum(len(one.names) for one in found)
    if count > MOST_SEGMENTS:
        most = max(found, key=lambda one: len(one.names))
        raise UserError(
            f"schema {origin}: there are {count} segments, but at most {MOST_SEGMENTS} are allowed; "
            f"{most.feature!r} alone has {len(most.names)}, so give it fewer bands or categories, or leave it out"
        )
    return found


def _read(
    name: str,
    table: SegmentTable,
    categories: Mapping[str, tuple[str, ...]],
    origin: str,
    flags: Collection[str],
) -> SegmentFeature:
    where = f"schema {origin}, segments {name!r}"
    if name not in categories:
        raise UserError(f"{where}: no feature has this name; use one of {', '.join(sorted(categories)[:20])}")
    known = categories[name]
    if known:
        if table.bands:
            raise UserError(f"{where}: bands make no sense for a categorical feature; remove them")
        parts = (*known, _apart(OTHER, known), _apart(MISSING, known))
        return SegmentFeature(
            name, tuple(segment_name(name, part) for part in parts), categories=known, protected=table.protected
        )
    if name in flags:
        if table.bands:
            raise UserError(f"{where}: a flag is 0 or 1, and bands make no sense for it; remove them")
        names = tuple(segment_name(name, part) for part in ("0", "1", MISSING))
        return SegmentFeature(name, names, bands=(1.0,), protected=table.protected)
    if not table.bands:
        raise UserError(f"{where}: a numeric feature needs the bounds of its bands, such as bands = [30, 45, 60]")
    if not all(map(math.isfinite, table.bands)) or any(
        a >= b for a, b in zip(table.bands, table.bands[1:], strict=False)
    ):
        raise UserError(f"{where}: bands must be finite and ascending; they are {list(table.bands)}")
    names = tuple(segment_name(name, part) for part in (*_band_names(table.bands), MISSING))
    return SegmentFeature(name, names, bands=table.bands, protected=table.protected)


def _band_names(bands: tuple[float, ...]) -> Iterator[str]:
    yield f"below {_shown(bands[0])}"
    for low, high in pairwise(bands):
        yield f"{_shown(low)} to below {_shown(high)}"
    yield f"{_shown(bands[-1])} and above"


def _shown(number: float) -> str:
    """A number in as few digits as tell it from every other."""
    short = f"{number:.15g}"
    return short if float(short) == number else repr(number)


def _apart(part: str, categories: Collection[str]) -> str:
    """A name for what is no category, even where one is called so."""
    while part in categories:
        part = f"({part})"
    return part
