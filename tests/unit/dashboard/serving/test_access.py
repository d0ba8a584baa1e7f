"""Who sees anything where there is a token."""

from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from contract.testing import ManualClock
from dashboard.serving.access import AccessMiddleware, WrongTokens

TOKEN = "correct-horse-battery-staple"
HERE = "127.0.0.1:8090"
BROWSER = {"Accept": "text/html,application/xhtml+xml"}


async def _shown(request: Request) -> Response:
    return PlainTextResponse(f"the verdict, {request.url.path}")


async def _pushed(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("the verdict")
    await websocket.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(0)


@pytest.fixture
def client(clock: ManualClock) -> Iterator[TestClient]:
    app = Starlette(routes=[WebSocketRoute("/socket", _pushed), Route("/{path:path}", _shown)])
    app.add_middleware(AccessMiddleware, token=SecretStr(TOKEN), clock=clock)
    with TestClient(app, base_url=f"http://{HERE}", follow_redirects=False) as client:
        yield client


def log_in(client: TestClient, token: str = TOKEN, asked: str = "") -> Response:
    return client.post("/login", params={"next": asked}, data={"token": token})  # type: ignore[return-value]


@pytest.mark.parametrize("path", ["/", "/page.json", "/report", "/_nicegui/3.18.0/static/nicegui.js"])
def test_without_the_token_nothing_is_shown(path: str, client: TestClient) -> None:
    answer = client.get(path)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "verdict" not in answer.text
    assert client.get(path, headers={"Authorization": f"Bearer {TOKEN}x"}).status_code == 401
    assert client.get(path, headers={"Authorization": f"Bearer {TOKEN}"}).text == f"the verdict, {path}"


def test_everybody_may_ask_whether_it_works(client: TestClient) -> None:
    assert client.get("/health").status_code == 200


def test_a_web_socket_needs_the_token_too(client: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(f"ws://{HERE}/socket"):
        pass
    log_in(client)
    with client.websocket_connect(f"ws://{HERE}/socket") as socket:
        assert socket.receive_text() == "the verdict"


def test_a_browser_is_asked_for_it_once_and_then_sees_what_it_asked_for(client: TestClient) -> None:
    sent = client.get("/report?model=churn&start=5", headers=BROWSER)
    assert (sent.status_code, sent.headers["location"]) == (303, "login?next=report%3Fmodel%3Dchurn%26start%3D5")
    form = client.get(f"/{sent.headers['location']}", headers=BROWSER)
    assert 'type="password"' in form.text
    assert "verdict" not in form.text

    answer = log_in(client, asked="report?model=churn&start=5")

    assert (answer.status_code, answer.headers["location"]) == (303, "./report?model=churn&start=5")
    assert client.get("/report").text == "the verdict, /report"


def test_the_cookie_is_not_the_token_and_no_script_nor_other_site_has_it(client: TestClient) -> None:
    cookie = log_in(client).headers["set-cookie"]
    assert TOKEN not in cookie
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Secure" not in cookie


def test_over_https_the_cookie_is_sent_over_https_alone(clock: ManualClock) -> None:
    app = Starlette(routes=[Route("/", _shown)])
    app.add_middleware(AccessMiddleware, token=SecretStr(TOKEN), clock=clock)
    with TestClient(app, base_url="https://churn.example", follow_redirects=False) as client:
        assert "Secure" in log_in(client).headers["set-cookie"]


def test_the_cookie_of_another_token_is_void(client: TestClient, clock: ManualClock) -> None:
    log_in(client)
    other = Starlette(routes=[Route("/", _shown)])
    other.add_middleware(AccessMiddleware, token=SecretStr(f"{TOKEN}-2"), clock=clock)
    assert TestClient(other, base_url=f"http://{HERE}", cookies=client.cookies).get("/").status_code == 401
    name = next(iter(client.cookies))
    client.cookies.set(name, client.cookies[name][:-1] + "x")
    assert client.get("/").status_code == 401


@pytest.mark.parametrize("asked", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_after_logging_in_one_stays_here(asked: str, client: TestClient) -> None:
    assert log_in(client, asked=asked).headers["location"].startswith("./")


def test_a_link_in_a_mail_opens_for_who_is_logged_in(client: TestClient) -> None:
    """Such a request carries no cookie of ours, so the page asks once more, from here."""
    answer = client.get("/?model=churn", headers=BROWSER | {"Sec-Fetch-Site": "cross-site"})
    assert '<meta http-equiv="refresh" content="0">' in answer.text
    assert client.get("/?model=churn", headers=BROWSER | {"Sec-Fetch-Site": "same-origin"}).status_code == 303


def test_what_is_typed_is_never_markup(client: TestClient) -> None:
    answer = client.post("/login", params={"next": '"><script>1</script>'}, data={"token": "<script>2</script>"})
    assert answer.status_code == 401
    assert "<script" not in answer.text


def test_a_form_that_is_too_large_is_no_token(client: TestClient) -> None:
    assert client.post("/login", content=b"token=" + b"x" * 10_000).status_code == 401


def test_wrong_tokens_have_to_wait(client: TestClient, clock: ManualClock) -> None:
    for _ in range(10):
        assert log_in(client, "wrong").status_code == 401
    assert log_in(client).status_code == 429
    assert client.get("/", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 429
    clock.advance(60_001)
    assert log_in(client).status_code == 303


def test_who_is_logged_in_does_not_wait_for_others(client: TestClient) -> None:
    log_in(client)
    kept = dict(client.cookies)
    client.cookies.clear()
    for _ in range(12):
        refused = client.get("/", headers={"Authorization": "Bearer wrong"})
    assert refused.status_code == 429
    client.cookies.update(kept)
    assert client.get("/").status_code == 200


def test_few_addresses_are_remembered(clock: ManualClock) -> None:
    wrong = WrongTokens(clock)
    for _ in range(10):
        wrong.count("10.0.0.1")
    assert wrong.must_wait("10.0.0.1")
    for number in range(1_000):
        wrong.count(f"10.1.{number}")
    assert not wrong.must_wait("10.0.0.1")
