"""Faults that a test sets: the n-th call of a name fails, before its effect or after it, or does not return."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, KafkaException

Failure = KafkaError | int | Exception
"""A ``KafkaError``, the code of one, or what is raised as it is (such as ``BufferError``)."""


@dataclass
class _InjectedFailure:
    call: str
    failure: Failure | None
    at: int
    applied: bool
    released: threading.Event = field(default_factory=threading.Event)


class Faults:
    """What is to go wrong. Each fault happens once. Calls may come from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[_InjectedFailure] = []

    def add(self, call: str, failure: Failure | None, at: int = 1, *, applied: bool = False) -> threading.Event:
        """The ``at``-th call from now fails; it hangs where ``failure`` is None, until the returned event is set."""
        fault = _InjectedFailure(call, failure, at, applied)
        with self._lock:
            self._waiting.append(fault)
        return fault.released

    def error(self, call: str) -> KafkaError | None:
        """Count a call that reports its failure instead of raising it."""
        fault = self._due(call)
        return None if fault is None or fault.failure is None else _kafka_error(fault.failure)

    @contextmanager
    def during(self, call: str) -> Iterator[None]:
        """Count a call, whose effect is the block.

        Raises:
            Exception: the failure that was set for it.
        """
        fault = self._due(call)
        if fault is None:
            yield
            return
        if fault.failure is None:
            fault.released.wait()
            yield
            return
        if fault.applied:
            yield
        raise _exception(fault.failure)

    def _due(self, call: str) -> _InjectedFailure | None:
        with self._lock:
            due = None
            for fault in [fault for fault in self._waiting if fault.call == call]:
                fault.at -= 1
                if fault.at <= 0 and due is None:
                    due = fault
                    self._waiting.remove(fault)
            return due


def _exception(failure: Failure) -> Exception:
    return failure if isinstance(failure, Exception) else KafkaException(_kafka_error(failure))


def _kafka_error(failure: Failure) -> KafkaError:
    if isinstance(failure, KafkaException):
        failure = failure.args[0]
    if isinstance(failure, KafkaError):
        return failure
    if isinstance(failure, int):
        return KafkaError(failure)
    raise TypeError(f"a delivery fails with a KafkaError, not with {failure!r}")
