"""Windows that wait for MLflow: a bounded folder, one JSON file a message of ``windows``, named by its offset.

A message that ``append`` has returned for survives SIGKILL and power loss until ``remove``: its file is written beside,
synced, and renamed into place. A file that a crash left half-written has another suffix, is never read, and is deleted
at the next start. Appending a message (key, revision) that waits already changes nothing.
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
from contract.windows import Cumulative, WindowMessage, decode_window
from contract.worker.private import private_folder
from contract.worker.room import needing_room
from monitor.files import UNFINISHED, write_durably

_log = logging.getLogger("churnstream.spool")
_SUFFIX = ".json"
_UNREADABLE, _REFUSED = ".unreadable", ".refused"
_MOST_ASIDE = 1_000
"""Files of either kind that are kept; the oldest go first."""
_IDENTITY = rf"[0-9a-f]{{24}}{re.escape(_SUFFIX)}"
_WINDOW, _CUMULATIVE = "window", "cumulative"
_NAME = re.compile(rf"(?:{_WINDOW}|{_CUMULATIVE})-\d{{19}}-{_IDENTITY}")
_NAME_BEFORE = re.compile(rf"\d{{16}}-{_IDENTITY}")
"""As the release before has named them: by a number of its own."""


class SpoolFullError(ChurnstreamError):
    """The spool holds as many windows as it may; the caller must wait until MLflow has taken some."""


@dataclass(frozen=True)
class Spooled:
    """A waiting message and the name of its file."""

    name: str
    message: WindowMessage


class Spool:
    """At most ``limit`` messages in ``folder``, which one process uses at a time. Safe between threads."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder
        self._limit = limit
        self._lock = threading.Lock()
        private_folder(folder)
        for leftover in folder.glob(f"*{UNFINISHED}"):
            leftover.unlink()
        names = [path.name for path in folder.glob(f"*{_SUFFIX}")]
        names = [name for name in names if _NAME.fullmatch(name) or _NAME_BEFORE.fullmatch(name)]
        self._names = {_identity(name): name for name in sorted(names, key=_place)}
        self._left = frozenset(self._names.values())

    def __len__(self) -> int:
        with self._lock:
            return len(self._names)

    @property
    def full(self) -> bool:
        """Whether ``append`` would refuse a message that does not wait yet."""
        return len(self) >= self._limit

    @property
    def first_offset(self) -> int | None:
        """The smallest offset of a message that waits; None if none does. Of an earlier release's it is 0."""
        with self._lock:
            return min(map(_offset, self._names.values()), default=None)

    def append(self, message: WindowMessage, offset: int) -> None:
        """Put the message that stands at ``offset`` of ``windows`` at the end; on return it is on disk.

        Raises:
            SpoolFullError: the spool is full.
            NoRoomError: the disk is full; the message is not there.
            OSError: the disk refuses.
        """
        identity = _identity_of(message)
        with self._lock:
            if identity in self._names:
                return
            if len(self._names) >= self._limit:
                raise SpoolFullError(f"{len(self._names)} windows already wait for MLflow")
            kind = _CUMULATIVE if isinstance(message, Cumulative) else _WINDOW
            name = f"{kind}-{offset:019d}-{identity}{_SUFFIX}"
            with needing_room(self._folder):
                write_durably(self._folder / name, encode(message))
            self._names[identity] = name

    def __iter__(self) -> Iterator[Spooled]:
        """The messages that wait now, oldest first. What cannot be read is put aside and logged."""
        with self._lock:
            names = list(self._names.values())
        for name in names:
            message = self._read(name)
            if message is not None:
                yield Spooled(name, message)

    def remove(self, spooled: Spooled) -> None:
        """Forget a message, for MLflow has it. Removing it twice is no error."""
        with self._lock:
            self._remove(spooled.name)

    def remove_left(self) -> int:
        """Forget what waited when the spool was opened, because the topic is another one; returns how many did."""
        with self._lock:
            left = [name for name in self._names.values() if name in self._left]
            for name in left:
                self._remove(name)
        return len(left)

    def set_aside(self, spooled: Spooled) -> Path:
        """Let a message wait no longer, because MLflow refuses it; returns the file that keeps it."""
        return self._set_aside(spooled.name, _REFUSED)

    def _remove(self, name: str) -> None:
        (self._folder / name).unlink(missing_ok=True)
        self._names.pop(_identity(name), None)

    def _set_aside(self, name: str, suffix: str) -> Path:
        path = self._folder / name
        kept = path.with_suffix(suffix)
        with self._lock:
            path.replace(kept)
            self._names.pop(_identity(name), None)
            aside = sorted(self._folder.glob(f"*{suffix}"), key=lambda each: (each.stat().st_mtime_ns, each.name))
            for surplus in aside[:-_MOST_ASIDE]:
                surplus.unlink()
        return kept

    def _read(self, name: str) -> WindowMessage | None:
        path = self._folder / name
        try:
            value = path.read_bytes()
            if name.startswith(_CUMULATIVE):
                return msgspec.json.decode(value, type=Cumulative)
            return decode_window(value)
        except FileNotFoundError:
            return None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            _log.error("window file %s cannot be read (%s) and is put aside as *%s", path, error, _UNREADABLE)
            self._set_aside(name, _UNREADABLE)
            return None


def _identity_of(message: WindowMessage) -> str:
    text = f"{message.key}/{message.end}/{message.revision}"
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _identity(name: str) -> str:
    return name.removesuffix(_SUFFIX).rpartition("-")[2]


def _place(name: str) -> tuple[int, str]:
    return _offset(name), name


def _offset(name: str) -> int:
    return int(name.split("-")[1]) if _NAME.fullmatch(name) else 0
