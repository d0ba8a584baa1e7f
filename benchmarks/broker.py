"""The broker of a benchmark."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from churnstream.local_kafka.broker import LocalKafka


@contextmanager
def broker(folder: Path) -> Iterator[str]:
    """Bootstrap servers: ``$KAFKA_BOOTSTRAP_SERVERS``, or else of a local Kafka in ``folder``, for the block."""
    given = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if given:
        yield given
        return
    with LocalKafka(folder / "kafka") as kafka:
        yield kafka.bootstrap_servers
