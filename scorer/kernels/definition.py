"""The same as the kernels without them: records by msgspec, and predictions by Python.

This is what a record, its columns and its prediction are; a kernel is right where it gives the same.
"""

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from contract.arrays import Floats
from contract.records import Record, record_type
from contract.rejection import (
    EARLIEST_EVENT_TIME,
    FUTURE_TOLERANCE_MS,
    LATEST_EVENT_TIME,
    RejectionError,
    check_event_time,
    check_key,
    decode,
)
from contract.schema import Schema
from contract.topics import MAX_VALUE_BYTES

_OPEN, _CLOSE = ord("{"), ord("}")


class Definition:
    """Reads the messages of one schema: their values, their keys, and when they were sent (ms; None: not known)."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(record_type(schema))

    def record(self, value: bytes | None, key: bytes | None, sent: int | None) -> Record:
        """The record of one message.

        Raises:
            RejectionError: it is none.
        """
        record = decode(self._decoder, value)
        check_key(key, record.customer_id)
        check_event_time(record.event_time, sent)
        return record

    def all_records(
        self, values: Sequence[bytes | None], keys: Sequence[bytes | None], sent: Sequence[int | None]
    ) -> list[Record] | None:
        """The records of some messages in one call, or None if any of them may be none.

        The values are decoded as lines. No value can hide in another's line: each opens and closes with a brace, a
        raw newline inside a string is no JSON and inside an object the next line's brace is none, so lines and
        values coincide as soon as their numbers agree.
        """
        if not all(
            value and value[0] == _OPEN and value[-1] == _CLOSE and len(value) <= MAX_VALUE_BYTES for value in values
        ):
            return None
        try:
            records = self._decoder.decode_lines(b"\n".join(values))  # type: ignore[arg-type]
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        if len(records) != len(values):
            return None
        for key, time, record in zip(keys, sent, records, strict=True):
            event_time = record.event_time
            if (
                key != record.customer_id.encode()
                or not EARLIEST_EVENT_TIME <= event_time <= LATEST_EVENT_TIME
                or (time is not None and event_time - time > FUTURE_TOLERANCE_MS)
            ):
                return None
        return records

    def column(self, value: bytes | None, key: bytes | None, sent: int | None) -> list[float] | None:
        """The record's column of ``CheckedColumns``; None where it is rejected, or is one that has no column."""
        try:
            record = self.record(value, key, sent)
        except RejectionError:
            return None
        values = msgspec.structs.astuple(record.features)
        made = [_number(each, one.categories) for each, one in zip(values, self._schema.features, strict=True)]
        return None if None in made else [each for each in made if each is not None]


def _number(value: object, categories: Sequence[str]) -> float | None:
    if value is None:
        return np.nan
    if isinstance(value, str):
        return float(categories.index(value)) if value in categories else None
    return float(value)  # type: ignore[arg-type]


def predictions(
    values: Iterable[bytes | None],
    probabilities: Floats,
    decisions: Iterable[int],
    constant: str,
    offsets: Iterable[int],
) -> list[bytes]:
    """Each record's own JSON object with its answer, ``constant`` and its offset at the end.

    Copying bytes that were just validated costs a tenth of encoding the features again.
    """
    answers = zip(values, probabilities.tolist(), decisions, offsets, strict=True)
    return [
        (value or b"").rstrip()[:-1]
        + f',"probability":{probability!r},"predicted":{decision},{constant}{offset}}}}}'.encode()
        for value, probability, decision, offset in answers
    ]
