"""What is said of a broker that is away."""

import pytest

from dashboard.following.looker import in_words


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "10.0.0.1:9/bootstrap: Connect to ipv4#10.0.0.1:9 failed: Connection refused (after 0ms in state CONNECT)",
            "10.0.0.1:9: Connection refused",
        ),
        (
            "kafka:9092/1: Connect to ipv6#[::1]:9092 failed: Connection refused (after 3ms in state CONNECT, 1 more)",
            "[::1]:9092: Connection refused",
        ),
        (
            "nowhere:9092/bootstrap: Failed to resolve 'nowhere:9092': Name or service not known (after 9ms in state "
            "CONNECT, 1 identical error(s) suppressed)",
            "nowhere:9092/bootstrap: Failed to resolve 'nowhere:9092': Name or service not known",
        ),
    ],
)
def test_a_connections_failure_is_told_plainly(said: str, told: str) -> None:
    assert in_words(said) == told
