"""Where the scorer's time goes: CPU time a record by stage, of ``churnstream score`` as it runs.

    python benchmarks/scoring/stages.py [--records N] [--batch N] [--model NAME] [--without-numba] [--repeats N]

The worker's own functions are timed from outside, each without the timed ones that it calls, by the CPU clock of its
thread. What the process took beside them is the last row: librdkafka's threads, and what is between the functions.
The median of the runs counts. Takes the broker at KAFKA_BOOTSTRAP_SERVERS, or else starts a local Kafka.
"""

import argparse
import functools
import json
import logging
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from cases import scorer
from models import CHAMPION, LARGE
from running import Bench

from tests.support.kafka.brokers import session_broker

STAGES = {
    "fetch": ("contract.kafka.consuming:BatchConsumer.poll",),
    "messages to bytes": ("scorer.stream.worker:by_partition", "scorer.stream.worker:split_controls"),
    "parse and checks": ("scorer.kernels.kernel:Kernel.take", "scorer.kernels.definition:Definition.all_records"),
    "model": ("scorer.models.loaded:Model.score", "scorer.models.loaded:Model.score_columns"),
    "splice": ("scorer.stream.batch:predictions", "scorer.stream.batch:predictions_of_records"),
    "rest of the scoring": ("scorer.stream.worker:ScorerWorker._score",),
    "publish": ("scorer.stream.worker:ScorerWorker._publish",),
    "commit": ("contract.kafka.transactions:Transactions.begin", "contract.kafka.transactions:Transactions.finish"),
}
"""The functions of each stage, on the fast way and on the slow one, named as ``module:qualified name``."""

_REST = "librdkafka's threads and the rest"


class StageClock:
    """CPU seconds of each stage over all threads; a stage's time ends where another one is called from it."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = dict.fromkeys(STAGES, 0.0)
        self._local = threading.local()
        self._lock = threading.Lock()

    def timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """``function``, whose time counts for ``stage``."""

        @functools.wraps(function)
        def wrapped(*arguments: Any, **named: Any) -> Any:
            stack: list[list[Any]] = self._local.__dict__.setdefault("stack", [])
            began = time.thread_time()
            stack.append([stage, began, 0.0])
            try:
                return function(*arguments, **named)
            finally:
                _, began, inner = stack.pop()
                spent = time.thread_time() - began
                if stack:
                    stack[-1][2] += spent
                with self._lock:
                    self.seconds[stage] += spent - inner

        return wrapped


def main() -> None:
    if sys.argv[1:2] == ["work"]:
        _work(Path(sys.argv[2]))
        return
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--records", type=int, default=400_000)
    arguments.add_argument("--batch", type=int, default=10_000, help="maximum records in a batch and a transaction")
    arguments.add_argument("--model", choices=[CHAMPION, LARGE], default=LARGE)
    arguments.add_argument("--without-numba", action="store_true")
    arguments.add_argument("--repeats", type=int, default=3)
    given = arguments.parse_args()
    logging.disable(logging.WARNING)
    case = scorer(given.model, numba=not given.without_numba)
    with tempfile.TemporaryDirectory() as folder, session_broker(Path(folder) / "kafka") as servers:
        os.chdir(folder)
        told = Path(folder) / "stages.json"
        bench = Bench(servers, Path(folder), given.batch, given.records, (str(Path(__file__)), "work", str(told)))
        rows: dict[str, list[float]] = {}
        for _ in range(given.repeats):
            found = bench.measure([case], 1)
            for stage, seconds in json.loads(told.read_text(encoding="utf-8")).items():
                rows.setdefault(stage, []).append(seconds / given.records * 1e6)
            rows.setdefault("records/s", []).extend(one.rate for one in found)
        os.chdir("/")
    _print(case.name, {stage: statistics.median(values) for stage, values in rows.items()})


def _print(name: str, rows: dict[str, float]) -> None:
    rate = rows.pop("records/s")
    whole = sum(rows.values())
    print(f"{name}: {rate:,.0f} records/s\n\n| stage | µs CPU a record | share |\n|---|--:|--:|")
    for stage, micros in [*rows.items(), ("all", whole)]:
        print(f"| {stage} | {micros:.2f} | {micros / whole:.0%} |")


def _work(told: Path) -> None:
    """``churnstream score`` with a clock around each stage; what the clocks say at its end is written to ``told``."""
    clock = StageClock()
    for stage, places in STAGES.items():
        for place in places:
            _wrap(clock, stage, place)
    worker = import_module("scorer.stream.worker").ScorerWorker
    run = worker.run

    def timed_run(self: Any, stop: threading.Event) -> None:
        # before it, kernels are compiled and checked by the same functions
        clock.seconds = dict.fromkeys(STAGES, 0.0)
        began = time.process_time()
        run(self, stop)
        whole = time.process_time() - began
        rest = whole - sum(clock.seconds.values())
        told.write_text(json.dumps({**clock.seconds, _REST: rest}), encoding="utf-8")

    worker.run = timed_run
    sys.argv = ["churnstream", "score"]
    import_module("churnstream.start").main()


def _wrap(clock: StageClock, stage: str, place: str) -> None:
    module, _, name = place.partition(":")
    *owners, last = name.split(".")
    owner: Any = import_module(module)
    for each in owners:
        owner = getattr(owner, each)
    setattr(owner, last, clock.timed(stage, getattr(owner, last)))


if __name__ == "__main__":
    main()
