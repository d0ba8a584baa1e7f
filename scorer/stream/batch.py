"""One batch of customer records in, predictions and dead letters out. No I/O and no clock."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from contract.records import Record, record_type
from contract.rejection import (
    EARLIEST_EVENT_TIME,
    FUTURE_TOLERANCE_MS,
    RejectionError,
    check_event_time,
    check_key,
    decode,
)
from contract.schema import Schema
from contract.topics import MAX_VALUE_BYTES
from scorer.models.scores import Scores, finite_scores

_OPEN, _CLOSE = ord("{"), ord("}")


@dataclass(frozen=True, slots=True)
class Raw:
    """One message as it was read: where it stands in its partition, and its bytes."""

    offset: int
    key: bytes | None
    value: bytes | None


@dataclass(slots=True)
class ScoredBatch:
    """One partition's share of a batch: (key, prediction value) in order of offset, and what could not be used."""

    predictions: list[tuple[bytes, bytes]] = field(default_factory=list)
    rejected: list[tuple[Raw, RejectionError]] = field(default_factory=list)


class BatchScorer:
    """Decodes, checks and scores the records of one partition.

    Valid records take the fast way, all decoded in one call. If any is not valid, all are decoded one by one: the bad
    ones are rejected, each with its own reason, and the rest is scored.
    """

    def __init__(self, schema: Schema) -> None:
        self._decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(record_type(schema))

    def score(self, messages: Sequence[Raw], partition: int, models: Sequence[Scores], now: int) -> ScoredBatch:
        """Score ``messages`` with each of ``models``; ``now`` is wall time in ms, for plausibility only."""
        records = self._decode_together(messages, now)
        if records is not None:
            return ScoredBatch(_predictions(messages, records, partition, models))
        good: list[Raw] = []
        records = []
        rejected = []
        for message in messages:
            try:
                records.append(self._decode_one(message, now))
                good.append(message)
            except RejectionError as rejection:
                rejected.append((message, rejection))
        return ScoredBatch(_predictions(good, records, partition, models), rejected)

    def _decode_one(self, message: Raw, now: int) -> Record:
        record = decode(self._decoder, message.value)
        check_key(message.key, record.customer_id)
        check_event_time(record.event_time, now)
        return record

    def _decode_together(self, messages: Sequence[Raw], now: int) -> list[Record] | None:
        """All records of ``messages``, or None if any of them may be invalid.

        The values are decoded as lines. No value can hide in another's line: each opens and closes with a brace, a
        raw newline inside a string is no JSON and inside an object the next line's brace is none, so lines and
        values coincide as soon as their numbers agree.
        """
        values = [message.value for message in messages]
        if not all(
            value and value[0] == _OPEN and value[-1] == _CLOSE and len(value) <= MAX_VALUE_BYTES for value in values
        ):
            return None
        try:
            records = self._decoder.decode_lines(b"\n".join(values))  # type: ignore[arg-type]
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        if len(records) != len(messages):
            return None
        latest = now + FUTURE_TOLERANCE_MS
        for message, record in zip(messages, records, strict=True):
            if message.key != record.customer_id.encode() or not EARLIEST_EVENT_TIME <= record.event_time <= latest:
                return None
        return records


def _predictions(
    messages: Sequence[Raw], records: Sequence[Record], partition: int, models: Sequence[Scores]
) -> list[tuple[bytes, bytes]]:
    if not records:
        return []
    features = [record.features for record in records]
    return [pair for model in models for pair in _model_predictions(messages, features, partition, model)]


def _model_predictions(
    messages: Sequence[Raw], features: Sequence[msgspec.Struct], partition: int, model: Scores
) -> list[tuple[bytes, bytes]]:
    """A prediction is the record's own JSON object with the answer's fields appended.

    Copying bytes that were just validated costs a tenth of encoding the features again.
    """
    probabilities, decisions = finite_scores(model, features)
    constant = (
        f'"threshold":{model.threshold!r},"model":{msgspec.json.encode(model.ref).decode()},'
        f'"source":{{"partition":{partition},"offset":'
    )
    return [
        (
            message.key or b"",
            (message.value or b"").rstrip()[:-1]
            + f',"probability":{probability!r},"predicted":{decision},{constant}{message.offset}}}}}'.encode(),
        )
        for message, probability, decision in zip(messages, probabilities.tolist(), decisions.tolist(), strict=True)
    ]
