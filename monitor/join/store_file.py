"""A SQLite file that may be damaged anywhere: opened, checked as a whole, and put aside where it cannot be trusted.

SQLite keeps no checksum of what it stores. So each row carries one over all of its columns, and a file that this
process has not seen before is read through once: structure and indexes by SQLite's own check, rows by their checksums.
"""

import sqlite3
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from contract.errors import ChurnstreamError

_FILES = ("", "-wal", "-shm")
_CHECKSUM_BYTES = 4


class DamagedFileError(ChurnstreamError):
    """What was read is not what was written."""


def sealed(*columns: Any) -> tuple[Any, ...]:
    """A row whose last column is bytes, with a checksum over all columns at its end."""
    *keys, body = columns
    return *keys, body + _checksum(keys, body)


def unsealed(row: tuple[Any, ...]) -> bytes:
    """The last column of a row, without its checksum.

    Raises:
        DamagedFileError: a column is not what was written.
    """
    *keys, blob = row
    if not isinstance(blob, bytes):
        raise DamagedFileError("a row is damaged")
    body = blob[:-_CHECKSUM_BYTES]
    if blob[-_CHECKSUM_BYTES:] != _checksum(keys, body):
        raise DamagedFileError("a row is damaged")
    return body


def connect(path: Path) -> sqlite3.Connection:
    # the join's thread alone uses it, but the thread that builds it may be another
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    # a power cut may take the last commits, never consistency; the log gives them back
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def check(connection: sqlite3.Connection, layout: Iterable[str], tables: Iterable[str]) -> None:
    """Read a whole file; ``layout`` are the statements that made it. The last column of each table is sealed.

    Raises:
        DamagedFileError, sqlite3.DatabaseError: something is not as it was written.
    """
    made = {sql for (sql,) in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")}
    if made != set(layout):
        raise DamagedFileError("its tables are not those of a store")
    (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise DamagedFileError("its structure is damaged")
    for table in tables:
        for row in connection.execute(f"SELECT * FROM {table}"):
            unsealed(row)


def put_aside(path: Path) -> Path:
    """Rename a damaged file, so that it can be looked at; one that was put aside before is replaced."""
    aside = path.with_name(path.name + ".damaged")
    if path.exists():
        path.replace(aside)
    remove(path)
    return aside


def remove(path: Path) -> None:
    for suffix in _FILES:
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _checksum(keys: list[Any], body: bytes) -> bytes:
    return zlib.crc32(repr(keys).encode("utf-8", "surrogatepass"), zlib.crc32(body)).to_bytes(_CHECKSUM_BYTES, "big")
