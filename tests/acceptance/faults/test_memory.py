"""No backlog, of whatever messages, takes a worker more memory than the compose file gives it, and all is worked off.

The backlogs are packed (lz4), as most producers send: what a worker fetches is many times as much once it is unpacked.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import yaml

from contract.settings import Settings
from contract.topics import CUSTOMERS, LABELS, PANES, PREDICTIONS
from tests.support.fuzz.mutations import FuzzedMessage, fuzzed_customers, fuzzed_labels, fuzzed_predictions, prediction
from tests.support.kafka.topics import group_lag, send, stream_settings
from tests.support.messages import customer, encode, key, label
from tests.support.paths import ROOT
from tests.support.sizes import size
from tests.support.worker_process import Kind, WorkerProcess, worker_processes

LARGE, WIDE, MUTATED = size(ci=(120, 2_000, 10_000), full=(400, 6_000, 200_000))
"""Values of 2 MB, records of 60 KB, mutated ones."""
MANY = size(ci=100_000, full=2_000_000)
GROUPS: dict[Kind, str] = {"score": "scorer", "join": "join", "timeline": "timeline"}
SERVICES: dict[Kind, str] = {"score": "scorer", "join": "join", "timeline": "monitor"}
LIBRARIES: dict[Kind, int] = {"score": 250_000_000, "join": 20_000_000, "timeline": 400_000_000}
"""Bytes that the command of a service takes at rest, beyond the process of the test, which has no model."""
MOST_WITH_A_BACKLOG = 400_000_000
Pair = tuple[bytes | None, bytes | None]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the most memory that a process took")


def memory_limit(kind: Kind) -> int:
    """Bytes that the compose file gives the service."""
    limit = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"][SERVICES[kind]]["mem_limit"]
    return int(limit[:-1]) * {"m": 1024**2, "g": 1024**3}[limit[-1]]


def peak_memory(worker: WorkerProcess) -> int:
    """Bytes that a running worker has had in memory at most."""
    status = Path(f"/proc/{worker.pid}/status").read_text()
    (peak,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(peak) * 1024


def backlog(good: Iterable[Pair], mutated: Iterable[Pair]) -> Iterator[Pair]:
    """Values of 2 MB, then 60-KB records, then mutated ones; what is good among them is padded with spaces."""
    for number in range(LARGE):
        yield b"%d" % number, json.dumps({"text": f"{number} " * 300_000}).encode()[:2_000_000]
    for name, value in good:
        yield name, (value or b"")[:-1] + b" " * (60_000 - len(value or b"")) + b"}"
    yield from mutated


def fill(settings: Settings, topic: str, messages: Iterable[Pair]) -> None:
    packed = settings.model_copy(update={"kafka": settings.kafka | {"compression.type": "lz4"}})
    send(packed, topic, messages)


def pairs(make: Callable[[int], dict[str, Any]], count: int) -> Iterator[Pair]:
    return ((key(message), encode(message)) for message in map(make, range(count)))


def spoiled(messages: Iterator[FuzzedMessage]) -> Iterator[Pair]:
    return ((message.key, message.value) for message in islice(messages, MUTATED))


@pytest.mark.parametrize("kind", ["score", "join", "timeline"])
def test_a_backlog_of_large_wide_and_mutated_messages_fits_into_the_memory_of_compose(
    kind: Kind, broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = stream_settings(broker, topic_prefix, tmp_path, partitions=4)
    # of panes, each is passed over: none is one of ours
    waiting: dict[Kind, dict[str, Callable[[], Iterator[Pair]]]] = {
        "score": {CUSTOMERS: lambda: backlog(pairs(customer, WIDE), spoiled(fuzzed_customers(1)))},
        "join": {
            PREDICTIONS: lambda: backlog(pairs(prediction, WIDE), spoiled(fuzzed_predictions(2))),
            LABELS: lambda: backlog(pairs(label, WIDE), spoiled(fuzzed_labels(3))),
        },
        # a compacted topic takes no message without a key
        "timeline": {
            PANES: lambda: (
                (name or b"?", value) for name, value in backlog(pairs(customer, WIDE), spoiled(fuzzed_customers(4)))
            )
        },
    }
    topics = waiting[kind]

    def fill_all() -> None:
        for topic, messages in topics.items():
            fill(settings, topic, messages())

    fill_all()
    with worker_processes(tmp_path) as workers:
        worker = workers.start(kind, settings)
        if kind == "timeline":
            # it reads all that is there before it follows
            workers.eventually(lambda: "took up" in worker.log, "the timeline has taken up what is there")
            fill_all()
        read = settings.model_copy(update={"partitions": 1}) if kind == "timeline" else settings
        workers.eventually(lambda: group_lag(read, GROUPS[kind], topics) == 0, "the backlog is worked off")
        peak = peak_memory(worker)
        worker.finish()
    assert peak + LIBRARIES[kind] < memory_limit(kind), f"{peak / 1e6:,.0f} MB"


def test_the_length_of_a_backlog_of_records_costs_the_scorer_no_memory(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = stream_settings(broker, topic_prefix, tmp_path, partitions=4)
    fill(settings, CUSTOMERS, pairs(customer, MANY))
    with worker_processes(tmp_path) as workers:
        worker = workers.start("score", settings)
        workers.eventually(lambda: group_lag(settings, "scorer", [CUSTOMERS]) == 0, "the backlog is worked off")
        peak = peak_memory(worker)
        worker.finish()
    assert peak < MOST_WITH_A_BACKLOG, f"{peak / 1e6:,.0f} MB"
