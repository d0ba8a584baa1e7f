"""Work that may hang, on a thread that can be left behind."""

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Generic, TypeVar

from contract.errors import ChurnstreamError

Result = TypeVar("Result")


class OverdueError(ChurnstreamError):
    """The work is not done in time. It may go on for as long as it likes; nobody will ask for what it comes to."""


class _Work(Generic[Result]):
    def __init__(self, work: Callable[[], Result]) -> None:
        self._work = work
        self._done = threading.Event()
        self._result: list[Result] = []
        self._error: Exception | None = None

    def run(self) -> None:
        try:
            self._result.append(self._work())
        except Exception as error:
            self._error = error
        self._done.set()

    def result(self, seconds: float) -> Result:
        if not self._done.wait(seconds):
            raise OverdueError(f"not done after {seconds:.3g} s")
        if self._error is not None:
            raise self._error
        return self._result[0]


class WorkThread:
    """One daemon thread, which does one thing after the other. The process can end while it hangs."""

    def __init__(self, name: str) -> None:
        self._tasks: SimpleQueue[_Work[object] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def call(self, work: Callable[[], Result], seconds: float) -> Result:
        """What ``work`` comes to, waited for at most ``seconds``; after an ``OverdueError`` nothing more is asked.

        Raises:
            OverdueError: it is not done by then.
            Exception: what ``work`` raises.
        """
        task = _Work(work)
        self._tasks.put(task)  # type: ignore[arg-type]
        return task.result(seconds)

    def close(self) -> None:
        """Let the thread end, as soon as it has done what it is at. Does not wait."""
        self._tasks.put(None)

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            task.run()
            del task  # or its result would live until the next one
