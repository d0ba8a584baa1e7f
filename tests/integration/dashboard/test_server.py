"""The page's process over a socket: who reaches it, what it says to browsers, and how it ends. It needs no broker."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from churnstream.local_kafka.broker import free_port
from contract.settings import Settings, load_settings
from tests.support.dashboard.process import ShownPage, shown_page
from tests.support.kafka.topics import environment
from tests.support.polling import eventually

TOKEN = "correct-horse-battery-staple"
SOCKET = "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
MOST_BYTES = 250_000_000
MOST_SECONDS_TO_END = 5.0
HEAVY = ("/pandas/", "/pyarrow/", "/scipy/", "/sklearn/")


@pytest.fixture(scope="module")
def nowhere() -> Settings:
    """Settings of a Kafka that is away."""
    return load_settings(kafka={"bootstrap.servers": f"127.0.0.1:{free_port()}"})


@pytest.fixture(scope="module")
def metrics_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def page(nowhere: Settings, metrics_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShownPage]:
    with shown_page(nowhere, tmp_path_factory.mktemp("open"), "--metrics-port", str(metrics_port)) as page:
        yield page


@pytest.fixture(scope="module")
def guarded(nowhere: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShownPage]:
    with shown_page(nowhere, tmp_path_factory.mktemp("guarded"), CHURNSTREAM_HTTP_TOKEN=TOKEN) as page:
        yield page


def socket_of(page: ShownPage, origin: str | None, **headers: str) -> ClientConnection:
    address = page.address.replace("http://", "ws://")
    return connect(address + SOCKET, origin=origin, additional_headers=headers, open_timeout=60, proxy=None)  # type: ignore[arg-type]


def test_without_a_broker_it_works_and_says_that_there_is_none(page: ShownPage) -> None:
    def stage() -> str:
        return str(httpx.get(f"{page.address}/page.json", timeout=60).json()["stage"])

    assert eventually(lambda: stage() == "unreachable", 60, "the page says that Kafka is away")
    assert httpx.get(f"{page.address}/health", timeout=60).text == "ok\n"


def test_each_script_of_the_page_carries_the_nonce_of_its_policy(page: ShownPage) -> None:
    answer = httpx.get(page.address, timeout=60)
    found = re.search(r"'nonce-([\w-]+)'", answer.headers["content-security-policy"])
    assert found
    scripts = re.findall(r"<script[^>]*>", answer.text)
    assert len(scripts) > 3
    assert [tag for tag in scripts if f'nonce="{found[1]}"' not in tag and "text/x-template" not in tag] == []
    assert "unsafe-inline" not in answer.headers["content-security-policy"].partition("style-src")[0]
    assert "server" not in answer.headers


def test_nothing_in_the_page_leads_to_another_origin(page: ShownPage) -> None:
    assert re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?(?:https?:)?//", httpx.get(page.address, timeout=60).text) == []


def test_under_a_foreign_name_nothing_is_answered(page: ShownPage) -> None:
    for path in ("/", "/page.json", "/report", "/_nicegui_ws/socket.io/?EIO=4&transport=polling"):
        assert httpx.get(page.address + path, headers={"Host": "evil.example"}, timeout=60).status_code == 421
    with pytest.raises(InvalidStatus) as refused:
        socket_of(page, None, Host="evil.example")
    assert refused.value.response.status_code == 403


def test_a_page_of_another_origin_opens_no_web_socket(page: ShownPage) -> None:
    with socket_of(page, page.address) as socket:
        assert socket.recv(timeout=60)
    for origin in ("http://evil.example", f"http://127.0.0.1:{page.port + 1}", "null"):
        with pytest.raises(InvalidStatus) as refused:
            socket_of(page, origin)
        assert refused.value.response.status_code == 403


def test_what_is_not_there_holds_no_page_open(page: ShownPage) -> None:
    for path in ("/nowhere", "/_nicegui/nowhere", "/docs", "/openapi.json"):
        answer = httpx.get(page.address + path, timeout=60)
        assert (answer.status_code, answer.text) == (404, "There is no such page.\n")


@pytest.mark.usefixtures("page")
def test_what_it_does_is_measured(metrics_port: int) -> None:
    metrics = httpx.get(f"http://127.0.0.1:{metrics_port}/metrics", timeout=60).text
    assert 'churnstream_build_info{version="' in metrics
    assert re.search(r'churnstream_http_requests_total\{route="/health",status="200"\} [1-9]', metrics)
    assert "churnstream_dashboard_kafka_up 0.0" in metrics
    assert "churnstream_dashboard_pages_open" in metrics


def test_it_is_small(page: ShownPage) -> None:
    process = psutil.Process(page.process.pid)
    mapped = [one.path for one in process.memory_maps()]
    assert [path for path in mapped if any(name in path for name in HEAVY)] == []
    assert process.memory_info().rss < MOST_BYTES


def test_a_port_that_is_taken_is_one_sentence(page: ShownPage, nowhere: Settings, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "churnstream", "dashboard", "--port", str(page.port)],
        cwd=tmp_path,
        env=environment(nowhere),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: 127.0.0.1:{page.port} cannot be bound")
    assert "CHURNSTREAM_DASHBOARD_PORT" in line


def test_with_a_token_a_browser_logs_in_and_everybody_else_stays_out(guarded: ShownPage) -> None:
    with httpx.Client(base_url=guarded.address, timeout=60, follow_redirects=True) as browser:
        browser.headers["Accept"] = "text/html"
        form = browser.get("/?metric=brier")
        assert form.url.path == "/login"
        assert "verdict" not in form.text
        for path in ("/page.json", "/windows.csv", "/_nicegui_ws/socket.io/?EIO=4&transport=polling"):
            assert httpx.get(guarded.address + path, timeout=60).status_code == 401
        with pytest.raises(InvalidStatus):
            socket_of(guarded, guarded.address)

        shown = browser.post(form.url, data={"token": TOKEN})

        assert (shown.status_code, shown.url.path, shown.url.query) == (200, "/", b"metric=brier")
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        with socket_of(guarded, guarded.address, Cookie=cookie) as socket:
            assert socket.recv(timeout=60)
        with pytest.raises(InvalidStatus):
            socket_of(guarded, "http://evil.example", Cookie=cookie)
    bearer = httpx.get(f"{guarded.address}/page.json", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60)
    assert bearer.json()["headline"]
    assert TOKEN not in guarded.log


def test_it_ends_within_seconds_while_pages_are_open_and_the_broker_is_away(guarded: ShownPage) -> None:
    with socket_of(guarded, guarded.address, Authorization=f"Bearer {TOKEN}") as socket:
        assert socket.recv(timeout=60)
        begin = time.monotonic()
        code = guarded.stop()
        # five seconds, and as much again for a machine that is busy with other tests
        assert time.monotonic() - begin < 2 * MOST_SECONDS_TO_END
    assert code in (0, -signal.SIGTERM), guarded.log
