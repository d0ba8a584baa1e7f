"""The scorer's guarantees under faults, on a real broker: what a ``read_committed`` reader finds afterwards.

The oracle is one undisturbed batch: everything that stands in a partition of ``customers``, scored in one call.
"""

import json
import signal
from collections import Counter
from itertools import zip_longest
from pathlib import Path

import pytest

from churnstream.local_kafka.broker import FREE_BYTES_TO_START, LocalKafka
from contract.schema import load_schema
from contract.settings import Settings
from contract.topics import CUSTOMERS, DEAD_LETTERS, PREDICTIONS
from scorer.stream.batch import BatchScorer
from scorer.stream.reading import split_controls
from scorer.testing import LogisticModel
from tests.support.kafka.proxy import END_TXN, Loss, lossy_network
from tests.support.kafka.topics import committed, group_lag, headers, send, shortest_session_timeout, stream_settings
from tests.support.messages import customer, encode, key
from tests.support.polling import eventually
from tests.support.service.bad_input import BAD_RECORDS
from tests.support.sizes import size
from tests.support.small_disk import fill_disk, small_disk
from tests.support.worker_process import InjectedFault, Workers, worker_processes

SCHEMA = load_schema("bank_churn")
STEPS = ["after-poll", "after-scoring", "after-producing", "after-offsets", "before-commit", "after-commit"]
KILLED_AT = size(ci=(1, 4), full=(1, 2, 5))
"""One worker after the other is killed, each when it comes to the step for this time."""
# Transactions that nobody ends outlast the test, except where it is their time-out that is waited for.
SMALL = {"batch_size": 100, "request_timeout_ms": 5_000, "transaction_timeout_ms": 300_000}


@pytest.mark.parametrize("step", STEPS)
def test_one_prediction_per_record_whatever_step_the_scorer_is_killed_at(
    step: str, broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = stream_settings(broker, topic_prefix, tmp_path, instance="one", **SMALL)
    send_customers(settings, 0, 2_000)
    with worker_processes(tmp_path) as workers:
        for at in KILLED_AT:
            assert workers.start("score", settings, InjectedFault(step, at)).wait() == -signal.SIGKILL
        last = workers.start("score", settings)
        wait_until_scored(workers, settings)
        last.finish()
    check_scored_once(settings, 2_000)


@pytest.mark.parametrize(
    ("step", "said"),
    # the batch before may still be in its transaction when one is polled, and is fenced then
    [("after-poll", "batch aborted"), ("after-offsets", "fenced"), ("before-commit", "fenced")],
)
def test_a_scorer_that_stood_still_too_long_is_fenced_says_so_and_goes_on(
    step: str, said: str, broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    quick = {"session_timeout_ms": shortest_session_timeout(broker), "transaction_timeout_ms": 3_000}
    settings = stream_settings(broker, topic_prefix, tmp_path, **SMALL | quick)
    send_customers(settings, 0, 1_000)
    with worker_processes(tmp_path) as workers:
        zombie = workers.start("score", settings, InjectedFault(step, 2, signal.SIGSTOP))
        zombie.wait_until_stopped()
        other = workers.start("score", settings)
        wait_until_scored(workers, settings)
        zombie.send(signal.SIGCONT)
        workers.eventually(lambda: said in zombie.log, "the zombie notices")
        workers.eventually(lambda: zombie.log.count("assigned") == 2, "the zombie works again")
        send_customers(settings, 1_000, 2_000)
        wait_until_scored(workers, settings)
        zombie.finish()
        other.finish()
    check_scored_once(settings, 2_000)


@pytest.mark.parametrize("step", size(ci=["before-commit"], full=["after-poll", "before-commit", "after-commit"]))
def test_a_scorer_whose_name_was_taken_over_stops_and_says_so(
    step: str, broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = stream_settings(broker, topic_prefix, tmp_path, instance="one", **SMALL)
    send_customers(settings, 0, 1_000)
    with worker_processes(tmp_path) as workers:
        zombie = workers.start("score", settings, InjectedFault(step, 2, signal.SIGSTOP))
        zombie.wait_until_stopped()
        other = workers.start("score", settings)
        wait_until_scored(workers, settings)
        zombie.send(signal.SIGCONT)
        assert zombie.wait() == 1
        assert "fenced" in zombie.log
        assert "CHURNSTREAM_INSTANCE" in zombie.log
        send_customers(settings, 1_000, 2_000)
        wait_until_scored(workers, settings)
        other.finish()
    check_scored_once(settings, 2_000)


@pytest.mark.parametrize("loss", ["reply", "request"])
def test_a_commit_of_unknown_outcome_is_left_to_a_new_producer(
    loss: Loss, broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    with lossy_network(broker, tmp_path, END_TXN, loss, at=3) as proxy, worker_processes(tmp_path) as workers:
        settings = stream_settings(proxy.bootstrap_servers, topic_prefix, tmp_path, **SMALL)
        send_customers(settings, 0, 1_000)
        worker = workers.start("score", settings)
        wait_until_scored(workers, settings)
        worker.finish()
        assert proxy.lost
        assert "the commit's outcome is unknown" in worker.log
        assert "a new producer takes over" in worker.log
        check_scored_once(settings, 1_000)


def test_a_commit_whose_connection_breaks_counts_once(broker: str, topic_prefix: str, tmp_path: Path) -> None:
    lost: Loss = "reply and connection"
    with lossy_network(broker, tmp_path, END_TXN, lost, at=3) as proxy, worker_processes(tmp_path) as workers:
        settings = stream_settings(proxy.bootstrap_servers, topic_prefix, tmp_path, **SMALL)
        send_customers(settings, 0, 1_000)
        worker = workers.start("score", settings)
        wait_until_scored(workers, settings)
        worker.finish()
        assert proxy.lost
        check_scored_once(settings, 1_000)


def test_the_scorer_outlives_the_death_of_the_broker(own_broker: LocalKafka, topic_prefix: str, tmp_path: Path) -> None:
    quick = {"session_timeout_ms": 6_000}
    settings = stream_settings(own_broker.bootstrap_servers, topic_prefix, tmp_path, **SMALL | quick)
    send_customers(settings, 0, 1_000)
    with worker_processes(tmp_path) as workers:
        worker = workers.start("score", settings, InjectedFault("after-offsets", 3, signal.SIGSTOP))
        worker.wait_until_stopped()
        own_broker.kill()
        worker.send(signal.SIGCONT)
        own_broker.start()
        send_customers(settings, 1_000, 2_000)
        wait_until_scored(workers, settings)
        worker.finish()
    check_scored_once(settings, 2_000)


def test_the_scorer_goes_on_when_the_broker_s_full_disk_has_room_again(topic_prefix: str, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", FREE_BYTES_TO_START + 100_000_000) as disk, LocalKafka(disk / "kafka") as broker:
        settings = stream_settings(broker.bootstrap_servers, topic_prefix, tmp_path, **SMALL)
        send_customers(settings, 0, 1_000)
        with worker_processes(tmp_path) as workers:
            worker = workers.start("score", settings, InjectedFault("after-offsets", 3, signal.SIGSTOP))
            worker.wait_until_stopped()
            ballast = fill_disk(disk)
            worker.send(signal.SIGCONT)
            eventually(lambda: not broker.answers(), timeout=60, message="the broker ends on its full disk")
            broker.kill()
            ballast.unlink()
            broker.start()
            send_customers(settings, 1_000, 2_000)
            wait_until_scored(workers, settings)
            worker.finish()
            assert "Traceback" not in worker.log
        check_scored_once(settings, 2_000)


@pytest.mark.parametrize("partitions", size(ci=[6], full=[2, 6]))
def test_three_scorers_that_come_and_go_predict_what_one_does(
    partitions: int, broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = stream_settings(broker, topic_prefix, tmp_path, partitions=partitions, **SMALL)
    send_customers(settings, 0, 1_500)
    with worker_processes(tmp_path) as workers:
        first = workers.start("score", settings, InjectedFault("before-commit", 2, signal.SIGSTOP))
        first.wait_until_stopped()
        others = [workers.start("score", settings) for _ in range(2)]
        first.send(signal.SIGCONT)
        workers.eventually(lambda: all("assigned" in worker.log for worker in others), "three share the work")
        send_customers(settings, 1_500, 2_000)
        first.send(signal.SIGTERM)
        others.append(workers.start("score", settings))
        send_customers(settings, 2_000, 3_000)
        assert first.wait() == 0
        workers.eventually(lambda: all("assigned" in worker.log for worker in others), "one has come for another")
        wait_until_scored(workers, settings)
        for worker in others:
            worker.finish()
    check_scored_once(settings, 3_000)


def send_customers(settings: Settings, first: int, last: int) -> None:
    """Customers ``first`` to ``last - 1``; each kind of bad record among the first of them."""
    messages: list[tuple[bytes | None, bytes | None]] = [
        (key(customer(i)), encode(customer(i))) for i in range(first, last)
    ]
    if first == 0:
        spoiled = [(bad.key, bad.value) for bad in BAD_RECORDS]
        pairs = zip_longest(messages[::2], messages[1::2], spoiled)
        messages = [message for group in pairs for message in group if message is not None]
    send(settings, CUSTOMERS, messages)


def wait_until_scored(workers: Workers, settings: Settings) -> None:
    workers.eventually(lambda: group_lag(settings, "scorer", [CUSTOMERS]) == 0, "all customers are scored")


def check_scored_once(settings: Settings, sent: int) -> None:
    """One prediction per record, in order, and one dead letter per bad record: no more, no less, no other."""
    found = {topic: committed(settings, topic) for topic in (CUSTOMERS, PREDICTIONS, DEAD_LETTERS)}
    record_ids = sorted(json.loads(message.value() or b"")["record_id"] for message in found[PREDICTIONS])
    assert record_ids == sorted(customer(i)["record_id"] for i in range(sent))
    origins = Counter((headers(m)["origin-partition"], headers(m)["origin-offset"]) for m in found[DEAD_LETTERS])
    assert set(origins.values()) == {1}, origins
    assert len(origins) == len(BAD_RECORDS)
    for partition in range(settings.partitions):
        here = {topic: [m for m in messages if m.partition() == partition] for topic, messages in found.items()}
        records, _ = split_controls(here[CUSTOMERS])
        expected = BatchScorer(SCHEMA).score(records, partition, LogisticModel())
        assert [(message.key(), message.value()) for message in here[PREDICTIONS]] == expected.predictions
        letters = [
            (int(headers(m)["origin-offset"]), m.key(), m.value(), headers(m)["reason"]) for m in here[DEAD_LETTERS]
        ]
        assert letters == [(raw.offset, raw.key, raw.value, rejection.reason) for raw, rejection in expected.rejected]
