"""How long a record takes to its prediction, exactly once, at several rates, on real Kafka.

``churnstream score`` runs in a process of its own, the generator in another, and the reader of committed predictions in
this one. Beside it stands the floor: a bare loop with the same clients that copies what is there in a transaction, and
does nothing else (``copying.py at-once``). What is above it is the scorer's; what is in it, Kafka's and its clients'.

Each rate has a row with p50, p99 and p99.9 in ms of the whole way (from the call that sends the record to the
reader that has its prediction), and of its two parts: until the broker has acknowledged the record, which is the
generator's and the broker's share, and from there on, which is the scorer's. ``late`` is how far the generator was
behind its own schedule; if that is a lot, the machine is too small for the rate, and the row means nothing. The last
columns are CPU time in cores: of the worker, of the local broker, and of all that ran on the machine. Near its cores,
times are those of a queue.

    python benchmarks/scoring/scorer_latency.py [--quick] [--rates N …] [--seconds N] [--warm-seconds N]
        [--generator-linger MS] [--out FOLDER]

Writes scorer_latency.json and scorer_latency.png. Takes the broker at KAFKA_BOOTSTRAP_SERVERS, or else starts a local
Kafka as ``churnstream kafka start`` does. Its JVM compiles for the first minutes, so it is warmed up. Wall times mean
nothing on a machine that is busy with something else.
"""

import argparse
import json
import os
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import load
import numpy as np
import psutil
from confluent_kafka import Consumer, TopicPartition
from models import CHAMPION, LARGE, register
from records import TRAINING_ROWS, shapes, table

from churnstream.local_kafka.broker import LocalKafka
from churnstream.processes.logged import start_logged
from churnstream.processes.orphans import OrphanGuard
from contract.arrays import Floats
from contract.kafka.clients import admin_client
from contract.kafka.provision import ensure_topics
from contract.settings import Settings, load_settings
from contract.topics import PREDICTIONS
from tests.support.kafka.topics import environment

_WORKERS = {
    "churnstream score": ("-m", "churnstream", "score"),
    "floor": (str(Path(__file__).with_name("copying.py")), "at-once"),
}
_ROOT = Path(__file__).resolve().parents[2]
_PERCENTILES = (50.0, 99.0, 99.9)
_CURVE = (0.0, 50.0, 75.0, 90.0, 95.0, 98.0, 99.0, 99.5, 99.8, 99.9)
_WARM_SECONDS = 1.0
_WARM_RATE = 1_000
_START_SECONDS = 300.0
_STILL_SECONDS = 30.0


class LatencyAtRate(NamedTuple):
    """One worker at one rate. Times in ms of each record after the first second, CPU in cores."""

    worker: str
    rate: int
    whole: Floats
    until_acknowledged: Floats
    afterwards: Floats
    late: Floats
    records_a_transaction: float
    cpu: float
    broker_cpu: float | None
    machine_cpu: float


class _TimedWorker(NamedTuple):
    """The worker that is measured: by its name in the table, its process, and the local broker's, if it is ours."""

    name: str
    process: psutil.Process
    broker: psutil.Process | None


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rates", type=int, nargs="+", default=[100, 1_000, 5_000], help="records a second")
    arguments.add_argument("--seconds", type=float, default=30.0, help="seconds at each rate")
    arguments.add_argument("--partitions", type=int, default=4)
    arguments.add_argument("--large", action="store_true", help="300 × 5 trees instead of the champion's 200 × 4")
    arguments.add_argument("--quick", action="store_true", help="8 seconds at each rate, 60 of warming up")
    arguments.add_argument("--warm-seconds", type=float, help="before the rates, at 1,000 records/s; 120 by default")
    arguments.add_argument("--generator-linger", type=float, default=0.0, metavar="MS", help="linger of the generator")
    arguments.add_argument(
        "--set", nargs="+", default=[], metavar="NAME=VALUE", help="variables of the worker's environment"
    )
    arguments.add_argument("--out", type=Path, default=Path("build/benchmarks"), help="output folder")
    given = arguments.parse_args()
    seconds = 8.0 if given.quick else given.seconds
    warm = given.warm_seconds if given.warm_seconds is not None else 60.0 if given.quick else 120.0
    found: list[LatencyAtRate] = []
    with tempfile.TemporaryDirectory() as name, _kafka(Path(name) / "kafka") as (servers, broker):
        folder = Path(name)
        settings = load_settings(
            kafka={"bootstrap.servers": servers},
            topic_prefix=f"bench{uuid.uuid4().hex[:8]}.",
            partitions=given.partitions,
            mlflow_tracking_uri=f"sqlite:///{folder}/mlflow.db",
            state_dir=folder,
            model_name=LARGE if given.large else CHAMPION,
        )
        # each worker has topics of its own, or the second would first read what came for the first
        streams = [
            settings.model_copy(update={"topic_prefix": f"{settings.topic_prefix}{number}."})
            for number in range(len(_WORKERS))
        ]
        for one in streams:
            ensure_topics(admin_client(one), one)
        register(settings, table(shapes(folder)[0], TRAINING_ROWS, 1), settings.model_name)
        changed = dict(pair.split("=", 1) for pair in given.set)
        for own, (worker, command) in zip(streams, _WORKERS.items(), strict=True):
            with _running(command, own, folder, changed) as process:
                measured = _TimedWorker(worker, process, broker)
                # imports, model and group; then what a first batch of each size still has to warm up
                _measure(own, folder, measured, 200, 2.0, _START_SECONDS, given.generator_linger)
                if not found and warm:
                    _measure(own, folder, measured, _WARM_RATE, warm, _STILL_SECONDS, given.generator_linger)
                found += [
                    _measure(own, folder, measured, rate, seconds, _STILL_SECONDS, given.generator_linger)
                    for rate in given.rates
                ]
    print(_table(found, given.partitions, settings.model_name))
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "scorer_latency.json").write_text(json.dumps(_facts(found, given.partitions), indent=1) + "\n")
    _plot(found, given.out / "scorer_latency.png")


@contextmanager
def _running(
    command: Sequence[str], settings: Settings, folder: Path, changed: Mapping[str, str]
) -> Iterator[psutil.Process]:
    log = folder / "worker.log"
    given = {**environment(settings), "PYTHONPATH": str(_ROOT), **changed}
    with OrphanGuard() as guard:
        child = start_logged((sys.executable, *command), log, folder=folder, environment=given)
        guard.watch(-child.pid)
        try:
            yield psutil.Process(child.pid)
        except BaseException:
            print(log.read_text(errors="replace")[-3_000:], file=sys.stderr)
            raise
        finally:
            child.terminate()
            child.wait()


@contextmanager
def _kafka(folder: Path) -> Iterator[tuple[str, psutil.Process | None]]:
    """Bootstrap servers, and the process of the broker where it is ours."""
    given = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if given:
        yield given, None
        return
    with LocalKafka(folder, lasting=True) as kafka:
        yield kafka.bootstrap_servers, psutil.Process(kafka.pid)


def _measure(
    settings: Settings, folder: Path, measured: _TimedWorker, rate: int, seconds: float, patience: float, linger: float
) -> LatencyAtRate:
    topic, count = settings.topic(PREDICTIONS), int(rate * seconds)
    reader = Consumer(
        settings.kafka | {"group.id": "reader", "isolation.level": "read_committed", "fetch.wait.max.ms": 100}
    )
    places = [TopicPartition(topic, partition) for partition in range(settings.partitions)]
    before = [reader.get_watermark_offsets(place, 30.0)[1] for place in places]
    reader.assign([TopicPartition(topic, place.partition, end) for place, end in zip(places, before, strict=True)])
    generator = load.start(settings.kafka["bootstrap.servers"], settings.topic_prefix, rate, count, folder, linger)
    values, arrived, begun = _read(reader, count, patience, lambda: _cpu(measured))
    used = _cpu(measured) - begun
    if generator.wait() or len(values) < count:
        raise SystemExit(f"{len(values):,} of {count:,} predictions came at {rate:,} records/s ({measured.name})")
    ends = sum(reader.get_watermark_offsets(place, 30.0)[1] for place in places) - sum(before) - count
    reader.close()
    due, sent, acknowledged = load.times(folder)
    seen = np.zeros(count, np.int64)
    for value, moment in zip(values, arrived, strict=True):
        seen[_number(value)] = moment
    kept = due >= due[0] + int(min(_WARM_SECONDS, count / rate / 2) * 1e9)
    whole, first, late = ((one[kept] / 1e6) for one in (seen - sent, acknowledged - sent, sent - due))
    # each partition of a transaction has one end
    transactions = max(ends / min(settings.partitions, max(count / max(ends, 1), 1)), 1)
    worker, of_broker, machine = (float(one / used[0]) for one in used[1:])
    return LatencyAtRate(
        measured.name,
        rate,
        whole,
        first,
        (seen - acknowledged)[kept] / 1e6,
        late,
        count / transactions,
        worker,
        of_broker if measured.broker else None,
        machine,
    )


def _cpu(measured: _TimedWorker) -> Floats:
    """The time, and CPU time until then of the worker, the broker and the machine; seconds."""
    machine = psutil.cpu_times()
    of_broker = sum(measured.broker.cpu_times()[:2]) if measured.broker else 0.0
    busy = sum(machine) - machine.idle - getattr(machine, "iowait", 0.0)
    return np.array([time.monotonic(), sum(measured.process.cpu_times()[:2]), of_broker, busy])


def _read(
    reader: Consumer, count: int, patience: float, begin: Callable[[], Floats]
) -> tuple[list[bytes], list[int], Floats]:
    """Values as they come, and when, until ``count`` are there or none has come for ``patience`` seconds.

    Before them the generator starts, so the third is what ``begin`` says when the first comes.
    """
    values: list[bytes] = []
    arrived: list[int] = []
    begun: Floats | None = None
    while len(values) < count:
        first = reader.poll(patience)
        if first is None:
            break
        if begun is None:
            begun = begin()
        messages = [first, *reader.consume(10_000, 0)]
        now = time.monotonic_ns()
        found = [message.value() or b"" for message in messages if message.error() is None]
        values += found
        arrived += [now] * len(found)
    return values, arrived, begin() if begun is None else begun


def _number(value: bytes) -> int:
    return int(value[: value.index(b'","')].rpartition(b"-")[2])


def _table(found: Sequence[LatencyAtRate], partitions: int, model: str) -> str:
    lines = [
        f"model {model}, {partitions} partitions, {os.cpu_count()} cores with the broker; ms, p50 / p99 / p99.9",
        "",
        "| worker | records/s | record to prediction | until acknowledged | acknowledged to prediction | late, p99 "
        "| records a transaction | CPU of worker | of broker | of all |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for one in found:
        whole, first, rest = (
            " / ".join(f"{value:.1f}" for value in np.percentile(each, _PERCENTILES))
            for each in (one.whole, one.until_acknowledged, one.afterwards)
        )
        lines.append(
            f"| {one.worker} | {one.rate:,} | {whole} | {first} | {rest} | {np.percentile(one.late, 99):.1f} "
            f"| {one.records_a_transaction:.1f} | {one.cpu:.2f} "
            f"| {'' if one.broker_cpu is None else f'{one.broker_cpu:.2f}'} | {one.machine_cpu:.2f} |"
        )
    return "\n".join(lines)


def _facts(found: Sequence[LatencyAtRate], partitions: int) -> dict[str, object]:
    def percentiles(values: Floats) -> dict[str, float]:
        return {f"p{each:g}": round(float(np.percentile(values, each)), 2) for each in _PERCENTILES}

    return {
        "partitions": partitions,
        "cores": os.cpu_count(),
        "unit": "ms",
        "rates": [
            {
                "worker": one.worker,
                "records_per_second": one.rate,
                "record_to_prediction": percentiles(one.whole),
                "until_acknowledged": percentiles(one.until_acknowledged),
                "acknowledged_to_prediction": percentiles(one.afterwards),
                "late": percentiles(one.late),
                "records_a_transaction": round(one.records_a_transaction, 1),
                "worker_cpu": round(one.cpu, 3),
                "broker_cpu": None if one.broker_cpu is None else round(one.broker_cpu, 3),
                "machine_cpu": round(one.machine_cpu, 3),
            }
            for one in found
        ],
    }


def _plot(found: Sequence[LatencyAtRate], path: Path) -> None:
    """A curve a worker and rate: the time within which so many of 1,000 records have their prediction."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.5), layout="constrained")
    places = [1 / (1 - each / 100) for each in _CURVE]
    for one in found:
        style = "--" if one.worker == "floor" else "-"
        label = f"{one.rate:,} records/s, {one.worker}"
        axes.plot(places, np.percentile(one.whole, _CURVE), style, marker="o", markersize=3, label=label)
    axes.axhline(25, color="tab:grey", linewidth=0.8, linestyle="--")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks([1 / (1 - each / 100) for each in (50, 90, 99, 99.9)], ["p50", "p90", "p99", "p99.9"])
    axes.set_ylabel("ms from record to prediction")
    axes.grid(color="#E3E3E3", linewidth=0.8)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


if __name__ == "__main__":
    main()
