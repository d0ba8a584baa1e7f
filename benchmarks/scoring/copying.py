"""A plain copy of ``customers`` to ``predictions``, plain or with a transaction a batch: what Kafka itself costs.

    python copying.py plain|transactional

Takes its settings from the environment, as the workers do, and ends by SIGTERM. Run by ``scorer_throughput.py``.
"""

import gc
import logging
import sys
import uuid

from confluent_kafka import Consumer, Message, Producer, TopicPartition

from contract.kafka.clients import committed_consumer, idempotent_producer, transactional_producer
from contract.kafka.transactions import produce_all
from contract.settings import Settings, load_settings
from contract.topics import CUSTOMERS, PREDICTIONS
from contract.worker.process import stop_on_signals

GROUP = "copy"
_TIMEOUT = 60.0
_POLL_SECONDS = 0.05


def main() -> None:
    transactional = {"plain": False, "transactional": True}[sys.argv[1]]
    logging.disable(logging.WARNING)
    settings = load_settings()
    stop = stop_on_signals()
    consumer = committed_consumer(settings, GROUP)
    consumer.subscribe([settings.topic(CUSTOMERS)])
    if transactional:
        producer = transactional_producer(settings, uuid.uuid4().hex)
        producer.init_transactions(_TIMEOUT)
    else:
        producer = idempotent_producer(settings)
    gc.collect()
    gc.freeze()
    while not stop.is_set():
        messages = [m for m in consumer.consume(settings.batch_size, _POLL_SECONDS) if m.error() is None]
        if not messages:
            continue
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
