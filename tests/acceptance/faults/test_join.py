"""The join's guarantees under faults, on a real broker: what a ``read_committed`` reader finds afterwards.

The oracle is an undisturbed run of one worker over the same messages; what that one must find is known in advance.
"""

import shutil
import signal
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from churnstream.local_kafka.broker import LocalKafka
from contract.settings import Settings
from contract.topics import LABELS, PREDICTIONS
from monitor.join.worker import JoinWorker
from tests.support.join.stream import (
    SCHEMA,
    JoinedRow,
    expected_dead_letters,
    expected_labels,
    join_settings,
    joined,
    newest_progress,
    send_stream,
)
from tests.support.kafka.proxy import END_TXN, Loss, lossy_network
from tests.support.kafka.topics import group_lag, shortest_session_timeout
from tests.support.polling import eventually
from tests.support.running import running
from tests.support.sizes import size
from tests.support.worker_process import InjectedFault, Workers, worker_processes

STEPS = [
    "after-poll",
    "after-absorbing",
    "after-producing",
    "after-offsets",
    "before-commit",
    "after-commit",
    "before-store-commit",
    "after-store-commit",
]
KILLED_AT = size(ci=(1, 4), full=(1, 2, 5))
"""One worker after the other is killed, each when it comes to the step for this time."""
KILLED_SAVING = (1, 1)
"""The same for steps that do not come with each batch."""
TOPICS = (PREDICTIONS, LABELS)


@pytest.fixture(scope="module")
def undisturbed(broker: str, tmp_path_factory: pytest.TempPathFactory) -> JoinedRow:
    directory = tmp_path_factory.mktemp("undisturbed")
    settings = join_settings(broker, f"u{directory.parent.name}{directory.name}.", directory)
    send_stream(settings)
    with running(JoinWorker(settings, SCHEMA)):
        lag = partial(group_lag, settings, "join", TOPICS)
        eventually(lambda: lag() == 0, 60, "all predictions and labels are joined", progress=lag)
    found = joined(settings)
    assert {key: (one.label, one.revision) for key, one in found.outcomes.items()} == expected_labels()
    assert Counter(found.dead_letters.values()) == expected_dead_letters()
    assert found.windows
    assert {window.status for window in found.windows} == {"final"}
    return found


@pytest.mark.parametrize("step", STEPS)
def test_one_outcome_per_labelled_record_whatever_step_the_join_is_killed_at(
    step: str, undisturbed: JoinedRow, broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = join_settings(broker, topic_prefix, tmp_path, instance="one")
    send_stream(settings)
    with worker_processes(tmp_path) as workers:
        for at in KILLED_SAVING if "store" in step else KILLED_AT:
            assert workers.start("join", settings, InjectedFault(step, at)).wait() == -signal.SIGKILL
        last = workers.start("join", settings)
        wait_until_joined(workers, settings)
        last.finish()
    assert joined(settings) == undisturbed


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("after-absorbing", "transaction aborted"),
        ("before-commit", "fenced"),
        ("before-store-commit", "session timed out"),
    ],
)
def test_a_join_that_stood_still_too_long_is_fenced_says_so_and_goes_on(
    step: str, said: str, undisturbed: JoinedRow, broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    quick = {"session_timeout_ms": shortest_session_timeout(broker), "transaction_timeout_ms": 3_000}
    settings = join_settings(broker, topic_prefix, tmp_path, **quick)
    send_stream(settings, 0.0, 0.6)
    with worker_processes(tmp_path) as workers:
        zombie = workers.start("join", settings, InjectedFault(step, 2, signal.SIGSTOP))
        zombie.wait_until_stopped()
        other = workers.start("join", settings)
        wait_until_joined(workers, settings)
        zombie.send(signal.SIGCONT)
        workers.eventually(lambda: said in zombie.log, "the zombie notices")
        workers.eventually(lambda: zombie.log.count("assigned") == 2, "the zombie works again")
        send_stream(settings, 0.6, 1.0)
        wait_until_told(workers, settings)
        zombie.finish()
        other.finish()
    assert joined(settings) == undisturbed


@pytest.mark.parametrize("loss", ["reply", "request"])
def test_a_commit_of_unknown_outcome_is_left_to_a_new_producer(
    loss: Loss, undisturbed: JoinedRow, broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    with lossy_network(broker, tmp_path, END_TXN, loss, at=3) as proxy, worker_processes(tmp_path) as workers:
        settings = join_settings(proxy.bootstrap_servers, topic_prefix, tmp_path)
        send_stream(settings)
        worker = workers.start("join", settings)
        wait_until_joined(workers, settings)
        worker.finish()
        assert proxy.lost
        assert "the commit's outcome is unknown" in worker.log
        assert "a new producer takes over" in worker.log
        assert joined(settings) == undisturbed


def test_the_join_outlives_the_death_of_the_broker(
    undisturbed: JoinedRow, own_broker: LocalKafka, topic_prefix: str, tmp_path: Path
) -> None:
    settings = join_settings(own_broker.bootstrap_servers, topic_prefix, tmp_path, session_timeout_ms=6_000)
    send_stream(settings, 0.0, 0.6)
    with worker_processes(tmp_path) as workers:
        worker = workers.start("join", settings, InjectedFault("after-offsets", 3, signal.SIGSTOP))
        worker.wait_until_stopped()
        own_broker.kill()
        worker.send(signal.SIGCONT)
        own_broker.start()
        send_stream(settings, 0.6, 1.0)
        wait_until_joined(workers, settings)
        worker.finish()
    assert joined(settings) == undisturbed


@pytest.mark.parametrize("partitions", size(ci=[6], full=[2, 6]))
def test_three_joins_that_come_and_go_give_the_panes_and_windows_of_one(
    partitions: int, undisturbed: JoinedRow, broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = join_settings(broker, topic_prefix, tmp_path, partitions=partitions)
    send_stream(settings, 0.0, 0.5)
    with worker_processes(tmp_path) as workers:
        first = workers.start("join", settings, InjectedFault("before-commit", 2, signal.SIGSTOP))
        first.wait_until_stopped()
        others = [workers.start("join", settings) for _ in range(2)]
        first.send(signal.SIGCONT)
        workers.eventually(lambda: all("assigned" in worker.log for worker in others), "three share the work")
        send_stream(settings, 0.5, 0.7)
        first.send(signal.SIGTERM)
        others.append(workers.start("join", settings))
        send_stream(settings, 0.7, 1.0)
        assert first.wait() == 0
        workers.eventually(lambda: all("assigned" in worker.log for worker in others), "one has come for another")
        wait_until_told(workers, settings)
        for worker in others:
            worker.finish()
    found = joined(settings)
    assert found.outcomes == undisturbed.outcomes
    assert found.panes == undisturbed.panes
    assert found.windows == undisturbed.windows
    assert Counter(found.dead_letters.values()) == Counter(undisturbed.dead_letters.values())


def test_a_lost_store_is_rebuilt_from_the_log_and_nothing_is_published_twice(
    undisturbed: JoinedRow, broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = join_settings(broker, topic_prefix, tmp_path)
    with worker_processes(tmp_path) as workers:
        for begin, end in ((0.0, 0.4), (0.4, 0.75), (0.75, 1.0)):
            send_stream(settings, begin, end)
            worker = workers.start("join", settings)
            wait_until_joined(workers, settings)
            worker.finish()
            shutil.rmtree(settings.state_dir / "join")
    # the counters are of what was read again, too
    assert replace(joined(settings), counters=undisturbed.counters) == undisturbed


def wait_until_joined(workers: Workers, settings: Settings) -> None:
    workers.eventually(lambda: group_lag(settings, "join", TOPICS) == 0, "all predictions and labels are joined")


def wait_until_told(workers: Workers, settings: Settings) -> None:
    """As ``wait_until_joined``, and whoever has a partition by now has said where the ended stream stands."""
    wait_until_joined(workers, settings)
    workers.eventually(lambda: all(one.ended for one in newest_progress(settings)), "the end of the stream is told")
