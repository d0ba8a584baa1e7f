"""A look back through a partition: it reads little more than lies behind what it finds."""

from pathlib import Path

import pytest
from confluent_kafka import Message

from contract.kafka.clients import idempotent_producer
from contract.kafka.peeking import peeking
from contract.settings import Settings
from contract.topics import DEAD_LETTERS
from tests.support.kafka.topics import TIMEOUT, committed, stream_settings

MESSAGES = 5_000


@pytest.fixture
def settings(broker: str, topic_prefix: str, tmp_path: Path) -> Settings:
    made = stream_settings(broker, topic_prefix, tmp_path, partitions=1)
    producer = idempotent_producer(made)
    batch = [{"value": str(number).encode()} for number in range(MESSAGES)]
    assert producer.produce_batch(made.topic(DEAD_LETTERS), batch, partition=0) == MESSAGES
    assert producer.flush(TIMEOUT) == 0
    return made


def test_a_search_back_reads_at_most_five_times_what_lies_behind_what_it_finds(settings: Settings) -> None:
    topic = settings.topic(DEAD_LETTERS)
    with peeking(settings, TIMEOUT) as peek:
        for behind in (0, 99, 100, 500, 2_100, MESSAGES - 1):
            read = 0
            wanted = str(MESSAGES - 1 - behind).encode()

            def look(message: Message, wanted: bytes = wanted) -> int | None:
                nonlocal read
                read += 1
                return message.offset() if message.value() == wanted else None

            assert peek.search_back(topic, 0, look) == MESSAGES - 1 - behind
            assert behind < read <= min(100 + 5 * behind, MESSAGES)
        assert peek.search_back(topic, 0, lambda _message: None) is None


def test_a_search_back_ends_where_it_is_told_that_nothing_can_be(settings: Settings) -> None:
    topic = settings.topic(DEAD_LETTERS)
    last = committed(settings, DEAD_LETTERS)[-1].timestamp()[1]
    with peeking(settings, TIMEOUT) as peek:
        # nothing has been sent after the last message
        assert peek.search_back(topic, 0, lambda message: message.offset(), since=last + 1) is None
        assert peek.search_back(topic, 0, lambda message: message.offset(), since=last) == MESSAGES - 1
