"""Segments: groups of customers that a model is followed in by themselves, such as a country or a band of ages.

``[segments.Age]`` in a schema names a feature; its categories, or the bands between the numbers it gives, are one
segment each. A value that is missing, or none of the categories, makes a segment of its own, so that the segments of a
feature are disjoint and hold every record.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import msgspec

from contract.errors import UserError

MOST_SEGMENTS = 64
"""Segments of a schema, all features together."""
MOST_SEGMENT_FEATURES = 8
"""Features that have segments: one number says of a record which of all it is in."""
MISSING, OTHER = "missing", "other"


class SegmentTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[segments.<feature>]`` in a schema.

    ``bands`` are where one band ends and the next begins, ascending, for a feature of numbers. ``protected``: groups
    that a model must not treat worse.
    """

    bands: tuple[float, ...] = ()
    protected: bool = False


@dataclass(frozen=True)
class SegmentFeature:
    """A feature with segments: ``names`` of all of them, in the order of their codes.

    With ``bands``, code i stands for values from ``bands[i - 1]`` to below ``bands[i]``, and the last for a missing
    one. With ``categories``, code i stands for ``categories[i]``; behind them other values, and missing ones.
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


def read_segments(
    tables: Mapping[str, SegmentTable], categories: Mapping[str, tuple[str, ...]], origin: str
) -> tuple[SegmentFeature, ...]:
    """The features with segments that a schema's tables name.

    Args:
        categories: those of each feature, empty where it is one of numbers.
        origin: the schema, for errors.

    Raises:
        UserError: a feature is not known, its bands make no sense, or there are too many segments.
    """
    found = tuple(_read(name, table, categories, origin) for name, table in tables.items())
    if len(found) > MOST_SEGMENT_FEATURES:
        raise UserError(
            f"schema {origin}: {len(found)} features have segments, and at most {MOST_SEGMENT_FEATURES} are taken; "
            f"remove [segments.{found[-1].feature}]"
        )
    count = sum(len(one.names) for one in found)
    if count > MOST_SEGMENTS:
        most = max(found, key=lambda one: len(one.names))
        raise UserError(
            f"schema {origin}: there are {count} segments, and at most {MOST_SEGMENTS} are taken; "
            f"{most.feature!r} alone has {len(most.names)}, so give it fewer bands, or leave it out"
        )
    return found


def _read(name: str, table: SegmentTable, categories: Mapping[str, tuple[str, ...]], origin: str) -> SegmentFeature:
    where = f"schema {origin}, segments {name!r}"
    if name not in categories:
        raise UserError(f"{where}: there is no feature of this name; take one of {', '.join(sorted(categories)[:20])}")
    known = categories[name]
    if known:
        if table.bands:
            raise UserError(f"{where}: bands make no sense for a categorical feature; remove them")
        parts = (*known, OTHER, MISSING)
        return SegmentFeature(
            name, tuple(segment_name(name, part) for part in parts), categories=known, protected=table.protected
        )
    if not table.bands:
        raise UserError(f"{where}: a feature of numbers needs the bounds of its bands, such as bands = [30, 45, 60]")
    if not all(map(math.isfinite, table.bands)) or any(
        a >= b for a, b in zip(table.bands, table.bands[1:], strict=False)
    ):
        raise UserError(f"{where}: bands must be finite and ascending; they are {list(table.bands)}")
    names = tuple(segment_name(name, part) for part in (*_band_names(table.bands), MISSING))
    return SegmentFeature(name, names, bands=table.bands, protected=table.protected)


def _band_names(bands: tuple[float, ...]) -> Iterator[str]:
    yield f"below {bands[0]:.15g}"
    for low, high in pairwise(bands):
        yield f"{low:.15g} to below {high:.15g}"
    yield f"{bands[-1]:.15g} and above"
