"""What is said many times a second is said once in a while, with its number."""

import logging

import pytest

from contract.kafka import log_throttle
from contract.kafka.log_throttle import LogThrottle


def test_messages_that_differ_in_numbers_only_are_held_back(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = 50.0
    monkeypatch.setattr(log_throttle.time, "monotonic", lambda: now)
    log = logging.getLogger("test_log_throttle")
    throttle = LogThrottle(seconds=10)
    log.addFilter(throttle)
    try:
        for attempt in range(3):
            log.error("connect to %s failed after %d ms", "kafka:9092", attempt)
        log.error("another thing")
        now += 10.1
        for attempt in range(2):
            log.error("connect to %s failed after %d ms", "kafka:9092", attempt + 7)
    finally:
        log.removeFilter(throttle)
    assert caplog.messages == [
        "connect to kafka:9092 failed after 0 ms",
        "another thing",
        "connect to kafka:9092 failed after 7 ms (2 more like it before)",
    ]
