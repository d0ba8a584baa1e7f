"""How fast the join is beside the scorer, on one broker in one run, and what it holds in memory.

Prints pairs per second of the product's own worker, each in a process of its own: one partition and four; nothing,
1,000,000 and 10,000,000 predictions waiting; labels spread over 1, 60 and 1,440 panes; a lost store that is rebuilt.
Then what the store's candidates take for the same rows: rows of SQLite, LMDB and RocksDB (where they are installed),
and blocks.

    python benchmarks/join.py [--pairs N] [--repeats N] [--quick]

Takes the broker at KAFKA_BOOTSTRAP_SERVERS, or else starts a local Kafka.
"""

import argparse
import gc
import logging
import multiprocessing
import os
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from broker import broker
from confluent_kafka import TopicPartition
from join_stores import candidates

from contract.kafka.clients import admin_client, committed_consumer, idempotent_producer
from contract.kafka.provision import ensure_topics
from contract.messages import ModelRef
from contract.schema import load_schema
from contract.settings import Settings, load_settings
from contract.topics import LABELS, PREDICTIONS
from monitor.join.columns.chunk import NewRows
from monitor.join.columns.codes import Code
from monitor.join.opening import join_rules, store_identity
from monitor.join.pane_limits import PaneLimits
from monitor.join.partition import PartitionJoin
from monitor.join.rules import NEVER, TopicProgress
from monitor.join.store import JoinStore
from monitor.join.worker import JoinWorker
from monitor.slot import Slot

_START, _HOUR = 1_735_689_600_000, 3_600_000
_MODEL = ModelRef("churn", 1)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--pairs", type=int, default=300_000)
    arguments.add_argument("--batch", type=int, default=10_000, help="most records in a batch and a transaction")
    arguments.add_argument("--repeats", type=int, default=3, help="runs of each; the median counts")
    arguments.add_argument("--quick", action="store_true", help="a small run, to see that it works")
    given = arguments.parse_args()
    pairs, repeats, many = (20_000, 1, 100_000) if given.quick else (given.pairs, given.repeats, 10_000_000)
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder, broker(Path(folder)) as servers:
        base = {
            "kafka": {"bootstrap.servers": servers},
            "batch_size": given.batch,
            "state_dir": folder,
            "mlflow_tracking_uri": f"sqlite:///{folder}/mlflow.db",
            "slide": _HOUR,
            "window": 24 * _HOUR,
        }
        os.chdir(folder)
        scorer = _scorer(base, Path(folder), pairs)
        streams = {(partitions, panes): _stream(base, pairs, partitions, panes) for partitions, panes in _STREAMS}
        runs: dict[str, Callable[[], dict[str, float]]] = {"scorer": scorer}
        for partitions in (1, 4):
            runs[f"join, {partitions} partition{'s' * (partitions > 1)}"] = _run(streams[partitions, 1], pairs, 0)
        for waiting in (many // 10, many):
            runs[f"join, {waiting:,} waiting"] = _run(streams[1, 1], pairs, waiting)
        for panes in (60, 1_440):
            runs[f"join, {panes:,} panes"] = _run(streams[1, panes], pairs, 0)
        runs["lost store rebuilt"] = _run(streams[1, 1], pairs, 0, again=True)
        found: dict[str, list[dict[str, float]]] = {name: [] for name in runs}
        for _ in range(repeats):
            for name, run in runs.items():
                found[name].append(run())
        _report(found, pairs)
    candidates(100_000 if given.quick else 1_000_000)


_STREAMS = ((1, 1), (4, 1), (1, 60), (1, 1_440))


def _report(found: dict[str, list[dict[str, float]]], pairs: int) -> None:
    middle = {name: sorted(runs, key=lambda run: run["rate"])[len(runs) // 2] for name, runs in found.items()}
    scorer, empty = middle["scorer"]["rate"], middle["join, 1 partition"]["rate"]
    print(f"{pairs:,} pairs; load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    print(f"{'worker':32}{'pairs/s':>10}{'of the scorer':>15}{'of 1 partition':>16}{'µs CPU a pair':>15}{'RSS, MB':>9}")
    for name, run in middle.items():
        rate, resident = run["rate"], run.get("resident", 0.0)
        cpu = f"{run['cpu'] / pairs * 1e6:>15.1f}" if "cpu" in run else f"{'':15}"
        print(f"{name:32}{rate:>10,.0f}{rate / scorer:>15.2f}{rate / empty:>16.2f}{cpu}{resident:>9,.0f}")


def _scorer(base: dict[str, Any], folder: Path, records: int) -> Callable[[], dict[str, float]]:
    # what training needs would count as memory of the join's processes, which import this module
    sys.path.append(str(Path(__file__).parent / "scoring"))
    from cases import scorer
    from models import CHAMPION
    from running import Bench

    bench = Bench(base["kafka"]["bootstrap.servers"], folder, base["batch_size"], records)
    return lambda: {"rate": bench.measure([scorer(CHAMPION)], 1)[0].rate}


def _stream(base: dict[str, Any], pairs: int, partitions: int, panes: int) -> dict[str, Any]:
    """Settings of a stream whose topics hold so many pairs; records are spread over so many panes, out of order."""
    given = base | {"topic_prefix": f"bench{uuid.uuid4().hex[:8]}.", "partitions": partitions}
    settings = load_settings(**given)
    ensure_topics(admin_client(settings), settings)
    random = np.random.default_rng(7)
    times = _START + (np.sort if panes == 1 else np.asarray)(random.integers(0, panes * _HOUR, pairs))
    answers, numbers = random.random(pairs), random.random((pairs, 3))
    labels = random.random(pairs) < 0.2
    producer = idempotent_producer(settings, {"linger.ms": 50})
    for i, (time_, answer, (one, two, three), label) in enumerate(
        zip(times.tolist(), answers.tolist(), numbers.tolist(), labels.tolist(), strict=True)
    ):
        key = str(15_000_000 + i)
        ids = f'{{"record_id":"bank/{i}/replay","customer_id":"{key}"'
        prediction = (
            f'{ids},"event_time":{time_},"features":{{"CreditScore":{350 + int(500 * one)},'
            f'"Geography":"{("France", "Spain", "Germany")[i % 3]}","Gender":"{("Male", "Female")[i % 2]}",'
            f'"Age":{18 + int(70 * two)},"Tenure":{i % 10},"Balance":{200_000 * three:.2f},"NumOfProducts":{1 + i % 4},'
            f'"HasCrCard":{i % 2},"IsActiveMember":{i % 2},"EstimatedSalary":{200_000 * one:.2f}}},'
            f'"probability":{answer!r},"predicted":{int(answer >= 0.4)},"threshold":0.4,'
            f'"model":{{"name":"churn","version":1,"role":"champion"}},"source":{{"partition":0,"offset":{i}}}}}'
        )
        told = f'{ids},"event_time":{time_ + 24 * _HOUR},"label":{int(label)}}}'
        producer.produce(settings.topic(PREDICTIONS), key=key, value=prediction)
        producer.produce(settings.topic(LABELS), key=key, value=told)
        if i % 10_000 == 0:
            producer.poll(0)
    producer.flush(60)
    return given


def _run(given: dict[str, Any], pairs: int, waiting: int, again: bool = False) -> Callable[[], dict[str, float]]:
    def run() -> dict[str, float]:
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(target=_work, args=(given, pairs, waiting, again, there))
        process.start()
        found: dict[str, float] = here.recv()
        process.join()
        return found

    return run


def _work(given: dict[str, Any], pairs: int, waiting: int, again: bool, answer: Connection) -> None:
    """The product's own worker, from its first batch to its last commit, in a process of its own."""
    logging.disable(logging.WARNING)
    from monitor.join import opening, worker

    # a group of its own reads the topics again
    opening.GROUP = worker.GROUP = f"bench-{uuid.uuid4().hex}"  # type: ignore[attr-defined]
    settings = load_settings(**given, instance=uuid.uuid4().hex)
    # without an offset it would go on after what another run has published
    consumer = committed_consumer(settings, opening.GROUP)
    topics = settings.topic(PREDICTIONS), settings.topic(LABELS)
    starts = [TopicPartition(topic, number, 0) for topic in topics for number in range(settings.partitions)]
    consumer.commit(offsets=starts, asynchronous=False)
    consumer.close()
    if waiting:
        # in a process of its own, whose memory does not count
        filling = multiprocessing.get_context("spawn").Process(
            target=_fill_store, args=(given, settings.instance, waiting)
        )
        filling.start()
        filling.join()
    seconds, cpu, resident = _join(settings, pairs)
    if again:
        (settings.state_dir / "join" / str(settings.instance) / "0.sqlite").unlink()
        seconds, cpu, resident = _join(settings, 0)
    answer.send({"rate": pairs / seconds, "cpu": cpu, "resident": resident})


def _join(settings: Settings, outcomes: int) -> tuple[float, float, float]:
    """Seconds, CPU seconds and MB until so many outcomes are published, or, of none, until all is read again."""
    marks: list[tuple[float, float]] = []
    done = threading.Event()

    def checkpoint(step: str) -> None:
        if step in ("after-poll", "after-absorbing", "after-commit") and not done.is_set():
            marks.append((time.perf_counter(), time.process_time()))

    worker = JoinWorker(settings, load_schema(settings.dataset), checkpoint=checkpoint)
    gc.collect()
    gc.freeze()
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    while worker.stats.outcomes < outcomes or not marks or (not outcomes and time.perf_counter() - marks[-1][0] < 3):
        time.sleep(0.005)
    done.set()
    resident = psutil.Process().memory_info().rss / 1e6
    stop.set()
    thread.join()
    return marks[-1][0] - marks[0][0], marks[-1][1] - marks[0][1], resident


def _fill_store(given: dict[str, Any], instance: str, waiting: int) -> None:
    """A store of one partition in which so many predictions wait."""
    settings = load_settings(**given, instance=instance)
    schema = load_schema(settings.dataset)
    rules = join_rules(settings, schema)
    slot = Slot(settings.state_dir / "join", settings.instance)
    store = JoinStore(slot.path / "0.sqlite", f"{store_identity(settings, schema)} 0")
    limits = PaneLimits.of(schema, settings.sample_size, settings.label_lateness)
    join = PartitionJoin(0, store, rules, schema, limits)
    random = np.random.default_rng(11)
    for predicted in (0, 1):
        join.kept.codes._add(Code(_MODEL, 0.4, predicted))
    for first in range(0, waiting, 65_536):
        count = min(65_536, waiting - first)
        join.kept.table.append(
            NewRows(
                random.integers(0, 2**64, count, np.uint64),
                random.integers(0, 2**32, count).astype(np.uint64),
                _START + np.sort(random.integers(0, _HOUR, count)),
                random.random(count),
                random.integers(0, 2, count),
                np.full(count, NEVER),
                np.zeros(count, np.int64),
                random.integers(0, join.kept.panes.segments.combinations, count),
            ),
            TopicProgress(),
        )
        join.commit()
    join.close()
    slot.close()


if __name__ == "__main__":
    main()
