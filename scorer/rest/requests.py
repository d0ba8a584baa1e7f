"""Bodies of requests: records to score, or labels, as JSON.

A body is decoded and checked in one call at C speed. Only if that fails is it gone through value by value, to name all
that is wrong with it at once.
"""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

import msgspec

from contract.described.features import expected
from contract.rejection import Reason, RejectionError, decode, invalid
from contract.schema import Schema
from scorer.rest.problems import Fault, ProblemError
from scorer.serving.requests import UNUSABLE

TOO_MANY = "too-many"
_SHOWN = 100  # characters of a name that somebody made up

Item = TypeVar("Item", bound=msgspec.Struct)

_JSON_KINDS = {type(None): "null", bool: "boolean", str: "string", list: "array", dict: "object"}


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

    def read(self, body: bytes) -> Read[Item]:
        """The items of a body.

        Raises:
            ProblemError: 400, with what is wrong.
        """
        try:
            found = decode(self._decoder, body, self._max_bytes)
        except RejectionError as rejection:
            raise ProblemError(400, UNUSABLE, errors=self._faults(body, rejection)) from None
        return Read(found, True) if isinstance(found, list) else Read([found], False)

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
            yield Fault("", TOO_MANY, "array", f"{len(value)} are too many; give at most {self._limit} in one request")
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


def json_kind(value: object) -> str:
    """The kind of a JSON value."""
    return _JSON_KINDS.get(type(value), "number")


def _unknown(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    return f"{meant}remove it; the known fields are {', '.join(known)}"
