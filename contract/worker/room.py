"""A full disk: told from other failures, named in one line, and waited for.

What a worker keeps is written in one piece or not at all, so whoever meets a full disk has lost nothing: it drops what
it was about to write, waits, and does it again.
"""

import errno
import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from contract.errors import ChurnstreamError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_PROBE_BYTES = 1_000_000
_SECONDS_BETWEEN_PROBES = 1.0


class NoRoomError(ChurnstreamError):
    """The disk of ``folder`` is full (or a quota used up); what was to be written is not there."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"state folder {folder} is full; make room, and the work continues automatically")
        self.folder = folder


def is_no_room(error: BaseException) -> bool:
    """Whether an error of the file system or of SQLite says that the disk is full."""
    if isinstance(error, sqlite3.OperationalError):
        return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return isinstance(error, OSError) and error.errno in _FULL


@contextmanager
def needing_room(folder: Path) -> Iterator[None]:
    """A block that writes to ``folder``.

    Raises:
        NoRoomError: the disk was full; every other error passes unchanged.
    """
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        if is_no_room(error):
            raise NoRoomError(folder) from error
        raise


def has_room(folder: Path, size: int = _PROBE_BYTES) -> bool:
    """Whether ``folder`` takes ``size`` more bytes, by trying."""
    probe = folder / "room.probe"
    try:
        with probe.open("wb") as file:
            file.write(bytes(size))
    except OSError:
        return False
    else:
        return True
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)


def wait_for_room(error: NoRoomError, stop: threading.Event, log: logging.Logger) -> None:
    """Say once that the disk is full, and return when there is room again or ``stop`` is set."""
    log.warning("%s", error)
    stop.wait(_SECONDS_BETWEEN_PROBES)
    while not stop.is_set() and not has_room(error.folder):
        stop.wait(_SECONDS_BETWEEN_PROBES)
    if not stop.is_set():
        log.warning("state folder %s has room again; continuing", error.folder)
