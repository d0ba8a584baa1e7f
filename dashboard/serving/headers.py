"""What every answer says to the browser that shows it: run nothing but ours, load nothing from elsewhere."""

import secrets
from collections.abc import Callable, Sequence

from jinja2 import BaseLoader, Environment
from nicegui import client as nicegui_client
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

NONCE = "churnstream.nonce"
"""Where a request's scope has the one-time word that marks the page's own scripts."""
REPORT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; worker-src blob:"
)
"""For a report: its scripts run without an origin of ours, and reach no network."""
_EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class _MarkedLoader(BaseLoader):
    """Templates of another loader, with the nonce on each script."""

    def __init__(self, inner: BaseLoader) -> None:
        self._inner = inner

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, Callable[[], bool] | None]:
        source, path, up_to_date = self._inner.get_source(environment, template)
        return source.replace("<script", f'<script nonce="{{{{ request.scope["{NONCE}"] }}}}"'), path, up_to_date


class HeadersMiddleware:
    """ASGI middleware that adds the headers, and gives each request its nonce.

    With ``embed=1`` in its address a page may stand in a frame of ``frames`` (origins), too, else in one of its own
    origin alone.
    An answer's own Content-Security-Policy and Cache-Control stay.
    """

    def __init__(self, app: ASGIApp, frames: Sequence[str]) -> None:
        self._app = app
        self._frames = frames

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        nonce = secrets.token_urlsafe(16)
        scope[NONCE] = nonce
        frames = self._frames if b"embed=1" in scope["query_string"].split(b"&") else ()

        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _EVERYWHERE.items():
                    headers[name] = value
                headers.setdefault("Content-Security-Policy", content_policy(nonce, frames))
                headers.setdefault("Cache-Control", "no-store")
                if not frames:
                    headers["X-Frame-Options"] = "SAMEORIGIN"
            await send(message)

        await self._app(scope, receive, headed)


def content_policy(nonce: str, frames: Sequence[str]) -> str:
    """The Content-Security-Policy of the page.

    Vue compiles its templates in the browser, which is ``unsafe-eval``, and Quasar and ECharts set styles on elements.
    Scripts in the text of the page run only where they carry ``nonce``.
    """
    ancestors = " ".join(["'self'", *frames])
    return (
        f"default-src 'self'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; "
        f"form-action 'self'; frame-ancestors {ancestors}"
    )


def mark_scripts_of_nicegui() -> None:
    """Let NiceGUI's template mark its own scripts with the request's nonce.

    It is the template that is changed, before any value stands in it: what comes from a message is never marked.
    """
    environment = nicegui_client.templates.env
    loader = environment.loader
    if loader is None or isinstance(loader, _MarkedLoader):
        return
    environment.loader = _MarkedLoader(loader)
    if environment.cache is not None:
        environment.cache.clear()
