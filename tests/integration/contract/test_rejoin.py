"""A worker begins soon also where the network loses what tells it of its topics."""

from pathlib import Path

import pytest

from contract.kafka.clients import committed_consumer
from contract.topics import CUSTOMERS
from tests.support.kafka.proxy import METADATA, lossy_network
from tests.support.kafka.topics import stream_settings
from tests.support.polling import eventually

SOON_SECONDS = 60.0
"""librdkafka itself asks again after five minutes."""


@pytest.mark.parametrize("at", [3, 4])
def test_a_consumer_joins_its_group_though_the_partitions_of_its_topic_were_lost(
    at: int, broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = stream_settings(broker, topic_prefix, tmp_path)
    with lossy_network(broker, tmp_path, METADATA, "reply and connection", at) as proxy:
        through = settings.model_copy(update={"kafka": {"bootstrap.servers": proxy.bootstrap_servers}})
        consumer = committed_consumer(through, "scorer")
        try:
            consumer.subscribe([settings.topic(CUSTOMERS)])
            eventually(lambda: consumer.poll(0.2) or consumer.assignment(), SOON_SECONDS)
            assert proxy.lost
        finally:
            consumer.close()
