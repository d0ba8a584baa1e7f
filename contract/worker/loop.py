"""One turn of a worker that reads, works and commits: a batch that failed is taken up again from the last commit."""

import logging
import threading
import time
from collections.abc import Callable, Mapping

from contract.kafka.consuming import BatchConsumer
from contract.kafka.pipeline import TransactionPipeline
from contract.kafka.transactions import BatchAbortedError, Transactions
from contract.signals import BATCHES_ABORTED
from contract.worker.heartbeat import Heartbeat
from contract.worker.news import WorkerNews, with_partitions
from contract.worker.room import NoRoomError, wait_for_room

POLL_SECONDS = 0.2
"""How long a turn waits for messages, so that a worker hears of its end in time."""
_RETRY_SECONDS = 0.2
_MEASURE_SECONDS = 1.0


class WorkerLoop:
    """What the turns of every transactional worker share.

    ``doing`` says what the worker does, and ``totals`` what it has done so far, by what is counted: people are told.
    ``on_abort`` is called after a failed batch, to drop what was in memory of it.
    """

    def __init__(
        self,
        transactions: Transactions | TransactionPipeline,
        reader: BatchConsumer,
        heartbeat: Heartbeat,
        log: logging.Logger,
        doing: Callable[[], str],
        totals: Callable[[], Mapping[str, int]],
        on_abort: Callable[[], None] = lambda: None,
    ) -> None:
        self._transactions = transactions
        self._reader = reader
        self._heartbeat = heartbeat
        self._log = log
        self._doing = doing
        self._news = WorkerNews(totals)
        self._on_abort = on_abort
        self._next_measurement = 0.0

    def turn(self, work: Callable[[], None], stop: threading.Event) -> None:
        """Call ``work`` with a producer ready; a batch that it gives up is read again after a pause.

        One that met a full disk is read again when there is room.

        Raises:
            FencedError: another worker took over under this one's name.
            UserError: a topic is gone or may not be read, or what ``work`` raises.
        """
        try:
            self._transactions.prepare()
            work()
            self._heartbeat.beat()
        except BatchAbortedError as error:
            self._log.info("batch aborted: %s", error)
            BATCHES_ABORTED.inc()
            self._give_up()
            # a worker that gets nowhere falls behind, and that must be seen
            self._measure()
            stop.wait(_RETRY_SECONDS)
        except NoRoomError as error:
            self._give_up()
            wait_for_room(error, stop, self._log)
        else:
            self._measure()
            self._news.tell(with_partitions(self._doing(), self._reader.partitions), self._reader.waiting)

    def _measure(self) -> None:
        now = time.monotonic()
        if now >= self._next_measurement:
            self._reader.measure_lag()
            self._next_measurement = now + _MEASURE_SECONDS

    def _give_up(self) -> None:
        self._reader.invalidate()
        self._on_abort()

    def close(self) -> None:
        """Leave the consumer group and let go of the producer."""
        self._news.close(self._reader.waiting)
        self._reader.close()
        self._transactions.close()
