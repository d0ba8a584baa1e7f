"""The record type of a schema: decodes and validates a customer record at C speed."""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import msgspec
import numpy as np

from contract.schema import Feature, FeatureKind, Schema

if TYPE_CHECKING:
    import pandas as pd

LARGEST_NUMBER = float(np.finfo(np.float32).max)
"""A feature beyond it, on either side, is refused whatever its schema says: a model of 32-bit floats sees infinity."""
LARGEST_INTEGER = 2**53
"""The same for ordinals and flags: beyond it, neighbouring integers are one double."""

Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One scoring request, as on ``customers``. ``features`` is the schema's own type (see ``record_type``).

    ``record_id`` names the request, ``customer_id`` is the Kafka key, ``event_time`` is in ms since the epoch, UTC.
    """

    record_id: Identifier
    customer_id: Identifier
    event_time: int
    features: msgspec.Struct


def features_type(schema: Schema) -> type[msgspec.Struct]:
    """The struct of a schema's features, bounds included where a violation is rejected."""
    return msgspec.defstruct(
        "Features",
        # keyword-only, so that a feature that may be missing can stand before one that may not
        [_field(feature) for feature in schema.features],
        frozen=True,
        forbid_unknown_fields=True,
        kw_only=True,
        gc=False,  # plain values, of which no cycle can be made
    )


def record_type(schema: Schema) -> type[Record]:
    """``Record`` with ``features`` typed by the schema."""
    fields = [("features", features_type(schema))]
    made = msgspec.defstruct("Record", fields, bases=(Record,), frozen=True, forbid_unknown_fields=True)
    return cast(type[Record], made)


def feature_frame(schema: Schema, features: Iterable[msgspec.Struct]) -> "pd.DataFrame":
    """The model's input: one row per record, columns in schema order.

    Numeric, ordinal and flag columns are float64 (null is NaN), categorical ones are object (null is None).
    """
    rows = [msgspec.structs.astuple(row) for row in features]
    return columns_frame(schema, list(zip(*rows, strict=True)) if rows else [()] * len(schema.features))


def columns_frame(schema: Schema, columns: Sequence[Sequence[Any]]) -> "pd.DataFrame":
    """As ``feature_frame``, from one sequence of values per feature, in schema order."""
    import pandas as pd  # most of the time that a worker takes to start; the join needs none

    return pd.DataFrame(
        {
            feature.name: np.array(column, dtype=object if feature.is_categorical else np.float64)
            for feature, column in zip(schema.features, columns, strict=True)
        }
    )


def _field(feature: Feature) -> tuple[str, Any] | tuple[str, Any, None]:
    kind: Any = _value_type(feature)
    return (feature.name, kind | None, None) if feature.missing else (feature.name, kind)


def _value_type(feature: Feature) -> Any:
    strict = feature.on_violation == "reject"
    if feature.kind is FeatureKind.CATEGORICAL:
        return Literal[feature.categories] if strict else str
    number: type = float if feature.kind is FeatureKind.NUMERIC else int
    minimum, maximum = (feature.minimum, feature.maximum) if strict else (None, None)
    return Annotated[number, _bounds(number, minimum, maximum)]


def _bounds(number: type, minimum: float | None, maximum: float | None) -> msgspec.Meta:
    largest = LARGEST_NUMBER if number is float else LARGEST_INTEGER
    low = -largest if minimum is None else max(minimum, -largest)
    high = largest if maximum is None else min(maximum, largest)
    return msgspec.Meta(ge=low, le=high) if number is float else msgspec.Meta(ge=math.ceil(low), le=math.floor(high))
