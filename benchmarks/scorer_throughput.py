"""How fast the exactly-once scorer is, beside a plain copy of the same records, on one broker in one run.

Prints records per second of four workers over the same topic: a pass-through and the scorer, each with and without
transactions, and what each reaches of the transactional pass-through. The model is a real one, trained here.

    python benchmarks/scorer_throughput.py [--records N] [--batch N] [--repeats N]

Takes the broker at KAFKA_BOOTSTRAP_SERVERS, or else starts a local Kafka.
"""

import argparse
import logging
import os
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from broker import broker
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from contract.kafka.clients import admin_client, committed_consumer, idempotent_producer, transactional_producer
from contract.kafka.provision import ensure_topics
from contract.schema import Schema, load_schema
from contract.settings import Settings, load_settings
from contract.topics import CUSTOMERS, PREDICTIONS
from producer.replay import replay
from producer.scenario_options import ScenarioOptions
from producer.synthetic import SyntheticBank, write_csv
from scorer.models.loaded import Model, load_model
from scorer.stream.batch import BatchScorer
from scorer.stream.worker import ScorerWorker, split_controls
from training.train import train

_TIMEOUT = 60.0
Transform = Callable[[list[Message]], list[tuple[bytes | None, bytes | None]]]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--records", type=int, default=400_000)
    arguments.add_argument("--batch", type=int, default=10_000, help="most records in a batch and a transaction")
    arguments.add_argument("--repeats", type=int, default=3, help="runs of each; the median counts")
    given = arguments.parse_args()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder, broker(Path(folder)) as servers:
        settings = load_settings(
            kafka={"bootstrap.servers": servers},
            topic_prefix=f"bench{uuid.uuid4().hex[:8]}.",
            batch_size=given.batch,
            partitions=1,
            mlflow_tracking_uri=f"sqlite:///{folder}/mlflow.db",
            state_dir=folder,
        )
        os.chdir(folder)
        schema = load_schema(settings.dataset)
        model = _model(settings, Path(folder))
        _fill(settings, schema, given.records)
        _report(settings, schema, model, given.records, given.repeats)


def _report(settings: Settings, schema: Schema, model: Model, records: int, repeats: int) -> None:
    batch_scorer = BatchScorer(schema)

    def copy(messages: list[Message]) -> list[tuple[bytes | None, bytes | None]]:
        return [(message.key(), message.value()) for message in messages]

    def score(messages: list[Message]) -> list[tuple[bytes | None, bytes | None]]:
        records, _ = split_controls(messages)
        return list(batch_scorer.score(records, 0, [model]).predictions)

    workers: dict[str, Callable[[], float]] = {
        "pass-through, plain": lambda: _plain(settings, copy, records),
        "pass-through, transactional": lambda: _transactional(settings, copy, records),
        "scorer, plain": lambda: _plain(settings, score, records),
        "scorer, exactly once": lambda: _worker(settings, schema, model, records),
    }
    rates: dict[str, list[float]] = {name: [] for name in workers}
    for _ in range(repeats):
        for name, run in workers.items():
            rates[name].append(records / run())
    medians = {name: sorted(found)[len(found) // 2] for name, found in rates.items()}
    base = medians["pass-through, transactional"]
    print(f"{records:,} records of {_mean_size(settings)} bytes, batches of {settings.batch_size:,}, 1 partition\n")
    print(f"{'worker':30}{'records/s':>12}{'of transactional pass-through':>32}")
    for name, rate in medians.items():
        print(f"{name:30}{rate:>12,.0f}{rate / base:>32.2f}")


def _plain(settings: Settings, transform: Transform, records: int) -> float:
    producer = idempotent_producer(settings)
    return _copy_loop(settings, producer, transform, records, begin=lambda: None, commit=_flush(producer))


def _transactional(settings: Settings, transform: Transform, records: int) -> float:
    producer = transactional_producer(settings, uuid.uuid4().hex)
    producer.init_transactions(_TIMEOUT)

    def commit(consumer: Consumer, position: TopicPartition) -> None:
        producer.send_offsets_to_transaction([position], consumer.consumer_group_metadata(), _TIMEOUT)
        producer.commit_transaction(_TIMEOUT)

    return _copy_loop(settings, producer, transform, records, begin=producer.begin_transaction, commit=commit)


def _flush(producer: Producer) -> Callable[[Consumer, TopicPartition], None]:
    def commit(consumer: Consumer, position: TopicPartition) -> None:
        producer.flush(_TIMEOUT)
        consumer.commit(offsets=[position], asynchronous=False)

    return commit


def _copy_loop(
    settings: Settings,
    producer: Producer,
    transform: Transform,
    records: int,
    begin: Callable[[], None],
    commit: Callable[[Consumer, TopicPartition], None],
) -> float:
    consumer = committed_consumer(settings, f"bench-{uuid.uuid4().hex}")
    consumer.subscribe([settings.topic(CUSTOMERS)])
    done, began = 0, 0.0
    while done < records:
        messages = [m for m in consumer.consume(settings.batch_size, 0.05) if m.error() is None]
        if not messages:
            continue
        began = began or time.perf_counter()
        begin()
        batch = [{"key": k, "value": v} for k, v in transform(messages)]
        producer.produce_batch(settings.topic(PREDICTIONS), batch, partition=0)
        commit(consumer, TopicPartition(settings.topic(CUSTOMERS), 0, (messages[-1].offset() or 0) + 1))
        done += len(messages)
    seconds = time.perf_counter() - began
    consumer.close()
    return seconds


def _worker(settings: Settings, schema: Schema, model: Model, records: int) -> float:
    """The product's own worker, from its first batch to its last commit."""
    marks: list[float] = []
    fresh = settings.model_copy(update={"instance": uuid.uuid4().hex})
    # a group of its own reads the topic again; without an offset it would go on after the predictions that are there
    group = f"bench-{uuid.uuid4().hex}"
    consumer = committed_consumer(settings, group)
    consumer.commit(offsets=[TopicPartition(settings.topic(CUSTOMERS), 0, 0)], asynchronous=False)
    consumer.close()
    worker = ScorerWorker(fresh, schema, lambda: [model], group=group, checkpoint=_mark(marks))
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    while worker.stats.predictions + worker.stats.dead_letters < records:
        time.sleep(0.005)
    stop.set()
    thread.join()
    return marks[-1] - marks[0]


def _mark(marks: list[float]) -> Callable[[str], None]:
    def checkpoint(step: str) -> None:
        if step in ("after-poll", "after-commit"):
            marks.append(time.perf_counter())

    return checkpoint


def _model(settings: Settings, folder: Path) -> Model:
    table = folder / "training.csv"
    write_csv(table, 5_000, seed=1)
    train(settings, table)
    return load_model(settings)


def _fill(settings: Settings, schema: Schema, records: int) -> None:
    ensure_topics(admin_client(settings), settings)
    source = SyntheticBank(records, 42, schema=schema)
    scenario = ScenarioOptions(label_share=0.0).build(schema)
    replay(settings, source, scenario, "bench", stop=threading.Event(), end=False)


def _mean_size(settings: Settings) -> int:
    consumer = committed_consumer(settings, f"bench-{uuid.uuid4().hex}")
    consumer.assign([TopicPartition(settings.topic(CUSTOMERS), 0, 0)])
    sizes = [len(message.value() or b"") for message in consumer.consume(1_000, 10.0)]
    consumer.close()
    return round(sum(sizes) / max(len(sizes), 1))


if __name__ == "__main__":
    main()
