"""What clients send: records to score, and labels. Their types come from the schema, with the rules of the stream.

A body is decoded and checked in one call at C speed. Only if that fails is it gone through value by value, to name all
that is wrong with it at once.
"""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from secrets import token_hex
from typing import Annotated, Any, Generic, TypeVar, cast

import msgspec

from contract.messages import Binary
from contract.records import Identifier, features_type
from contract.rejection import EARLIEST_EVENT_TIME, Reason, RejectionError, check_event_time, decode, invalid
from contract.schema import Feature, FeatureKind, Schema
from contract.settings import Settings
from scorer.rest.problems import Fault, ProblemError

MOST_FAULTS = 100
TOO_MANY = "too-many"
LONGEST_CUSTOMER = 256 - 33
"""Characters of a customer id to which a record id that is made can be added."""
_MOST_EXPLAINED = 100
_SHOWN = 100  # characters of a name that somebody made up

# for the document only: the stream has a reason of its own for an event time that is out of range
EventTime = Annotated[
    int,
    msgspec.Meta(
        description="Milliseconds since 1970, UTC; not before 2000, and at most a day ahead. Left out: now.",
        extra_json_schema={"minimum": EARLIEST_EVENT_TIME},
    ),
]
Item = TypeVar("Item", bound=msgspec.Struct)

_MADE = re.compile(r"(?P<customer>.+)~[0-9a-f]{32}", re.DOTALL)
_JSON_KINDS = {type(None): "null", bool: "boolean", str: "string", list: "array", dict: "object"}


class ScoringRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A record to score. ``features`` is the schema's own type; what is left out is made.

    ``true_value`` is the record's label, where it is known already.
    """

    features: msgspec.Struct
    record_id: Identifier | None = None
    customer_id: Identifier | None = None
    event_time: EventTime | None = None
    true_value: Binary | None = None

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
    label: Binary
    customer_id: Identifier | None = None
    event_time: EventTime | None = None


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


@dataclass(frozen=True)
class Read(Generic[Item]):
    """A body's items, and whether it was a list of them or a single one."""

    items: list[Item]
    many: bool


class RequestReader(Generic[Item]):
    """Reads bodies that hold one item of ``kind``, or a list of up to ``limit`` of them."""

    def __init__(self, schema: Schema, kind: type[Item], limit: int, max_bytes: int) -> None:
        self._schema = schema
        self._kind = kind
        self._limit = limit
        self._max_bytes = max_bytes
        several = Annotated[list[kind], msgspec.Meta(min_length=1, max_length=limit)]  # type: ignore[valid-type]
        self._decoder: msgspec.json.Decoder[Item | list[Item]] = msgspec.json.Decoder(kind | several)

    def read(self, body: bytes, now: int) -> Read[Item]:
        """The items of a body; ``now`` is wall time in ms, for plausibility only.

        Raises:
            ProblemError: 400, with what is wrong.
        """
        try:
            found = decode(self._decoder, body, self._max_bytes)
        except RejectionError as rejection:
            faults = self._faults(body, rejection)
        else:
            read = Read(found, True) if isinstance(found, list) else Read([found], False)
            faults = [
                fault for index, item in enumerate(read.items) for fault in self._odd(item, _place(read, index), now)
            ]
            if not faults:
                return read
        raise ProblemError(
            400, "the request cannot be used; see errors for what to change in it", errors=faults[:MOST_FAULTS]
        )

    def _odd(self, item: Item, place: str, now: int) -> Iterator[Fault]:
        """What the types cannot say."""
        event_time: int | None = getattr(item, "event_time", None)
        if event_time is not None:
            try:
                check_event_time(event_time, now)
            except RejectionError as rejection:
                yield Fault(f"{place}event_time", rejection.reason, "number", rejection.detail)
        if (
            isinstance(item, ScoringRequest)
            and item.record_id is None
            and len(item.customer_id or "") > LONGEST_CUSTOMER
        ):
            yield Fault(
                f"{place}customer_id",
                Reason.OUT_OF_RANGE,
                "string",
                f"give a record_id, too, or a customer_id of at most {LONGEST_CUSTOMER} characters",
            )

    def _faults(self, body: bytes, first: RejectionError) -> list[Fault]:
        if first.reason in (Reason.EMPTY_VALUE, Reason.TOO_LARGE, Reason.NOT_UTF8, Reason.NOT_JSON, Reason.NOT_FINITE):
            remedy = f"give one JSON object or a list of them ({first.detail})"
            return [Fault(first.field, first.reason, "nothing" if not body else "text", remedy)]
        try:
            value = msgspec.json.decode(body)
        except (msgspec.MsgspecError, RecursionError):
            return [Fault(first.field, first.reason, "text", first.detail)]
        found = list(self._of_body(value))
        return found or [Fault(first.field, first.reason, json_kind(value), first.detail)]

    def _of_body(self, value: Any) -> Iterator[Fault]:
        if isinstance(value, dict):
            yield from self._of_struct(self._kind, value, "")
        elif not isinstance(value, list):
            yield Fault("", Reason.WRONG_SHAPE, json_kind(value), "give an object, or a list of objects")
        elif not value:
            yield Fault("", Reason.EMPTY_VALUE, "array", "give at least one")
        elif len(value) > self._limit:
            yield Fault("", TOO_MANY, "array", f"{len(value)} are too many; give {self._limit} at most in a request")
        else:
            for index, item in enumerate(value):
                yield from self._of_item(item, f"[{index}]")

    def _of_item(self, value: Any, place: str) -> Iterator[Fault]:
        if isinstance(value, dict):
            yield from self._of_struct(self._kind, value, f"{place}.")
        else:
            yield Fault(place, Reason.WRONG_SHAPE, json_kind(value), "give an object")

    def _of_struct(self, kind: type[msgspec.Struct], value: dict[str, Any], place: str) -> Iterator[Fault]:
        fields = {field.name: field for field in msgspec.structs.fields(kind)}
        for name in sorted(value.keys() - fields.keys()):
            yield Fault(
                f"{place}{name[:_SHOWN]}", Reason.UNKNOWN_FIELD, json_kind(value[name]), _unknown(name, list(fields))
            )
        for name, field in fields.items():
            nested = isinstance(field.type, type) and issubclass(field.type, msgspec.Struct)
            if name not in value:
                if field.required:
                    yield Fault(f"{place}{name}", Reason.MISSING_FIELD, "nothing", self._remedy(name))
            elif nested and isinstance(value[name], dict):
                yield from self._of_struct(field.type, value[name], f"{place}{name}.")
            else:
                try:
                    msgspec.convert(value[name], field.type)
                except msgspec.ValidationError as error:
                    yield Fault(f"{place}{name}", invalid(error).reason, json_kind(value[name]), self._remedy(name))

    def _remedy(self, name: str) -> str:
        try:
            return f"give {expected(self._schema.feature(name))}"
        except KeyError:
            return f"give {_EXPECTED[name]}"


_EXPECTED = {
    "features": "an object with the schema's features",
    "record_id": "a text of 1 to 256 characters",
    "customer_id": "a text of 1 to 256 characters",
    "event_time": "milliseconds since 1970, UTC, as a whole number",
    "true_value": "1 (churned) or 0",
    "label": "1 (churned) or 0",
}


def expected(feature: Feature) -> str:
    """What a value of a feature must be, in words."""
    if feature.is_categorical:
        said = "one of " + ", ".join(feature.categories) if feature.on_violation == "reject" else "a text"
    elif feature.kind is FeatureKind.FLAG and feature.on_violation == "reject":
        said = "0 or 1"
    else:
        said = "a number" if feature.kind is FeatureKind.NUMERIC else "a whole number"
        if feature.on_violation == "reject":
            low, high = feature.minimum, feature.maximum
            said += f" from {low:,.15g}" if low is not None else ""
            said += (" to " if low is not None else " up to ") + f"{high:,.15g}" if high is not None else ""
    return f"{said}, or null" if feature.missing else said


def json_kind(value: object) -> str:
    """The kind of a JSON value."""
    return _JSON_KINDS.get(type(value), "number")


def _unknown(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    return f"{meant}remove it; there are {', '.join(known)}"


def _place(read: Read[Item], index: int) -> str:
    return f"[{index}]." if read.many else ""
