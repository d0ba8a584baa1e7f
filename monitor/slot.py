"""A folder that one worker has to itself, also among several on one machine."""

import fcntl
import os
from itertools import count
from pathlib import Path

from contract.errors import UserError


class Slot:
    """A locked folder. The lock goes with the process, however it ends, so a crashed worker's state is found again.

    A worker with a name has the folder of that name; one without takes the first that is free: ``0``, ``1``, ….
    """

    def __init__(self, base: Path, instance: str | None) -> None:
        """Raises:
        UserError: the folder cannot be made, or a living worker of that name has it.
        """
        try:
            if instance is not None:
                self.path = base / instance
                lock = _lock(self.path)
                if lock is None:
                    raise UserError(
                        f"a worker named {instance!r} (CHURNSTREAM_INSTANCE) runs already; stop it or choose another"
                    )
            else:
                self.path, lock = next(
                    (path, lock) for path in (base / str(i) for i in count()) if (lock := _lock(path)) is not None
                )
        except OSError as error:
            raise UserError(
                f"state folder {base} cannot be used ({error.strerror}); set CHURNSTREAM_STATE_DIR"
            ) from None
        self._lock = lock

    def close(self) -> None:
        """Let another worker have the folder."""
        os.close(self._lock)


def _lock(path: Path) -> int | None:
    path.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
