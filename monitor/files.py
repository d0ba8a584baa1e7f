"""Files that a crash leaves whole."""

import os
from pathlib import Path

UNFINISHED = ".part"
"""Suffix of a file that is being written; one that a crash has left is of no use."""


def write_durably(path: Path, content: bytes) -> None:
    """Write a file so that, after a crash at any moment, ``path`` holds its old content or the new one, whole."""
    unfinished = path.with_suffix(UNFINISHED)
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
