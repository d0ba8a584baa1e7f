"""Dead letters as the page may show them: what their headers say, never what stands in them. Pure."""

import re
from collections.abc import Sequence

import msgspec

from contract.kafka.dead_letters import DETAIL, EVENT_TIME, FIELD, ORIGIN_OFFSET, ORIGIN_PARTITION, ORIGIN_TOPIC, REASON
from dashboard.stream.received import Received

MOST_LETTERS = 4_000
_KEPT_OF_TEN = 9
_LONGEST_FIELD, _LONGEST_DETAIL, _LONGEST_TOPIC = 250, 400, 249
# how reasons and fields are written; whoever sends a message chooses the names of fields that the schema does not have
_REASON = re.compile(r"[a-z0-9-]{1,60}")
_FIELD = re.compile(r"[^\W\d][\w. -]*(\[(\.\.\.|\d+)\])?")
_TOPIC = re.compile(r"[A-Za-z0-9._-]+")
_SHOWN = re.compile(
    r"the message has no value"
    r"|\d+ bytes, at most \d+ are taken"
    r"|byte \d+ is not UTF-8"
    r"|nested too deeply"
    r"|the key is (null; it must be the customer_id|not the value's customer_id)"
    r"|the field is missing|the schema has no such field|the value is none of the schema's categories"
    r"|the number (is beyond a double's range|has too many digits)"
    r"|NaN and infinity are no JSON numbers"
    # of types and bounds, which are the schema's
    r"|Expected [\w`| ,<>=.+-]*(that's [\w ]+)?(; a label is 0 or 1)?"
    r"|(JSON is malformed: )?[a-z][a-z ]* \(byte \d+\)|Input data was truncated"
    r"|the (record|label) is behind the watermark by more than the lateness"
    r"|the label came later after its record than is allowed"
    r"|no prediction of this record came before time was up"
    r"|partition \d+, where its record's prediction cannot be: [\w' ;,-]+"
)
"""Details that are known to quote no value of a message."""
_TIMED = re.compile(
    r"-?\d+ (?P<told>is (before 2000|after 2200); give milliseconds since 1970|is more than a day after it was sent)"
)
"""Details that begin with a value: what stands behind it is told."""
_LABEL_DATED = re.compile(
    r"the label is dated -?\d+, before its record of -?\d+ \(ms since 1970\); (?P<remedy>date labels when [\w ,]+)"
)


class SeenLetter(msgspec.Struct, frozen=True, kw_only=True):
    """One dead letter: its place on ``dead-letters``, why it is there, and the place of the message that it was.

    ``field`` is empty where none is named, or its name is none that a schema could have. ``detail`` is empty where it
    could quote the message. ``origin_topic`` is the topic's full name, ``event_time`` the record's (ms; None: not
    readable), ``at`` when Kafka took the letter (ms, wall time).
    """

    partition: int
    offset: int
    reason: str
    field: str
    detail: str
    origin_topic: str
    origin_partition: int
    origin_offset: int
    event_time: int | None
    at: int | None


class KeptLetters:
    """The newest letters, at most ``most``; of more, the oldest are let go of, down to nine tenths."""

    def __init__(self, most: int = MOST_LETTERS) -> None:
        self._most = most
        self._kept: list[SeenLetter] = []
        self._sorted: tuple[SeenLetter, ...] | None = None

    def put(self, letter: SeenLetter) -> None:
        self._kept.append(letter)
        self._sorted = None
        if len(self._kept) > self._most:
            self._kept = list(self.in_order())[-(self._most * _KEPT_OF_TEN // 10) :]
            self._sorted = None

    def in_order(self) -> Sequence[SeenLetter]:
        """By the time that they came, the newest last."""
        if self._sorted is None:
            self._sorted = tuple(sorted(self._kept, key=lambda one: (one.at or 0, one.partition, one.offset)))
        return self._sorted


def letter_of(message: Received) -> SeenLetter | None:
    """What a message on ``dead-letters`` says of itself; None: it is somebody else's."""
    headers = dict(message.headers)
    reason, origin_topic = _text(headers, REASON), _text(headers, ORIGIN_TOPIC)
    partition, offset = _number(headers, ORIGIN_PARTITION), _number(headers, ORIGIN_OFFSET)
    if not _REASON.fullmatch(reason) or not _is_topic(origin_topic) or partition is None or offset is None:
        return None
    return SeenLetter(
        partition=message.partition,
        offset=message.offset,
        reason=reason,
        field=shown_field(_text(headers, FIELD)),
        detail=shown_detail(_text(headers, DETAIL)),
        origin_topic=origin_topic,
        origin_partition=partition,
        origin_offset=offset,
        event_time=_number(headers, EVENT_TIME),
        at=message.at,
    )


def shown_field(field: str) -> str:
    """A field's name, or nothing where it is none that a schema could have: a sender may have chosen it."""
    return field if len(field) <= _LONGEST_FIELD and _FIELD.fullmatch(field) else ""


def shown_detail(detail: str) -> str:
    """A dead letter's detail as far as it quotes nothing of the message; empty where it could.

    Only wordings that are known are shown, so that what a later release quotes, or another writer, is not.
    """
    if len(detail) > _LONGEST_DETAIL:
        return ""
    if found := _TIMED.match(detail):
        return f"the time {found['told']}"
    if found := _LABEL_DATED.match(detail):
        return f"the label is dated before its record; {found['remedy']}"
    return detail if _SHOWN.fullmatch(detail) else ""


def _is_topic(name: str) -> bool:
    return len(name) <= _LONGEST_TOPIC and _TOPIC.fullmatch(name) is not None


def _text(headers: dict[str, bytes | None], name: str) -> str:
    return (headers.get(name) or b"").decode(errors="replace")


def _number(headers: dict[str, bytes | None], name: str) -> int | None:
    text = _text(headers, name)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None
