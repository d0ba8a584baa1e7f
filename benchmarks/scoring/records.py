"""The records that the scorer's benchmarks read: of two lengths, as many and over as many partitions as one likes."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
from confluent_kafka import Producer

from contract.kafka.clients import admin_client, idempotent_producer
from contract.kafka.provision import ensure_topics
from contract.records import features_type
from contract.schema import FeatureKind, Schema, load_schema, schema_text
from contract.settings import Settings
from contract.topics import CUSTOMERS
from producer.synthetic import SyntheticBank

TRAINING_ROWS = 5_000
_DIFFERENT = 20_000
_MOST_IN_A_CALL = 5_000
_START = 1_735_689_600_000
_LONG = 146
_FLUSH_SECONDS = 120.0


@dataclass(frozen=True)
class RecordShape:
    """Records of one length: their schema (a shipped one's name or a file) and how many features are added to it."""

    name: str
    dataset: str
    added: int


def shapes(folder: Path) -> tuple[RecordShape, RecordShape]:
    """The synthetic bank's own records, of 277 bytes, and such with ``_LONG`` more numbers in each, of 4 KB."""
    long = folder / "long_records.toml"
    text = schema_text("bank_churn").replace('name = "bank_churn"', 'name = "long_records"')
    text += "".join(f'\n[features.{name}]\nkind = "numeric"\nmin = 0\nmax = 1_000_000\n' for name in _added(_LONG))
    long.write_text(text, encoding="utf-8")
    return RecordShape("277 B", "bank_churn", 0), RecordShape("4 KB", str(long), _LONG)


def table(shape: RecordShape, rows: int, seed: int) -> pd.DataFrame:
    """Customers with their labels, as ``churnstream train`` takes them."""
    (bank,) = SyntheticBank(rows, seed, chunk_rows=rows).chunks()
    random = np.random.default_rng(seed)
    made = {name: random.uniform(0, 1e6, rows).round(2) for name in _added(shape.added)}
    kept = bank[[name for name in bank if not str(name).startswith("_")]]
    return pd.concat([kept, pd.DataFrame(made)], axis=1)


def records(shape: RecordShape, count: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of ``count`` records, each with its own identifier; features come again after ``_DIFFERENT``."""
    schema = load_schema(shape.dataset)
    features = _features(schema, table(shape, min(_DIFFERENT, count), 42))
    for number in range(count):
        customer = b"%d" % (15_000_000 + number)
        yield (
            customer,
            b'{"record_id":"%b-bench-%d","customer_id":"%b","event_time":%d,"features":%b}'
            % (schema.name.encode(), number, customer, _START + number, features[number % len(features)]),
        )


def fill(settings: Settings, shape: RecordShape, count: int) -> float:
    """Make the stream's topics and write the records, as many to each partition; their mean length in bytes."""
    ensure_topics(admin_client(settings), settings)
    producer = idempotent_producer(settings, {"linger.ms": 50})
    topic = settings.topic(CUSTOMERS)
    most = max(1, min(_MOST_IN_A_CALL, count // settings.partitions))
    batch: list[dict[str, bytes]] = []
    written = turn = length = 0
    for key, value in records(shape, count):
        batch.append({"key": key, "value": value})
        length += len(value)
        if len(batch) == most:
            _send(producer, topic, batch, turn % settings.partitions)
            written, turn, batch = written + len(batch), turn + 1, []
    _send(producer, topic, batch, turn % settings.partitions)
    if producer.flush(_FLUSH_SECONDS):
        raise SystemExit("the broker did not accept the records in time")
    return length / count


def _send(producer: Producer, topic: str, batch: list[dict[str, bytes]], partition: int) -> None:
    while batch and producer.produce_batch(topic, batch, partition=partition) != len(batch):
        batch = [message for message in batch if "_error" in message]
        for message in batch:
            message.pop("_error")
        producer.poll(0.1)
    # a long stream is not to wait in memory
    while len(producer) > 20 * _MOST_IN_A_CALL:
        producer.poll(0.05)


def _features(schema: Schema, rows: pd.DataFrame) -> list[bytes]:
    make, encode = features_type(schema), msgspec.json.Encoder().encode
    columns = [
        rows[feature.name].astype(np.int64).tolist()
        if feature.kind in (FeatureKind.ORDINAL, FeatureKind.FLAG)
        else rows[feature.name].tolist()
        for feature in schema.features
    ]
    return [encode(make(**dict(zip(schema.names, row, strict=True)))) for row in zip(*columns, strict=True)]


def _added(count: int) -> list[str]:
    return [f"measured_{number:03d}" for number in range(count)]
