"""Committed offsets that Kafka has forgotten: nothing is published twice, and what is gone is named."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition

from contract.kafka.clients import admin_client
from contract.kafka.forgotten import joined_until
from contract.messages import encode as encode_message
from contract.panes import JoinProgress, TimelineProgress
from contract.schema import load_schema
from contract.settings import Settings
from contract.testing.clock import ManualClock
from contract.topics import CUSTOMERS, DEAD_LETTERS, LABELS, OUTCOMES, PANES, PREDICTIONS
from monitor.join.worker import JoinWorker
from scorer.stream.worker import ScorerWorker
from scorer.testing import LogisticModel
from tests.support.kafka.topics import TIMEOUT, committed, group_lag, send, stream_settings
from tests.support.messages import DAY, customer, encode, key, label
from tests.support.polling import eventually
from tests.support.running import running
from tests.support.service.bad_input import NOW

SCHEMA = load_schema("bank_churn")


@pytest.fixture
def settings(broker: str, topic_prefix: str, tmp_path: Path) -> Settings:
    return stream_settings(broker, topic_prefix, tmp_path, label_lateness=10 * DAY)


def score(settings: Settings) -> None:
    model = LogisticModel()
    with running(ScorerWorker(settings, SCHEMA, lambda: model, clock=ManualClock(NOW))):
        eventually(lambda: group_lag(settings, "scorer", [CUSTOMERS]) == 0, 60, "all is scored")


def join(settings: Settings) -> None:
    with running(JoinWorker(settings, SCHEMA)):
        # each partition of predictions ends with the mark of a transaction, which no group comes past
        marks = settings.partitions
        eventually(lambda: group_lag(settings, "join", [PREDICTIONS, LABELS]) <= marks, 60, "all is joined")


def send_records(settings: Settings, first: int, last: int) -> None:
    send(settings, CUSTOMERS, [(key(customer(i)), encode(customer(i))) for i in range(first, last)])
    send(settings, LABELS, [(key(label(i)), encode(label(i))) for i in range(first, last)])


def forget(settings: Settings, group: str) -> None:
    admin = admin_client(settings)
    name = settings.topic(group)

    def deleted() -> bool:
        try:
            admin.delete_consumer_groups([name], request_timeout=TIMEOUT)[name].result(TIMEOUT)
        except Exception:  # members leave in a moment
            return False
        return True

    eventually(deleted, 30, f"group {group} is gone")


def check_once(settings: Settings, records: int) -> None:
    for topic in (PREDICTIONS, OUTCOMES):
        keys = Counter(message.key() for message in committed(settings, topic))
        assert len(keys) == records
        assert set(keys.values()) == {1}, topic


@pytest.mark.parametrize("store", ["kept", "lost"])
def test_nothing_is_published_twice_where_kafka_has_forgotten_the_offsets(
    store: str, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    send_records(settings, 0, 40)
    # the last message of a partition may be one that became a dead letter
    send(settings, CUSTOMERS, [(str(number).encode(), b"{") for number in range(8)])
    for records in (40, 60):
        if records > 40:
            send_records(settings, 40, records)
        score(settings)
        join(settings)
        check_once(settings, records)
        forget(settings, "scorer")
        forget(settings, "join")
        if store == "lost":
            shutil.rmtree(settings.state_dir / "join")
    score(settings)
    join(settings)
    check_once(settings, 60)
    assert len(committed(settings, DEAD_LETTERS)) == 8
    assert "Kafka has forgotten the committed offset" in caplog.text


def test_messages_that_are_gone_before_they_were_read_are_counted_and_named(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    send_records(settings, 0, 10)
    score(settings)
    send_records(settings, 10, 40)
    admin = admin_client(settings)
    ends = [TopicPartition(settings.topic(CUSTOMERS), partition, -1) for partition in range(settings.partitions)]
    for future in admin.delete_records(ends).values():
        future.result(TIMEOUT)

    def told() -> list[str]:
        return [record.getMessage() for record in caplog.records if "are gone" in record.getMessage()]

    model = LogisticModel()
    with running(ScorerWorker(settings, SCHEMA, lambda: model, clock=ManualClock(NOW))):
        eventually(lambda: len(told()) == settings.partitions, 60, "what is gone is told")
    assert sum(int(line.split(" messages")[0].rsplit(" ", 1)[1]) for line in told()) >= 30
    assert len(committed(settings, PREDICTIONS)) == 10


def test_the_last_progress_is_found_behind_deletions_and_messages_of_a_later_release(settings: Settings) -> None:
    """What a monitor writes to ``panes`` does not keep a join from finding where it stands."""
    last = JoinProgress(partition=1, watermark=NOW, label_watermark=None, ended=False, next_prediction=7)
    written: list[tuple[bytes | None, bytes | None]] = [
        (last.key.encode(), encode_message(last)),
        (b"churn/1/champion/0/1", None),
        (b"churn/1/champion/0/1/sample", None),
        (b"timeline", encode_message(TimelineProgress(windows_from=3))),
        (b"weather/1", b'{"type":"weather"}'),
        (b"progress/1", b'{"type":"weather"}'),
        (b"progress/1", None),
    ]
    send(settings, PANES, written)
    assert joined_until(settings, 1, TIMEOUT) == last
