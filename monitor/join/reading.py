"""A batch of messages of one topic, read at once: as ``IncomingReader`` reads them one by one, several times as fast.

Where anything may be wrong with any of them, all are read one by one, so that each bad one gets its own reason.
"""

from collections.abc import Sequence

import msgspec
from confluent_kafka import Message

from contract.kafka.timestamps import sent_at
from contract.messages import Binary, Label, Prediction, prediction_type
from contract.records import Identifier
from contract.rejection import EARLIEST_EVENT_TIME, FUTURE_TOLERANCE_MS, LATEST_EVENT_TIME
from contract.schema import Schema
from contract.topics import MAX_PREDICTION_BYTES, MAX_VALUE_BYTES
from monitor.join.incoming import Incoming, IncomingReader, with_resent

_OPEN, _CLOSE = ord("{"), ord("}")


class _PlainLabel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A ``Label`` whose whole numbers are written as such: no Python has to look at each of them."""

    record_id: Identifier
    customer_id: Identifier
    event_time: int
    label: Binary


_Content = Prediction | Label | _PlainLabel


class BatchReader:
    """Reads the messages of both topics of a schema's stream."""

    def __init__(self, schema: Schema) -> None:
        self._single = IncomingReader(schema)
        self._prediction: msgspec.json.Decoder[_Content] = msgspec.json.Decoder(prediction_type(schema))
        self._label: msgspec.json.Decoder[_Content] = msgspec.json.Decoder(_PlainLabel)

    def predictions(self, messages: Sequence[Message]) -> list[Incoming]:
        """Messages of ``predictions``."""
        found = _together(messages, self._prediction, MAX_PREDICTION_BYTES)
        return list(map(self._single.prediction, messages)) if found is None else found

    def labels(self, messages: Sequence[Message]) -> list[Incoming]:
        """Messages of ``labels``."""
        found = _together(messages, self._label, MAX_VALUE_BYTES)
        if found is not None and _all_plausible(messages, found):
            return list(map(with_resent, messages, found))
        return list(map(self._single.label, messages))


def _together(
    messages: Sequence[Message], decoder: "msgspec.json.Decoder[_Content]", most_bytes: int
) -> list[Incoming] | None:
    """All messages, or None if any of them may be something else than a good one.

    The values are decoded as lines. No value can hide in another's line: each opens and closes with a brace, a raw
    newline inside a string is no JSON and inside an object the next line's brace is none, so lines and values coincide
    as soon as their numbers agree.
    """
    values = [message.value() for message in messages]
    if not all(value and value[0] == _OPEN and value[-1] == _CLOSE and len(value) <= most_bytes for value in values):
        return None
    try:
        contents = decoder.decode_lines(b"\n".join(values))  # type: ignore[arg-type]
        keys = [message.key() for message in messages]
        if len(contents) != len(values) or keys != [content.customer_id.encode() for content in contents]:
            return None
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    if not all(EARLIEST_EVENT_TIME <= content.event_time <= LATEST_EVENT_TIME for content in contents):
        return None
    offsets = [message.offset() for message in messages]
    return list(map(Incoming, offsets, keys, values, contents))  # type: ignore[arg-type]


def _all_plausible(messages: Sequence[Message], found: Sequence[Incoming]) -> bool:
    for message, incoming in zip(messages, found, strict=True):
        sent = sent_at(message)
        if sent is not None and incoming.content.event_time > sent + FUTURE_TOLERANCE_MS:  # type: ignore[union-attr]
            return False
    return True
