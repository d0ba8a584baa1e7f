"""The join's store: one SQLite file per partition, with absorbed offsets and state in the same transaction.

Guarantee: after a crash the file holds the state as of its last ``commit``, with the offsets that belong to it. It is a
cache of the log: a file that is lost, damaged or of another stream is made anew, and the join reads the log again.
Damage anywhere is noticed when a process opens the file, or at the latest when it reads the row (``store_file``).

What is stored is blocks and not messages: some thousand rows of predictions, or the changed labels of a second, are one
row of SQLite (``saved_rows``). Row by row SQLite takes 12 µs a prediction and 550 bytes, a block 0.1 µs and some 40
bytes (benchmarks/join.py). The file may lag behind Kafka, so it is written once in a while and not with each batch.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import msgspec

from contract.errors import ChurnstreamError, UserError
from contract.kafka.transactions import BatchAbortedError
from contract.messages import ModelRef
from contract.panes import Pane
from contract.worker.room import NoRoomError, has_room, is_no_room
from monitor.join.columns.codes import Code
from monitor.join.open_panes import Kind, PaneId
from monitor.join.rules import KeptLabel, TopicProgress
from monitor.join.store_file import DamagedFileError, check, connect, put_aside, remove, sealed, unsealed

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_log = logging.getLogger("churnstream.join")
_UNUSABLE = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM)


class Counters(msgspec.Struct):
    """What the join dropped, refused or noticed in this partition, and how often silence counts as 0 in it."""

    duplicate_predictions: int = 0
    repeated_labels: int = 0
    contradicting_labels: int = 0
    dead_letters: int = 0
    ahead: int = 0
    inferred: int = 0


class Unpublished(msgspec.Struct):
    """Panes that have changed since they were published."""

    sums: list[tuple[int, ModelRef]] = []
    samples: list[tuple[int, ModelRef]] = []


class PartitionState(msgspec.Struct):
    """The small part of a partition's state, held in memory while it is assigned."""

    predictions: TopicProgress = msgspec.field(default_factory=TopicProgress)
    labels: TopicProgress = msgspec.field(default_factory=TopicProgress)
    counters: Counters = msgspec.field(default_factory=Counters)
    panes: str = ""
    """The id of the topic that the panes are published on; empty: not known."""
    codes: list[Code] = []
    unpublished: Unpublished = msgspec.field(default_factory=Unpublished)


_LAYOUT = (
    "CREATE TABLE chunks (serial INTEGER PRIMARY KEY, body BLOB NOT NULL)",
    "CREATE TABLE blocks (first INTEGER PRIMARY KEY, body BLOB NOT NULL)",
    "CREATE TABLE changes (number INTEGER PRIMARY KEY, body BLOB NOT NULL)",
    "CREATE TABLE ids (first INTEGER PRIMARY KEY, body BLOB NOT NULL)",
    "CREATE TABLE waiting (offset INTEGER PRIMARY KEY, body BLOB NOT NULL)",
    "CREATE TABLE histories (record INTEGER PRIMARY KEY, body BLOB NOT NULL)",
    "CREATE TABLE panes (pane TEXT NOT NULL, kind TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (pane, kind))",
    "CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 0), identity TEXT NOT NULL, body BLOB NOT NULL)",
)
_TABLES = ("chunks", "blocks", "changes", "ids", "waiting", "histories", "panes", "state")
BLOBS = _TABLES[:6]
"""Tables of blobs by number."""
_KEYS = dict(zip(BLOBS, ("serial", "first", "number", "first", "offset", "record"), strict=True))
_VERSION = 4
"""Of the rows' form; part of the identity, so that a file of another version is made anew."""

_encode = msgspec.msgpack.encode
_decode_label = msgspec.msgpack.Decoder(KeptLabel).decode
_decode_labels = msgspec.msgpack.Decoder(list[KeptLabel]).decode
_decode_pane = msgspec.json.Decoder(Pane).decode
_decode_state = msgspec.msgpack.Decoder(tuple[PartitionState, list[int]]).decode


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
            return UserError(f"state folder {folder} cannot be used ({error}); repair it, or set CHURNSTREAM_STATE_DIR")
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
        state, counts = _decode_state(unsealed(row))
        if counts != self._counts():
            raise DamagedFileError("rows are missing")
        return state

    @_guarded
    def put_state(self, state: PartitionState) -> None:
        """Write the state, and how many rows there are of everything: so this comes last."""
        body = _encode((state, self._counts()))
        self._connection.execute("INSERT OR REPLACE INTO state VALUES (?, ?, ?)", sealed(0, self._identity, body))

    def _counts(self) -> list[int]:
        tables = [table for table in _TABLES if table != "state"]
        query = ", ".join(f"(SELECT count(*) FROM {table})" for table in tables)
        return list(self._connection.execute(f"SELECT {query}").fetchone())

    @_guarded
    def put(self, table: str, number: int, body: bytes) -> None:
        """Write a blob of one of ``BLOBS``."""
        self._connection.execute(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", sealed(number, body))

    @_guarded
    def get(self, table: str, number: int) -> bytes:
        """A blob that is there."""
        row = self._connection.execute(f"SELECT * FROM {table} WHERE {_KEYS[table]} = ?", (number,)).fetchone()
        if row is None:
            raise DamagedFileError(f"a row of {table} is gone")
        return unsealed(row)

    @_guarded
    def blobs(self, table: str, first: int = 0, end: int = 2**62) -> list[tuple[int, bytes]]:
        """Number and content of each blob whose number lies in a range, in order."""
        return list(self._blobs(table, first, end))

    def _blobs(self, table: str, first: int, end: int) -> Iterator[tuple[int, bytes]]:
        key = _KEYS[table]
        rows = self._connection.execute(
            f"SELECT * FROM {table} WHERE {key} >= ? AND {key} < ? ORDER BY {key}", (first, end)
        )
        return ((row[0], unsealed(row)) for row in rows)

    @_guarded
    def drop(self, table: str, first: int, end: int) -> None:
        """Delete the blobs whose number lies in a range."""
        key = _KEYS[table]
        self._connection.execute(f"DELETE FROM {table} WHERE {key} >= ? AND {key} < ?", (first, end))

    @_guarded
    def waiting(self) -> list[KeptLabel]:
        """Labels that wait, in order of offset."""
        return [_decode_label(body) for _, body in self._blobs("waiting", 0, 2**62)]

    @_guarded
    def put_waiting(self, added: Iterable[KeptLabel], removed: Iterable[int]) -> None:
        self._connection.executemany("DELETE FROM waiting WHERE offset = ?", ((offset,) for offset in removed))
        self._connection.executemany(
            "INSERT OR REPLACE INTO waiting VALUES (?, ?)", (sealed(label.offset, _encode(label)) for label in added)
        )

    @_guarded
    def histories(self) -> dict[int, list[KeptLabel]]:
        """By record, the labels that have joined it, where they are more than its row tells."""
        rows = self._connection.execute("SELECT * FROM histories")
        found = (_decode_labels(unsealed(row)) for row in rows)
        return {labels[0].record: labels for labels in found}

    @_guarded
    def put_histories(self, changed: Iterable[tuple[int, list[KeptLabel] | None]]) -> None:
        for record, labels in changed:
            number = record - 2**64 if record >= 2**63 else record
            if labels is None:
                self._connection.execute("DELETE FROM histories WHERE record = ?", (number,))
            else:
                self._connection.execute(
                    "INSERT OR REPLACE INTO histories VALUES (?, ?)", sealed(number, _encode(labels))
                )

    @_guarded
    def panes(self) -> list[tuple[PaneId, float, int]]:
        """Each pane with its threshold and number of records."""
        found = []
        for row in self._connection.execute("SELECT * FROM panes WHERE kind = 'sums' ORDER BY pane"):
            pane = _decode_pane(unsealed(row))
            found.append((PaneId(pane.start, pane.model), pane.threshold, pane.summary.records))
        return found

    @_guarded
    def pane(self, pane: PaneId, kind: Kind) -> bytes:
        """A pane's sums or sample, as they are published."""
        row = self._connection.execute(
            "SELECT * FROM panes WHERE pane = ? AND kind = ?", (_name(pane), kind)
        ).fetchone()
        if row is None:
            raise DamagedFileError("a pane is gone")
        return unsealed(row)

    @_guarded
    def put_pane(self, pane: PaneId, kind: Kind, body: bytes) -> None:
        self._connection.execute("INSERT OR REPLACE INTO panes VALUES (?, ?, ?)", sealed(_name(pane), kind, body))

    @_guarded
    def forget_pane(self, pane: PaneId) -> None:
        self._connection.execute("DELETE FROM panes WHERE pane = ?", (_name(pane),))

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
                    _log.warning("%s belongs to another stream, schema, setting or release; it is rebuilt", self._path)
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
        empty = PartitionState(), [0] * (len(_TABLES) - 1)
        connection.execute("INSERT INTO state VALUES (?, ?, ?)", sealed(0, self._identity, _encode(empty)))
        return connection

    def _put_aside(self, why: str) -> None:
        self._damaged = False
        aside = put_aside(self._path)
        _log.warning("%s is damaged (%s); it is kept as %s and rebuilt from the log", self._path, why, aside.name)


def _name(pane: PaneId) -> str:
    return f"{pane.start:020d}/{pane.model.name}/{pane.model.version}/{pane.model.role}"
