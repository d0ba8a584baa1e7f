"""What every worker process does around its loop: stop on signals, log to standard error."""

import logging
import signal
import threading
from collections.abc import Callable
from types import FrameType

from contract.errors import UserError
from contract.transactions import Fenced


def stop_on_signals() -> threading.Event:
    """An event that SIGINT and SIGTERM set. A second signal of the same kind ends the process at once."""
    stop = threading.Event()

    def handle(number: int, _frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    signal.signal(signal.SIGINT, handle)
    signal.signal(signal.SIGTERM, handle)
    return stop


def configure_logging(verbose: bool) -> None:
    """Our own messages to standard error, from INFO up where ``verbose``, else from WARNING up."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    logging.getLogger("churnstream").setLevel(logging.INFO if verbose else logging.WARNING)


def run_until_signalled(work: Callable[[threading.Event], None]) -> None:
    """Run a worker's loop until a signal stops it.

    Raises:
        UserError: the worker was fenced, i.e. another one runs under its name.
    """
    try:
        work(stop_on_signals())
    except Fenced as error:
        raise UserError(str(error)) from None
