"""How long ``churnstream score`` takes from its start to the first prediction, records waiting, on real Kafka.

Every start is a new process over the same backlog. The first one has no model set aside from an earlier start, the
others have (``warm``). Each row has seconds from the start of the process until a reader of committed messages sees the
first prediction, and the CPU time that the process has taken by then, which a busy machine changes less.

    python benchmarks/scoring/first_prediction.py [--repeats N] [--large] [--partitions N] [--out FOLDER]

Writes first_prediction.json. Takes the broker at KAFKA_BOOTSTRAP_SERVERS, or else starts a local Kafka. The loops are
compiled before (``python -m scorer.kernels.warm``), as ``make install`` does.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import psutil
from confluent_kafka import Consumer, KafkaException, TopicPartition
from models import CHAMPION, LARGE, register
from records import TRAINING_ROWS, fill, shapes, table

from churnstream.processes.logged import start_logged
from churnstream.processes.orphans import OrphanGuard
from contract.settings import Settings, load_settings
from contract.topics import PREDICTIONS
from tests.support.kafka.brokers import session_broker
from tests.support.kafka.topics import environment

_ROOT = Path(__file__).resolve().parents[2]
_WAIT_SECONDS = 120.0
_RECORDS = 2_000
_GOAL_SECONDS = 3.0


class MeasuredStart(NamedTuple):
    """Seconds to the first prediction, the CPU time of them, and the process's resident memory in MB then."""

    seconds: float
    cpu: float
    resident: float


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--repeats", type=int, default=5, help="number of warm starts")
    arguments.add_argument("--partitions", type=int, default=4)
    arguments.add_argument("--large", action="store_true", help="300 × 5 trees instead of the champion's 200 × 4")
    arguments.add_argument("--out", type=Path, default=Path("build/benchmarks"), help="output folder")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name, session_broker(Path(name) / "kafka") as servers:
        folder = Path(name)
        shape = shapes(folder)[0]
        settings = load_settings(
            kafka={"bootstrap.servers": servers},
            topic_prefix=f"bench{uuid.uuid4().hex[:8]}.",
            partitions=given.partitions,
            mlflow_tracking_uri=f"sqlite:///{folder}/mlflow.db",
            state_dir=folder,
            model_name=LARGE if given.large else CHAMPION,
        )
        register(settings, table(shape, TRAINING_ROWS, 1), settings.model_name)
        subprocess.run([sys.executable, "-m", "scorer.kernels.warm"], check=True, cwd=_ROOT)
        starts = []
        for number in range(1 + given.repeats):
            # each start has records of its own to begin with
            fill(settings, shape, _RECORDS)
            starts.append(_start(settings, folder))
            print(f"start {number}: {starts[-1].seconds:.2f} s, {starts[-1].cpu:.2f} s of CPU", file=sys.stderr)
    load = os.getloadavg()[0]
    print(_table(starts, settings.model_name, load))
    given.out.mkdir(parents=True, exist_ok=True)
    facts = {
        "model": settings.model_name,
        "partitions": given.partitions,
        "cores": os.cpu_count(),
        "load": load,
        "first": starts[0]._asdict(),
        "warm": [start._asdict() for start in starts[1:]],
    }
    (given.out / "first_prediction.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def _start(settings: Settings, folder: Path) -> MeasuredStart:
    reader = Consumer(settings.kafka | {"group.id": "start", "isolation.level": "read_committed", "log_level": 0})
    topic = settings.topic(PREDICTIONS)
    places = [TopicPartition(topic, partition) for partition in range(settings.partitions)]
    reader.assign([TopicPartition(topic, at.partition, _end(reader, at)) for at in places])
    reader.poll(0.5)
    log = folder / "scorer.log"
    given = {**environment(settings), "PYTHONPATH": str(_ROOT), "XDG_STATE_HOME": str(folder)}
    command = (sys.executable, "-m", "churnstream", "score")
    with OrphanGuard() as guard:
        began = time.monotonic()
        child = start_logged(command, log, folder=folder, environment=given)
        guard.watch(-child.pid)
        process = psutil.Process(child.pid)
        try:
            while (first := reader.poll(0.1)) is None or first.error() is not None:
                if child.poll() is not None or time.monotonic() - began > _WAIT_SECONDS:
                    raise SystemExit(f"no prediction came; the log ends with:\n{log.read_text()[-3_000:]}")
            seconds, cpu = time.monotonic() - began, sum(process.cpu_times()[:2])
            return MeasuredStart(seconds, cpu, process.memory_info().rss / 1e6)
        finally:
            child.terminate()
            child.wait()
            reader.close()


def _end(reader: Consumer, partition: TopicPartition) -> int:
    """A partition that was made just now has no leader yet."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            return int(reader.get_watermark_offsets(partition, 30.0)[1])
        except KafkaException:
            if time.monotonic() > deadline:
                raise


def _table(starts: Sequence[MeasuredStart], model: str, load: float) -> str:
    warm = starts[1:]
    rows = [("first", starts[:1])]
    if warm:
        rows += [("warm, median", [_median(warm)]), ("warm, slowest", [max(warm)])]
    lines = [
        f"model {model}, {os.cpu_count()} cores with the broker, load average {load:.1f}",
        "",
        "| start | s to the first prediction | ÷ goal | s of CPU | MB resident |",
        "|---|--:|--:|--:|--:|",
    ]
    for name, (one,) in rows:
        lines.append(
            f"| {name} | {one.seconds:.2f} | {one.seconds / _GOAL_SECONDS:.2f} | {one.cpu:.2f} | {one.resident:.0f} |"
        )
    return "\n".join(lines)


def _median(starts: Sequence[MeasuredStart]) -> MeasuredStart:
    return MeasuredStart(*(statistics.median(each) for each in zip(*starts, strict=True)))


if __name__ == "__main__":
    main()
