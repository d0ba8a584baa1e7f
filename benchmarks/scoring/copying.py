"""A plain copy of ``customers`` to ``predictions``, plain or with a transaction a batch: what Kafka itself costs.

    python copying.py plain|transactional|at-once

``transactional`` waits for a full batch, as a measurement of throughput wants it. ``at-once`` takes what is there, and
has two producers by turns, as the scorer has: the least time that transactions with these clients take.

Takes its settings from the environment, as the workers do, and ends by SIGTERM. Run by ``scorer_throughput.py``
and ``scorer_latency.py``.
"""

import gc
import logging
import sys
import uuid
from itertools import cycle

from confluent_kafka import Consumer, Message, Producer, TopicPartition

from contract.kafka.clients import committed_consumer, idempotent_producer, transactional_producer
from contract.kafka.consuming import arrived
from contract.kafka.transactions import produce_all
from contract.settings import Settings, load_settings
from contract.topics import CUSTOMERS, PREDICTIONS
from contract.worker.process import stop_on_signals

GROUP = "copy"
_TIMEOUT = 60.0
_POLL_SECONDS = 0.05


def main() -> None:
    how = sys.argv[1]
    transactional = {"plain": False, "transactional": True, "at-once": True}[how]
    logging.disable(logging.WARNING)
    settings = load_settings()
    stop = stop_on_signals()
    consumer = committed_consumer(settings, GROUP)
    consumer.subscribe([settings.topic(CUSTOMERS)])
    if transactional:
        producers = [transactional_producer(settings, uuid.uuid4().hex) for _ in range(2 if how == "at-once" else 1)]
        for producer in producers:
            producer.init_transactions(_TIMEOUT)
    else:
        producers = [idempotent_producer(settings)]
    turns = cycle(producers)
    read = arrived if how == "at-once" else Consumer.consume
    gc.collect()
    gc.freeze()
    while not stop.is_set():
        messages = [m for m in read(consumer, settings.batch_size, _POLL_SECONDS) if m.error() is None]
        if not messages:
            continue
        producer = next(turns)
        if transactional:
            producer.begin_transaction()
            offsets = _copy(settings, producer, messages)
            producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata(), _TIMEOUT)
            producer.commit_transaction(_TIMEOUT)
        else:
            offsets = _copy(settings, producer, messages)
            producer.flush(_TIMEOUT)
            _commit(consumer, offsets)
    consumer.close()


def _copy(settings: Settings, producer: Producer, messages: list[Message]) -> list[TopicPartition]:
    parts: dict[int, list[Message]] = {}
    for message in messages:
        parts.setdefault(message.partition() or 0, []).append(message)
    for partition, part in parts.items():
        produce_all(producer, settings.topic(PREDICTIONS), ((m.key(), m.value() or b"") for m in part), partition)
    return [
        TopicPartition(settings.topic(CUSTOMERS), partition, (part[-1].offset() or 0) + 1)
        for partition, part in parts.items()
    ]


def _commit(consumer: Consumer, offsets: list[TopicPartition]) -> None:
    consumer.commit(offsets=offsets, asynchronous=False)


if __name__ == "__main__":
    main()
