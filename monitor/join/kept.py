"""All that is kept of a partition, apart from its offsets: predictions, labels and panes."""

from dataclasses import dataclass, field

import numpy as np

from contract.arrays import Floats, Integers, Mask, Unsigned
from monitor.join.columns.chunk import INFERRED, NEGATIVE, POSITIVE, UNLABELLED, RowArray, delays, event_times, segments
from monitor.join.columns.codes import Codes
from monitor.join.columns.hashing import ROLES, row_keys
from monitor.join.columns.table import LabelChange, RowTable
from monitor.join.open_panes import OpenPanes
from monitor.join.rules import NEVER, KeptLabel, KeptPrediction, TopicProgress
from monitor.join.waiting import WaitingLabels


@dataclass
class KeptRecords:
    """Predictions as rows; labels that wait; ``histories`` of records whose labels their rows do not tell; panes.

    A row tells of one label, of the revision 1 and of its own epoch. Where there was more, or where another label of
    the record waits, the history has all labels that have joined the record, in order of offset. ``changed_histories``
    and ``changes`` (labels of rows) are not yet in the store. Bound of the histories: some 400 bytes for each label of
    a record after its first, as long as the record is kept.
    """

    panes: OpenPanes
    table: RowTable = field(default_factory=RowTable)
    codes: Codes = field(default_factory=Codes)
    waiting: WaitingLabels = field(default_factory=WaitingLabels)
    histories: dict[int, list[KeptLabel]] = field(default_factory=dict)
    changed_histories: set[int] = field(default_factory=set)
    changes: list[LabelChange] = field(default_factory=list)

    def prediction(self, row: int) -> KeptPrediction:
        """What a label needs to know of a row."""
        chunk, at = self.table.chunk_of(row)
        rows = chunk.rows[at : at + 1]
        latest = chunk.latest.at(at)
        return KeptPrediction(
            int(event_times(rows)[0]),
            int(rows["customer"][0]),
            None if latest == NEVER else latest,
            chunk.epochs.at(at),
        )

    def rows_of(self, record: int) -> list[int]:
        """The rows of a record, the champion's first."""
        rows = []
        hashes = np.array([record], np.uint64)
        for role in ROLES:
            if role in self.codes.roles:
                rows += [row for row in self.table.find(row_keys(hashes, role)).tolist() if row >= 0]
        return rows

    def joined(self, record: int, rows: list[int]) -> list[KeptLabel]:
        """The labels that have joined the rows of a record, in order of offset."""
        history = self.histories.get(record)
        if history is not None:
            return history
        for row in rows:
            chunk, at = self.table.chunk_of(row)
            found = chunk.rows[at : at + 1]
            state = int(found["state"][0])
            if state in (NEGATIVE, POSITIVE):
                time = int(event_times(found)[0] + delays(found)[0])
                customer = int(found["customer"][0])
                return [KeptLabel(record, customer, time, int(state == POSITIVE), -1, chunk.epochs.at(at))]
        return []

    def remember(self, record: int, rows: list[int], labels: list[KeptLabel]) -> None:
        """Keep the history of a record where its rows do not tell it."""
        told = len(labels) == 1 and record not in self.waiting and record not in self.histories
        if not labels or (told and all(labels[0].epoch == self.prediction(row).epoch for row in rows)):
            return
        self.histories[record] = [
            KeptLabel(found.record, found.customer, found.event_time, found.label, found.offset, found.epoch)
            for found in labels
        ]
        self.changed_histories.add(record)
        for row in rows:
            self.table.chunk_of(row)[0].histories.add(record)

    def set_label(self, row: int, state: int, delay: int, labels: TopicProgress | None) -> None:
        """Set the label of one row."""
        number, states = np.array([row]), np.array([state], np.uint8)
        self.changes.extend(self.table.put_labels(number, states, np.array([delay]), labels))

    def forget(self, before: int) -> list[int]:
        """Let go of rows before an event time, and of histories with them; serials of the chunks that went."""
        chunks = self.table.forget(before)
        for chunk in chunks:
            for record in chunk.histories:
                if record in self.histories and not self.rows_of(record):
                    del self.histories[record]
                    self.changed_histories.add(record)
        return [chunk.serial for chunk in chunks]


@dataclass(frozen=True)
class Rows:
    """Rows as columns."""

    times: Integers
    codes: Integers
    customers: Unsigned
    probabilities: Floats
    states: Integers
    delays: Integers
    segments: Integers

    @classmethod
    def of(cls, rows: RowArray) -> "Rows":
        return cls(
            event_times(rows),
            rows["code"].astype(np.int64),
            rows["customer"].astype(np.uint64),
            rows["probability"].astype(np.float64),
            rows["state"].astype(np.int64),
            delays(rows),
            segments(rows),
        )

    def where(self, chosen: Mask) -> "Rows":
        return Rows(
            self.times[chosen],
            self.codes[chosen],
            self.customers[chosen],
            self.probabilities[chosen],
            self.states[chosen],
            self.delays[chosen],
            self.segments[chosen],
        )


def state_of(label: int) -> int:
    """The state of a row with a label."""
    return POSITIVE if label else NEGATIVE


def is_labelled(state: int) -> bool:
    """Whether a label has come, and not silence."""
    return state not in (UNLABELLED, INFERRED)
