"""Files of a worker that nobody else on the machine may read: they hold what customers are like."""

import os
from pathlib import Path

_OTHERS = 0o077


def keep_files_private() -> None:
    """From now on let nobody but the user read what this process and its children write."""
    os.umask(_OTHERS)


def private_folder(path: Path) -> Path:
    """Make a folder of ours, and those above it that are not there yet, for the user alone.

    One that is there already, as an earlier version made it, loses the rights of others; those above it, which may be
    anybody's, are left as they are.

    Raises:
        OSError: it cannot be made.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
    mode = path.stat().st_mode
    if mode & _OTHERS and path.stat().st_uid == os.getuid():
        path.chmod(mode & ~_OTHERS & 0o7777)
    return path
