"""How far a training is, on a terminal: a spinner, or a bar that moves with the search."""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

from training.kinds.sampling import Sampling
from training.selection.measure import Candidate
from training.selection.search import Plan


class Bar:
    """A search's listener; shows nothing where there is no terminal."""

    def __init__(self, console: Console, plan: Plan | None) -> None:
        columns = [SpinnerColumn(), TextColumn("{task.description}")]
        if plan is not None:
            columns = [*columns, BarColumn(), TaskProgressColumn(), TimeElapsedColumn()]
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._progress.add_task("training", total=1.0)

    def __enter__(self) -> "Bar":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def started(self, kind: str, sampling: Sampling) -> None:
        pass

    def tried(self, trial: Candidate) -> None:
        pass

    def finished(self, candidate: Candidate, trials: int) -> None:
        pass

    def progress(self, done: float, doing: str) -> None:
        self._progress.update(self._task, completed=done, description=doing)
