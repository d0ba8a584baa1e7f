"""A generator in a process of its own: sends records at a rate, each at its time, and writes down when.

Open loop: a record is sent when it is due, whether or not anything answers. Times are of the machine's monotonic
clock, in ns, which all processes share: ``due``, ``sent`` (the client has taken it) and ``acknowledged`` (the broker
has it) of each record, by its number.
"""

import argparse
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from confluent_kafka import KafkaError, Message
from records import records, shapes

from contract.arrays import Integers
from contract.kafka.clients import idempotent_producer
from contract.settings import load_settings
from contract.topics import CUSTOMERS

_TICK_SECONDS = 0.001


class SentTimes(NamedTuple):
    """ns of the monotonic clock, by the record's number."""

    due: Integers
    sent: Integers
    acknowledged: Integers


def start(
    servers: str, prefix: str, rate: int, count: int, folder: Path, linger: float = 0.0
) -> "subprocess.Popen[bytes]":
    """Start the generator; its times are there once it has ended. It waits ``linger`` ms for company of a record."""
    command = (sys.executable, __file__, servers, prefix, str(rate), str(count), str(folder), str(linger))
    return subprocess.Popen(command)


def times(folder: Path) -> SentTimes:
    return SentTimes(*np.load(_file(folder)))


def _file(folder: Path) -> Path:
    return folder / "times.npy"


def _generate(servers: str, prefix: str, rate: int, count: int, folder: Path, linger: float) -> None:
    settings = load_settings(kafka={"bootstrap.servers": servers}, topic_prefix=prefix)
    producer = idempotent_producer(settings, {"linger.ms": linger})
    topic = settings.topic(CUSTOMERS)
    # a connection takes longer than a record
    producer.list_topics(topic, 30.0)
    waiting = list(records(shapes(folder)[0], count))
    clock = time.monotonic_ns
    sent, acknowledged = np.zeros(count, np.int64), np.zeros(count, np.int64)

    def delivered(number: int, error: KafkaError | None, _message: Message) -> None:
        acknowledged[number] = clock()
        if error is not None:
            sys.exit(f"record {number} was not taken: {error}")

    begun = clock() + 100_000_000
    due = begun + (np.arange(count) * (1e9 / rate)).astype(np.int64)
    number = 0
    while number < count:
        until = int(np.searchsorted(due, clock(), side="right"))
        while number < until:
            key, value = waiting[number]
            sent[number] = clock()
            producer.produce(topic, value, key, on_delivery=partial(delivered, number))
            number += 1
        # serves what is acknowledged, and sleeps
        producer.poll(_TICK_SECONDS)
    if producer.flush(60.0):
        sys.exit("the broker does not take the records in time")
    np.save(_file(folder), np.stack([due, sent, acknowledged]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("servers")
    parser.add_argument("prefix")
    parser.add_argument("rate", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("linger", type=float)
    given = parser.parse_args()
    _generate(given.servers, given.prefix, given.rate, given.count, given.folder, given.linger)
