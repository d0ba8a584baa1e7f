"""The messages on ``labels``, ``predictions`` and ``outcomes``, and how all messages are encoded.

The type of those on ``customers`` is made from the schema (``contract.records``); ``contract.panes`` and
``contract.windows`` have the monitor's. What others write (records, labels) is read strictly. In what we write
ourselves a reader passes over fields that it does not know, so that it can read what the next release writes. All times
are event time in milliseconds since the epoch, UTC.
"""

from typing import TYPE_CHECKING, Annotated, Literal, cast

import msgspec

from contract.records import Identifier, Record, WholeNumber, features_type, make_whole
from contract.schema import Schema

Role = Literal["champion", "challenger"]
Probability = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Binary = Annotated[int, msgspec.Meta(ge=0, le=1)]

if TYPE_CHECKING:
    LabelValue = int
else:
    LabelValue = Binary | Annotated[float, msgspec.Meta(multiple_of=1, ge=0, le=1)]
    """A label as others write it: 0 or 1, also as ``0.0`` or ``1e0``. A type that has one makes it an int at once."""


class ModelRef(msgspec.Struct, frozen=True, order=True):
    """A registered model's name, version (MLflow's number) and role when it scored."""

    name: Annotated[str, msgspec.Meta(max_length=256)]
    version: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
    role: Role = "champion"

    @property
    def key(self) -> str:
        """As it stands in the keys of panes and windows."""
        return f"{self.name}/{self.version}/{self.role}"


class RecordPosition(msgspec.Struct, frozen=True):
    """Where the scored record stands on ``customers``."""

    partition: int
    offset: int


class Label(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """On ``labels``: what became of the customer, known at ``event_time``. ``label`` is 1 (churned) or 0."""

    record_id: Identifier
    customer_id: Identifier
    event_time: WholeNumber
    label: LabelValue

    def __post_init__(self) -> None:
        make_whole(self, "event_time")
        make_whole(self, "label")


class Prediction(Record, frozen=True, forbid_unknown_fields=False, kw_only=True):
    """On ``predictions``: the record with the model's answer. ``predicted`` is 1 iff ``probability >= threshold``.

    ``source`` is null where the record came over HTTP and stands on no topic.
    """

    probability: Probability
    predicted: Binary
    threshold: Probability
    model: ModelRef
    source: RecordPosition | None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """On ``outcomes``: a prediction with its label. ``event_time`` is the record's, ``label_time`` the label's.

    ``revision`` starts at 1 and rises by one with each label that contradicts the one before; the highest is true.
    ``inferred``: no label has come in time, and silence counts as 0 (``absent = "negative"`` in the schema); then
    ``revision`` is 0 and ``label_time`` is when the time was up.
    """

    record_id: str
    customer_id: str
    event_time: int
    label_time: int
    label: int
    revision: int
    probability: float
    predicted: int
    threshold: float
    model: ModelRef
    inferred: bool = False


def prediction_type(schema: Schema) -> type[Prediction]:
    """``Prediction`` with ``features`` typed by the schema; fields that a later release adds are passed over."""
    made = msgspec.defstruct(
        "Prediction",
        [("features", features_type(schema, strict=False))],
        bases=(Prediction,),
        frozen=True,
        gc=False,  # a tree, and frozen
        forbid_unknown_fields=False,
        kw_only=True,
    )
    return cast(type[Prediction], made)


def encode(message: msgspec.Struct) -> bytes:
    """UTF-8 JSON, fields in the order of the type."""
    return msgspec.json.encode(message)
