"""Any container of the stack killed in the middle of a replay: the counts are exact all the same.

One stack serves all tests, on a table of its user's. The producer's own crash comes first, in the stack's first replay;
each other crash is in a replay of its own, behind the ones before, so what a crash leaves is there in the next.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import msgspec
import pandas as pd
import pytest

from churnstream.backtest.plan import HELD_OUT_SHARE
from churnstream.live.watch import Snapshot, StreamWatch
from contract.kafka.peeking import peeking
from contract.split.held_out import held_out
from contract.topics import CUSTOMERS, DEAD_LETTERS, LABELS, OUTCOMES, PREDICTIONS, topic_specs
from producer.synthetic import write_csv
from tests.support.kafka.topics import committed
from tests.support.mlflow.rest import experiment_id, history, runs
from tests.support.polling import eventually
from tests.support.sizes import size
from tests.support.stack import SERVICES, Stack, compose_stack

ROWS = size(ci=40_000, full=100_000)
"""Of the table; one half of the customers is learned from, the other replayed."""
CRASHES = size(
    # Kafka alone: a replay waits 30 s for it, and what else starts would slow it down
    ci=[("producer", "api", "reports", "dashboard"), ("kafka",), ("scorer", "join", "monitor", "postgres", "mlflow")],
    full=[("producer",), *((service,) for service in SERVICES if service != "producer")],
)
"""Which services are killed together, a replay each: in a long run each one alone."""
SURNAME = "Zzyzxovich"
REPLAY_SECONDS = 12
FLOWED = 300.0


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("table") / "table.csv"
    write_csv(path, ROWS, seed=5)
    pd.read_csv(path).assign(Surname=SURNAME).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def sent_rows(table: Path) -> int:
    """Rows of the table that a replay sends."""
    return int(held_out(pd.read_csv(table)["CustomerId"].tolist(), share=HELD_OUT_SHARE).sum())


@pytest.fixture(scope="module")
def stack(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    # a producer that crashed begins its table again: what it sends a second time must not be too late
    with compose_stack(folder, DATA=str(table), REPLAY_SECONDS=str(REPLAY_SECONDS), LABEL_LATENESS="60d") as stack:
        stack.up()
        yield stack


@pytest.fixture(scope="module")
def replayed() -> Counter[tuple[str, ...]]:
    """Records that were replayed so far, by the services that crashed meanwhile."""
    return Counter()


def sent(stack: Stack) -> int:
    """Messages on ``customers``."""
    with peeking(stack.settings, 60) as peek:
        return sum(peek.offsets(CUSTOMERS, partition)[1] for partition in range(stack.settings.partitions))


class Sight(msgspec.Struct, frozen=True):
    """Of a message, what is looked at here."""

    record_id: str
    revision: int = 0


def sights(stack: Stack, topic: str) -> list[Sight]:
    decode = msgspec.json.Decoder(Sight).decode
    return [decode(message.value() or b"") for message in committed(stack.settings, topic) if message.key() is not None]


def final_state(stack: Stack, records: int) -> Snapshot:
    """The stream, once ``records`` of it have been measured for good."""
    watch = StreamWatch(stack.settings)
    try:
        eventually(
            lambda: (now := watch.refresh()).complete and now.distinct >= records,
            timeout=FLOWED,
            interval=0.5,
            message=f"{records:,} records measured for good",
        )
        return watch.snapshot
    finally:
        watch.close()


def assert_exact(stack: Stack, records: int) -> None:
    snapshot = final_state(stack, records)
    assert snapshot.distinct == snapshot.measured == records
    outcomes = sights(stack, OUTCOMES)
    labelled = len(outcomes)
    assert labelled == len({outcome.record_id for outcome in outcomes})
    # a producer that crashed has sent some labels twice
    assert {outcome.record_id for outcome in outcomes} == {label.record_id for label in sights(stack, LABELS)}
    assert sum(window.labelled for window in snapshot.tiles()) == labelled
    assert {outcome.revision for outcome in outcomes} == {1}
    predictions = sights(stack, PREDICTIONS)
    assert len({prediction.record_id for prediction in predictions}) == records
    # one prediction for each message on customers, though a producer that crashed has sent some records twice
    assert Counter(predictions) == Counter(sights(stack, CUSTOMERS))
    assert committed(stack.settings, DEAD_LETTERS) == []
    tiles = sum(window.performance.tn + window.performance.fp for window in snapshot.tiles())
    tiles += sum(window.performance.fn + window.performance.tp for window in snapshot.tiles())
    assert tiles == labelled
    eventually(lambda: logged(stack) == labelled, timeout=60, interval=2, message="MLflow has every final window")


def logged(stack: Stack) -> float:
    """Records in the windows that tile event time, as MLflow has them in the realised run."""
    realised = runs(stack.mlflow, experiment_id(stack.mlflow, "churn monitor"))["v1 realised"]
    cells = [history(stack.mlflow, realised, f"performance/{cell}") for cell in ("tn", "fp", "fn", "tp")]
    first = min(cells[0])
    return sum(cell[step] for cell in cells for step in cell if (step - first) % 3 == 0)


def test_every_service_crashes() -> None:
    assert sorted(service for together in CRASHES for service in together) == sorted(SERVICES)


@pytest.mark.parametrize("services", CRASHES, ids=" ".join)
def test_a_crash_leaves_exact_counts(
    services: tuple[str, ...], stack: Stack, sent_rows: int, replayed: Counter[tuple[str, ...]]
) -> None:
    replay = Thread(target=stack.run, args=("run", "--rm", "replay")) if "producer" not in services else None
    begun = sent(stack) if replay else 0
    if replay:
        replay.start()
    eventually(lambda: sent(stack) - begun > sent_rows * 0.4, timeout=120, interval=0.2, message="the replay is midway")
    stack.kill(*services)
    replayed[services] += sent_rows
    if replay:
        replay.join()
    for service in services:
        eventually(
            lambda each=service: stack.is_healthy(each), timeout=180, interval=1, message=f"{service} is healthy again"
        )
        (container,) = stack.containers(service)
        assert container["RestartCount"] >= 1, f"{service} has not crashed"
    assert_exact(stack, replayed.total())


def test_no_surname_has_left_the_producer(stack: Stack) -> None:
    for spec in topic_specs(stack.settings):
        found = [SURNAME in str((m.key(), m.value(), m.headers())) for m in committed(stack.settings, spec.name)]
        assert not any(found), spec.name
    for service in (*SERVICES, "init"):
        assert SURNAME not in stack.logs(service)
