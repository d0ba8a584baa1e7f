"""What the publisher does where Kafka fails: with a producer of the test's own in librdkafka's place."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from contract.settings import Settings, load_settings
from contract.topics import PREDICTIONS
from scorer.serving import publisher
from scorer.serving.publisher import MessageRefusedError, Outgoing, Publisher, UnacknowledgedError
from tests.support.polling import eventually

OnDelivery = Callable[[KafkaError | None, object], None]
TIMED_OUT = KafkaError(KafkaError._MSG_TIMED_OUT)
TOO_LARGE = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)
FATAL = KafkaError(KafkaError._FATAL, "lost its log", fatal=True)


class FakeProducer:
    """Answers each message with the next of ``outcomes``: an error, or None; what is raised, ``produce`` raises."""

    def __init__(self, outcomes: Sequence[KafkaError | Exception | None], *, reachable: bool = True) -> None:
        self.outcomes = list(outcomes)
        self.reachable = reachable
        self.sent: list[bytes] = []
        self._reports: list[tuple[OnDelivery, KafkaError | None]] = []
        self._lock = threading.Lock()

    def produce(self, _topic: str, value: bytes, _key: bytes, *, on_delivery: OnDelivery) -> None:
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if isinstance(outcome, Exception):
            raise outcome
        with self._lock:
            self.sent.append(value)
            self._reports.append((on_delivery, outcome))

    def poll(self, _seconds: float) -> None:
        with self._lock:
            reports, self._reports = self._reports, []
        for on_delivery, outcome in reports:
            on_delivery(outcome, None)

    def flush(self, _seconds: float | None = None) -> int:
        self.poll(0)
        return 0

    def purge(self) -> None:
        pass

    def list_topics(self, topic: str, timeout: float) -> Any:
        if not self.reachable:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        return SimpleNamespace(topics={topic: timeout})


def messages(count: int) -> list[Outgoing]:
    return [Outgoing(PREDICTIONS, b"key", str(number).encode()) for number in range(count)]


def run(producers: Sequence[FakeProducer], work: Callable[[Publisher], Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    made = iter(producers)

    def make(_settings: Settings, _properties: object) -> FakeProducer:
        return next(made)

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


def test_a_request_is_acknowledged_once_all_of_its_messages_are(monkeypatch: pytest.MonkeyPatch) -> None:
    producer = FakeProducer([])
    run([producer], lambda box: box.publish(messages(5)), monkeypatch)
    assert producer.sent == [b"0", b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize("place", [0, 2, 4])
def test_one_message_that_fails_fails_its_request(place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    producer = FakeProducer([TIMED_OUT if number == place else None for number in range(5)])
    with pytest.raises(UnacknowledgedError):
        run([producer], lambda box: box.publish(messages(5)), monkeypatch)


@pytest.mark.parametrize("error", [BufferError("full"), KafkaException(KafkaError(KafkaError._STATE))])
def test_a_message_that_is_not_queued_fails_its_request(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnacknowledgedError):
        run([FakeProducer([None, error])], lambda box: box.publish(messages(3)), monkeypatch)


@pytest.mark.parametrize("outcome", [TOO_LARGE, KafkaException(TOO_LARGE)], ids=["by the broker", "by the client"])
def test_a_message_that_is_too_large_is_no_outage(
    outcome: KafkaError | Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(box: Publisher) -> None:
        with pytest.raises(MessageRefusedError):
            await box.publish(messages(1))
        assert box.reachable
        await box.publish(messages(1))

    run([FakeProducer([outcome])], work, monkeypatch)


def test_while_kafka_is_away_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    producer = FakeProducer([], reachable=False)

    async def work(box: Publisher) -> None:
        await asyncio.to_thread(eventually, lambda: not box.reachable)
        with pytest.raises(UnacknowledgedError, match="does not answer"):
            await box.publish(messages(1))
        assert producer.sent == []
        producer.reachable = True
        await asyncio.to_thread(eventually, lambda: box.reachable)
        await box.publish(messages(1))

    run([producer], work, monkeypatch)
    assert producer.sent == [b"0"]


@pytest.mark.parametrize("outcome", [FATAL, KafkaException(FATAL)], ids=["a delivery", "a call"])
def test_a_producer_that_failed_for_good_is_replaced(
    outcome: KafkaError | Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, fresh = FakeProducer([outcome]), FakeProducer([])

    async def work(box: Publisher) -> None:
        with pytest.raises(UnacknowledgedError):
            await box.publish(messages(1))
        await asyncio.to_thread(eventually, lambda: box._producer is fresh)
        await box.publish(messages(2))

    run([broken, fresh], work, monkeypatch)
    assert fresh.sent == [b"0", b"1"]
