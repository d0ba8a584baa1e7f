"""The stream's time on a real broker: the newest record's, whatever the stream ends with; it never goes back."""

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Producer

from churnstream.local_kafka.broker import LocalKafka
from contract.kafka.clients import admin_client
from contract.kafka.control import end_of_stream_message
from contract.kafka.peeking import peeking
from contract.kafka.provision import ensure_topics
from contract.settings import Settings
from contract.testing import ManualClock
from contract.topics import CUSTOMERS
from scorer.serving.stream_time import StreamTime
from tests.support.kafka.topics import TIMEOUT, end_stream, send, stream_settings
from tests.support.messages import DAY, START, customer, encode, key
from tests.support.polling import eventually

NOW = START + 400 * DAY
PARTITIONS = 3
LOG = "churnstream.streamtime"


@pytest.fixture
def settings(broker: str, topic_prefix: str, tmp_path: Path) -> Settings:
    return stream_settings(broker, topic_prefix, tmp_path / "state", partitions=PARTITIONS)


class Looks:
    """A stream's time at work, and every time that it has shown."""

    def __init__(self, time: StreamTime) -> None:
        self.time = time
        self.shown = [time.now()]

    def reaches(self, expected: int) -> None:
        def look() -> bool:
            self.shown.append(self.time.now())
            return self.shown[-1] == expected

        eventually(look, timeout=30, message=f"time {expected}")


@contextmanager
def running(settings: Settings) -> Iterator[Looks]:
    time, stop = StreamTime(settings, ManualClock(NOW)), threading.Event()
    thread = threading.Thread(target=time.run, args=(stop,))
    thread.start()
    try:
        yield Looks(time)
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive()


def record(settings: Settings, event_time: int, partition: int) -> None:
    message = customer(0, event_time=event_time)
    send(settings, CUSTOMERS, [(key(message), encode(message))], partition=partition)


def test_it_is_the_newest_event_time_of_records_and_never_goes_back(settings: Settings) -> None:
    with running(settings) as looks:
        assert looks.time.now() == NOW, "nothing is on the stream: wall time"
        eventually(lambda: looks.time.hindrance is None, timeout=30)
        assert looks.time.newest is None
        record(settings, START, 0)
        looks.reaches(START)
        record(settings, START + DAY, 1)
        looks.reaches(START + DAY)
        record(settings, START + 5, 0)  # behind the other partition, and behind itself
        record(settings, START - 5, 1)
        record(settings, START + 2 * DAY, 2)
        looks.reaches(START + 2 * DAY)
        end_stream(settings, START + 3 * DAY)  # the time of the last label
        record(settings, START + 4, 0)  # a second replay of the same days
        record(settings, START + 4 * DAY, 1)
        looks.reaches(START + 4 * DAY)
    shown = [time for time in looks.shown if time != NOW]
    assert shown == sorted(shown)
    assert START + 3 * DAY not in shown


def test_a_stream_that_has_ended_has_the_time_of_its_last_record(settings: Settings) -> None:
    for partition in range(PARTITIONS):
        record(settings, START + partition, partition)
    end_stream(settings, START + 9 * DAY)
    end_stream(settings, START + 10 * DAY)
    with running(settings) as looks:
        looks.reaches(START + PARTITIONS - 1)


def test_a_stream_that_was_there_before_is_read_at_the_start(settings: Settings) -> None:
    for partition in range(PARTITIONS):
        messages = [customer(number, event_time=START + number) for number in range(partition, 20, PARTITIONS)]
        send(settings, CUSTOMERS, [(key(each), encode(each)) for each in messages], partition=partition)
    with running(settings) as looks:
        looks.reaches(START + 19)


def test_what_the_scorer_would_refuse_is_passed_over(settings: Settings) -> None:
    end, end_headers = end_of_stream_message(START + 5 * DAY)
    refused: list[bytes | None] = [
        None,
        b"",
        b"{",
        b"\xff\xfe",
        b"[1]",
        b'{"event_time":"soon"}',
        b'{"record_id":"x"}',
        encode(customer(0, event_time=NOW + 2 * DAY)),
        encode(customer(0, event_time=-1)),
        encode(customer(0, event_time=START + 5 * DAY, Geography="Atlantis")),
        encode(customer(0, event_time=START + 5 * DAY)),  # under another customer's key
        b'{"event_time":99999999999999999999999}',
        b'{"event_time":1' + b" " * 1_000_000 + b"}",
    ]
    messages = [(value, b"c", None) for value in refused]
    messages += [(value, key, end_headers) for value in (None, b"{", end) for key in (None, b"c")]
    wide = settings.model_copy(
        update={"partitions": len(messages) + 1, "topic_prefix": f"{settings.topic_prefix}wide."}
    )
    ensure_topics(admin_client(wide), wide)
    with running(wide) as looks:
        record(wide, START, 0)
        looks.reaches(START)
        for partition, (value, key, headers) in enumerate(messages):
            send(wide, CUSTOMERS, [(key, value)], partition=partition, headers=headers or [])
        record(wide, START + DAY, len(messages))
        looks.reaches(START + DAY)
        record(wide, START + 2 * DAY, 0)
        looks.reaches(START + 2 * DAY)
    assert max(time for time in looks.shown if time != NOW) == looks.shown[-1]


def test_a_stream_that_others_write_in_transactions_is_read_as_committed(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    producer = Producer(settings.kafka | {"transactional.id": f"{settings.topic_prefix}others"})
    producer.init_transactions(TIMEOUT)

    def write(event_time: int) -> None:
        producer.begin_transaction()
        for partition in range(PARTITIONS):
            message = customer(0, event_time=event_time)
            producer.produce(settings.topic(CUSTOMERS), encode(message), key(message), partition)
        assert producer.flush(TIMEOUT) == 0

    with running(settings) as looks:
        write(START)
        producer.commit_transaction(TIMEOUT)
        looks.reaches(START)
        write(START + 3 * DAY)
        producer.abort_transaction(TIMEOUT)
        write(START + DAY)
        producer.commit_transaction(TIMEOUT)
        looks.reaches(START + DAY)
        write(START + 2 * DAY)  # open
        with peeking(settings, TIMEOUT) as peek:
            seen = {number: peek.offsets(settings.topic(CUSTOMERS), number) for number in range(PARTITIONS)}
            last = peek.last(settings.topic(CUSTOMERS), seen)
        times = [json.loads(message.value() or b"")["event_time"] for message in last]
        assert times == [START + DAY] * PARTITIONS
        producer.commit_transaction(TIMEOUT)
        looks.reaches(START + 2 * DAY)
    assert set(looks.shown) <= {NOW, START, START + DAY, START + 2 * DAY}
    assert [record.getMessage() for record in caplog.records if record.name == LOG] == []


def test_with_kafka_away_it_keeps_what_it_knows(
    own_broker: LocalKafka, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = stream_settings(own_broker.bootstrap_servers, "", tmp_path / "state", partitions=PARTITIONS)
    record(settings, START, 0)
    with caplog.at_level(logging.INFO, LOG), running(settings) as looks:
        looks.reaches(START)
        own_broker.kill()
        eventually(lambda: "cannot be read" in caplog.text, timeout=30)
        assert looks.time.now() == START
        own_broker.start()
        record(settings, START + DAY, 1)
        looks.reaches(START + DAY)
        eventually(lambda: "can be read again" in caplog.text, timeout=30)
    said = [record.levelname for record in caplog.records if record.name == LOG]
    assert said == ["WARNING", "INFO"]


def test_before_kafka_has_answered_it_is_wall_time(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    broker = LocalKafka(tmp_path / "kafka")
    broker.start()
    settings = stream_settings(broker.bootstrap_servers, "", tmp_path / "state", partitions=PARTITIONS)
    record(settings, START, 0)
    broker.kill()
    try:
        with running(settings) as looks:
            eventually(lambda: "cannot be read" in caplog.text, timeout=30)
            assert looks.time.now() == NOW
            assert looks.time.hindrance
            broker.start()
            looks.reaches(START)
            assert (looks.time.newest, looks.time.hindrance) == (START, None)
    finally:
        broker.stop()
