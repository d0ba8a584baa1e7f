"""Commits on a thread of their own, so that the next batch is read and worked on while the last one is committed.

Operating rules

- Transactions are strictly one after another: one begins when the one before is known to be committed. So nothing of
  batch n + 1 is produced before all of batch n has been acknowledged, the order in a partition stays, and the offsets
  of batch n + 1 cannot be committed where those of batch n are not.
- A transaction that failed takes the batch after it back: that one is handed over in vain, and ``settle`` or ``submit``
  raises what became of the first. Then both are read again, from the committed offsets.
- A batch is published by its caller, and only what waits for the broker is left to the thread. Publishing holds
  Python's lock, as reading does, so one would only keep the other waiting.
- Producers take turns, because the coordinator is still writing a transaction's markers when its commit is
  acknowledged, and asks the same producer to come again later. A failed transaction is tried again by the same one.
- A process that was killed may have left a transaction of any of its producers open. So positions are read only after
  all of them are prepared.
- Positions do not move while a transaction is open: a revoke waits for it (``wait``), a rewind too (``settle``).
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue

from confluent_kafka import Producer, TopicPartition

from contract.kafka.transactions import Transactions

_FULL_FROM = 4
"""A batch of a fourth of the most that it may have: more is waiting than what one commit lets gather."""
_APART_SECONDS = 0.008
"""What a transaction costs the broker hardly depends on what is in it: 4 to 5 ms of CPU time. If one followed on the
other at once, they would keep the broker from everything else."""


def nothing_to_tell() -> None:
    """What is called after a commit of which nobody wants to hear."""


def is_worth_overlapping(read: int, batch_size: int, working: float, committing: float) -> bool:
    """Whether to read a batch while the last one is committed, after one of ``read`` messages.

    While little comes, it is not: what came during a commit would go into two batches, the first of them read too
    early, and the second would wait for the commits of both. ``working`` and ``committing`` are the seconds that the
    last batch took before it was published, and after that until it was committed.
    """
    return read * _FULL_FROM >= batch_size or working * 2 >= committing


def pause_before_reading(last_read: float, now: float) -> float:
    """Seconds to wait before a batch is read, where the last one was read at ``last_read`` (seconds, as ``now``).

    A lone record waits for nobody: only what comes right after another batch goes together.
    """
    return max(last_read + _APART_SECONDS - now, 0.0)


@dataclass(frozen=True)
class Submitted:
    """One batch: what to produce, its offsets (the next to read), and the membership under which it was read."""

    fill: Callable[[Producer], None]
    offsets: Sequence[TopicPartition]
    membership: object
    committed: Callable[[], None] = nothing_to_tell
    """Called on the thread of the transactions, once it is known that the batch was committed."""


class TransactionPipeline:
    """Runs transactions one after another, each by the next of several producers, while its caller goes on.

    At most one is under way. All methods but ``wait`` are for one thread. ``wait`` may be called from a rebalance.
    """

    def __init__(self, turns: Sequence[Transactions]) -> None:
        """``turns`` have a ``transactional.id`` each; the first is that of a worker with one producer."""
        self._turns = turns
        self._turn = 0
        self._jobs: SimpleQueue[Submitted | None] = SimpleQueue()
        self._idle = threading.Event()
        self._idle.set()
        self._failure: BaseException | None = None
        self.seconds = 0.0
        """How long the last transaction took from when its messages were handed to its producer."""
        self._thread: threading.Thread | None = None

    def prepare(self) -> None:
        """Have all producers, and no transaction of an earlier process open; does nothing while one of ours is.

        Raises:
            BatchAbortedError: the last transaction failed, or the broker did not answer in time; try again.
            FencedError: another worker has this one's name.
            UserError: the broker refuses, and will again.
        """
        if not self._idle.is_set():
            return
        self.settle()
        missing = [transactions for transactions in self._turns if not transactions.prepared]
        if missing:
            # at once, because each may wait half a second until it knows its coordinator
            with ThreadPoolExecutor(len(missing)) as pool:
                for made in [pool.submit(transactions.prepare) for transactions in missing]:
                    made.result()

    def submit(self, batch: Submitted) -> None:
        """Publish ``batch`` in a transaction, once the one before is committed, and hand it over to be committed.

        Raises:
            BatchAbortedError: the one before failed, and nothing of this one was published; or this one failed.
            FencedError: another worker has this one's name.
            UserError: the broker refused one of them, and will again.
        """
        self.settle()
        self._turns[self._turn].begin(batch.fill)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="transactions", daemon=True)
            self._thread.start()
        self._idle.clear()
        self._jobs.put(batch)

    def settle(self) -> None:
        """Wait until no transaction is under way.

        Raises:
            BatchAbortedError: the last one failed, as far as is known.
            FencedError: another worker has this one's name.
            UserError: the broker refused it, and will again.
        """
        self.wait()
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def wait(self) -> None:
        """Wait until no transaction is under way; one that failed is told of by what is called next."""
        self._idle.wait()

    def close(self) -> None:
        """Wait for what is under way, and let go of the producers."""
        self.wait()
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
            self._thread = None
        for transactions in self._turns:
            transactions.close()

    def _work(self) -> None:
        while (batch := self._jobs.get()) is not None:
            began = time.perf_counter()
            try:
                self._turns[self._turn].finish(batch.offsets, batch.membership)
                batch.committed()
                self._turn = (self._turn + 1) % len(self._turns)
            except BaseException as error:
                self._failure = error
            finally:
                self.seconds = time.perf_counter() - began
                del batch  # it would stay in memory until the next one comes
                self._idle.set()
