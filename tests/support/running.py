"""A worker's loop on a thread of the test's own process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class BackgroundWorker(Protocol):
    def run(self, stop: threading.Event) -> None: ...


@contextmanager
def running(worker: BackgroundWorker) -> Iterator[None]:
    """Run a worker for the block; afterwards it is stopped, and what it raised is raised here."""
    stop = threading.Event()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            worker.run(stop)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=60)
    assert not thread.is_alive(), "the worker did not stop"
    if failures:
        raise failures[0]
