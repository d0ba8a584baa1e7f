"""A guard that ends processes whose owner has died, however it died.

The guard is a small process that holds the read end of a pipe. When the owner ends, by SIGKILL too, the kernel closes
the write end, and the guard kills what it still has on its list. Unlike Linux's parent-death signal this works on
macOS as well, and does not fire when merely the thread ends that started the child. An owner's own fork without exec
(not ``subprocess``) inherits the write end and keeps the guard waiting until it has ended, too.
"""

import os
import signal
import subprocess
import sys
from types import TracebackType
from typing import IO, Self, cast


class OrphanGuard:
    """Kills (SIGKILL) each watched process when the process that made the guard ends; stops watching on `close`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            # -I -S: nothing but the standard library is needed, so nothing else is read at start
            [sys.executable, "-I", "-S", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in the terminal must not end the guard before its owner
            text=True,
        )
        self._list = cast(IO[str], self._process.stdin)  # a pipe was asked for

    def watch(self, pid: int) -> None:
        """From now on, the process dies with us; or all of a process group, whose number is given as a negative one."""
        self._tell(f"+{pid}")

    def forget(self, pid: int) -> None:
        """The process has ended; its number may soon be another's."""
        self._tell(f"-{pid}")

    def close(self) -> None:
        """Stop guarding; watched processes that still run are let go."""
        self._process.kill()
        self._process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _tell(self, line: str) -> None:
        print(line, file=self._list, flush=True)


def _guard() -> None:
    watched: set[int] = set()
    for line in sys.stdin:
        change = watched.add if line.startswith("+") else watched.discard
        change(int(line[1:]))
    for pid in watched:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


if __name__ == "__main__":
    _guard()
