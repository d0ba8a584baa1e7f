"""A schema as arrays, which is how compiled loops read it."""

import json
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from contract.arrays import Floats, Integers, Mask
from contract.bounds import LARGEST_INTEGER, LARGEST_NUMBER
from contract.schema import Feature, FeatureKind, Schema

Bytes = npt.NDArray[np.uint8]

NUMBER, WHOLE, CATEGORY = 0, 1, 2
"""Kinds of features, in ``Tables.kinds``."""

RECORD_ID, CUSTOMER_ID, EVENT_TIME, FEATURES = range(4)
"""Fields of a record, in ``Tables.fields``."""
_FIELDS = ("record_id", "customer_id", "event_time", "features")


class Tables(NamedTuple):
    """What ``parse`` must know of a schema.

    Texts stand one after another in an array of bytes, and text i from ``…_at[i]`` to ``…_at[i + 1]``, quotes
    included, as JSON has them. A name or category that is not ASCII stands there twice, as it is and as ``\\u``
    escapes. ``name_of`` has each spelling's feature; ``place_of`` each spelling's place among the feature's categories,
    and feature f has the spellings from ``categories_of[f]`` to ``categories_of[f + 1]``. ``low`` and ``high`` are
    inclusive. ``missing``: null is allowed.
    """

    fields: Bytes
    fields_at: Integers
    names: Bytes
    names_at: Integers
    name_of: Integers
    kinds: Integers
    low: Floats
    high: Floats
    missing: Mask
    categories: Bytes
    categories_at: Integers
    place_of: Integers
    categories_of: Integers


def tables_of(schema: Schema) -> Tables:
    """The tables of a schema, as ``contract.records.record_type`` reads it."""
    fields, fields_at = _packed(f'"{name}"'.encode() for name in _FIELDS)
    names = [(spelling, place) for place, one in enumerate(schema.features) for spelling in _spellings(one.name)]
    of_feature = [
        [(spelling, place) for place, category in enumerate(one.categories) for spelling in _spellings(category)]
        for one in schema.features
    ]
    spelled = [each for one in of_feature for each in one]
    packed_names, names_at = _packed(spelling for spelling, _ in names)
    categories, categories_at = _packed(spelling for spelling, _ in spelled)
    bounds = [_bounds(one) for one in schema.features]
    return Tables(
        fields,
        fields_at,
        packed_names,
        names_at,
        np.array([place for _, place in names], np.int64),
        np.array([_kind(one) for one in schema.features], np.int64),
        np.array([low for low, _ in bounds], np.float64),
        np.array([high for _, high in bounds], np.float64),
        np.array([one.missing for one in schema.features], np.bool_),
        categories,
        categories_at,
        np.array([place for _, place in spelled], np.int64),
        np.cumsum([0, *map(len, of_feature)], dtype=np.int64),
    )


def packed(parts: Sequence[bytes]) -> tuple[Bytes, Integers]:
    """The parts one after another, and where each ends."""
    return np.frombuffer(b"".join(parts), np.uint8), np.fromiter(map(len, parts), np.int64, len(parts)).cumsum()


def _packed(texts: Iterable[bytes]) -> tuple[Bytes, Integers]:
    text, ends = packed(list(texts))
    return text, np.concatenate([np.zeros(1, np.int64), ends])


def _spellings(text: str) -> list[bytes]:
    """As JSON writers spell it: with ``\\u`` escapes, as Python does by itself, and without."""
    return sorted({json.dumps(text, ensure_ascii=True).encode(), json.dumps(text, ensure_ascii=False).encode()})


def _kind(feature: Feature) -> int:
    if feature.is_categorical:
        return CATEGORY
    return NUMBER if feature.kind is FeatureKind.NUMERIC else WHOLE


def _bounds(feature: Feature) -> tuple[float, float]:
    if feature.is_categorical:
        return 0.0, 0.0
    largest = LARGEST_NUMBER if feature.kind is FeatureKind.NUMERIC else LARGEST_INTEGER
    strict = feature.on_violation == "reject"
    low = feature.minimum if strict and feature.minimum is not None else -math.inf
    high = feature.maximum if strict and feature.maximum is not None else math.inf
    return max(float(low), -float(largest)), min(float(high), float(largest))
