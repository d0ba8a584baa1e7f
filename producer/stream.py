"""The messages of a replay: a source's rows and their labels, merged in event-time order. Pure, and lazy.

Memory holds one chunk of rows and the labels that are not due yet: those of the records of the longest label delay
(some 250 bytes each), so a long delay over a dense stream costs memory, the length of the table does not.
"""

import heapq
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pandas as pd

from contract.arrays import Integers
from contract.messages import Label
from contract.records import Record
from contract.schema import FeatureKind, Schema
from contract.tables.forms import LARGEST_EXACT
from contract.tables.times import EVENT_TIME
from contract.topics import CUSTOMERS, LABELS
from producer.scenario import Scenario
from producer.sources import RECORD, RowSource


class StreamMessage(NamedTuple):
    """A message to send: topic (without prefix), event time in ms, key, value."""

    topic: str
    event_time: int
    key: bytes
    value: bytes


def stream(source: RowSource, scenario: Scenario, name: str) -> Iterator[StreamMessage]:
    """All messages of the replay ``name``, in event-time order; at equal times labels of earlier records come first.

    ``record_id`` is the data set, the name and the row's own name, else its number, so the same replay sent twice is
    recognised as duplicates. Rows that say when they happened keep that time. A label that is dated before its record
    follows it at once. A record never holds a label. NaN and infinity, which JSON lacks, become null.
    """
    schema = source.schema
    prefix = f"{schema.name}-{name}-"
    encode = msgspec.json.Encoder(enc_hook=str).encode
    features = msgspec.defstruct("Features", list(schema.names), frozen=True, gc=False)
    pending: list[tuple[int, int, str, str, int]] = []
    first = 0

    def due() -> StreamMessage:
        time, _, record, customer, label = heapq.heappop(pending)
        return StreamMessage(LABELS, time, customer.encode(), encode(Label(record, customer, time, label)))

    for chunk in source.chunks():
        times = _event_times(source, scenario, chunk, first)
        names = chunk[RECORD].tolist() if RECORD in chunk else range(first, first + len(chunk))
        staged = scenario.apply(source, chunk, times, name, first)
        rows = zip(
            (f"{prefix}{name}" for name in names),
            staged.chunk[schema.id_column].tolist(),
            times.tolist(),
            zip(*_json_columns(schema, staged.chunk), strict=True),
            staged.labels.tolist(),
            staged.label_times.tolist(),
            staged.labelled.tolist(),
            strict=True,
        )
        for row, (record_id, customer, time, values, label, label_time, labelled) in enumerate(rows, first):
            while pending and pending[0][0] <= time:
                yield due()
            record = Record(record_id, customer, time, features(*values))
            yield StreamMessage(CUSTOMERS, time, customer.encode(), encode(record))
            if labelled:
                heapq.heappush(pending, (label_time, row, record_id, customer, label))
        first += len(chunk)
    while pending:
        yield due()


def _event_times(source: RowSource, scenario: Scenario, chunk: pd.DataFrame, first: int) -> Integers:
    if EVENT_TIME in chunk:
        return chunk[EVENT_TIME].to_numpy(np.int64)
    return scenario.event_times(first, len(chunk), len(source))


def _json_columns(schema: Schema, chunk: pd.DataFrame) -> list[list[Any]]:
    """Values of each feature as JSON takes them: whole numbers of ordinal and flag features as integers."""
    return [
        _whole_numbers(chunk[feature.name])
        if feature.kind in (FeatureKind.ORDINAL, FeatureKind.FLAG)
        else chunk[feature.name].tolist()
        for feature in schema.features
    ]


def _whole_numbers(column: "pd.Series[Any]") -> list[Any]:
    if column.dtype == np.float64:
        values = column.to_numpy()
        if np.all((np.abs(values) <= LARGEST_EXACT) & (values == np.rint(values))):
            return values.astype(np.int64).tolist()
    return [_whole(value) for value in column.tolist()]


def _whole(value: Any) -> Any:
    whole = isinstance(value, float) and abs(value) <= LARGEST_EXACT and value.is_integer()
    return int(value) if whole else value
