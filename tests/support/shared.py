"""What is slow to make and only read: made once for a whole run of the tests, whichever worker needs it first."""

import os
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

SHARED_FOLDER = "CHURNSTREAM_TEST_FOLDER"
"""The variable that names the folder of the run, for the workers of pytest-xdist too."""


def made_once(name: str, make: Callable[[Path], object]) -> Path:
    """A folder that ``make`` has filled. It never moves, so what is in it may hold its path; nobody may change it."""
    folder = Path(os.environ[SHARED_FOLDER]) / name
    made = folder / ".made"
    with FileLock(folder.with_suffix(".lock"), timeout=300):
        if not made.exists():
            folder.mkdir()
            make(folder)
            made.touch()
    return folder
