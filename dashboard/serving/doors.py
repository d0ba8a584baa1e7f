"""What there is to ask for, how many may ask at once, and how long each answer took."""

import logging
from collections.abc import Callable, Mapping, Set

from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from contract.http.measuring import MeasuringMiddleware
from contract.kafka.log_throttle import LogThrottle
from dashboard.serving.answers import sentence, short_page
from dashboard.signals import HTTP_REQUESTS, HTTP_SECONDS

INSIDE = "/_nicegui"
"""What NiceGUI's own paths begin with: its assets and the web socket."""
MOST_PAGES = 200
AT_FAULT = "The page has a fault. See the log of `churnstream dashboard`."
_SOCKET = "/_nicegui_ws/"
_log = logging.getLogger("churnstream.dashboard")
_log.addFilter(LogThrottle(seconds=10))


def measure(app: Starlette, routes: Set[str]) -> None:
    """Count the answers of ``app``, and have whatever fails told in one sentence."""

    def route_of(path: str) -> str:
        if path.startswith(INSIDE):
            return INSIDE
        return path if path in routes else "other"

    app.add_middleware(
        MeasuringMiddleware,
        route_of=route_of,
        requests=HTTP_REQUESTS,
        seconds=HTTP_SECONDS,
        at_fault=lambda: sentence(500, AT_FAULT),
        log=_log,
    )


class DoorsMiddleware:
    """ASGI middleware that lets through what is there: ``routes`` with their methods, and NiceGUI's own paths.

    Nothing else takes other than GET and HEAD, because there is nothing to change. While ``open_pages`` is at the most
    that there may be, no further page opens.
    """

    def __init__(self, app: ASGIApp, routes: Mapping[str, Set[str]], open_pages: Callable[[], int]) -> None:
        self._app = app
        self._routes = routes
        self._open_pages = open_pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        methods: Set[str] = self._routes.get(path, frozenset())
        if path.startswith(_SOCKET):
            methods = {"GET", "POST"}
        elif path.startswith(f"{INSIDE}/"):
            methods = {"GET", "HEAD"}
        if not methods:
            await sentence(404, "There is no such page.")(scope, receive, send)
        elif scope["method"] not in methods:
            answer = sentence(405, "This page is read-only.")
            answer.headers["Allow"] = ", ".join(sorted(methods))
            await answer(scope, receive, send)
        elif path == "/" and self._open_pages() >= MOST_PAGES:
            text = f"{MOST_PAGES} pages are open, which is this server's limit. Close one and try again."
            answer = short_page("Too many pages are open", text, status=503, again_in=30)
            answer.headers["Retry-After"] = "30"
            await answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)
