"""What can be asked for, and that there is nothing to change."""

import pytest
from prometheus_client import REGISTRY
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from dashboard.serving.doors import MOST_PAGES, DoorsMiddleware, measure

ROUTES = {"/": {"GET", "HEAD"}, "/page.json": {"GET", "HEAD"}}
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]


async def _reached(request: Request) -> Response:
    if request.query_params.get("broken"):
        # the log may show this line, but not what it says of a customer
        raise ValueError(f"Age {30 + 7}")
    return PlainTextResponse("reached")


def client_of(open_pages: int = 0) -> TestClient:
    app = Starlette(routes=[Route("/{path:path}", _reached, methods=METHODS)])
    app.add_middleware(DoorsMiddleware, routes=ROUTES, open_pages=lambda: open_pages)
    measure(app, frozenset(ROUTES))
    return TestClient(app)


def counted(route: str, status: str) -> float:
    return REGISTRY.get_sample_value("churnstream_http_requests_total", {"route": route, "status": status}) or 0.0


@pytest.mark.parametrize("path", ["/nowhere", "/openapi.json", "/docs", "/_nicegui_other"])
def test_what_is_not_there_is_not_passed_on(path: str) -> None:
    assert client_of().get(path).status_code == 404


@pytest.mark.parametrize("method", [method for method in METHODS if method not in ("GET", "HEAD")])
@pytest.mark.parametrize("path", ["/", "/page.json", "/_nicegui/3.18.0/static/nicegui.js"])
def test_nothing_can_be_changed(path: str, method: str) -> None:
    answer = client_of().request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("HEAD", "/"), ("POST", "/_nicegui_ws/socket.io/")])
def test_what_is_there_is_reached(method: str, path: str) -> None:
    assert client_of().request(method, path).status_code == 200


def test_more_pages_than_it_holds_do_not_open_and_those_that_are_open_go_on() -> None:
    client = client_of(open_pages=MOST_PAGES)
    answer = client.get("/")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert "200 pages are open" in answer.text
    assert client.get("/page.json").status_code == 200
    assert client.post("/_nicegui_ws/socket.io/").status_code == 200


def test_a_fault_is_one_sentence_and_quotes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    answer = client_of().get("/page.json?broken=1")
    assert answer.status_code == 500
    assert "log" in answer.text
    assert "Age" not in answer.text
    assert "ValueError at test_doors.py" in caplog.text
    assert "Age 37" not in caplog.text


def test_answers_are_counted_by_route_and_unknown_ones_together() -> None:
    before = counted("/page.json", "200"), counted("other", "404")
    client = client_of()
    client.get("/page.json?model=churn")
    client.get("/nowhere/1")
    client.get("/nowhere/2")
    assert (counted("/page.json", "200"), counted("other", "404")) == (before[0] + 1, before[1] + 2)
