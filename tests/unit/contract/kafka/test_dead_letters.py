"""A dead letter as it is handed to the producer."""

from typing import Any, cast

import pytest
from confluent_kafka import Producer

from contract.kafka.dead_letters import produce_dead_letter
from contract.rejection import Reason, RejectionError


class Recorder:
    """Takes what a producer would send."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def produce(self, topic: str, **message: Any) -> None:
        self.sent.append((topic, message))


@pytest.mark.parametrize(("key", "value"), [(b"c7", b"\xff\x00{"), (None, None), (b"", b"")])
def test_bytes_reason_and_origin(key: bytes | None, value: bytes | None) -> None:
    producer = Recorder()
    rejection = RejectionError(Reason.OUT_OF_RANGE, "features.Age", "x" * 5_000)
    origin = ("customers", 3, 2**40)
    produce_dead_letter(
        cast(Producer, producer), "dead-letters", rejection, key=key, value=value, origin=origin, time=17
    )
    ((topic, message),) = producer.sent
    assert topic == "dead-letters"
    assert (message["key"], message["value"], message["partition"]) == (key, value, 3)
    assert dict(message["headers"]) == {
        "reason": "out-of-range",
        "field": "features.Age",
        # a detail may quote the message, which may be large
        "detail": "x" * 1_000,
        "origin-topic": "customers",
        "origin-partition": "3",
        "origin-offset": str(2**40),
        "time": "17",
    }
