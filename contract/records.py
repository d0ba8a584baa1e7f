"""The record type of a schema: decodes and validates a customer record at C speed."""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import msgspec
import numpy as np
import numpy.typing as npt

from contract.bounds import LARGEST_INTEGER, LARGEST_NUMBER, LARGEST_WHOLE_FLOAT, LONGEST_CATEGORY, LONGEST_IDENTIFIER
from contract.schema import Feature, FeatureKind, Schema

if TYPE_CHECKING:
    import pandas as pd

Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_IDENTIFIER)]

if TYPE_CHECKING:
    WholeNumber = int
else:
    WholeNumber = int | Annotated[float, msgspec.Meta(multiple_of=1)]
    """A whole number as others write it: ``3``, ``3.0`` or ``3e0``. A type that has one makes it an int at once."""


def make_whole(struct: msgspec.Struct, field: str) -> None:
    """Make an int of a ``WholeNumber`` that was written as a float; for the ``__post_init__`` of a frozen struct."""
    value = getattr(struct, field)
    if type(value) is float:
        msgspec.structs.force_setattr(struct, field, int(value))


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One scoring request, as on ``customers``. ``features`` is the schema's own type (see ``record_type``).

    ``record_id`` names the request, ``customer_id`` is the Kafka key, ``event_time`` is in ms since the epoch, UTC.
    """

    record_id: Identifier
    customer_id: Identifier
    event_time: WholeNumber
    features: msgspec.Struct

    def __post_init__(self) -> None:
        # asked here, too, because a call takes as long as the record's other checks
        if type(self.event_time) is float:
            make_whole(self, "event_time")


def features_type(schema: Schema, *, strict: bool = True) -> type[msgspec.Struct]:
    """The struct of a schema's features, bounds included where a violation is rejected.

    ``strict``: a field that is none of them is refused, as in what others write; otherwise it is passed over.
    """
    return msgspec.defstruct(
        "Features",
        # keyword-only, so that a feature that may be missing can stand before one that may not
        [_field(feature) for feature in schema.features],
        frozen=True,
        forbid_unknown_fields=strict,
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


def columns_frame(schema: Schema, columns: Sequence[Sequence[Any] | npt.NDArray[Any]]) -> "pd.DataFrame":
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
        return Literal[feature.categories] if strict else Annotated[str, msgspec.Meta(max_length=LONGEST_CATEGORY)]
    minimum, maximum = (feature.minimum, feature.maximum) if strict else (None, None)
    if feature.kind is FeatureKind.NUMERIC:
        low, high = _bounds(minimum, maximum, LARGEST_NUMBER)
        return Annotated[float, msgspec.Meta(ge=low, le=high)]
    return whole_number(minimum, maximum)


def whole_number(minimum: float | None, maximum: float | None) -> Any:
    """The type of a whole number from ``minimum`` to ``maximum``, of which neither must be whole.

    One that is written as a float stays one: ``3.0`` equals ``3``, and a model sees the same double.
    """
    low, high = _bounds(minimum, maximum, LARGEST_INTEGER)
    float_low, float_high = _bounds(minimum, maximum, LARGEST_WHOLE_FLOAT)
    return (
        Annotated[int, msgspec.Meta(ge=math.ceil(low), le=math.floor(high))]
        | Annotated[float, msgspec.Meta(multiple_of=1, ge=float_low, le=float_high)]
    )


def _bounds(minimum: float | None, maximum: float | None, largest: float) -> tuple[float, float]:
    low = -largest if minimum is None else max(minimum, -largest)
    high = largest if maximum is None else min(maximum, largest)
    return low, high
