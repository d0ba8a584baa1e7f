"""Messages of ``predictions`` and ``labels`` as the join takes them: read and checked, or with the reason why not."""

from typing import NamedTuple

import msgspec
from confluent_kafka import Message

from contract.kafka.control import is_control
from contract.kafka.dead_letters import Header, resent_headers
from contract.kafka.timestamps import sent_at
from contract.messages import Label, Prediction, prediction_type
from contract.rejection import RejectionError, check_event_time, check_key, decode
from contract.schema import Schema
from contract.topics import MAX_PREDICTION_BYTES, MAX_VALUE_BYTES


class EndOfStream(NamedTuple):
    """A control message: the topic's replay has ended."""


class Incoming(NamedTuple):
    """One message of a topic: offset, key, value as read, and what it says or why it says nothing.

    ``resent`` is what its headers say of being sent again.
    """

    offset: int
    key: bytes | None
    value: bytes | None
    content: Prediction | Label | EndOfStream | RejectionError
    resent: tuple[Header, ...] = ()


class IncomingReader:
    """Reads the messages of both topics of a schema's stream."""

    def __init__(self, schema: Schema) -> None:
        self._prediction: msgspec.json.Decoder[Prediction | Label] = msgspec.json.Decoder(prediction_type(schema))
        self._label: msgspec.json.Decoder[Prediction | Label] = msgspec.json.Decoder(Label)

    def prediction(self, message: Message) -> Incoming:
        """A message of ``predictions``.

        Its future was judged when it was scored, by when its record was sent. The prediction's own timestamp would say
        nothing of the record, but of the scorer's clock.
        """
        return _read(message, self._prediction, None, MAX_PREDICTION_BYTES)

    def label(self, message: Message) -> Incoming:
        """A message of ``labels``."""
        return with_resent(message, _read(message, self._label, sent_at(message), MAX_VALUE_BYTES))


def with_resent(message: Message, incoming: Incoming) -> Incoming:
    """What was read of a message, with what its headers say of being sent again."""
    resent = resent_headers(message.headers())
    return incoming._replace(resent=resent) if resent else incoming


def _read(
    message: Message, decoder: "msgspec.json.Decoder[Prediction | Label]", sent: int | None, max_bytes: int
) -> Incoming:
    offset, key, value = message.offset() or 0, message.key(), message.value()
    if is_control(message):
        return Incoming(offset, key, value, EndOfStream())
    try:
        content = decode(decoder, value, max_bytes)
        check_key(key, content.customer_id)
        check_event_time(content.event_time, sent)
    except RejectionError as rejection:
        return Incoming(offset, key, value, rejection)
    return Incoming(offset, key, value, content)
