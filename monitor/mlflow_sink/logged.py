"""What MLflow was last given of each window's estimated and inputs run, so that a revision adds only what changed.

An SQLite file: an entry is there whole or not at all after a crash. It is written after MLflow has the points, so a
crash in between makes the next drain compute, and log, the very same points. A lost file costs no point: the next
state of a window is logged whole, where it is unchanged as the points that MLflow has already.
"""

import sqlite3
from collections.abc import Mapping
from pathlib import Path

import msgspec

from contract.windows import Window
from contract.worker.private import private_folder
from contract.worker.room import needing_room
from monitor.mlflow_sink.points import Values

_KEPT = 20_000


class Logged(msgspec.Struct, frozen=True):
    """``values`` in force, ``additions`` logged so far, and the window's status and revision that they come from."""

    values: Values
    additions: int
    final: bool
    revision: int

    def is_older_than(self, window: Window) -> bool:
        return (self.final, self.revision) < (window.status == "final", window.revision)


class Addition(msgspec.Struct, frozen=True):
    """Values to log now, ``number`` additions of the window's coming before them, and what to remember afterwards."""

    values: Values
    number: int
    remembered: Logged


def addition(window: Window, values: Values, before: Logged | None) -> Addition | None:
    """What a window adds to a run that earlier states of it may have written to. None: nothing.

    Pure. A state that is not newer than the one remembered adds nothing.
    """
    final = window.status == "final"
    if before is None:
        return Addition(values, 0, Logged(values, 1, final, window.revision))
    if not before.is_older_than(window):
        return None
    changed = {name: value for name, value in values.items() if before.values.get(name) != value}
    additions = before.additions + bool(changed)
    remembered = Logged(before.values | changed, additions, final, window.revision)
    return Addition(changed, before.additions, remembered)


class LoggedStore:
    """``Logged`` by MLflow run id and window key; the newest entries are kept. One thread at a time."""

    def __init__(self, path: Path) -> None:
        self._folder = private_folder(path.parent)
        self._database = sqlite3.connect(path, check_same_thread=False)
        with needing_room(self._folder):
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS logged "
                "(sequence INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, entry BLOB NOT NULL)"
            )

    def get(self, run_id: str, window_key: str) -> Logged | None:
        found = self._database.execute("SELECT entry FROM logged WHERE key = ?", (f"{run_id}/{window_key}",)).fetchone()
        return None if found is None else msgspec.json.decode(found[0], type=Logged)

    def put(self, entries: Mapping[tuple[str, str], Logged]) -> None:
        """Remember entries by run id and window key, all in one transaction.

        Raises:
            NoRoomError: the disk is full; none is remembered.
        """
        rows = [
            (f"{run_id}/{window_key}", msgspec.json.encode(entry)) for (run_id, window_key), entry in entries.items()
        ]
        with needing_room(self._folder), self._database:
            self._database.executemany("INSERT OR REPLACE INTO logged (key, entry) VALUES (?, ?)", rows)
            self._database.execute(
                "DELETE FROM logged WHERE sequence <= (SELECT max(sequence) FROM logged) - ?", (_KEPT,)
            )

    def close(self) -> None:
        self._database.close()
