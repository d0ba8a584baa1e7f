"""What every answer tells the browser: nothing runs but what is ours, and who may show it in a frame."""

import re
from types import SimpleNamespace

import pytest
from jinja2 import DictLoader, Environment
from nicegui import client as nicegui_client
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from dashboard.serving import headers
from dashboard.serving.headers import NONCE, REPORT_POLICY, HeadersMiddleware, mark_scripts_of_nicegui


async def _page(request: Request) -> Response:
    return PlainTextResponse(request.scope[NONCE])


async def _report(_request: Request) -> Response:
    return PlainTextResponse("", headers={"Content-Security-Policy": REPORT_POLICY})


def client_of(*frames: str) -> TestClient:
    app = Starlette(routes=[Route("/", _page), Route("/report", _report)])
    app.add_middleware(HeadersMiddleware, frames=frames)
    return TestClient(app)


def directives(answer: object) -> dict[str, list[str]]:
    policy: str = answer.headers["content-security-policy"]  # type: ignore[attr-defined]
    return {name: values for name, *values in (part.split() for part in policy.split(";"))}


def test_scripts_are_its_own_or_carry_the_nonce_of_this_answer() -> None:
    client = client_of()
    first, second = client.get("/"), client.get("/")
    assert first.text != second.text
    assert directives(first)["script-src"] == ["'self'", f"'nonce-{first.text}'", "'unsafe-eval'"]
    assert first.headers["x-content-type-options"] == "nosniff"
    assert first.headers["referrer-policy"] == "same-origin"


def test_nothing_is_loaded_from_another_origin() -> None:
    for values in directives(client_of().get("/")).values():
        for value in values:
            assert value in ("data:", "blob:") or re.fullmatch(r"'[\w-]+'", value), value


@pytest.mark.parametrize(
    ("frames", "address", "ancestors"),
    [
        ((), "/", ["'self'"]),
        ((), "/?embed=1", ["'self'"]),
        (("https://grafana.example",), "/", ["'self'"]),
        (("https://grafana.example",), "/?embed=10", ["'self'"]),
        (("https://grafana.example",), "/?model=churn&embed=1", ["'self'", "https://grafana.example"]),
    ],
)
def test_in_a_frame_of_another_origin_it_is_shown_only_where_a_setting_allows_it(
    frames: tuple[str, ...], address: str, ancestors: list[str]
) -> None:
    answer = client_of(*frames).get(address)
    assert directives(answer)["frame-ancestors"] == ancestors
    assert ("x-frame-options" in answer.headers) is (ancestors == ["'self'"])


def test_a_report_has_no_origin_of_ours_and_no_network() -> None:
    policy = directives(client_of().get("/report"))
    assert policy["sandbox"] == ["allow-scripts"]
    assert policy["default-src"] == ["'none'"]
    assert "connect-src" not in policy


def test_all_scripts_of_nicegui_s_template_are_marked_and_no_value_is(monkeypatch: pytest.MonkeyPatch) -> None:
    source = nicegui_client.templates.env.loader.get_source(nicegui_client.templates.env, "index.html")[0]  # type: ignore[union-attr]
    environment = Environment(loader=DictLoader({"index.html": source.split("</head>")[0]}), autoescape=True)
    monkeypatch.setattr(headers.nicegui_client.templates, "env", environment)

    mark_scripts_of_nicegui()
    mark_scripts_of_nicegui()

    text = environment.get_template("index.html").render(
        request=SimpleNamespace(scope={NONCE: "n0nce"}),
        imports="{}",
        head_html="<script>alert(1)</script>",
        js_imports_urls=[],
        translations={},
    )
    assert text.count('<script nonce="n0nce"') == text.count("<script") - 1 >= 2
    assert "<script>alert(1)</script>" in text
