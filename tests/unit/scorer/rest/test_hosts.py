"""Under which names the service is asked without a token: what keeps web pages out that have their name rebound."""

import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import yaml

from contract.errors import UserError
from contract.settings import load_settings
from tests.support.messages import customer
from tests.support.paths import ROOT
from tests.support.service.alone import service

ROUTES = [
    *(("POST", "/predict"), ("POST", "/labels"), ("POST", "/explain"), ("GET", "/model"), ("GET", "/metrics")),
    *(("GET", "/"), ("GET", "/docs"), ("GET", "/openapi.json"), ("GET", "/nowhere"), ("OPTIONS", "/predict")),
]


@pytest.fixture(scope="module")
def alone() -> Iterator[httpx.Client]:
    with service() as running:
        yield running.client


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("", ()),
        ("api", ("api",)),
        (" API. , *.example.com,", ("api", "*.example.com")),
        ("*", ("*",)),
        ("[]", ()),
        ('["api"]', ("api",)),
    ],
)
def test_the_setting_takes_names_between_commas(
    given: str, names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHURNSTREAM_HTTP_ALLOWED_HOSTS", given)
    assert load_settings().http_allowed_hosts == names


@pytest.mark.parametrize("given", ["http://api", "api:8080", "a b/c", "*api", "-api", "a..b", "a*.example", "[api]"])
def test_the_setting_takes_nothing_else(given: str) -> None:
    with pytest.raises(UserError, match="without scheme and port"):
        load_settings(http_allowed_hosts=given)


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_under_a_foreign_name_nothing_is_answered(method: str, path: str, alone: httpx.Client) -> None:
    answer = ask(alone, method, path, "evil.example")
    assert answer.status_code == 421
    assert answer.headers["content-type"] == "application/problem+json"
    assert "CHURNSTREAM_HTTP_ALLOWED_HOSTS" in answer.json()["detail"]
    assert "evil" not in answer.text
    assert ask(alone, method, path, "localhost:1").status_code != 421


@pytest.mark.parametrize("path", ["/health", "/ready"])
def test_probes_are_answered_under_every_name(path: str, alone: httpx.Client) -> None:
    assert ask(alone, "GET", path, "pod-7.cluster.local").status_code == 200


def test_of_two_hosts_both_must_be_known(alone: httpx.Client) -> None:
    asked = b"GET /model HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    assert send(alone, asked).startswith(b"HTTP/1.1 421 ")


def test_who_names_no_host_is_no_browser(alone: httpx.Client) -> None:
    assert send(alone, b"GET /model HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 ")


def test_what_was_turned_away_is_counted(alone: httpx.Client) -> None:
    ask(alone, "POST", "/predict", "evil.example")
    metrics = alone.get("/metrics").text
    assert 'churnstream_http_requests_total{route="/predict",status="421"}' in metrics
    assert "evil" not in metrics


def test_with_a_token_every_name_will_do() -> None:
    token = "correct-horse-battery-staple"
    with service(http_token=token) as running:
        headers = {"Host": "churn.example", "Authorization": f"Bearer {token}"}
        assert running.client.post("/predict", json=customer(1), headers=headers).status_code == 200
        assert running.client.post("/predict", json=customer(1), headers={"Host": "churn.example"}).status_code == 401


def test_the_stack_knows_the_service_s_name_in_it() -> None:
    environment = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["api"]["environment"]
    assert environment["CHURNSTREAM_HTTP_ALLOWED_HOSTS"] == "${HTTP_ALLOWED_HOSTS:-api}"


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "text/plain;application/json"]
)
def test_a_page_of_another_origin_cannot_send_anything_unasked(content_type: str, alone: httpx.Client) -> None:
    """Such a page sends these kinds of body without asking first; for any other its browser asks, and is told no."""
    origin = {"Origin": "https://evil.example"}
    sent = alone.post(
        "/labels", content=b'{"record_id": "r", "label": 1}', headers=origin | {"Content-Type": content_type}
    )
    assert sent.status_code == 415
    asked = alone.options(
        "/labels",
        headers=origin | {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"},
    )
    assert asked.status_code == 405
    for answer in (sent, asked):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def send(client: httpx.Client, request: bytes) -> bytes:
    """The answer to a request as it stands."""
    url = client.base_url
    with socket.create_connection((url.host, url.port or 80), timeout=30) as connection:
        connection.sendall(request)
        with connection.makefile("rb") as answer:
            return answer.read()


def ask(client: httpx.Client, method: str, path: str, host: str) -> httpx.Response:
    body: dict[str, Any] = {"json": customer(1)} if method == "POST" else {}
    return client.request(method, path, headers={"Host": host}, **body)
