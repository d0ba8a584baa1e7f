"""What Kafka will refuse again ends the work with the topic, the reason and the remedy, not in an endless loop."""

import threading
from pathlib import Path
from random import randbytes

import pytest
from confluent_kafka import KafkaError, Producer
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from contract.errors import UserError
from contract.kafka.clients import admin_client, committed_consumer, transactional_producer
from contract.kafka.lasting_errors import remedy
from contract.kafka.transactions import BatchAbortedError, Transactions, produce_all
from contract.schema import load_schema
from contract.settings import Settings
from contract.topics import OUTCOMES, PANES, PREDICTIONS
from monitor.join.worker import JoinWorker
from tests.support.kafka.topics import TIMEOUT, committed, send, stream_settings
from tests.support.messages import customer, encode, key
from tests.support.polling import eventually


@pytest.fixture
def settings(broker: str, topic_prefix: str, tmp_path: Path) -> Settings:
    return stream_settings(broker, topic_prefix, tmp_path, request_timeout_ms=5_000, transaction_timeout_ms=2_000)


def limit_messages(settings: Settings, topic: str, size: int) -> None:
    resource = ConfigResource(
        ResourceType.TOPIC,
        settings.topic(topic),
        incremental_configs=[
            ConfigEntry("max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET),
        ],
    )
    admin = admin_client(settings)
    admin.incremental_alter_configs([resource])[resource].result(TIMEOUT)


def try_until_it_ends(settings: Settings, topic: str, size: int = 5_000) -> int:
    """Tries one batch again and again; returns how often it was aborted before ``UserError``, which is raised."""
    transactions = Transactions(
        lambda on_failure: transactional_producer(settings, settings.topic("test"), on_failure), 5.0, named=False
    )
    consumer = committed_consumer(settings, "test")

    def fill(producer: Producer) -> None:
        produce_all(producer, settings.topic(topic), [(b"k", randbytes(size))], 0)

    try:
        for attempts in range(10):
            try:
                transactions.run(fill, [], consumer.consumer_group_metadata())
            except BatchAbortedError:
                continue
            return attempts
    finally:
        transactions.close()
        consumer.close()
    raise AssertionError("it did not end")


def test_a_topic_that_takes_no_message_of_this_size_is_named(settings: Settings) -> None:
    limit_messages(settings, OUTCOMES, 1_000)
    with pytest.raises(
        UserError, match=rf"topic {settings.topic(OUTCOMES)} cannot be written \(.*too large.*\); set its max.message"
    ):
        try_until_it_ends(settings, OUTCOMES)
    assert not committed(settings, OUTCOMES)


def test_a_message_that_the_producer_itself_refuses_is_named(settings: Settings) -> None:
    with pytest.raises(UserError, match=rf"topic {settings.topic(OUTCOMES)} cannot be written \(.*too large"):
        try_until_it_ends(settings, OUTCOMES, 11_000_000)


def test_a_topic_that_is_gone_is_named(settings: Settings) -> None:
    admin = admin_client(settings)
    admin.delete_topics([settings.topic(OUTCOMES)])[settings.topic(OUTCOMES)].result(TIMEOUT)
    eventually(lambda: settings.topic(OUTCOMES) not in admin.list_topics(timeout=TIMEOUT).topics, TIMEOUT)
    with pytest.raises(
        UserError,
        match=rf"topic {settings.topic(OUTCOMES)} cannot be written \(.*\); create it again with .churnstream",
    ):
        try_until_it_ends(settings, OUTCOMES)


def test_what_may_pass_has_no_remedy() -> None:
    for code in (KafkaError._TIMED_OUT, KafkaError._ALL_BROKERS_DOWN, KafkaError.NOT_LEADER_FOR_PARTITION):
        assert remedy(KafkaError(code)) is None


def test_a_join_whose_panes_are_refused_stops_and_says_why(settings: Settings) -> None:
    limit_messages(settings, PANES, 500)
    prediction = customer(1) | {
        "probability": 0.25,
        "predicted": 0,
        "threshold": 0.5,
        "model": {"name": "churn", "version": 1, "role": "champion"},
        "source": None,
    }
    send(settings, PREDICTIONS, [(key(prediction), encode(prediction))])
    failures: list[UserError] = []

    def work() -> None:
        try:
            JoinWorker(settings, load_schema("bank_churn")).run(threading.Event())
        except UserError as error:
            failures.append(error)

    threading.Thread(target=work, daemon=True).start()
    eventually(lambda: failures, timeout=60, message="the join stops")
    assert f"topic {settings.topic(PANES)} cannot be written" in str(failures[0])
