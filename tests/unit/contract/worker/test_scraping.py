"""The port on which Prometheus finds a worker's metrics."""

import urllib.request

import pytest
from prometheus_client import CollectorRegistry, Counter

from contract.errors import UserError
from contract.settings import Settings
from contract.worker.scraping import metrics_served


def test_metrics_are_served_on_a_port_of_their_own_until_the_worker_ends() -> None:
    registry = CollectorRegistry()
    Counter("seen", "Seen.", registry=registry).inc(3)

    with metrics_served(Settings(metrics_port=0), registry) as port:
        text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()

    assert "seen_total 3.0" in text
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10)


def test_without_a_port_nothing_is_served() -> None:
    with metrics_served(Settings()) as port:
        assert port is None


def test_a_port_that_is_taken_is_told() -> None:
    with (
        metrics_served(Settings(metrics_port=0)) as port,
        pytest.raises(UserError, match=f"127.0.0.1:{port} cannot be bound for metrics .* give another --metrics-port"),
        metrics_served(Settings(metrics_port=port)),
    ):
        pass
