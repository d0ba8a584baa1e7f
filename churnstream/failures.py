"""What a machine refuses, in one line: a full disk, a file that may not be touched, a database that is none."""

import errno
import os
import sqlite3
from collections.abc import Iterator

_ROOM = "make room, or choose another place (CHURNSTREAM_STATE_DIR, MLFLOW_TRACKING_URI, TMPDIR, the working folder)"
_ACCESS = "grant access to it, or choose another place (CHURNSTREAM_STATE_DIR, MLFLOW_TRACKING_URI)"
_REMEDIES = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EFBIG: _ROOM,
    errno.EACCES: _ACCESS,
    errno.EPERM: _ACCESS,
    errno.EROFS: _ACCESS,
    errno.EIO: "the disk is failing: see the system's log, and choose another place",
    errno.ENOENT: "give a path that exists",
    errno.ENOTDIR: "give a path in which every part but the last is a folder",
    errno.EISDIR: "give a file, not a folder",
    errno.ELOOP: "give a path without a loop of symbolic links",
    errno.ENAMETOOLONG: "give a shorter name",
    errno.EMFILE: "raise the limit with `ulimit -n`",
    errno.ENFILE: "close other programs, or raise the system's limit of open files",
    errno.ENOMEM: "close other programs, or add memory",
    errno.EADDRINUSE: "end the other program, or choose another port",
    errno.EADDRNOTAVAIL: "give an address of this machine",
}
_DATABASE = {
    "full": _ROOM,
    "readonly": _ACCESS,
    "unable to open": _ACCESS,
    "disk i/o error": "the disk is failing: see the system's log, and choose another place",
    "malformed": "it is damaged: restore it from a backup, or move it away",
    "not a database": "it is damaged: restore it from a backup, or move it away",
    "locked": "another program is using it: end that program, or try again",
}


def explained(error: BaseException) -> str | None:
    """One line, with a remedy, for a failure of the machine, also one that a library has wrapped; None for others."""
    for cause in _causes(error):
        if isinstance(cause, sqlite3.DatabaseError):
            said = str(cause)
            remedy = next((remedy for word, remedy in _DATABASE.items() if word in said.lower()), None)
            if remedy is not None:
                return f"a database cannot be used ({said}); {remedy}"
        elif isinstance(cause, OSError) and cause.errno in _REMEDIES:
            what = os.fspath(cause.filename) if isinstance(cause.filename, str | os.PathLike) else "a file"
            return f"{what} cannot be used ({os.strerror(cause.errno)}); {_REMEDIES[cause.errno]}"
        elif isinstance(cause, MemoryError):
            return "there is not enough memory; add memory, or use a smaller table or batch"
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = found.__cause__ or found.__context__
