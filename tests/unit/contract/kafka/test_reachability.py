"""Looking for Kafka where the network is silent; how a real broker fails is tried in ``tests/integration``."""

import socket
import threading
import time
from typing import Any

import pytest

from contract.errors import UserError
from contract.kafka.reachability import require_kafka
from contract.settings import load_settings


def test_a_name_server_that_does_not_answer_is_told_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def silent(*_asked: Any) -> list[Any]:
        released.wait(30)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    settings = load_settings(connect_timeout_ms=200, kafka={"bootstrap.servers": "kafka.example.com:9092, [::1]:9092"})
    began = time.monotonic()
    try:
        with pytest.raises(UserError, match=r"the name server did not resolve ::1, kafka\.example\.com within 0\.2 s"):
            require_kafka(settings)
    finally:
        released.set()
    assert time.monotonic() - began < 5
