"""A dead letter as a reader finds it."""

import pytest

from contract.kafka.dead_letters import produce_dead_letter
from contract.rejection import Reason, RejectionError
from contract.testing import MemoryLog
from tests.support.kafka.topics import headers


@pytest.mark.parametrize(("key", "value"), [(b"c7", b"\xff\x00{"), (None, None), (b"", b"")])
def test_bytes_reason_and_origin(key: bytes | None, value: bytes | None) -> None:
    log = MemoryLog({"dead-letters": 4})
    rejection = RejectionError(Reason.OUT_OF_RANGE, "features.Age", "x" * 5_000)
    origin = ("customers", 3, 2**40)
    produce_dead_letter(log.producer(), "dead-letters", rejection, key=key, value=value, origin=origin, time=17)
    (message,) = log.messages("dead-letters")
    assert (message.key(), message.value(), message.partition()) == (key, value, 3)
    assert headers(message) == {
        "reason": "out-of-range",
        "field": "features.Age",
        # a detail may quote the message, which may be large
        "detail": "x" * 1_000,
        "origin-topic": "customers",
        "origin-partition": "3",
        "origin-offset": str(2**40),
        "time": "17",
    }
