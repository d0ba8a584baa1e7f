"""What is asked: records to score, and labels of earlier ones. Their types come from the schema, as on the stream."""

import re
from collections.abc import Callable, Iterator, Sequence
from secrets import token_hex
from typing import Annotated, cast

import msgspec

from contract.messages import LabelValue
from contract.records import Identifier, WholeNumber, features_type, make_whole
from contract.rejection import EARLIEST_EVENT_TIME, Reason, RejectionError
from contract.schema import Schema
from contract.settings import Settings
from scorer.serving.errors import InvalidRequestError, RecordFault

LONGEST_CUSTOMER = 256 - 33
"""Characters of a customer id to which a record id that is made can be added."""
UNUSABLE = "the request cannot be used; see errors for what to change in it"
_MOST_EXPLAINED = 100

# for a document only: the stream has a reason of its own for an event time that is out of range
EventTime = Annotated[
    WholeNumber,
    msgspec.Meta(
        description="Milliseconds since 1970, UTC; not before 2000, and at most a day ahead. Default: now. While a "
        "replay runs, the time of the stream's newest record counts as now.",
        extra_json_schema={"minimum": EARLIEST_EVENT_TIME},
    ),
]

_MADE = re.compile(r"(?P<customer>.+)~[0-9a-f]{32}", re.DOTALL)


class ScoringRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A record to score. ``features`` is the schema's own type; what is left out is made.

    ``true_value`` is the record's label, where it is known already.
    """

    features: msgspec.Struct
    record_id: Identifier | None = None
    customer_id: Identifier | None = None
    event_time: EventTime | None = None
    true_value: LabelValue | None = None

    def __post_init__(self) -> None:
        make_whole(self, "event_time")
        make_whole(self, "true_value")

    def identified(self) -> tuple[str, str]:
        """Its record id and customer id.

        A record id that is made ends in 32 random hex digits and begins with the customer id, so that it alone says in
        which partition its label must go. A record without a customer is a customer of its own.
        """
        if self.record_id is not None:
            return self.record_id, self.customer_id or customer_of(self.record_id)
        if self.customer_id is not None:
            return f"{self.customer_id}~{token_hex(16)}", self.customer_id
        made = token_hex(16)
        return made, made


class LabelRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What became of an earlier record. ``label`` is 1 (churned) or 0."""

    record_id: Identifier
    label: LabelValue
    customer_id: Identifier | None = None
    event_time: EventTime | None = None

    def __post_init__(self) -> None:
        make_whole(self, "event_time")
        make_whole(self, "label")


def most_explained(settings: Settings) -> int:
    """Records in a request for explanations, which take a hundred times as long as answers."""
    return min(settings.http_max_records, _MOST_EXPLAINED)


def customer_of(record_id: str) -> str:
    """The customer of a record that was scored without one being named, or under a record id that was made."""
    made = _MADE.fullmatch(record_id)
    return made["customer"] if made else record_id


def scoring_request_type(schema: Schema) -> type[ScoringRequest]:
    """``ScoringRequest`` with ``features`` typed by the schema."""
    made = msgspec.defstruct(
        "ScoringRequest",
        [("features", features_type(schema))],
        bases=(ScoringRequest,),
        frozen=True,
        forbid_unknown_fields=True,
        kw_only=True,
    )
    return cast(type[ScoringRequest], made)


Check = Callable[[int], None]
"""Raises a ``RejectionError`` for an event time that cannot be."""


def check_requests(items: Sequence[ScoringRequest | LabelRequest], check_time: Check) -> None:
    """Check what the types cannot say.

    Raises:
        InvalidRequestError: something is wrong; it names all of it.
    """
    faults = [fault for index, item in enumerate(items) for fault in _odd(index, item, check_time)]
    if faults:
        raise InvalidRequestError(UNUSABLE, faults)


def _odd(index: int, item: ScoringRequest | LabelRequest, check_time: Check) -> Iterator[RecordFault]:
    if item.event_time is not None:
        try:
            check_time(item.event_time)
        except RejectionError as rejection:
            yield RecordFault(index, "event_time", rejection.reason, "number", rejection.detail)
    if isinstance(item, ScoringRequest) and item.record_id is None and len(item.customer_id or "") > LONGEST_CUSTOMER:
        yield RecordFault(
            index,
            "customer_id",
            Reason.OUT_OF_RANGE,
            "string",
            f"give a record_id, too, or a customer_id of at most {LONGEST_CUSTOMER} characters",
        )
