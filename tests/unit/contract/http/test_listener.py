"""A port that a server listens on, and what its user is told where it cannot."""

import socket

import pytest

from contract.errors import UserError
from contract.http.listener import address_of, bound


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "http://127.0.0.1:"), ("::1", "http://[::1]:")])
def test_it_says_where_it_is_asked(host: str, shown: str) -> None:
    try:
        listener = bound(host, 0, "A, B")
    except UserError:
        pytest.skip(f"{host} is not there")
    with listener:
        assert address_of(listener) == f"{shown}{listener.getsockname()[1]}"


def test_a_port_that_is_taken_is_one_sentence_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UserError) as told:
            bound("127.0.0.1", port, "CHURNSTREAM_A, CHURNSTREAM_B")
    assert str(told.value).startswith(f"127.0.0.1:{port} cannot be bound (Address already in use")
    assert str(told.value).endswith("; give another --host or --port (CHURNSTREAM_A, CHURNSTREAM_B)")
