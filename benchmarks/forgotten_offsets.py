"""How long it takes to find where to go on when Kafka has forgotten a scorer's offsets, by what stands behind that.

The last prediction of a stream's record is followed by predictions of requests over HTTP, which have no source and say
nothing. Prints a row for each number of these, with the time of the search, its rate, and the ratio to a search that
finds what it looks for at once.

Run it with ``.venv/bin/python benchmarks/forgotten_offsets.py``.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

from broker import broker

from contract.kafka.clients import admin_client, idempotent_producer
from contract.kafka.forgotten import scored_until
from contract.kafka.provision import ensure_topics
from contract.settings import Settings, load_settings
from contract.topics import CUSTOMERS, PREDICTIONS

_PADDING = "x" * 400
"""With this a message has about the size of a prediction of ten features."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--behind", type=int, nargs="+", default=[0, 10_000, 100_000, 1_000_000])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, broker(Path(folder)) as servers:
        print("| predictions behind the last one with a source | s | messages/s | ratio |\n|---|---|---|---|")
        alone = None
        for behind in given.behind:
            settings = load_settings(
                kafka={"bootstrap.servers": servers}, partitions=1, topic_prefix=f"forgotten-{behind}."
            )
            ensure_topics(admin_client(settings), settings)
            _fill(settings, behind)
            began = time.perf_counter()
            found = scored_until(settings, 0, 60.0)
            seconds = time.perf_counter() - began
            if found != 8:
                raise SystemExit(f"the search found {found}, which is not what is there")
            alone = alone or seconds
            print(f"| {behind:,} | {seconds:.2f} | {behind / seconds:,.0f} | {seconds / alone:.1f} |", flush=True)


def _fill(settings: Settings, behind: int) -> None:
    producer = idempotent_producer(settings, {"queue.buffering.max.messages": 2_000_000})
    producer.produce(settings.topic(CUSTOMERS), key=b"c", value=b"{}", partition=0)
    scored = json.dumps({"source": {"partition": 0, "offset": 7}, "padding": _PADDING})
    producer.produce(settings.topic(PREDICTIONS), key=b"c", value=scored, partition=0)
    over_http = json.dumps({"source": None, "padding": _PADDING}).encode()
    for first in range(0, behind, 10_000):
        batch = [{"key": b"c", "value": over_http} for _ in range(min(10_000, behind - first))]
        producer.produce_batch(settings.topic(PREDICTIONS), batch, partition=0)
        producer.flush(60)
    producer.flush(60)


if __name__ == "__main__":
    main()
