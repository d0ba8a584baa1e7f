"""Waits for a stream's workers, so that none of it is over before the first window is judged."""

import time
from pathlib import Path

from churnstream.processes.children import Child
from contract.errors import UserError
from monitor.files import reference_files

MOST_SECONDS = 180.0
_POLL_SECONDS = 0.1


class WorkersReady:
    """Which of a run's workers are ready. Each touches a file of its own from then on (``contract.worker.heartbeat``).

    The monitor is ready when it has the reference sample, too, which it fetches once there is a champion.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._beats = folder / "beats"
        self._beats.mkdir()
        self._waited: dict[str, Child] = {}

    def variables(self, name: str) -> dict[str, str]:
        """What a worker called ``name`` needs in its environment."""
        return {"CHURNSTREAM_HEARTBEAT": str(self._beats / name), "CHURNSTREAM_MODEL_POLL_MS": "500"}

    def expect(self, child: Child) -> Child:
        """A worker that was started with its variables, to be waited for."""
        self._waited[child.name] = child
        return child

    @property
    def missing(self) -> list[str]:
        """What is not ready yet."""
        found = [name for name in self._waited if not (self._beats / name).exists()]
        if "monitor" in self._waited and not reference_files(self._folder):
            found.append("the monitor's reference sample")
        return found

    def wait(self) -> None:
        """Until nothing is missing.

        Raises:
            UserError: a worker has ended, or something was still missing after ``MOST_SECONDS``.
        """
        until = time.monotonic() + MOST_SECONDS
        while missing := self.missing:
            for child in self._waited.values():
                child.check()
            if time.monotonic() > until:
                logs = next(iter(self._waited.values())).log_path.parent
                raise UserError(f"not ready after {MOST_SECONDS:.0f} s: {', '.join(missing)}; see the logs in {logs}")
            time.sleep(_POLL_SECONDS)
