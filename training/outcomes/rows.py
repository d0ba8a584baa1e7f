"""Scored records with their labels, gathered from messages into columns. Pure.

A record counts once, however often it was sent or scored: its features and its time are those of its first prediction,
and the label is the one of highest revision. Only what was scored together with the first prediction counts, because a
record that is sent again may meet a model that has learned from it. What stands in memory is columns; record ids
are there only while their partition is read.
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd

from contract.arrays import Floats, Integers, Mask
from contract.errors import UserError
from contract.history.known import NEVER_KNOWN
from contract.messages import ModelRef, Outcome, Prediction, RecordPosition, prediction_type
from contract.records import columns_frame
from contract.schema import Schema

NO_LABEL = -1
_CHUNK = 20_000


class EventSpan(NamedTuple):
    """``since <= event_time < until`` in ms; None: no end on this side."""

    since: int | None = None
    until: int | None = None

    def holds(self, time: int) -> bool:
        """Whether a time lies within it."""
        return (self.since is None or time >= self.since) and (self.until is None or time < self.until)


@dataclass(frozen=True)
class ScoredRecords:
    """Records of a stream in the order of their event times, one row each.

    ``X`` is as ``contract.records.columns_frame`` makes it (without columns where no features were asked for),
    ``times`` and ``label_times`` are ms (``NEVER_KNOWN`` without a label), ``labels`` are 0, 1 or ``NO_LABEL``;
    ``inferred``: silence that counts as 0. ``mature``: the time for the record's label is up, so a record without one
    will hardly get one any more. ``scores`` has, by model and role, its probabilities, NaN where it has not scored.
    ``unreadable`` counts messages that are no predictions or outcomes of this schema.
    """

    X: pd.DataFrame
    times: Integers
    customers: npt.NDArray[np.object_]
    labels: npt.NDArray[np.int8]
    label_times: Integers
    inferred: Mask
    mature: Mask
    scores: dict[ModelRef, Floats]
    unreadable: int = 0

    def __len__(self) -> int:
        return len(self.times)

    @property
    def usable(self) -> Mask:
        """The rows that can be learned from and judged by: mature ones with a label."""
        found: Mask = self.mature & (self.labels != NO_LABEL)
        return found

    def scored_by(self, *models: ModelRef) -> Mask:
        """The rows that each of these has scored."""
        found: Mask = np.ones(len(self), dtype=bool)
        for model in models:
            found &= ~np.isnan(self.scores[model]) if model in self.scores else np.zeros(len(self), dtype=bool)
        return found


class _ScoreOnly(msgspec.Struct, frozen=True):
    """What is read of a prediction where its features are not asked for."""

    record_id: str
    customer_id: str
    event_time: int
    probability: float
    model: ModelRef
    source: RecordPosition | None = None


class PartitionRows:
    """The records of one partition, from its messages on ``predictions`` first and on ``outcomes`` then.

    At most ``most`` records; beyond it ``prediction`` raises:
        UserError: there are more.
    """

    def __init__(self, schema: Schema, span: EventSpan, most: int, *, features: bool = True) -> None:
        self._schema = schema
        self._span = span
        self._most = most
        self._features = features
        kind: Any = prediction_type(schema) if features else _ScoreOnly
        self._decode_prediction: msgspec.json.Decoder[Prediction | _ScoreOnly] = msgspec.json.Decoder(kind)
        self._decode_outcome = msgspec.json.Decoder(Outcome)
        self._places: dict[tuple[str, str], int] = {}
        self._sources: list[RecordPosition | None] = []
        self._times: list[int] = []
        self._customers: list[str] = []
        self._waiting: list[tuple[Any, ...]] = []
        self._chunks: list[list[npt.NDArray[Any]]] = []
        self._scores: dict[ModelRef, dict[int, float]] = {}
        self._labels: dict[int, tuple[int, int, int, bool]] = {}
        self.unreadable = 0

    def __len__(self) -> int:
        return len(self._times)

    def prediction(self, value: bytes | None) -> None:
        """A message's value; one that is no prediction of this schema is counted."""
        try:
            read = self._decode_prediction.decode(value or b"")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.unreadable += 1
            return
        if not self._span.holds(read.event_time):
            return
        key = read.record_id, read.customer_id
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = len(self._times)
            if place >= self._most:
                raise UserError(
                    f"there are more than {self._most:,} records in this time, and all are kept in memory; ask for a "
                    "shorter time with --since and --until"
                )
            self._sources.append(read.source)
            self._times.append(read.event_time)
            self._customers.append(read.customer_id)
            if isinstance(read, Prediction):
                self._waiting.append(msgspec.structs.astuple(read.features))
                if len(self._waiting) == _CHUNK:
                    self._pack()
        if read.source == self._sources[place]:
            self._scores.setdefault(read.model, {}).setdefault(place, read.probability)

    def outcome(self, value: bytes | None) -> None:
        """A message's value; one of a record that is not here is passed over."""
        try:
            read = self._decode_outcome.decode(value or b"")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.unreadable += 1
            return
        place = self._places.get((read.record_id, read.customer_id))
        if place is not None and self._labels.get(place, (-1,))[0] <= read.revision:
            self._labels[place] = read.revision, read.label, read.label_time, read.inferred

    def rows(self, mature_before: int | None) -> ScoredRecords:
        """All of them in the order in which they came; mature are those with an earlier time (None: none is)."""
        self._places.clear()
        self._sources.clear()
        self._pack()
        count = len(self._times)
        times = np.array(self._times, dtype=np.int64)
        labels = np.full(count, NO_LABEL, dtype=np.int8)
        label_times = np.full(count, NEVER_KNOWN, dtype=np.int64)
        inferred = np.zeros(count, dtype=bool)
        for place, (_, label, label_time, silent) in self._labels.items():
            labels[place], label_times[place], inferred[place] = label, label_time, silent
        return ScoredRecords(
            X=self._frame(count),
            times=times,
            customers=np.array(self._customers, dtype=object),
            labels=labels,
            label_times=label_times,
            inferred=inferred,
            mature=times < mature_before if mature_before is not None else np.zeros(count, dtype=bool),
            scores={model: _column(found, count) for model, found in self._scores.items()},
            unreadable=self.unreadable,
        )

    def _frame(self, count: int) -> pd.DataFrame:
        if not self._features:
            return pd.DataFrame(index=range(count))
        if not self._chunks:
            return columns_frame(self._schema, [()] * len(self._schema.features))
        return columns_frame(self._schema, [np.concatenate(parts) for parts in zip(*self._chunks, strict=True)])

    def _pack(self) -> None:
        if not self._waiting:
            return
        packed: list[npt.NDArray[Any]] = []
        for feature, cells in zip(self._schema.features, zip(*self._waiting, strict=True), strict=True):
            if feature.is_categorical:
                # each message has a string of its own for the same few names
                packed.append(
                    np.array([sys.intern(cell) if cell is not None else None for cell in cells], dtype=object)
                )
            else:
                packed.append(np.array(cells, dtype=np.float64))
        self._chunks.append(packed)
        self._waiting = []


def together(parts: Iterable[ScoredRecords]) -> ScoredRecords:
    """The rows of several partitions as one table, in the order of their times; of equal ones, in that of ``parts``.

    Raises:
        ValueError: there is no part.
    """
    found = list(parts)
    times = np.concatenate([part.times for part in found])
    order = np.argsort(times, kind="stable")
    models = sorted({model for part in found for model in part.scores})

    def joined(columns: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
        ordered: npt.NDArray[Any] = np.concatenate(columns)[order]
        return ordered

    filled = [part.X for part in found if len(part)] or [found[0].X]
    return ScoredRecords(
        X=pd.concat(filled, ignore_index=True).iloc[order].reset_index(drop=True),
        times=times[order],
        customers=joined([part.customers for part in found]),
        labels=joined([part.labels for part in found]),
        label_times=joined([part.label_times for part in found]),
        inferred=joined([part.inferred for part in found]),
        mature=joined([part.mature for part in found]),
        scores={
            model: joined([part.scores.get(model, np.full(len(part), np.nan)) for part in found]) for model in models
        },
        unreadable=sum(part.unreadable for part in found),
    )


def _column(found: dict[int, float], count: int) -> Floats:
    column = np.full(count, np.nan)
    column[list(found)] = list(found.values())
    return column
