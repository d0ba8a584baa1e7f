"""A redrive's guarantee under faults, on a real broker: each dead letter is sent again once, or stays."""

import signal
import threading
from collections import Counter
from pathlib import Path

import pytest
from confluent_kafka import Producer

from churnstream.redrive.chosen import ChosenLetters
from churnstream.redrive.sending import MOST_AT_ONCE, Redrive
from contract.errors import UserError
from contract.schema import load_schema
from contract.settings import Settings
from contract.topics import CUSTOMERS, DEAD_LETTERS
from tests.support.kafka.letters import SentLetter, send_letters
from tests.support.kafka.proxy import END_TXN, Loss, lossy_network
from tests.support.kafka.topics import committed, headers, stream_settings
from tests.support.messages import START, customer, encode, key
from tests.support.sizes import size
from tests.support.worker_process import InjectedFault, worker_processes

SCHEMA = load_schema("bank_churn")
LETTERS = size(ci=2, full=8) * MOST_AT_ONCE + 200
STEPS = ["prepared", "marks-read", "after-producing", "after-offsets", "before-commit", "after-commit"]
KILLED_AT = size(ci=(1,), full=(1, 2))
"""One run after the other is killed, each when it comes to the step for this time; the first two come once in a run."""


@pytest.mark.parametrize("at", KILLED_AT)
def test_each_letter_is_sent_again_once_whatever_step_a_redrive_is_killed_at(
    at: int, broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = stream_settings(broker, topic_prefix, tmp_path)
    send_some(settings)
    with worker_processes(tmp_path) as workers:
        for step in STEPS:
            killed = workers.start("redrive", settings, InjectedFault(step, 1 if step in STEPS[:2] else at))
            assert killed.wait() == -signal.SIGKILL, killed.log
        last = workers.start("redrive", settings)
        assert last.wait() == 0, last.log
    check_sent_once(settings)


@pytest.mark.parametrize("loss", ["request", "reply", "reply and connection"])
def test_each_letter_is_sent_again_once_though_a_commit_or_its_reply_is_lost(
    loss: Loss, broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    with lossy_network(broker, tmp_path, END_TXN, loss, at=2) as proxy:
        settings = stream_settings(proxy.bootstrap_servers, topic_prefix, tmp_path, request_timeout_ms=5_000)
        send_some(settings)
        tally = Redrive(settings, SCHEMA, ChosenLetters()).run(threading.Event())
        assert proxy.lost
        assert tally.sent == LETTERS
        check_sent_once(settings)


@pytest.mark.parametrize("step", ["marks-read", "before-commit"])
def test_of_two_runs_at_one_time_the_first_stops_and_no_letter_is_sent_twice(
    step: str, broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = stream_settings(broker, topic_prefix, tmp_path)
    send_some(settings)
    seen: Counter[str] = Counter()

    def other_runs(came_to: str) -> None:
        seen[came_to] += 1
        if came_to == step and seen[step] == (1 if step == "marks-read" else 2):
            Redrive(settings, SCHEMA, ChosenLetters()).run(threading.Event())

    first = Redrive(settings, SCHEMA, ChosenLetters(), checkpoint=other_runs)
    with pytest.raises(UserError, match="another `churnstream redrive`"):
        first.run(threading.Event())
    check_sent_once(settings)


def test_what_was_sent_again_behind_a_workers_open_transaction_is_not_sent_twice(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = stream_settings(broker, topic_prefix, tmp_path, partitions=1)
    send_some(settings)
    worker = Producer(settings.kafka | {"transactional.id": f"{topic_prefix}w", "transaction.timeout.ms": 60_000})
    worker.init_transactions(30)

    def open_a_transaction(came_to: str) -> None:
        # from here on all marks stand behind it, and no read_committed reader sees them
        if came_to == "marks-read":
            worker.begin_transaction()
            worker.produce(settings.topic(DEAD_LETTERS), b"open", partition=0)
            worker.flush(30)

    assert Redrive(settings, SCHEMA, ChosenLetters(), checkpoint=open_a_transaction).run(threading.Event()).sent == (
        LETTERS
    )
    ended = threading.Timer(2.0, lambda: worker.abort_transaction(30))
    ended.start()
    again = Redrive(settings, SCHEMA, ChosenLetters()).run(threading.Event())
    ended.join()
    assert (again.sent, again.already) == (0, LETTERS)
    check_sent_once(settings)


def send_some(settings: Settings) -> None:
    records = [customer(i) for i in range(LETTERS)]
    send_letters(
        settings,
        (
            SentLetter(key(record), encode(record), partition=i % settings.partitions, offset=i, time=START)
            for i, record in enumerate(records)
        ),
    )


def check_sent_once(settings: Settings) -> None:
    """Each letter is on its topic once, as it was; and who redrives now finds nothing to do."""
    found = committed(settings, CUSTOMERS)
    places = Counter((headers(message)["first-partition"], headers(message)["first-offset"]) for message in found)
    assert places == Counter((str(i % settings.partitions), str(i)) for i in range(LETTERS))
    for message in found:
        i = int(headers(message)["first-offset"])
        assert (message.key(), message.value()) == (key(customer(i)), encode(customer(i)))
        assert message.partition() == i % settings.partitions
    plan = Redrive(settings, SCHEMA, ChosenLetters()).plan()
    assert (plan.sent, plan.already, dict(plan.stays)) == (0, LETTERS, {})
