"""What every worker process does around its loop: read its settings, begin its log, stop on signals."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from contract.errors import UserError
from contract.kafka.clients import admin_client
from contract.kafka.provision import ensure_topics
from contract.kafka.transactions import FencedError
from contract.schema import Schema, load_schema
from contract.settings import Settings, load_settings
from contract.signals import tell_build
from contract.worker.logs import configure_logging
from contract.worker.private import keep_files_private

_GRACE_SECONDS = 5.0


def start_worker(worker: str, verbose: bool, **flags: Any) -> tuple[Settings, Schema]:
    """Begin the process of ``worker``: settings, logging, private files, schema, and topics that fit.

    A flag that is None was not given.

    Raises:
        UserError: a setting or the schema is wrong, the broker is out of reach, or a topic does not fit.
    """
    keep_files_private()
    settings = load_settings(**flags)
    configure_logging(verbose, settings.log_format, worker)
    tell_build(worker)
    # a mistake on this machine is told before the broker is asked for
    schema = load_schema(settings.dataset)
    ensure_topics(admin_client(settings), settings)
    return settings, schema


def stop_on_signals() -> threading.Event:
    """An event that SIGINT and SIGTERM set. A second signal of the same kind ends the process at once."""
    stop = threading.Event()

    def handle(number: int, _frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    signal.signal(signal.SIGINT, handle)
    signal.signal(signal.SIGTERM, handle)
    return stop


@contextmanager
def in_background(*loops: Callable[[threading.Event], None]) -> Iterator[None]:
    """Run each of ``loops`` on a thread of its own for the block; each ends when the event that it is given is set.

    One that hangs, e.g. in the network, is left behind after some seconds.
    """
    stop = threading.Event()
    threads = [
        threading.Thread(target=loop, args=(stop,), name=getattr(loop, "__qualname__", None), daemon=True)
        for loop in loops
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(_GRACE_SECONDS)


def run_until_signalled(work: Callable[[threading.Event], None]) -> None:
    """Run a worker's loop until a signal stops it.

    Raises:
        UserError: the worker was fenced, i.e. another one runs under its name.
    """
    try:
        work(stop_on_signals())
    except FencedError as error:
        raise UserError(str(error)) from None
