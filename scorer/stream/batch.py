"""One batch of customer records in, predictions and dead letters out. No I/O and no clock."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import msgspec

from contract.records import Record, record_type
from contract.rejection import (
    EARLIEST_EVENT_TIME,
    FUTURE_TOLERANCE_MS,
    LATEST_EVENT_TIME,
    Reason,
    RejectionError,
    check_event_time,
    check_key,
    decode,
)
from contract.schema import Schema
from contract.topics import MAX_VALUE_BYTES
from scorer.models.isolation import Scored, score_each
from scorer.models.scores import Scores

MOST_FAILED_IN_A_ROW = 10
"""Records on which a model may fail, one after the other, before it is taken to be broken."""

Sent = tuple[bytes, bytes]
"""Key and value of a prediction."""
Beside = Callable[[Scores], Sequence[Sent | None]]
"""What another model answers to the records that have a prediction, in the same order; None where it fails on one.

Raises ``BrokenModelError`` where it scores nothing, and whatever else it comes to.
"""
_OPEN, _CLOSE = ord("{"), ord("}")


class Raw(NamedTuple):
    """One message as it was read: where it stands in its partition, its bytes, and when it was sent (ms), if known."""

    offset: int
    key: bytes | None
    value: bytes | None
    sent: int | None = None


def _nothing(_model: Scores) -> Sequence[Sent | None]:
    return ()


@dataclass(slots=True)
class ScoredBatch:
    """One partition's share of a batch: predictions in order of offset, and what could not be used.

    ``beside`` scores the same records with another model. It changes nothing here, and may run on another thread.
    """

    predictions: list[Sent] = field(default_factory=list)
    rejected: list[tuple[Raw, RejectionError]] = field(default_factory=list)
    beside: Beside = _nothing

    @property
    def failures(self) -> int:
        """Records that were rejected because the model failed on them."""
        return sum(rejection.reason is Reason.NOT_SCORABLE for _, rejection in self.rejected)


class BatchScorer:
    """Decodes, checks and scores the records of one partition.

    Valid records take the fast way, all decoded in one call. If any is not valid, all are decoded one by one: the bad
    ones are rejected, each with its own reason, and the rest is scored.
    """

    def __init__(self, schema: Schema) -> None:
        self._decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(record_type(schema))

    def score(
        self,
        messages: Sequence[Raw],
        partition: int,
        model: Scores,
        *,
        most_failed: int | None = MOST_FAILED_IN_A_ROW,
    ) -> ScoredBatch:
        """Score ``messages``.

        A record on which the model fails is rejected. ``most_failed`` is how many such are taken for the records' own
        fault where the model scores no other; None: any number, because the model is known to work.

        Raises:
            BrokenModelError: the model scores nothing, and more than ``most_failed`` records have failed.
        """
        records = self._decode_together(messages)
        if records is not None:
            return _scored(messages, records, partition, model, most_failed)
        good: list[Raw] = []
        records = []
        rejected = []
        for message in messages:
            try:
                records.append(self._decode_one(message))
                good.append(message)
            except RejectionError as rejection:
                rejected.append((message, rejection))
        scored = _scored(good, records, partition, model, most_failed)
        rejected = sorted(rejected + scored.rejected, key=lambda pair: pair[0].offset)
        return ScoredBatch(scored.predictions, rejected, scored.beside)

    def _decode_one(self, message: Raw) -> Record:
        record = decode(self._decoder, message.value)
        check_key(message.key, record.customer_id)
        check_event_time(record.event_time, message.sent)
        return record

    def _decode_together(self, messages: Sequence[Raw]) -> list[Record] | None:
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
        for (_, key, _, sent), record in zip(messages, records, strict=True):
            event_time = record.event_time
            if (
                key != record.customer_id.encode()
                or not EARLIEST_EVENT_TIME <= event_time <= LATEST_EVENT_TIME
                or (sent is not None and event_time - sent > FUTURE_TOLERANCE_MS)
            ):
                return None
        return records


def _scored(
    messages: Sequence[Raw],
    records: Sequence[Record],
    partition: int,
    model: Scores,
    most_failed: int | None,
) -> ScoredBatch:
    if not records:
        return ScoredBatch()
    features = [record.features for record in records]
    scored = score_each(model, features, most_failed)
    predictions = _predictions(messages, scored, partition, model)
    if not scored.failures:
        return ScoredBatch(predictions, beside=partial(_beside, messages, features, partition))
    good = [place for place in range(len(messages)) if place not in scored.failures]
    return ScoredBatch(
        predictions,
        [(messages[place], _failure(model, error)) for place, error in sorted(scored.failures.items())],
        partial(_beside, [messages[place] for place in good], [features[place] for place in good], partition),
    )


def _beside(
    messages: Sequence[Raw], features: Sequence[msgspec.Struct], partition: int, model: Scores
) -> Sequence[Sent | None]:
    scored = score_each(model, features, MOST_FAILED_IN_A_ROW)
    predictions = _predictions(messages, scored, partition, model)
    if not scored.failures:
        return predictions
    made = iter(predictions)
    return [None if place in scored.failures else next(made) for place in range(len(messages))]


def _failure(model: Scores, error: Exception) -> RejectionError:
    return RejectionError(
        Reason.NOT_SCORABLE, "", f"model {model.ref.name} v{model.ref.version} failed: {type(error).__name__}"
    )


def _predictions(messages: Sequence[Raw], scored: Scored, partition: int, model: Scores) -> list[Sent]:
    """A prediction is the record's own JSON object with the answer's fields appended.

    Copying bytes that were just validated costs a tenth of encoding the features again.
    """
    constant = (
        f'"threshold":{model.threshold!r},"model":{msgspec.json.encode(model.ref).decode()},'
        f'"source":{{"partition":{partition},"offset":'
    )
    answers: Iterable[tuple[Raw, float, int]] = zip(
        messages, scored.probabilities.tolist(), scored.decisions.tolist(), strict=True
    )
    if scored.failures:
        answers = [answer for place, answer in enumerate(answers) if place not in scored.failures]
    return [
        (
            message.key or b"",
            (message.value or b"").rstrip()[:-1]
            + f',"probability":{probability!r},"predicted":{decision},{constant}{message.offset}}}}}'.encode(),
        )
        for message, probability, decision in answers
    ]
