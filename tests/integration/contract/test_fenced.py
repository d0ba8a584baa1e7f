"""A named worker that was fenced says so, whichever call hears of it first, and does not fence the other in turn."""

from pathlib import Path

import pytest
from confluent_kafka import Producer

from contract.kafka.clients import transactional_producer
from contract.kafka.transactions import BatchAbortedError, FencedError, Transactions, produce_all
from contract.settings import Settings
from contract.topics import OUTCOMES
from tests.support.kafka.topics import TIMEOUT, committed, stream_settings
from tests.support.polling import eventually


@pytest.fixture
def settings(broker: str, topic_prefix: str, tmp_path: Path) -> Settings:
    return stream_settings(broker, topic_prefix, tmp_path)


def worker(settings: Settings, *, named: bool) -> Transactions:
    return Transactions(
        lambda on_failure: transactional_producer(settings, settings.topic("test"), on_failure), TIMEOUT, named=named
    )


@pytest.mark.parametrize("named", [True, False])
def test_one_that_hears_of_it_while_it_produces(named: bool, settings: Settings) -> None:
    first, second = worker(settings, named=named), worker(settings, named=named)
    topic = settings.topic(OUTCOMES)

    def until_refused(producer: Producer) -> None:
        second.prepare()
        eventually(lambda: produce_all(producer, topic, [(b"k", b"first")], 0), TIMEOUT)

    try:
        with pytest.raises(FencedError if named else BatchAbortedError):
            first.run(until_refused)
        if named:
            second.run(lambda producer: produce_all(producer, topic, [(b"k", b"second")], 0))
            assert [message.value() for message in committed(settings, OUTCOMES)] == [b"second"]
    finally:
        first.close()
        second.close()
