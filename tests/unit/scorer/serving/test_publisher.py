"""What the publisher does where Kafka fails: with a Kafka in memory that fails on demand."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer

from contract.settings import load_settings
from contract.testing import MemoryLog
from contract.topics import PREDICTIONS
from scorer.serving import publisher
from scorer.serving.publisher import Outgoing, Publisher, UnacknowledgedError
from tests.support.polling import eventually

TIMED_OUT = KafkaError(KafkaError._MSG_TIMED_OUT)
FATAL = KafkaError(KafkaError._FATAL, "lost its log", fatal=True)


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog({PREDICTIONS: 1})


def sent(log: MemoryLog) -> list[bytes | None]:
    return [message.value() for message in log.messages(PREDICTIONS)]


def messages(count: int) -> list[Outgoing]:
    return [Outgoing(PREDICTIONS, b"key", str(number).encode()) for number in range(count)]


def run(log: MemoryLog, work: Callable[[Publisher], Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    def make(_settings: object, _properties: object) -> Producer:
        return log.producer()

    monkeypatch.setattr(publisher, "idempotent_producer", make)
    monkeypatch.setattr(publisher, "_LOOK_SECONDS", 0.05)
    monkeypatch.setattr(publisher, "_POLL_SECONDS", 0.001)

    async def main() -> Any:
        box = Publisher(load_settings())
        try:
            return await work(box)
        finally:
            await asyncio.to_thread(box.close)

    return asyncio.run(main())


def test_a_request_is_acknowledged_once_all_of_its_messages_are(
    log: MemoryLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(log, lambda box: box.publish(messages(5)), monkeypatch)
    assert sent(log) == [b"0", b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize("place", [1, 3, 5])
def test_one_message_that_fails_fails_its_request(place: int, log: MemoryLog, monkeypatch: pytest.MonkeyPatch) -> None:
    log.fail("delivery", TIMED_OUT, at=place)
    with pytest.raises(UnacknowledgedError):
        run(log, lambda box: box.publish(messages(5)), monkeypatch)


@pytest.mark.parametrize("error", [BufferError("full"), KafkaException(KafkaError(KafkaError._STATE))])
def test_a_message_that_is_not_queued_fails_its_request(
    error: Exception, log: MemoryLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.fail("produce", error, at=2)
    with pytest.raises(UnacknowledgedError):
        run(log, lambda box: box.publish(messages(3)), monkeypatch)


def test_while_kafka_is_away_nothing_is_sent(log: MemoryLog, monkeypatch: pytest.MonkeyPatch) -> None:
    log.reachable = False

    async def work(box: Publisher) -> None:
        await asyncio.to_thread(eventually, lambda: not box.reachable)
        with pytest.raises(UnacknowledgedError, match="does not answer"):
            await box.publish(messages(1))
        log.reachable = True
        await asyncio.to_thread(eventually, lambda: box.reachable)
        assert sent(log) == []
        await box.publish(messages(1))

    run(log, work, monkeypatch)
    assert sent(log) == [b"0"]


@pytest.mark.parametrize("call", ["delivery", "produce"])
def test_a_producer_that_failed_for_good_is_replaced(
    call: str, log: MemoryLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.fail(call, FATAL)

    async def work(box: Publisher) -> None:
        broken = box._producer
        with pytest.raises(UnacknowledgedError):
            await box.publish(messages(1))
        await asyncio.to_thread(eventually, lambda: box._producer is not broken)
        await box.publish(messages(2))

    run(log, work, monkeypatch)
    assert sent(log) == [b"0", b"1"]
