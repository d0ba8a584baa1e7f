"""Many clients of a service at once, each asking again as soon as it has its answer."""

import contextlib
import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.support.messages import customer
from tests.support.polling import eventually

_PAUSE_SECONDS = 0.1
"""Before a client that was turned away asks again. What the test waits for needs the processors, too."""


@dataclass(frozen=True)
class Asked:
    """One request: the customer's number, the status, and the answer. Status 0: there was none."""

    number: int
    status: int
    headers: dict[str, str]
    body: Any

    @property
    def record_id(self) -> str:
        return str(customer(self.number)["record_id"])


@dataclass
class Load:
    """What has been asked so far."""

    asked: list[Asked] = field(default_factory=list)

    def count(self, *statuses: int) -> int:
        """Requests with one of these statuses; all, if none is given."""
        return sum(not statuses or one.status in statuses for one in list(self.asked))

    def wait_for(self, more: int, status: int, timeout: float = 60.0) -> None:
        """Wait until ``more`` further requests have this status."""
        enough = self.count(status) + more
        eventually(lambda: self.count(status) >= enough, timeout, f"{more} further requests with status {status}")


@contextlib.contextmanager
def load(address: str, clients: int) -> Iterator[Load]:
    """``clients`` connections ask for one customer after the other, none twice, until the block ends."""
    stop = threading.Event()
    numbers = itertools.count()
    found = Load()

    def work() -> None:
        with httpx.Client(base_url=address, timeout=60) as client:
            while not stop.is_set():
                number = next(numbers)
                try:
                    answer = client.post("/predict", json=customer(number))
                except httpx.TransportError as error:
                    found.asked.append(Asked(number, 0, {}, repr(error)))
                    stop.wait(_PAUSE_SECONDS)
                    continue
                found.asked.append(Asked(number, answer.status_code, dict(answer.headers), answer.json()))
                if answer.status_code != httpx.codes.OK:
                    stop.wait(_PAUSE_SECONDS)

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        stop.set()
        for thread in threads:
            thread.join(90)
    assert not any(thread.is_alive() for thread in threads), "a client has no answer yet"
