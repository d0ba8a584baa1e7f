"""Which names a server of ours answers to: its own, loopback ones, and those that a setting gives."""

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send

from contract.http.hosts import AllowedHosts, HostMiddleware

LOOPBACK = [
    *("localhost", "localhost:8080", "LocalHost.", "127.0.0.1", "127.0.0.1:8080", "127.7.7.7"),
    *("[::1]", "[::1]:8080", "[::ffff:127.0.0.1]:80", "churn.localhost:3000"),
]
FOREIGN = [
    *(
        "evil.example",
        "evil.example:8080",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil.localhost.example",
    ),
    *("127.0.0.1@evil.example", "evil.example/127.0.0.1", "evil.example#localhost", "notlocalhost", "api", "api:8080"),
    *(
        "",
        ":8080",
        ".",
        "[::1",
        "[::1]evil.example",
        "::1",
        "localhost:80:80",
        "\xe9vil.example",
        "127.0.0.1,evil.example",
    ),
]
ADDRESSES = ["192.168.1.5:8080", "10.0.0.1", "[2001:db8::1]:8080"]


def allows(host: str, bound: str = "127.0.0.1", *named: str) -> bool:
    return AllowedHosts(bound, named).allow(host.encode("latin-1"))


@pytest.mark.parametrize("bound", ["127.0.0.1", "localhost", "0.0.0.0", "churn.example", ""])
def test_loopback_names_are_the_service_s_and_foreign_ones_are_not(bound: str) -> None:
    assert [host for host in LOOPBACK if not allows(host, bound)] == []
    assert [host for host in FOREIGN if allows(host, bound)] == []


def test_addresses_are_the_service_s_where_it_is_bound_to_more_than_loopback() -> None:
    assert [host for host in ADDRESSES if allows(host)] == []
    for bound in ("0.0.0.0", "::", "192.168.1.9", "churn.example"):
        assert [host for host in ADDRESSES if not allows(host, bound)] == []


def test_the_name_that_it_is_bound_to_is_its_own() -> None:
    assert allows("Churn.example:8080", "churn.EXAMPLE")
    assert not allows("other.example", "churn.example")


@pytest.mark.parametrize(
    ("named", "host", "allowed"),
    [
        ("api", "api:8080", True),
        ("api", "api.evil.example", False),
        ("*.example.com", "churn.example.com", True),
        ("*.example.com", "a.b.example.com.", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "evilexample.com", False),
        ("*", "whatever.example", True),
        ("*", "", False),
    ],
)
def test_further_names_are_given_by_a_setting(named: str, host: str, allowed: bool) -> None:
    assert allows(host, "127.0.0.1", named) is allowed


@pytest.mark.parametrize(("host", "reached"), [(b"127.0.0.1:8090", True), (b"evil.example", False)])
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_neither_a_request_nor_a_web_socket_is_answered_under_a_foreign_name(
    kind: str, host: bytes, reached: bool
) -> None:
    sent: list[Message] = []
    came: list[str] = []

    async def behind(scope: Scope, _receive: Receive, _send: Send) -> None:
        came.append(scope["type"])

    async def refused(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 421, "headers": []})

    async def receive() -> Message:
        return {}

    async def send(message: Message) -> None:
        sent.append(message)

    guard = HostMiddleware(behind, AllowedHosts("127.0.0.1", ()), lambda: refused)
    asyncio.run(guard({"type": kind, "path": "/", "headers": [(b"host", host)]}, receive, send))

    assert came == ([kind] if reached else [])
    if not reached:
        assert sent[0]["type"] == ("http.response.start" if kind == "http" else "websocket.close")
