"""The same as the kernels without them: records by msgspec, and predictions by Python.

This is what a record, its columns and its prediction are; a kernel is right where it gives the same.
"""

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from contract.arrays import Floats
from contract.records import Record, record_type
from contract.rejection import RejectionError, check_event_time, check_key, decode
from contract.schema import Schema


class Definition:
    """Reads the messages of one schema one by one."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(record_type(schema))

    def record(self, value: bytes | None, key: bytes | None, sent: int | None) -> Record:
        """The record of a message that was sent then (ms; None: not known).

        Raises:
            RejectionError: it is none.
        """
        record = decode(self._decoder, value)
        check_key(key, record.customer_id)
        check_event_time(record.event_time, sent)
        return record

    def features(self, value: bytes | None, key: bytes | None, sent: int | None) -> list[float] | None:
        """The record's column of ``CheckedColumns``; None where it is rejected, or is one that has no column."""
        try:
            record = self.record(value, key, sent)
        except RejectionError:
            return None
        values = msgspec.structs.astuple(record.features)
        row = [_number(each, one.categories) for each, one in zip(values, self._schema.features, strict=True)]
        return None if None in row else [each for each in row if each is not None]


def _number(value: object, categories: Sequence[str]) -> float | None:
    if value is None:
        return np.nan
    if isinstance(value, str):
        return float(categories.index(value)) if value in categories else None
    return float(value)  # type: ignore[arg-type]


def prediction(value: bytes, probability: float, decision: int, constant: str, offset: int) -> bytes:
    """The record's own JSON object with the answer's fields appended.

    Copying bytes that were just validated costs a tenth of encoding the features again.
    """
    return (
        value.rstrip()[:-1] + f',"probability":{probability!r},"predicted":{decision},{constant}{offset}}}}}'.encode()
    )


def predictions(
    values: Iterable[bytes], probabilities: Floats, decisions: Iterable[int], constant: str, offsets: Iterable[int]
) -> list[bytes]:
    """``prediction`` of each."""
    answers = zip(values, probabilities.tolist(), decisions, offsets, strict=True)
    return [
        prediction(value, probability, decision, constant, offset) for value, probability, decision, offset in answers
    ]
