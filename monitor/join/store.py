"""The join's store: one SQLite file per partition, with absorbed offsets and state in the same transaction.

Guarantee: after a crash the file holds the state as of its last ``commit``, with the offsets that belong to it. It is a
cache of the log: a file that is lost, damaged or of another stream is made anew, and the join reads the log again.
"""

import logging
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import msgspec

from contract.messages import ModelRef, SampleRow, Summary
from monitor.join.pane_limits import PaneLimits
from monitor.join.rules import KeptLabel, KeptPrediction, TopicProgress
from monitor.panes import record_hash

_log = logging.getLogger("churnstream.join")
_LOOKUPS = 1_000
"""Records in one query; SQLite takes 32,766 parameters."""


class PaneId(NamedTuple):
    """A pane of this partition: its start (ms) and its model."""

    start: int
    model: ModelRef


class KeptPane(msgspec.Struct):
    """A pane's sums (its sample stays with the predictions), and whether they changed since they were published."""

    threshold: float
    summary: Summary
    dirty: bool = True


class Counters(msgspec.Struct):
    """What the join dropped or refused in this partition."""

    duplicate_predictions: int = 0
    repeated_labels: int = 0
    contradicting_labels: int = 0
    dead_letters: int = 0


class PartitionState(msgspec.Struct):
    """The small part of a partition's state, held in memory while it is assigned."""

    predictions: TopicProgress = msgspec.field(default_factory=TopicProgress)
    labels: TopicProgress = msgspec.field(default_factory=TopicProgress)
    counters: Counters = msgspec.field(default_factory=Counters)


@dataclass
class KeptMessages:
    """What the store knows of some records, by record id; labels are in order of offset."""

    predictions: dict[str, list[KeptPrediction]] = field(default_factory=dict)
    labels: dict[str, list[KeptLabel]] = field(default_factory=dict)


_LAYOUT = """
CREATE TABLE predictions (
    record_id TEXT NOT NULL, role TEXT NOT NULL, pane TEXT NOT NULL, hash INTEGER NOT NULL, offset INTEGER NOT NULL,
    body BLOB NOT NULL, PRIMARY KEY (record_id, role)
);
CREATE INDEX predictions_by_pane ON predictions (pane, hash, record_id);
CREATE INDEX predictions_by_offset ON predictions (offset);
CREATE TABLE labels (
    offset INTEGER PRIMARY KEY, record_id TEXT NOT NULL, time INTEGER NOT NULL, epoch INTEGER NOT NULL,
    joined INTEGER NOT NULL, body BLOB NOT NULL
);
CREATE INDEX labels_by_record ON labels (record_id);
CREATE INDEX labels_unjoined ON labels (time) WHERE joined = 0;
CREATE TABLE panes (pane TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 0), identity TEXT NOT NULL, body BLOB NOT NULL);
"""

_encode = msgspec.msgpack.encode
# a pane's sums outgrow the 64 bits of MessagePack; JSON has integers of any size
_encode_pane = msgspec.json.encode
_decode_prediction = msgspec.msgpack.Decoder(KeptPrediction).decode
_decode_label = msgspec.msgpack.Decoder(KeptLabel).decode
_decode_pane = msgspec.json.Decoder(tuple[int, ModelRef, KeptPane]).decode
_decode_state = msgspec.msgpack.Decoder(PartitionState).decode


class JoinStore:
    """One partition's state. Changes are seen at once and last from ``commit`` on; ``rollback`` drops them.

    ``identity`` says which stream the file belongs to; a file of another one is made anew.
    """

    def __init__(self, path: Path, identity: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._identity = identity
        self._path = path
        self._connection = self._open()

    def reset(self) -> None:
        """Forget everything, for a store that contradicts the log."""
        self._connection.close()
        _remove(self._path)
        self._connection = self._open()

    def state(self) -> PartitionState:
        (body,) = self._connection.execute("SELECT body FROM state").fetchone()
        return _decode_state(body)

    def panes(self) -> dict[PaneId, KeptPane]:
        found = {}
        for (body,) in self._connection.execute("SELECT body FROM panes ORDER BY pane"):
            start, model, pane = _decode_pane(body)
            found[PaneId(start, model)] = pane
        return found

    def find(self, record_ids: Iterable[str]) -> KeptMessages:
        """All that is known of some records."""
        found = KeptMessages()
        wanted = list(record_ids)
        for start in range(0, len(wanted), _LOOKUPS):
            some = wanted[start : start + _LOOKUPS]
            among = f"record_id IN ({', '.join('?' * len(some))})"
            for (body,) in self._connection.execute(f"SELECT body FROM predictions WHERE {among}", some):
                prediction = _decode_prediction(body)
                found.predictions.setdefault(prediction.record_id, []).append(prediction)
            for (body,) in self._connection.execute(f"SELECT body FROM labels WHERE {among} ORDER BY offset", some):
                label = _decode_label(body)
                found.labels.setdefault(label.record_id, []).append(label)
        return found

    def put_predictions(self, predictions: Iterable[tuple[PaneId, KeptPrediction]]) -> None:
        self._connection.executemany(
            "INSERT OR REPLACE INTO predictions VALUES (?, ?, ?, ?, ?, ?)",
            (
                (
                    kept.record_id,
                    kept.model.role,
                    _name(pane),
                    record_hash(kept.record_id),
                    kept.offset,
                    _encode(kept),
                )
                for pane, kept in predictions
            ),
        )

    def put_labels(self, labels: Iterable[KeptLabel]) -> None:
        self._connection.executemany(
            "INSERT OR REPLACE INTO labels VALUES (?, ?, ?, ?, ?, ?)",
            (
                (label.offset, label.record_id, label.event_time, label.epoch, label.joined, _encode(label))
                for label in labels
            ),
        )

    def drop_labels(self, labels: Iterable[KeptLabel]) -> None:
        self._connection.executemany("DELETE FROM labels WHERE offset = ?", ((label.offset,) for label in labels))

    def put_panes(self, panes: Iterable[tuple[PaneId, KeptPane]]) -> None:
        self._connection.executemany(
            "INSERT OR REPLACE INTO panes VALUES (?, ?)",
            ((_name(pane), _encode_pane((pane.start, pane.model, kept))) for pane, kept in panes),
        )

    def put_state(self, state: PartitionState) -> None:
        self._connection.execute("INSERT OR REPLACE INTO state VALUES (0, ?, ?)", (self._identity, _encode(state)))

    def unjoined_labels(self, before: int | None, epoch: int) -> list[KeptLabel]:
        """Labels without a prediction whose event time is before ``before`` or whose epoch is before ``epoch``."""
        rows = self._connection.execute(
            "SELECT body FROM labels WHERE joined = 0 AND (time < ? OR epoch < ?) ORDER BY offset",
            (before, epoch),
        )
        return [_decode_label(body) for (body,) in rows]

    def forget(self, pane: PaneId) -> None:
        """Drop a pane, its predictions and the labels that joined them; a label that still waits stays."""
        name = (_name(pane),)
        self._connection.execute(
            "DELETE FROM labels WHERE joined = 1 AND record_id IN (SELECT record_id FROM predictions WHERE pane = ?)",
            name,
        )
        self._connection.execute("DELETE FROM predictions WHERE pane = ?", name)
        self._connection.execute("DELETE FROM panes WHERE pane = ?", name)

    def sample(self, pane: PaneId, limits: PaneLimits) -> list[SampleRow]:
        """The pane's predictions with the smallest hashes, in ascending order of hash, as many as the limits allow."""
        rows = self._connection.execute(
            "SELECT hash, body FROM predictions WHERE pane = ? ORDER BY hash, record_id LIMIT ?",
            (_name(pane), limits.sample_size),
        )
        sample = []
        left = limits.sample_bytes
        for row_hash, body in rows:
            kept = _decode_prediction(body)
            features = tuple(map(limits.shown, kept.features))
            left -= limits.row_bytes(kept.record_id, features)
            if left < 0:
                break
            sample.append(SampleRow(row_hash, kept.record_id, kept.probability, kept.predicted, kept.label, features))
        return sample

    def oldest_prediction(self) -> KeptPrediction | None:
        row = self._connection.execute("SELECT body FROM predictions ORDER BY offset LIMIT 1").fetchone()
        return _decode_prediction(row[0]) if row else None

    def oldest_label(self) -> KeptLabel | None:
        row = self._connection.execute("SELECT body FROM labels ORDER BY offset LIMIT 1").fetchone()
        return _decode_label(row[0]) if row else None

    def commit(self) -> None:
        self._connection.execute("COMMIT")
        self._connection.execute("BEGIN")

    def rollback(self) -> None:
        self._connection.execute("ROLLBACK")
        self._connection.execute("BEGIN")

    def close(self) -> None:
        """Drop what was not committed and let go of the file."""
        self._connection.close()

    def _open(self) -> sqlite3.Connection:
        connection = _connect(self._path)
        row = None
        try:
            row = connection.execute("SELECT identity FROM state").fetchone()
            fits = row is not None and row[0] == self._identity
        except sqlite3.DatabaseError:
            fits = False
        if row is not None and not fits:
            _log.warning("%s is of another stream, schema or setting; it is forgotten and made anew", self._path)
        if not fits:
            connection.close()
            _remove(self._path)
            connection = _connect(self._path)
            connection.executescript(_LAYOUT)
            state = (self._identity, _encode(PartitionState()))
            connection.execute("INSERT INTO state VALUES (0, ?, ?)", state)
        connection.execute("BEGIN")
        return connection


def _connect(path: Path) -> sqlite3.Connection:
    # the join's thread alone uses it, but the thread that builds it may be another
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        # a power cut may take the last commits, never consistency; the log gives them back
        connection.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.DatabaseError:
        # not a database: found out again, and dealt with, by whoever reads it
        pass
    return connection


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _name(pane: PaneId) -> str:
    return f"{pane.start:020d}/{pane.model.name}/{pane.model.version}/{pane.model.role}"
