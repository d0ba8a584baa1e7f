"""The scorer commits a batch while it scores the next one: what a fault in the first makes of the second."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from contract.kafka.clients import second_id, transactional_id, transactional_producer
from contract.kafka.transactions import BatchAbortedError
from contract.settings import Settings
from contract.testing import RunningClock
from contract.topics import CUSTOMERS, PREDICTIONS
from scorer.stream.worker import GROUP, ScorerWorker
from scorer.testing import LogisticModel
from tests.acceptance.faults.test_scorer import SCHEMA, SMALL, check_scored_once, send_customers
from tests.support.kafka.proxy import END_TXN, Loss, lossy_network
from tests.support.kafka.topics import group_lag, stream_settings
from tests.support.polling import eventually
from tests.support.running import running
from tests.support.service.bad_input import NOW

RECORDS = 1_000
FAILS = 3
"""The transaction that fails, counted from 1."""
TIMEOUT = 60


class ScorerSteps:
    """The steps of the worker's two threads, in the order in which they came."""

    def __init__(self, at: str = "", do: Callable[[], None] = lambda: None) -> None:
        """``do`` is called once, when the transaction that is to fail comes to the step ``at``."""
        self._changed = threading.Condition()
        self._seen: list[str] = []
        self._at = at
        self._do = do

    def __call__(self, step: str) -> None:
        with self._changed:
            self._seen.append(step)
            due = step == self._at and self._seen.count(step) == FAILS
            self._changed.notify_all()
        if due:
            self._do()

    def wait_until_next_is_scored(self) -> None:
        """Wait until the batch after the one that is to fail is scored."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._seen.count("after-scoring") > FAILS, TIMEOUT)

    def during_the_failure(self) -> list[str]:
        """What came between the step before the commit that fails and the next transaction's first step."""
        begun = [place for place, step in enumerate(self._seen) if step == "after-producing"]
        return self._seen[begun[FAILS - 1] + 1 : begun[FAILS]]


def score_all(settings: Settings, steps: ScorerSteps) -> None:
    worker = ScorerWorker(settings, SCHEMA, LogisticModel, clock=RunningClock(NOW), checkpoint=steps)
    with running(worker):
        eventually(lambda: group_lag(settings, GROUP, [CUSTOMERS]) == 0, TIMEOUT)


def test_a_transaction_that_fails_takes_the_scored_batch_after_it_back(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = stream_settings(broker, topic_prefix, tmp_path, **SMALL)
    send_customers(settings, 0, RECORDS)

    def fail() -> None:
        steps.wait_until_next_is_scored()
        raise BatchAbortedError("the test gives it up")

    steps = ScorerSteps("after-offsets", fail)
    score_all(settings, steps)
    assert "after-scoring" in steps.during_the_failure()
    check_scored_once(settings, RECORDS)


@pytest.mark.parametrize("loss", ["reply", "request"])
def test_a_commit_of_unknown_outcome_takes_the_scored_batch_after_it_back(
    loss: Loss, broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    with lossy_network(broker, tmp_path, END_TXN, loss, at=FAILS) as proxy:
        settings = stream_settings(proxy.bootstrap_servers, topic_prefix, tmp_path, **SMALL)
        send_customers(settings, 0, RECORDS)
        steps = ScorerSteps()
        score_all(settings, steps)
        assert proxy.lost
        assert "after-scoring" in steps.during_the_failure()
        assert "after-commit" not in steps.during_the_failure()
        check_scored_once(settings, RECORDS)


@pytest.mark.parametrize("left", ["first", "second"])
def test_a_transaction_that_a_killed_scorer_left_open_is_ended_by_the_next_of_its_name(
    left: str, broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    # the first id is also that of a release with one producer
    settings = stream_settings(broker, topic_prefix, tmp_path, instance="one", **SMALL)
    send_customers(settings, 0, RECORDS)
    first = transactional_id(settings, GROUP)
    killed = transactional_producer(settings, first if left == "first" else second_id(first))
    killed.init_transactions(TIMEOUT)
    killed.begin_transaction()
    for partition in range(settings.partitions):
        killed.produce(settings.topic(PREDICTIONS), b"never committed", partition=partition)
    killed.flush(TIMEOUT)
    score_all(settings, ScorerSteps())
    check_scored_once(settings, RECORDS)
