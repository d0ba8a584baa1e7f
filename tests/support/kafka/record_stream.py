"""Customers that come as long as a test wants."""

from collections.abc import Callable

from confluent_kafka import Producer

from contract.settings import Settings
from contract.topics import CUSTOMERS
from scorer.stream.worker import ScorerWorker
from tests.support.messages import customer, encode, key
from tests.support.polling import eventually


class RecordStream:
    """Customers sent as long as somebody wants, never far ahead of the worker."""

    def __init__(self, settings: Settings, worker: ScorerWorker) -> None:
        self.sent = 0
        self._settings = settings
        self._worker = worker
        self._producer = Producer({**settings.kafka, "partitioner": "murmur2_random"})

    def flow(self, condition: Callable[[], bool]) -> None:
        """Until ``condition`` holds, and for 120 records more."""

        def met() -> bool:
            self._send_some()
            return condition()

        eventually(met, interval=0.0, timeout=60)
        for _ in range(3):
            self._send_some()

    def _send_some(self) -> None:
        for record in map(customer, range(self.sent, self.sent + 40)):
            self._producer.produce(self._settings.topic(CUSTOMERS), key=key(record), value=encode(record))
        assert self._producer.flush(30) == 0
        self.sent += 40
        eventually(lambda: self._worker.stats.predictions > self.sent - 100, interval=0.005, timeout=30)
