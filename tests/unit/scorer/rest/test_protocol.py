"""Heads of requests: bounded in size and in time, and answered in the form of every other error."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from scorer.rest import protocol
from scorer.rest.protocol import MOST_HEAD_BYTES
from tests.support.service.alone import service

_LINE = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
_NEXT = b"\r\nGET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def alone() -> Iterator[httpx.Client]:
    with service() as running:
        yield running.client


@contextmanager
def connected(client: httpx.Client) -> Iterator[socket.socket]:
    url = client.base_url
    with socket.create_connection((url.host, url.port or 80), timeout=30) as connection:
        yield connection


def answers(connection: socket.socket) -> bytes:
    """All that comes until the service lets go of the connection."""
    with connection.makefile("rb") as answer:
        try:
            return answer.read()
        except ConnectionResetError:
            return b""


def problem(answer: bytes) -> tuple[bytes, dict[str, object]]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    assert b"connection: close" in head
    return head.splitlines()[0], json.loads(body)


def test_a_head_may_have_as_many_bytes_as_the_bound_says(alone: httpx.Client) -> None:
    own = len("/health" + "HostlocalhostPaddingConnectionclose")
    for size, status in ((MOST_HEAD_BYTES, b"200"), (MOST_HEAD_BYTES + 1, b"431")):
        padding = b"Padding: %s\r\n" % (b"x" * (size - own))
        with connected(alone) as connection:
            connection.sendall(_LINE + padding + b"Connection: close\r\n\r\n")
            assert answers(connection).split(b" ")[1] == status


def test_headers_without_end_are_read_no_further(alone: httpx.Client) -> None:
    with connected(alone) as connection:
        sent = 0
        try:
            connection.sendall(_LINE)
            while sent < 100 * MOST_HEAD_BYTES:
                connection.sendall(b"Padding: %s\r\n" % (b"x" * 1_000))
                sent += 1_000
        except OSError:  # the service has let go of the connection
            pass
        assert sent < 100 * MOST_HEAD_BYTES


def test_a_header_without_end_is_answered(alone: httpx.Client) -> None:
    with connected(alone) as connection:
        connection.sendall(_LINE + b"Padding: " + b"x" * MOST_HEAD_BYTES)
        line, told = problem(answers(connection))
        assert (line, told["status"]) == (b"HTTP/1.1 431 Request Header Fields Too Large", 431)


def test_a_head_that_does_not_come_is_not_waited_for(alone: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.1)
    for begun in (_LINE, _LINE + _NEXT[:-40]):
        with connected(alone) as connection:
            connection.sendall(begun)
            answer = answers(connection)
            last = answer[answer.rindex(b"HTTP/1.1 ") :]
            line, told = problem(last)
            assert (line, told["status"]) == (b"HTTP/1.1 408 Request Timeout", 408)


def test_a_large_body_in_one_piece_is_no_large_head(alone: httpx.Client) -> None:
    body = b" " * 3 * MOST_HEAD_BYTES
    answer = alone.post("/predict", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400


def test_requests_follow_each_other_on_a_connection(alone: httpx.Client) -> None:
    with connected(alone) as connection:
        connection.sendall(_LINE + _NEXT)
        assert answers(connection).count(b"HTTP/1.1 200 OK") == 2


@pytest.mark.parametrize(
    "sent",
    [
        b"hello\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        _LINE + b"Content-Length: " + b"9" * 5_000 + b"\r\n\r\n",
        _LINE + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        _LINE + b"Content-Length: -1\r\n\r\n",
        _LINE + b"Bad Name: x\r\n\r\n",
        _LINE + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
    ],
)
def test_what_is_no_request_is_told_so(sent: bytes, alone: httpx.Client) -> None:
    with connected(alone) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        line, told = problem(answers(connection))
        assert (line, told["status"]) == (b"HTTP/1.1 400 Bad Request", 400)
