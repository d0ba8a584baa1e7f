"""What pages of other origins can do with the server of the page: nothing but show it, and link to it."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from dashboard.serving.origins import OriginMiddleware

HERE = "http://127.0.0.1:8090"
FOREIGN = [
    "http://evil.example",
    "http://127.0.0.1:9999",
    "http://localhost:8090",
    "null",
    "",
    "http://[",
    "http://127.0.0.1:8090.evil.example",
]


async def _shown(_request: Request) -> Response:
    return PlainTextResponse("the verdict")


async def _pushed(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


def client_of(*named: str) -> TestClient:
    app = Starlette(routes=[WebSocketRoute("/socket", _pushed), Route("/", _shown, methods=["GET", "POST"])])
    app.add_middleware(OriginMiddleware, named=named)
    return TestClient(app, base_url=HERE)


def opens_socket(client: TestClient, **headers: str) -> bool:
    try:
        with client.websocket_connect("/socket", headers=headers):
            return True
    except WebSocketDisconnect:
        return False


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_page_of_another_origin_opens_no_web_socket_and_sends_no_form(origin: str) -> None:
    client = client_of()
    assert not opens_socket(client, Host="127.0.0.1:8090", Origin=origin)
    assert client.post("/", headers={"Origin": origin}).status_code == 403


def test_its_own_pages_do_and_so_does_who_is_no_browser() -> None:
    client = client_of()
    assert opens_socket(client, Host="127.0.0.1:8090", Origin=HERE)
    assert opens_socket(client, Host="127.0.0.1:8090")
    assert client.post("/", headers={"Origin": HERE}).status_code == 200


@pytest.mark.parametrize(
    ("named", "origin", "taken"),
    [
        ("churn.example.com", "https://churn.example.com", True),
        ("*.example.com", "https://churn.example.com", True),
        ("*.example.com", "https://example.com", False),
        ("*", "https://evil.example", False),
    ],
)
def test_behind_a_proxy_a_setting_names_the_origin(named: str, origin: str, taken: bool) -> None:
    assert opens_socket(client_of(named), Host="dashboard:8090", Origin=origin) is taken


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_other_pages_may_link_to_it_and_show_it_but_not_ask_in_the_background(site: str) -> None:
    client = client_of()
    for mode, status in (("navigate", 200), ("no-cors", 403), ("cors", 403)):
        headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode}
        assert client.get("/", headers=headers).status_code == status
    assert client.get("/", headers={"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}).status_code == 200
