"""Which pages' scripts may speak with the server: its own alone."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from contract.http.hosts import POLICY_VIOLATION
from dashboard.serving.answers import sentence


class OriginMiddleware:
    """ASGI middleware that turns away what a page of another origin asks in the background.

    Links from elsewhere may be followed and frames may show the page. A web socket is opened and a form is sent only by
    pages whose origin is the one that is asked, or has a name in ``named`` (a proxy may give requests another Host).
    Who tells no origin is no browser.
    """

    def __init__(self, app: ASGIApp, named: Sequence[str]) -> None:
        self._app = app
        self._named = frozenset(name for name in named if not name.startswith("*"))
        self._below = tuple(name.removeprefix("*") for name in named if name.startswith("*."))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and not self._is_own(Headers(scope=scope)):
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        elif scope["type"] == "http" and not self._may_ask(Headers(scope=scope)):
            await sentence(403, "Pages of other origins may not request this.")(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _may_ask(self, headers: Headers) -> bool:
        is_foreign = headers.get("sec-fetch-site") in ("cross-site", "same-site")
        return self._is_own(headers) and (not is_foreign or headers.get("sec-fetch-mode") == "navigate")

    def _is_own(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        if origin is None:
            return True
        try:
            parts = urlsplit(origin.lower())
        except ValueError:
            return False
        name = parts.hostname or ""
        is_named = name in self._named or (bool(name) and name.endswith(self._below))
        return bool(parts.netloc) and (parts.netloc == headers.get("host", "").lower() or is_named)
