"""Windows that wait for MLflow: a bounded folder, one JSON file a window, in the order of their arrival.

A window that ``append`` has returned for survives SIGKILL and power loss until ``remove``: its file is written beside,
synced, and renamed into place. A file that a crash left half-written has another suffix, is never read, and is deleted
at the next start. Appending a window (key, status, revision) that waits already changes nothing.
"""

import hashlib
import logging
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from contract.errors import ChurnstreamError
from contract.messages import encode
from contract.windows import Window
from contract.worker.private import private_folder
from contract.worker.room import needing_room
from monitor.files import UNFINISHED, write_durably

_log = logging.getLogger("churnstream.spool")
_SUFFIX = ".json"
_UNREADABLE, _REFUSED = ".unreadable", ".refused"
_MOST_ASIDE = 1_000
"""Files of either kind that are kept; the oldest go first."""
_NAME = re.compile(rf"\d{{16}}-[0-9a-f]{{24}}{re.escape(_SUFFIX)}")


class SpoolFullError(ChurnstreamError):
    """The spool holds as many windows as it may; the caller must wait until MLflow has taken some."""


@dataclass(frozen=True)
class Spooled:
    """A waiting window and the name of its file."""

    name: str
    window: Window


class Spool:
    """At most ``limit`` windows in ``folder``, which one process uses at a time. Safe between threads."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder
        self._limit = limit
        self._lock = threading.Lock()
        private_folder(folder)
        for leftover in folder.glob(f"*{UNFINISHED}"):
            leftover.unlink()
        names = sorted(path.name for path in folder.glob(f"*{_SUFFIX}") if _NAME.fullmatch(path.name))
        self._names = {_identity(name): name for name in names}
        self._next = 1 + max((_sequence(name) for name in names), default=0)

    def __len__(self) -> int:
        with self._lock:
            return len(self._names)

    @property
    def full(self) -> bool:
        """Whether ``append`` would refuse a window that does not wait yet."""
        return len(self) >= self._limit

    def append(self, window: Window) -> None:
        """Put a window at the end; on return it is on disk.

        Raises:
            SpoolFullError: the spool is full.
            NoRoomError: the disk is full; the window is not there.
            OSError: the disk refuses.
        """
        identity = _window_identity(window)
        with self._lock:
            if identity in self._names:
                return
            if len(self._names) >= self._limit:
                raise SpoolFullError(f"{len(self._names)} windows wait for MLflow already")
            name = f"{self._next:016d}-{identity}{_SUFFIX}"
            with needing_room(self._folder):
                write_durably(self._folder / name, encode(window))
            self._names[identity] = name
            self._next += 1

    def __iter__(self) -> Iterator[Spooled]:
        """The windows that wait now, oldest first. What cannot be read is put aside and logged."""
        with self._lock:
            names = list(self._names.values())
        for name in names:
            window = self._read(name)
            if window is not None:
                yield Spooled(name, window)

    def remove(self, spooled: Spooled) -> None:
        """Forget a window, for MLflow has it. Removing it twice is no error."""
        with self._lock:
            (self._folder / spooled.name).unlink(missing_ok=True)
            self._names.pop(_identity(spooled.name), None)

    def set_aside(self, spooled: Spooled) -> Path:
        """Let a window wait no longer, because MLflow refuses it; returns the file that keeps it."""
        return self._set_aside(spooled.name, _REFUSED)

    def _set_aside(self, name: str, suffix: str) -> Path:
        path = self._folder / name
        kept = path.with_suffix(suffix)
        with self._lock:
            path.replace(kept)
            self._names.pop(_identity(name), None)
            for surplus in sorted(self._folder.glob(f"*{suffix}"))[:-_MOST_ASIDE]:
                surplus.unlink()
        return kept

    def _read(self, name: str) -> Window | None:
        path = self._folder / name
        try:
            return msgspec.json.decode(path.read_bytes(), type=Window)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError as error:
            _log.error("window file %s cannot be read (%s) and is put aside as *%s", path, error, _UNREADABLE)
            self._set_aside(name, _UNREADABLE)
            return None


def _window_identity(window: Window) -> str:
    text = f"{window.key}/{window.status}/{window.revision}"
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _identity(name: str) -> str:
    return name.removesuffix(_SUFFIX).partition("-")[2]


def _sequence(name: str) -> int:
    return int(name.partition("-")[0])
