"""The join's store: one SQLite file per partition, with absorbed offsets and state in the same transaction.

Guarantee: after a crash the file holds the state as of its last ``commit``, with the offsets that belong to it. It is a
cache of the log: a file that is lost, damaged or of another stream is made anew, and the join reads the log again.
Damage anywhere is noticed when a process opens the file, or at the latest when it reads the row (``store_file``).
"""

import logging
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Concatenate, NamedTuple, ParamSpec, TypeVar

import msgspec

from contract.errors import ChurnstreamError, UserError
from contract.kafka.transactions import BatchAbortedError
from contract.messages import ModelRef
from contract.panes import SampleRow, Summary
from contract.worker.room import NoRoomError, has_room, is_no_room
from monitor.join.pane_limits import PaneLimits
from monitor.join.rules import KeptLabel, KeptPrediction, TopicProgress
from monitor.join.store_file import DamagedFileError, check, connect, put_aside, remove, sealed, unsealed
from monitor.panes import record_hash

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_log = logging.getLogger("churnstream.join")
_HASH = 3
"""The column of ``predictions``."""
_UNUSABLE = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM)
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
    panes: str = ""
    """The id of the topic that the panes are published on; empty: not known."""


@dataclass
class KeptMessages:
    """What the store knows of some records, by record id; labels are in order of offset."""

    predictions: dict[str, list[KeptPrediction]] = field(default_factory=dict)
    labels: dict[str, list[KeptLabel]] = field(default_factory=dict)


_LAYOUT = (
    "CREATE TABLE predictions (record_id TEXT NOT NULL, role TEXT NOT NULL, pane TEXT NOT NULL, hash INTEGER NOT NULL,"
    " offset INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (record_id, role))",
    "CREATE INDEX predictions_by_pane ON predictions (pane, hash, record_id)",
    "CREATE INDEX predictions_by_offset ON predictions (offset)",
    "CREATE TABLE labels (offset INTEGER PRIMARY KEY, record_id TEXT NOT NULL, time INTEGER NOT NULL,"
    " epoch INTEGER NOT NULL, joined INTEGER NOT NULL, body BLOB NOT NULL)",
    "CREATE INDEX labels_by_record ON labels (record_id)",
    "CREATE INDEX labels_unjoined ON labels (time) WHERE joined = 0",
    "CREATE TABLE panes (pane TEXT PRIMARY KEY, body BLOB NOT NULL)",
    "CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 0), identity TEXT NOT NULL, body BLOB NOT NULL)",
)
_TABLES = ("predictions", "labels", "panes", "state")
_VERSION = 2
"""Of the rows' form; part of the identity, so that a file of another version is made anew."""

_encode = msgspec.msgpack.encode
# a pane's sums outgrow the 64 bits of MessagePack; JSON has integers of any size
_encode_pane = msgspec.json.encode
_decode_prediction = msgspec.msgpack.Decoder(KeptPrediction).decode
_decode_label = msgspec.msgpack.Decoder(KeptLabel).decode
_decode_pane = msgspec.json.Decoder(tuple[int, ModelRef, KeptPane]).decode
_decode_state = msgspec.msgpack.Decoder(PartitionState).decode


class DamagedStoreError(BatchAbortedError):
    """A store cannot be read. Once it is closed it is out of the way, and the next one is rebuilt from the log."""


def _guarded(
    method: Callable[Concatenate["JoinStore", Arguments], Result],
) -> Callable[Concatenate["JoinStore", Arguments], Result]:
    """A method of the store whose errors are told apart: damage, a full disk, a folder that cannot be used."""

    @wraps(method)
    def guarded(store: "JoinStore", /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        try:
            return method(store, *args, **kwargs)
        except (sqlite3.Error, OSError, msgspec.MsgspecError, UnicodeError, DamagedFileError) as error:
            raise store.explained(error) from error

    return guarded


class JoinStore:
    """One partition's state. Changes are seen at once and last from ``commit`` on; ``rollback`` drops them.

    Every method raises:
        DamagedStoreError: the file is damaged; ``close`` puts it aside, and the store is to be made again.
        NoRoomError: the disk is full; what was not committed is lost.
        UserError: the folder cannot be written.
    """

    def __init__(self, path: Path, identity: str, *, trusted: bool = False) -> None:
        """``identity`` says which stream and partition the file belongs to; a file of another one is made anew.

        A file that this process has checked before may be ``trusted``.
        """
        self._identity = f"{identity} {_VERSION}"
        self._path = path
        self._damaged = False
        self._connection = self._open(trusted)

    def explained(self, error: Exception) -> ChurnstreamError:
        """What a failure of the file means for whoever uses the store."""
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        folder = self._path.parent
        if is_no_room(error) or (code == sqlite3.SQLITE_IOERR and not has_room(folder)):
            return NoRoomError(folder)
        if isinstance(error, OSError) or code in _UNUSABLE:
            return UserError(f"state folder {folder} cannot be used ({error}); see to it, or set CHURNSTREAM_STATE_DIR")
        self._damaged = True
        return DamagedStoreError(f"{self._path} is damaged ({error})")

    @_guarded
    def reset(self) -> None:
        """Forget everything, for a store that contradicts the log."""
        self._connection.close()
        remove(self._path)
        self._connection = self._open(trusted=True)

    @_guarded
    def state(self) -> PartitionState:
        row = self._connection.execute("SELECT id, identity, body FROM state").fetchone()
        if row is None:
            raise DamagedFileError("its state is gone")
        return _decode_state(unsealed(row))

    @_guarded
    def panes(self) -> dict[PaneId, KeptPane]:
        found = {}
        for row in self._connection.execute("SELECT * FROM panes ORDER BY pane"):
            start, model, pane = _decode_pane(unsealed(row))
            found[PaneId(start, model)] = pane
        return found

    @_guarded
    def find(self, record_ids: Iterable[str]) -> KeptMessages:
        """All that is known of some records."""
        found = KeptMessages()
        wanted = list(record_ids)
        for start in range(0, len(wanted), _LOOKUPS):
            some = wanted[start : start + _LOOKUPS]
            among = f"record_id IN ({', '.join('?' * len(some))})"
            for row in self._connection.execute(f"SELECT * FROM predictions WHERE {among}", some):
                prediction = _decode_prediction(unsealed(row))
                found.predictions.setdefault(prediction.record_id, []).append(prediction)
            for row in self._connection.execute(f"SELECT * FROM labels WHERE {among} ORDER BY offset", some):
                label = _decode_label(unsealed(row))
                found.labels.setdefault(label.record_id, []).append(label)
        return found

    @_guarded
    def put_predictions(self, predictions: Iterable[tuple[PaneId, KeptPrediction]]) -> None:
        self._connection.executemany(
            "INSERT OR REPLACE INTO predictions VALUES (?, ?, ?, ?, ?, ?)",
            (
                sealed(
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

    @_guarded
    def put_labels(self, labels: Iterable[KeptLabel]) -> None:
        self._connection.executemany(
            "INSERT OR REPLACE INTO labels VALUES (?, ?, ?, ?, ?, ?)",
            (
                sealed(label.offset, label.record_id, label.event_time, label.epoch, int(label.joined), _encode(label))
                for label in labels
            ),
        )

    @_guarded
    def drop_labels(self, labels: Iterable[KeptLabel]) -> None:
        self._connection.executemany("DELETE FROM labels WHERE offset = ?", ((label.offset,) for label in labels))

    @_guarded
    def put_panes(self, panes: Iterable[tuple[PaneId, KeptPane]]) -> None:
        self._connection.executemany(
            "INSERT OR REPLACE INTO panes VALUES (?, ?)",
            (sealed(_name(pane), _encode_pane((pane.start, pane.model, kept))) for pane, kept in panes),
        )

    @_guarded
    def put_state(self, state: PartitionState) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO state VALUES (?, ?, ?)", sealed(0, self._identity, _encode(state))
        )

    @_guarded
    def unjoined_labels(self, before: int | None, epoch: int) -> list[KeptLabel]:
        """Labels without a prediction whose event time is before ``before`` or whose epoch is before ``epoch``."""
        rows = self._connection.execute(
            "SELECT * FROM labels WHERE joined = 0 AND (time < ? OR epoch < ?) ORDER BY offset",
            (before, epoch),
        )
        return [_decode_label(unsealed(row)) for row in rows]

    @_guarded
    def forget(self, pane: PaneId) -> None:
        """Drop a pane, its predictions and the labels that joined them; a label that still waits stays."""
        name = (_name(pane),)
        self._connection.execute(
            "DELETE FROM labels WHERE joined = 1 AND record_id IN (SELECT record_id FROM predictions WHERE pane = ?)",
            name,
        )
        self._connection.execute("DELETE FROM predictions WHERE pane = ?", name)
        self._connection.execute("DELETE FROM panes WHERE pane = ?", name)

    @_guarded
    def sample(self, pane: PaneId, limits: PaneLimits) -> list[SampleRow]:
        """The pane's predictions with the smallest hashes, in ascending order of hash, as many as the limits allow."""
        rows = self._connection.execute(
            "SELECT * FROM predictions WHERE pane = ? ORDER BY hash, record_id LIMIT ?",
            (_name(pane), limits.sample_size),
        )
        sample = []
        left = limits.sample_bytes
        for row in rows:
            kept = _decode_prediction(unsealed(row))
            features = tuple(map(limits.shown, kept.features))
            left -= limits.row_bytes(kept.record_id, features)
            if left < 0:
                break
            sample.append(SampleRow(row[_HASH], kept.record_id, kept.probability, kept.predicted, kept.label, features))
        return sample

    @_guarded
    def oldest_prediction(self) -> KeptPrediction | None:
        row = self._connection.execute("SELECT * FROM predictions ORDER BY offset LIMIT 1").fetchone()
        return _decode_prediction(unsealed(row)) if row else None

    @_guarded
    def oldest_label(self) -> KeptLabel | None:
        row = self._connection.execute("SELECT * FROM labels ORDER BY offset LIMIT 1").fetchone()
        return _decode_label(unsealed(row)) if row else None

    @_guarded
    def commit(self) -> None:
        self._connection.execute("COMMIT")
        self._connection.execute("BEGIN")

    @_guarded
    def rollback(self) -> None:
        self._connection.execute("ROLLBACK")
        self._connection.execute("BEGIN")

    def close(self) -> None:
        """Drop what was not committed and let go of the file."""
        self._connection.close()
        if self._damaged:
            self._put_aside("a row that was read is damaged")

    @_guarded
    def _open(self, trusted: bool) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = None
        try:
            if self._path.exists() and self._path.stat().st_size:
                connection = connect(self._path)
                (identity,) = connection.execute("SELECT identity FROM state").fetchone() or ("",)
                if identity != self._identity:
                    _log.warning("%s is of another stream, schema or setting; it is made anew", self._path)
                    connection.close()
                    remove(self._path)
                elif not trusted:
                    check(connection, _LAYOUT, _TABLES)
        except (sqlite3.Error, DamagedFileError, UnicodeError) as error:
            if connection is not None:
                connection.close()
            explained = self.explained(error)
            if not self._damaged:
                raise explained from error
            self._put_aside(str(error))
        if connection is None or not self._path.exists():
            connection = self._make()
        connection.execute("BEGIN")
        return connection

    def _make(self) -> sqlite3.Connection:
        remove(self._path)
        connection = connect(self._path)
        for statement in _LAYOUT:
            connection.execute(statement)
        state = sealed(0, self._identity, _encode(PartitionState()))
        connection.execute("INSERT INTO state VALUES (?, ?, ?)", state)
        return connection

    def _put_aside(self, why: str) -> None:
        self._damaged = False
        aside = put_aside(self._path)
        _log.warning("%s is damaged (%s); it is kept as %s and rebuilt from the log", self._path, why, aside.name)


def _name(pane: PaneId) -> str:
    return f"{pane.start:020d}/{pane.model.name}/{pane.model.version}/{pane.model.role}"
