"""What nobody has used for long in a cache's folder is removed, so that years of releases do not fill the disk."""

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

UNUSED_SECONDS = 90 * 24 * 3_600.0
"""What another release, or another process, still reads has been used since."""
_AT_MOST_EVERY_SECONDS = 24 * 3_600.0
_DOOMED = ".removed-"


def mark_used(entry: Path) -> None:
    """Note that a file or folder of a cache is in use; it takes effect at most once a day."""
    with suppress(OSError):
        if time.time() - entry.stat().st_mtime > _AT_MOST_EVERY_SECONDS:
            os.utime(entry)


def remove_unused(folder: Path, pattern: str, most: int | None = None) -> list[Path]:
    """Remove the entries of ``folder`` that fit ``pattern`` and that nobody has read or written for 90 days.

    With ``most``, those beyond the most recently used go, too. What cannot be removed stays. Gives what was removed.
    """
    with suppress(OSError):
        for left in folder.glob(f"{_DOOMED}*"):
            shutil.rmtree(left, ignore_errors=True)
        used = sorted(((_last_used(entry), entry) for entry in folder.glob(pattern)), reverse=True)
        too_old = time.time() - UNUSED_SECONDS
        over = len(used) if most is None else most
        return [entry for place, (last, entry) in enumerate(used) if (last < too_old or place >= over) and _gone(entry)]
    return []


def _last_used(entry: Path) -> float:
    times = [entry.stat().st_mtime]
    # a release that does not mark what it uses still reads it, and most file systems note that
    for file in entry.rglob("*") if entry.is_dir() else [entry]:
        found = file.stat()
        times += [found.st_mtime, found.st_atime] if file.is_file() else []
    return max(times)


def _gone(entry: Path) -> bool:
    try:
        if entry.is_dir():
            # under another name first, so that nobody finds half of it
            doomed = entry.with_name(f"{_DOOMED}{os.getpid()}-{entry.name}")
            entry.rename(doomed)
            shutil.rmtree(doomed, ignore_errors=True)
        else:
            entry.unlink()
    except OSError:
        return False
    return True
