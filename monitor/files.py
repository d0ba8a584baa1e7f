"""Files that a crash leaves whole."""

import os
from contextlib import suppress
from pathlib import Path

UNFINISHED = ".part"
"""Suffix of a file that is being written; one that a crash has left is of no use."""


def write_durably(path: Path, content: bytes) -> None:
    """Write a file so that, after a crash at any moment, ``path`` holds its old content or the new one, whole."""
    unfinished = path.with_suffix(UNFINISHED)
    try:
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError:
        # on a full disk what was begun takes room that others need
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def references_folder(state_dir: Path) -> Path:
    """Where a monitor keeps the reference samples that it has fetched."""
    return state_dir / "references"


def reference_files(state_dir: Path) -> list[Path]:
    """The reference samples that have been fetched, whole."""
    return sorted(references_folder(state_dir).glob("*.parquet"))
