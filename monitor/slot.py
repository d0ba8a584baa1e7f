"""A folder that one worker has to itself, also among several on one machine."""

import fcntl
import logging
import os
import shutil
from itertools import count
from pathlib import Path

from contract.errors import UserError
from contract.worker.private import private_folder
from contract.worker.room import is_no_room

STATE_FORMAT = 1
"""Version of what workers keep in their folders; raised with every change after which an older folder is misread."""
_FORMAT_FILE, _LOCK_FILE, _IDENTITY_FILE = "format", "lock", "identity"
_log = logging.getLogger("churnstream.state")


class Slot:
    """A locked folder whose content this version can read.

    The lock goes with the process, however it ends, so a crashed worker's state is found again. A worker with a name
    has the folder of that name; one without takes the first that is free: ``0``, ``1``, ….
    """

    def __init__(self, base: Path, instance: str | None, in_use: str = "") -> None:
        """``in_use``: what is said if a living worker has it; by default it speaks of the worker's name.

        Raises:
        UserError: the folder cannot be made, a living worker of that name has it, or another version has filled it.
        """
        try:
            if instance is not None:
                self.path = base / instance
                lock = _lock(self.path)
                if lock is None:
                    raise UserError(
                        in_use
                        or f"a worker named {instance!r} (CHURNSTREAM_INSTANCE) is already running; stop it or choose "
                        f"another name"
                    )
            else:
                self.path, lock = next(
                    (path, lock) for path in (base / str(i) for i in count()) if (lock := _lock(path)) is not None
                )
        except OSError as error:
            if is_no_room(error):
                raise UserError(f"state folder {base} is full; make room, or set CHURNSTREAM_STATE_DIR") from None
            raise UserError(
                f"state folder {base} cannot be used ({error.strerror}); set CHURNSTREAM_STATE_DIR"
            ) from None
        self._lock = lock
        self._claim()

    def close(self) -> None:
        """Let another worker have the folder."""
        os.close(self._lock)

    def adopt(self, stream: str, prefix: str, waiting: str) -> None:
        """Forget what the folder holds of another stream than ``stream`` (``contract.kafka.stream_identity``).

        What says of no stream counts as this one's. Files of the pattern ``waiting`` are still to be delivered: they go
        with a stream whose topics were made anew under the same ``prefix``, but not because another one is started.

        Raises:
            UserError: files wait there that belong to a stream of another prefix.
        """
        record = self.path / _IDENTITY_FILE
        found = record.read_text(encoding="utf-8", errors="replace") if record.exists() else ""
        known = f"{prefix}\n{stream}\n"
        if found and found != known:
            waits = sum(1 for path in self.path.glob(waiting) if path.is_file())
            before = found.partition("\n")[0]
            if waits and before != prefix:
                raise UserError(
                    f"state folder {self.path} holds windows that wait for MLflow ({waits}), of the stream with prefix "
                    f"{before!r}; run that stream's monitor until they are logged, or give each stream its own "
                    f"CHURNSTREAM_STATE_DIR"
                )
            _log.warning(
                "state folder %s belongs to another stream, or to topics that were made again since; it is emptied, "
                "and %d windows in it that waited for MLflow are dropped",
                self.path,
                waits,
            )
            for path in self.path.iterdir():
                if path.name not in (_FORMAT_FILE, _LOCK_FILE, _IDENTITY_FILE):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
        if found != known:
            record.write_text(known, encoding="utf-8")

    def _claim(self) -> None:
        """Put the format on record in a folder that is new, or compare it with the one on record."""
        record = self.path / _FORMAT_FILE
        found = record.read_text(encoding="ascii", errors="replace").strip() if record.exists() else ""
        if not found:
            used = any(path.name not in (_FORMAT_FILE, _LOCK_FILE) for path in self.path.iterdir())
            found = "0" if used else str(STATE_FORMAT)
        if found != str(STATE_FORMAT):
            self.close()
            raise UserError(
                f"state folder {self.path} has format {found}, but this version reads {STATE_FORMAT}; delete it (a "
                f"join rebuilds its own from the topics; a monitor's may hold windows that MLflow does not have yet), "
                f"or set CHURNSTREAM_STATE_DIR"
            )
        record.write_text(f"{STATE_FORMAT}\n", encoding="ascii")


def _lock(path: Path) -> int | None:
    private_folder(path)
    descriptor = os.open(path / _LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
