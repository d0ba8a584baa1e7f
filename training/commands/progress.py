"""How far a command is: a bar with the time that is left on a terminal, and a line every ten seconds anywhere else."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, TaskProgressColumn, TextColumn
from rich.progress import Task as RichTask
from rich.text import Text

if TYPE_CHECKING:
    from training.kinds.sampling import Sampling
    from training.selection.measure import Candidate

EVERY = 10.0
"""Seconds between two lines where there is no terminal; what takes less says nothing there."""
_SHORT = 120.0
"""Below so many seconds, time left is given in seconds."""


class HowFar:
    """The share of the work that is done, and the time that the rest takes if it goes on as it has so far.

    ``clock`` is in seconds, from any moment on. The share that is shown never goes back; the time
    that is left may grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._done = 0.0
        self._end: float | None = None
        self._doing = ""

    @property
    def doing(self) -> str:
        return self._doing

    @property
    def done(self) -> float:
        return self._done

    @property
    def elapsed(self) -> float:
        return self._clock() - self._began

    @property
    def left(self) -> float | None:
        """Seconds; None where nothing is done yet, or the work takes longer than expected."""
        left = None if self._end is None else self._end - self._clock()
        return None if left is None or left <= 0 else left

    def take(self, done: float, doing: str) -> None:
        """A share from 0 to 1, and what is done next."""
        self._doing = doing
        self._done = max(self._done, min(done, 1.0))
        if done > 0:
            self._end = self._began + self.elapsed / min(done, 1.0)

    def line(self, what: str) -> str:
        """``training: 40 %, fitting fold 2 of 5; 12 s so far, about 18 s left``."""
        left = self.left
        share = f" {self._done:.0%}," if self._done else ""
        doing = f" {self._doing};" if self._doing else ""
        rest = f", about {spoken(left)} left" if left is not None else ""
        return f"{what}:{share}{doing} {spoken(self.elapsed)} so far{rest}"


def spoken(seconds: float) -> str:
    """``45 s``, ``12 min``, ``3 h 05 min``."""
    if seconds < _SHORT:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < _SHORT else f"{minutes // 60} h {minutes % 60:02d} min"


class Bar:
    """What a command shows while it works; also a search's listener. Gone from a terminal once it is done.

    ``what`` it is doing, in one word. Where ``console`` (the terminal of errors if not given) is none, a thread of its
    own writes a line every ``EVERY`` seconds, whether or not there is something new: ``wait`` sleeps for so many
    seconds, or until its event is set, and then says True. ``clock`` as in ``HowFar``.
    """

    def __init__(
        self,
        what: str,
        console: Console | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:
        self._what = what
        self._console = console or Console(stderr=True)
        self._far = HowFar(clock)
        self._wait = wait
        self._over = threading.Event()
        self._lines: threading.Thread | None = None
        self._progress: Progress | None = None

    def __enter__(self) -> "Bar":
        if self._console.is_terminal:
            columns = [
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TaskProgressColumn(),
            ]
            self._progress = Progress(*columns, _TimeLeft(self._far), console=self._console, transient=True)
            self._task = self._progress.add_task(self._what, total=None)  # until a share is told
            self._progress.start()
        else:
            self._lines = threading.Thread(target=self._write_lines, name="progress", daemon=True)
            self._lines.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._progress is not None:
            self._progress.stop()
        if self._lines is not None:
            self._lines.join()

    def started(self, kind: str, sampling: "Sampling") -> None:
        pass

    def tried(self, trial: "Candidate") -> None:
        pass

    def finished(self, candidate: "Candidate", trials: int) -> None:
        pass

    def progress(self, done: float, doing: str) -> None:
        """The share of the work that is done, and what comes next."""
        self._far.take(done, doing)
        if self._progress is not None:
            total = 1.0 if self._far.done else None
            self._progress.update(
                self._task, total=total, completed=self._far.done, description=f"{self._what}: {doing}"
            )

    def refresh(self) -> None:
        """Draw the bar now; it draws itself several times a second."""
        if self._progress is not None:
            self._progress.refresh()

    def _write_lines(self) -> None:
        while not self._wait(self._over, EVERY):
            self._console.print(self._far.line(self._what), highlight=False, markup=False, soft_wrap=True)


class _TimeLeft(ProgressColumn):
    """How long it has taken and, where that can be told, how long it will."""

    max_refresh = 0.5

    def __init__(self, far: HowFar) -> None:
        super().__init__()
        self._far = far

    def render(self, _task: RichTask) -> Text:
        left = self._far.left
        return Text(spoken(self._far.elapsed) + ("" if left is None else f", about {spoken(left)} left"))
